"""A whole annotation file predicted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError, ImageError
from ..core.images import read_image, read_size
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance, Prediction
from .job import Job
from .ordering import order_scene
from .outcome import Asked
from .predictor import Predictor

Given = Literal["box", "mask"]
WINDOW_PX = 64_000_000
"""Pictures whose objects may advance together hold at the most so many pixels (3 bytes each), or are one picture."""


class TruthLeakWarning(UserWarning):
    """A whole mask was given where a visible one was asked for: scores of these objects mean nothing."""


def predict_album(
    predictor: Predictor,
    album: Album,
    images_dir: str | Path,
    given: Given = "box",
    *,
    keep_heat: bool = False,
    refine: bool = False,
    scene: bool | None = None,
    beyond_border: bool | None = None,
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
        keep_heat, refine, beyond_border: as in `Predictor.predict`.
        scene: find who hides whom in each picture; None: where masks are given.
        progress: called with the number of objects of each picture when it is done.

    Returns:
        one prediction a record, in the order of the file (``album.annotation_ids``).

    Raises:
        ImageError: a picture missing, undecodable, or of another size than its record says.
        AnnotationError: ``given="mask"`` and a record without a mask or with an empty one; an id that two records have.
    """
    ids, times = np.unique(album.annotation_ids, return_counts=True)
    if (times > 1).any():
        raise AnnotationError(
            "each record of an album has an id of its own",
            file=album.source,
            record=f"annotation {ids[times > 1][0]}",
            value=f"{times.max()} records",
            remedy="number the records through, from picture to picture; or take iter_album",
        )
    found: dict[int, Prediction] = {}
    for predictions in iter_album(
        predictor,
        album,
        images_dir,
        given,
        keep_heat=keep_heat,
        refine=refine,
        scene=scene,
        beyond_border=beyond_border,
    ):
        found.update((prediction.annotation_id, prediction) for prediction in predictions)
        if progress is not None:
            progress(len(predictions))
    return [found[i] for i in album.annotation_ids.tolist()]


def iter_album(
    predictor: Predictor,
    album: Album,
    images_dir: str | Path,
    given: Given = "box",
    *,
    keep_heat: bool = False,
    refine: bool = False,
    scene: bool | None = None,
    beyond_border: bool | None = None,
) -> Iterator[list[Prediction]]:
    """`predict_album` a picture at a time: what is not kept by the caller is forgotten.

    Objects of several pictures advance together. Memory holds two batches of objects, the pictures they lie in, and
    never more than `WINDOW_PX` pixels and one picture, however long the album is.

    Yields:
        the predictions of each picture that has objects, in the order of the album and of its records.
    """
    if given not in get_args(Given):
        raise AmodalError("what is given is a box or a mask", value=given)
    _check_album(album, images_dir, given)
    scene = given == "mask" if scene is None else scene

    def work(records: Sequence[ImageRecord], owners: list[int]) -> Iterator[tuple[Job, Asked]]:
        for place, record in enumerate(records):
            path = image_path(images_dir, record.file_name, file=album.source)
            image = read_image(path)
            check_size(path, (image.shape[1], image.shape[0]), record, album)
            objects = record.instances
            # the networks' numbers of categories are not the album's: names carry over
            names = [album.categories[o.category].name for o in objects] if predictor.networks.categories else None
            jobs = predictor.make_jobs(
                image,
                record.id,
                boxes=[o.modal_box for o in objects] if given == "box" else None,
                masks=[_given_mask(o, album) for o in objects] if given == "mask" else None,
                categories=names,
                scores=[1.0 if o.score is None else o.score for o in objects],
                ids=[o.id for o in objects],
                refine=refine,
                beyond_border=beyond_border,
            )
            for (job, _), instance in zip(jobs, objects, strict=True):
                job.tells &= not instance.is_stuff  # the networks have learnt what covers an object from objects
            owners.extend([place] * len(jobs))
            yield from jobs

    for records in _windows(record for record in album if record.instances):
        owners: list[int] = []
        parts: list[dict[int, Prediction]] = [{} for _ in records]
        head = 0
        for number, prediction in predictor.run_jobs(work(records, owners), keep_heat=keep_heat):
            parts[owners[number]][number] = prediction
            while head < len(records) and len(parts[head]) == len(records[head].instances):
                objects = records[head].instances
                mine = [parts[head][i] for i in sorted(parts[head])]
                mine = [replace(p, category=o.category) for p, o in zip(mine, objects, strict=True)]
                parts[head] = {}
                head += 1
                yield list(order_scene(mine).predictions) if scene else mine


def _windows(records: Iterable[ImageRecord]) -> Iterator[list[ImageRecord]]:
    """Runs of pictures that may be in memory together."""
    window: list[ImageRecord] = []
    pixels = 0
    for record in records:
        pixels += record.width * record.height
        if window and pixels > WINDOW_PX:
            yield window
            window, pixels = [], record.width * record.height
        window.append(record)
    if window:
        yield window


def _check_album(album: Album, images_dir: str | Path, given: Given) -> None:
    """Look for every picture and, where masks are given, for every mask."""
    leaks = 0
    for record in album:
        if not record.instances:
            continue
        path = image_path(images_dir, record.file_name, file=album.source)
        check_size(path, read_size(path), record, album)
        if given == "mask":
            for instance in record.instances:
                _given_mask(instance, album)
        leaks += sum(tells_whole(instance, given) for instance in record.instances)
    if leaks:
        warn_of_leaks(album, leaks, given)


def tells_whole(instance: Instance, given: Given) -> bool:
    """Whether what is given of an object is its whole mask, or box, for want of the visible one."""
    if instance.modal_mask is not None:
        return False
    if given == "mask":
        return instance.amodal_mask is not None
    clear = instance.occlude_rate == 0 or instance.is_occluded is False or instance.is_whole is True
    return instance.modal_box == instance.amodal_box and not clear


def warn_of_leaks(album: Album, leaks: int, given: Given) -> None:
    """Say that some records give away what is asked for; where it is said is the caller's caller's caller."""
    lacking = "visible_mask" if given == "mask" else "visible box other than the whole one"
    warnings.warn(
        f"{leaks} of {len(album.annotation_ids)} records of {album.source} have no {lacking}: the whole {given} is "
        "given as if it were the visible one, so a score would be flattered",
        TruthLeakWarning,
        stacklevel=4,
    )


def _given_mask(instance: Instance, album: Album) -> Mask:
    """The mask that stands for the visible part: that, or where there is none the whole object's."""
    mask = instance.modal_mask if instance.modal_mask is not None else instance.amodal_mask
    if mask is None or mask.is_empty:
        raise AnnotationError(
            "with masks given, every record has a mask of at least one pixel",
            file=album.source,
            record=f"annotation {instance.id}",
            value="no mask" if mask is None else "an empty mask",
            remedy="take --given box, or remove the record",
        )
    return mask


def check_size(path: Path, found: tuple[int, int], record: ImageRecord, album: Album) -> None:
    """Refuse a picture, ``(width, height)``, that has not the size its record gives; raises ImageError."""
    if found != (record.width, record.height):
        raise ImageError(
            f"a picture has the size its record gives, {record.width} x {record.height}"
            + (f" (image {record.id} of {album.source})" if album.source else ""),
            file=path,
            value=f"{found[0]} x {found[1]}",
            remedy="give the pictures the annotations were drawn on",
        )
