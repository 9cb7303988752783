"""A whole annotation file predicted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError, ImageError
from ..core.images import read_image, read_size
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance, Prediction
from .predictor import Predictor

Given = Literal["box", "mask"]


class TruthLeakWarning(UserWarning):
    """A whole mask was given where a visible one was asked for: scores of these objects mean nothing."""


def predict_album(
    predictor: Predictor,
    album: Album,
    images_dir: str | Path,
    given: Given = "box",
    *,
    keep_heat: bool = False,
    progress: Callable[[int], Any] | None = None,
) -> list[Prediction]:
    """Predict every record of an annotation file.

    Each picture is decoded once. All pictures are looked for, and their sizes read, before the first is predicted.

    Args:
        predictor: what to predict with.
        album: the records.
        images_dir: folder of the pictures.
        given: "box": the modal box and category of a record are used, nothing else. "mask": its modal mask, or its
            ``segmentation`` where it has no visible one; such a mask may show what should be found, so a
            `TruthLeakWarning` counts them.
        keep_heat: as in `Predictor.predict`.
        progress: called with the number of objects of each picture when it is done.

    Returns:
        one prediction a record, in the order of the file (``album.annotation_ids``).

    Raises:
        ImageError: a picture missing, undecodable, or of another size than its record says.
        AnnotationError: ``given="mask"`` and a record without a mask or with an empty one.
    """
    if given not in get_args(Given):
        raise AmodalError("what is given is a box or a mask", value=given)
    records = [record for record in album if record.instances]
    leaks = 0
    for record in records:
        path = image_path(images_dir, record.file_name, file=album.source)
        _check_size(path, read_size(path), record, album)
        if given == "mask":
            leaks += sum(_given_mask(instance, album)[1] for instance in record.instances)
    if leaks:
        warnings.warn(
            f"{leaks} of {len(album.annotation_ids)} records of {album.source} have no visible_mask: their whole mask "
            "is given as if it were the visible one, so a score would be flattered",
            TruthLeakWarning,
            stacklevel=2,
        )
    found: dict[int, Prediction] = {}
    for record in records:
        for prediction in _predict_picture(predictor, record, album, images_dir, given, keep_heat):
            found[prediction.annotation_id] = prediction
        if progress is not None:
            progress(len(record.instances))
    return [found[i] for i in album.annotation_ids.tolist()]


def _predict_picture(
    predictor: Predictor, record: ImageRecord, album: Album, images_dir: str | Path, given: Given, keep_heat: bool
) -> list[Prediction]:
    path = image_path(images_dir, record.file_name, file=album.source)
    image = read_image(path)
    _check_size(path, (image.shape[1], image.shape[0]), record, album)
    predictor.set_image(image, image_id=record.id)
    objects = record.instances
    # the networks' numbers of categories are not the album's: names carry over
    names = [album.categories[o.category].name for o in objects] if predictor.networks.categories else None
    predictions = predictor.predict(
        boxes=[o.modal_box for o in objects] if given == "box" else None,
        masks=[_given_mask(o, album)[0] for o in objects] if given == "mask" else None,
        categories=names,
        scores=[1.0 if o.score is None else o.score for o in objects],
        ids=[o.id for o in objects],
        keep_heat=keep_heat,
    )
    return [replace(p, category=o.category) for p, o in zip(predictions, objects, strict=True)]


def _given_mask(instance: Instance, album: Album) -> tuple[Mask, bool]:
    """The mask that stands for the visible part, and whether it is the whole object's."""
    mask = instance.modal_mask if instance.modal_mask is not None else instance.amodal_mask
    if mask is None or mask.is_empty:
        raise AnnotationError(
            "with masks given, every record has a mask of at least one pixel",
            file=album.source,
            record=f"annotation {instance.id}",
            value="no mask" if mask is None else "an empty mask",
            remedy="take --given box, or remove the record",
        )
    return mask, instance.modal_mask is None


def _check_size(path: Path, found: tuple[int, int], record: ImageRecord, album: Album) -> None:
    if found != (record.width, record.height):
        raise ImageError(
            f"a picture has the size its record gives, {record.width} x {record.height}"
            + (f" (image {record.id} of {album.source})" if album.source else ""),
            file=path,
            value=f"{found[0]} x {found[1]}",
            remedy="give the pictures the annotations were drawn on",
        )
