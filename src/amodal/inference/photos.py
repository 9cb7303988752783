"""Single photographs, with boxes drawn by hand or found by the detector."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, BoxError
from ..core.images import read_image, read_size
from ..core.records import Category, ImageRecord, Instance, Prediction
from .detectors import YoloxNano, coco_categories
from .predictor import Predictor

UNNAMED = "object"
"""Category of a box given without one."""

_FIRST_OWN_ID = 91  # COCO's ids end at 90


@dataclass(frozen=True, slots=True)
class GivenBox:
    """A box as written: ``x1,y1,x2,y2[:category]``; the name is empty where none was given."""

    box: bx.Box
    name: str


Drawn = Callable[[Path, NDArray[np.uint8], Sequence[Prediction], Sequence[str]], Any]


def parse_box(text: str, record: str = "--box") -> GivenBox:
    """Read ``x1,y1,x2,y2[:category]``, pixels.

    Raises:
        BoxError: not four numbers; whether the box fits a picture is seen later.

    >>> parse_box("10,20,110.5,220:dog")
    GivenBox(box=(10.0, 20.0, 110.5, 220.0), name='dog')
    """
    numbers, _, name = text.partition(":")
    try:
        values = [float(part) for part in numbers.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise BoxError(
            "a box is written x1,y1,x2,y2 or x1,y1,x2,y2:category",
            record=record,
            value=text,
            remedy="for example --box 10,20,110,220:dog",
        )
    return GivenBox(bx.as_box(values), name.strip())


def predict_photos(
    predictor: Predictor,
    photos: Sequence[Path],
    given: Sequence[GivenBox] = (),
    *,
    min_score: float = 0.3,
    keep_heat: bool = False,
    drawn: Drawn | None = None,
    progress: Callable[[int], Any] | None = None,
) -> tuple[Album, Path, list[Prediction]]:
    """Predict photographs that have no annotation file.

    Args:
        predictor: what to predict with.
        photos: one or more files.
        given: boxes of the one photograph; empty: YOLOX-nano finds objects in each.
        min_score: least score of a detection.
        keep_heat: as in `Predictor.predict`.
        drawn: called with each photo's path, its pixels, its predictions and the names of their categories.
        progress: called with 1 after each photo.

    Returns:
        the photos with the boxes given or found, as an album; the folder its file names are relative to; the
        predictions in the album's order.

    Raises:
        AmodalError: boxes given for more than one photo, the same photo twice.
        ImageError: a photo that is missing or cannot be decoded.
        BoxError: a box that misses its photo, is inverted or not finite.
    """
    root, names = _common_folder(photos)
    if given and len(photos) != 1:
        raise AmodalError("boxes belong to one photograph", value=f"{len(photos)} photographs", remedy="give one photo")
    sizes = [read_size(photo) for photo in photos]
    for i, box in enumerate(given, start=1):
        bx.check(box.box, *sizes[0], file=photos[0], record=f"--box {i}")
    categories = _categories(given)
    place = {category.name: i for i, category in enumerate(categories)}
    detector = None if given else YoloxNano()
    records: list[ImageRecord] = []
    predictions: list[Prediction] = []
    for number, (photo, name) in enumerate(zip(photos, names, strict=True), start=1):
        image = read_image(photo)
        if detector is None:
            found = [(box.box, box.name or UNNAMED, 1.0) for box in given]
        else:
            known = predictor.networks.categories
            detections = detector.detect(image, min_score)
            # networks that tell categories apart can only be asked about those
            found = [(d.box, d.name, d.score) for d in detections if not known or d.name in known]
        first = len(predictions) + 1
        ids = list(range(first, first + len(found)))
        predictor.set_image(image, image_id=number)
        mine = predictor.predict(
            [box for box, _, _ in found],
            [name for _, name, _ in found] if predictor.networks.categories else None,
            scores=[score for _, _, score in found],
            ids=ids,
            keep_heat=keep_heat,
        )
        mine = [replace(p, category=place[name]) for p, (_, name, _) in zip(mine, found, strict=True)]
        instances = tuple(
            Instance(p.annotation_id, p.category, p.modal_box, score=score)
            for p, (_, _, score) in zip(mine, found, strict=True)
        )
        records.append(ImageRecord(number, name, image.shape[1], image.shape[0], instances))
        predictions.extend(mine)
        if drawn is not None:
            drawn(photo, image, mine, [category.name for category in categories])
        if progress is not None:
            progress(1)
    return Album(records, categories, source=root), root, predictions


def album_content(album: Album) -> dict[str, Any]:
    """An album of modal boxes as the content of a COCO file, to be read beside the results."""
    return {
        "images": [{"id": r.id, "file_name": r.file_name, "width": r.width, "height": r.height} for r in album],
        "annotations": [
            {
                "id": o.id,
                "image_id": record.id,
                "category_id": album.categories[o.category].id,
                "bbox": [round(v, 3) for v in bx.to_xywh(o.modal_box).tolist()],
                "area": round(float(bx.area(o.modal_box)), 3),
                "iscrowd": 0,
                "score": 1.0 if o.score is None else round(o.score, 6),
            }
            for record in album
            for o in record.instances
        ],
        "categories": [{"id": category.id, "name": category.name} for category in album.categories],
    }


def _common_folder(photos: Sequence[Path]) -> tuple[Path, list[str]]:
    """The deepest folder that holds all photos, and each one's name in it."""
    if not photos:
        raise AmodalError("at least one photograph is needed")
    full = [Path(os.path.abspath(photo)) for photo in photos]
    for i, path in enumerate(full):
        if path in full[:i]:
            raise AmodalError("each photograph is given once", file=photos[i])
    root = Path(os.path.commonpath([path.parent for path in full]))
    return root, [path.relative_to(root).as_posix() for path in full]


def _categories(given: Sequence[GivenBox]) -> tuple[Category, ...]:
    """Categories of the boxes: COCO's ids for COCO's names, ids from 91 on for others; all of COCO's for detections."""
    if not given:
        return coco_categories()
    coco = {category.name: category for category in coco_categories()}
    names = list(dict.fromkeys(box.name or UNNAMED for box in given))
    own = [name for name in names if name not in coco]
    return tuple(coco.get(name) or Category(_FIRST_OWN_ID + own.index(name), name) for name in names)
