"""Single photographs, with boxes drawn by hand or found by a detector."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError, BoxError, ImageError
from ..core.images import read_image, read_size
from ..core.records import ImageRecord, Instance, Prediction
from .detectors import Detection, Detector, Segmenter, YoloxNano, named_categories
from .job import Job
from .ordering import order_scene
from .outcome import Asked
from .predictor import Predictor

UNNAMED = "object"
"""Category of a box given without one."""

_DESCRIPTION = "what amodal predict was asked about"


@dataclass(frozen=True, slots=True)
class GivenBox:
    """A box as written: ``x1,y1,x2,y2[:category]``; the name is empty where none was given."""

    box: bx.Box
    name: str


Drawn = Callable[[Path, NDArray[np.uint8], Sequence[Prediction], Sequence[str]], Any]


def parse_box(text: str, record: str = "--box") -> GivenBox:
    """Read ``x1,y1,x2,y2[:category]``, pixels.

    Raises:
        BoxError: not four numbers, or a colon without a name after it; whether the box fits a picture is seen later.

    >>> parse_box("10,20,110.5,220:dog")
    GivenBox(box=(10.0, 20.0, 110.5, 220.0), name='dog')
    """
    numbers, colon, name = text.partition(":")
    try:
        values = [float(part) for part in numbers.split(",")]
    except ValueError:
        values = []
    if len(values) != 4 or (colon and not name.strip()):
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
    detector: Detector | None = None,
    segmenter: Segmenter | None = None,
    use_masks: bool = True,
    min_score: float = 0.3,
    keep_heat: bool = False,
    refine: bool = False,
    scene: bool | None = None,
    beyond_border: bool | None = None,
    drawn: Drawn | None = None,
    progress: Callable[[int], Any] | None = None,
    on_bad: Callable[[ImageError], Any] | None = None,
) -> tuple[Album, Path, list[Prediction]]:
    """Predict photographs that have no annotation file.

    Args:
        predictor: what to predict with.
        photos: one or more files.
        given: boxes of the one photograph; empty: a detector finds objects in each. Networks trained with categories
            need a name they know for each; for others it is a label that is kept as it is.
        detector: finds them; None takes YOLOX-nano.
        segmenter: finds the visible mask inside each box, given or found.
        use_masks: where the detector or the segmenter gives visible masks, predict from these; otherwise from boxes.
        min_score: least score of a detection.
        keep_heat, refine, beyond_border: as in `Predictor.predict`; only masks are refined.
        scene: find who hides whom in each photo; None: where every object has a mask that is used.
        drawn: called with each photo's path, its pixels, its predictions and the names of their categories.
        progress: called with 1 after each photo.
        on_bad: called for each photo that cannot be read (cut short, empty, something else), which is then left out;
            None: the first one ends it.

    Returns:
        the photos with the boxes and masks given or found, as an album; the folder its file names are relative to; the
        predictions in the album's order.

    Raises:
        AmodalError: boxes given for more than one photo, the same photo twice.
        ImageError: a photo that is missing; without ``on_bad`` or with boxes, one that cannot be read.
        BoxError: a box that misses its photo, is inverted or not finite.
        AnnotationError: a box without a category, or with one that networks trained with categories do not know; a
            detection of a category that its detector does not list.
    """
    root, names = _common_folder(photos)
    _check_names(given, predictor.networks.categories)
    if given and len(photos) != 1:
        raise AmodalError("boxes belong to one photograph", value=f"{len(photos)} photographs", remedy="give one photo")
    for photo in photos:  # what is missing is found before the work on any
        if given or on_bad is None or not photo.exists():
            read_size(photo)
    size = read_size(photos[0]) if given else (0, 0)
    boxes = [bx.check(box.box, *size, file=photos[0], record=f"--box {i}") for i, box in enumerate(given, start=1)]
    if detector is None and not given:
        detector = YoloxNano()
    categories = named_categories([g.name or UNNAMED for g in given]) if given else _of(detector).categories
    place = {category.name: i for i, category in enumerate(categories)}
    records: list[ImageRecord] = []
    predictions: list[Prediction] = []
    for number, (photo, name) in enumerate(zip(photos, names, strict=True), start=1):
        try:
            image = read_image(photo)
        except ImageError as problem:
            if on_bad is None:
                raise
            on_bad(problem)
            continue
        if given:
            labels = [g.name or UNNAMED for g in given]
            found = [Detection(b, place[text], text, 1.0) for b, text in zip(boxes, labels, strict=True)]
        else:
            found = _of(detector).detect(image, min_score)
            # networks that tell categories apart can only be asked about those
            known = predictor.networks.categories
            found = [d for d in found if not known or d.name in known]
            _check_listed(found, place, photo)
        if segmenter is not None:
            found = _segmented(segmenter, image, found)
        first = len(predictions) + 1
        work = _work_on(predictor, image, number, found, first, use_masks, refine, beyond_border)
        answers = {p.annotation_id: p for _, p in predictor.run_jobs(work, keep_heat=keep_heat)}
        mine = [answers[i] for i in sorted(answers)]  # as they were found
        if scene or (scene is None and found and use_masks and all(d.mask is not None for d in found)):
            mine = list(order_scene(mine).predictions)
        mine = [replace(p, category=place[d.name]) for p, d in zip(mine, found, strict=True)]
        instances = tuple(
            Instance(p.annotation_id, p.category, p.modal_box, modal_mask=d.mask, score=d.score)
            for p, d in zip(mine, found, strict=True)
        )
        records.append(ImageRecord(number, name, image.shape[1], image.shape[0], instances))
        predictions.extend(mine)
        if drawn is not None:
            drawn(photo, image, mine, [category.name for category in categories])
        if progress is not None:
            progress(1)
    return Album(records, categories, source=root), root, predictions


def _check_names(given: Sequence[GivenBox], known: tuple[str, ...]) -> None:
    for i, box in enumerate(given, start=1):
        if known and box.name not in known:
            raise AnnotationError(
                "these networks need the category of every box, one that they were trained with",
                record=f"--box {i}",
                value=box.name or "none",
                remedy=f"write it as X1,Y1,X2,Y2:CATEGORY, with one of {', '.join(known)}",
            )


def _check_listed(found: Sequence[Detection], listed: Container[str], photo: Path) -> None:
    for i, detection in enumerate(found):
        if detection.name not in listed:
            raise AnnotationError(
                "a detector names the categories that it lists",
                file=photo,
                record=f"detection {i}",
                value=detection.name,
                remedy="add the name to the detector's `categories`",
            )


def _of(detector: Detector | None) -> Detector:
    assert detector is not None  # no boxes were given
    return detector


def _segmented(segmenter: Segmenter, image: NDArray[np.uint8], found: list[Detection]) -> list[Detection]:
    """The detections with masks; where the segmenter sees nothing, the detection keeps its box alone."""
    masks = segmenter.segment(image, [d.box for d in found])
    return [replace(d, mask=None if m.is_empty else m) for d, m in zip(found, masks, strict=True)]


def _work_on(
    predictor: Predictor,
    image: NDArray[np.uint8],
    image_id: int,
    found: list[Detection],
    first_id: int,
    use_masks: bool,
    refine: bool,
    beyond_border: bool | None,
) -> list[tuple[Job, Asked]]:
    """What to ask of a photo's objects: from masks those that have one, from boxes the others; all together."""
    by_mask = [use_masks and d.mask is not None for d in found]
    work: list[tuple[Job, Asked]] = []
    for masks_given in (False, True):
        who = [i for i, has in enumerate(by_mask) if has == masks_given]
        if not who:
            continue
        work += predictor.make_jobs(
            image,
            image_id,
            boxes=None if masks_given else [found[i].box for i in who],
            masks=[mask for i in who if (mask := found[i].mask) is not None] if masks_given else None,
            categories=[found[i].name for i in who] if predictor.networks.categories else None,
            scores=[found[i].score for i in who],
            ids=[first_id + i for i in who],
            refine=refine and masks_given,
            beyond_border=beyond_border,
        )
    return work


def album_content(album: Album) -> dict[str, Any]:
    """An album of modal boxes, and masks where known, as the content of a COCO file, to be read beside the results."""
    return {
        "info": {"description": _DESCRIPTION},  # first: `is_own_album` looks there
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
            | ({} if o.modal_mask is None else {"segmentation": o.modal_mask.to_rle()})
            for record in album
            for o in record.instances
        ],
        "categories": [{"id": category.id, "name": category.name} for category in album.categories],
    }


def is_own_album(path: Path) -> bool:
    """Whether a file is one of `album_content`, which the next run may replace."""
    with open(path, "rb") as file:
        return _DESCRIPTION.encode() in file.read(200)


def _common_folder(photos: Sequence[Path]) -> tuple[Path, list[str]]:
    """The deepest folder that holds all photos, and each one's name in it."""
    if not photos:
        raise AmodalError("at least one photograph is needed")
    full = [Path(os.path.abspath(photo)) for photo in photos]
    if len(set(full)) < len(full):
        raise AmodalError("each photograph is given once", file=next(p for i, p in enumerate(full) if p in full[:i]))
    root = Path(os.path.commonpath([path.parent for path in full]))
    return root, [path.relative_to(root).as_posix() for path in full]
