"""`amodal show`: an annotation file, or predictions, as pictures in one page with filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AmodalError
from ..core.records import ImageRecord, Instance, Prediction
from ..datasets.check import RULES, Finding
from ..datasets.check.findings import shorten
from ..datasets.jsonfile import write_text
from .browse_page import MARK, browse_page
from .cases import Photos
from .colours import object_colour
from .html import shrink
from .instances import as_instance, draw_instances
from .overlay import Picture
from .words import counted

LONGEST_PX = 800


def write_browser(
    folder: str | Path,
    album: Album,
    images_dir: str | Path | None,
    *,
    predictions: Sequence[Prediction] | None = None,
    findings: Sequence[Finding] = (),
    title: str = "",
    longest_px: int = LONGEST_PX,
    progress: Callable[[int], object] | None = None,
) -> Path:
    """Write ``index.html`` and ``pictures/``: opens from the disk, needs no network, shows thousands of pictures.

    Args:
        folder: made where it does not exist.
        album: the annotations.
        images_dir: folder of the photographs; what is not there is drawn on grey, and a warning says how many.
        predictions: shown beside the annotations, with their IoU where the truth is known.
        findings: of `check_file`, to filter by.
        title: heading; empty: the annotation file's name and its folder's.
        longest_px: longer side of a drawn picture.
        progress: called with 1 for each picture drawn.

    Returns:
        The page.

    Raises:
        AmodalError: the folder cannot be written to, its ``pictures/`` holds others, or none of the photographs is in
            theirs.
    """
    photos = Photos(album, images_dir)
    folder = Path(folder)
    check_folder(folder)
    answers: dict[int, list[Prediction]] = {}
    for prediction in predictions or ():
        answers.setdefault(prediction.image_id, []).append(prediction)
    told = _Told(findings)
    pictures = []
    page = folder / "index.html"
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        if not page.exists():  # by it a later call knows that the pictures of one that was stopped are its own
            write_text(page, f"{MARK}The pictures are being drawn.</main>\n")
        for number, record in enumerate(album):
            found = None
            if predictions is not None:
                found = [one.in_picture(record.width, record.height) for one in answers.get(record.id, ())]
            photo = photos.read(record)
            entry = _entry(record, found, told)
            for key, objects in _drawn(record, found):
                entry[key] = f"pictures/{number:06d}{'' if key == 'src' else '_' + key}.jpg"
                _save(shrink(draw_instances(photo, objects), longest_px), folder / entry[key])
            pictures.append(entry)
            if progress is not None:
                progress(1)
    except OSError as problem:
        raise AmodalError(
            f"the output folder cannot be written to ({problem.strerror})", file=folder, remedy="choose another folder"
        ) from problem
    data = {
        "categories": [category.name for category in album.categories],
        "rules": [
            {"name": name, "error": RULES[name].severity == "error", "holds": RULES[name].holds} for name in told.rules
        ],
        "compared": predictions is not None,
        "pictures": pictures,
    }
    notes = [found.text for found in findings if found.image_id is None]
    total = counted(sum(len(entry["objects"]) for entry in pictures), "object")
    summary = f"{total} in {counted(len(pictures), 'picture')}, {counted(len(findings), 'finding')}."
    write_text(page, browse_page(title or "/".join(Path(album.source).parts[-2:]), summary, notes, data))
    photos.warn()
    return page


def check_folder(folder: Path) -> None:
    """Photographs may lie in a folder ``pictures``, too: only those of an earlier page are written over.

    Raises:
        AmodalError: there are others, or an ``index.html`` of somebody else.
    """
    pictures, page = folder / "pictures", folder / "index.html"
    earlier = page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")
    held = page.exists() or (pictures.is_dir() and any(pictures.iterdir()))
    if held and not earlier:
        raise AmodalError(
            "index.html and pictures/ would be replaced, which no earlier page left there",
            file=folder,
            remedy="name another --output",
        )


class _Told:
    """Findings by picture and by object: the values found, by places in the list of the rules that were broken."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        findings = list(findings)
        broken = {found.rule for found in findings}
        self.rules = [name for name in RULES if name in broken]
        places = {name: place for place, name in enumerate(self.rules)}
        self.picture: dict[int, dict[int, str]] = {}
        self.object: dict[tuple[int, int], dict[int, str]] = {}
        for found in findings:
            if found.image_id is None:
                continue
            value = "" if found.value is None else shorten(found.value)
            for number in found.instance_ids:
                self.object.setdefault((found.image_id, number), {})[places[found.rule]] = value
            if not found.instance_ids:
                self.picture.setdefault(found.image_id, {})[places[found.rule]] = value


def _entry(record: ImageRecord, answers: list[Prediction] | None, told: _Told) -> dict[str, Any]:
    of = {prediction.annotation_id: prediction for prediction in answers or ()}
    objects = [
        {
            "id": one.id,
            "kind": one.category,
            "hidden": _rounded(_hidden(one, of.get(one.id))),
            "iou": None if answers is None else _rounded(_fit(one, of.get(one.id))),
            "box": [round(float(v), 1) for v in bx.to_xywh(one.amodal_box or one.modal_box)],
            "found": _found(told.object.get((record.id, one.id), {})),
            "colour": "#969696" if one.is_crowd else "#{:02x}{:02x}{:02x}".format(*object_colour(place)),
        }
        for place, one in enumerate(record.instances)
    ]
    about = _found(told.picture.get(record.id, {}))
    return {"name": record.file_name, "size": [record.width, record.height], "objects": objects, "found": about}


def _found(values: dict[int, str]) -> list[list[int | str]]:
    return [[place, values[place]] for place in sorted(values)]


def _drawn(record: ImageRecord, answers: list[Prediction] | None) -> list[tuple[str, list[Instance]]]:
    """What is drawn, by its key in the page's data; an object keeps its colour in both pictures."""
    if answers is None:
        return [("src", list(record.instances))]
    of = {prediction.annotation_id: as_instance(prediction) for prediction in answers}
    nothing = Instance(0, 0, (0.0, 0.0, 0.0, 0.0))
    found = [of.get(one.id, nothing) for one in record.instances]
    return [("src", found), ("given", list(record.instances))]


def _hidden(instance: Instance, prediction: Prediction | None) -> float | None:
    """The hidden share: the file's own, else its masks', else the prediction's; None where nobody says."""
    if instance.occlude_rate is not None:
        return instance.occlude_rate
    modal, amodal = instance.modal_mask, instance.amodal_mask
    if modal is not None and amodal is not None and not amodal.is_empty:
        return 1 - (modal & amodal).area / amodal.area
    return None if prediction is None else prediction.occlude_rate


def _fit(instance: Instance, prediction: Prediction | None) -> float | None:
    """IoU of the predicted whole with the true one; 0 where there is no prediction, None where the truth is unknown."""
    if instance.amodal_mask is None:
        return None
    return 0.0 if prediction is None else instance.amodal_mask.iou(prediction.amodal_mask)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(min(max(float(value), 0.0), 1.0), 4)


def _save(picture: Picture, path: Path) -> None:
    Image.fromarray(picture).save(path, format="JPEG", quality=82)
