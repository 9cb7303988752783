"""Pictures of what `amodal check` found: one for each finding about a photograph."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, ImageError
from ..core.records import ImageRecord, Instance
from ..datasets.check import Finding
from .instances import blank, draw_instances
from .overlay import Picture, font
from .page import read_photo
from .words import counted

_MOST_PER_RULE = 50
_LEAST_PX, _MOST_PX = 360, 1100
_AROUND = 0.35
"""How much of an object's box is shown around it, as a share of its sides."""


def write_cases(
    folder: str | Path, album: Album, findings: Sequence[Finding], images_dir: str | Path | None
) -> list[Path]:
    """Draw the findings that are about a photograph, at the most 50 of each rule.

    Each picture shows the objects concerned (all of the photograph where the finding names none), cut out with what is
    around them, and the finding's text below; a photograph that is not there is grey.

    Args:
        folder: made where it does not exist; files are named by rule, picture and object.
        album: what was checked.
        findings: what was found.
        images_dir: folder of the photographs; None draws on grey.

    Returns:
        The files written, in the order of the findings.
    """
    drawn: Counter[str] = Counter()
    chosen: dict[int, list[Finding]] = {}
    for found in findings:
        if found.image_id is not None and drawn[found.rule] < _MOST_PER_RULE:
            drawn[found.rule] += 1
            chosen.setdefault(found.image_id, []).append(found)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, Path] = {}
    for record in album:
        for found in chosen.get(record.id, ()):
            path = folder / _name(found, folder)
            Image.fromarray(draw_case(record, found, photo_or_blank(record, images_dir, album.source))).save(path)
            written[id(found)] = path
    return [written[id(found)] for found in findings if id(found) in written]


def draw_case(record: ImageRecord, found: Finding, photo: Picture) -> Picture:
    """One finding as a picture; uint8 ``(h, w, 3)``.

    Args:
        record: the photograph it is about.
        found: the finding.
        photo: uint8 ``(H, W, 3)``, of the record's size.
    """
    mine = [instance for instance in record.instances if instance.id in found.instance_ids]
    whole = draw_instances(photo, mine or record.instances)
    x1, y1, x2, y2 = _around(mine, record)
    part = Image.fromarray(whole[y1:y2, x1:x2])
    longest = max(part.size)
    scale = min(max(_LEAST_PX / longest, 1.0), _MOST_PX / longest) if longest < _LEAST_PX else _MOST_PX / longest
    if longest < _LEAST_PX or longest > _MOST_PX:
        size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
        part = part.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    return _with_text(part, found.text)


def photo_or_blank(
    record: ImageRecord,
    images_dir: str | Path | None,
    source: str,
    on_missing: Callable[[AmodalError], object] = lambda problem: None,
) -> Picture:
    """The record's photograph; grey of its size where there is none that fits it: ``on_missing`` is told why."""
    if images_dir is not None:
        try:
            return read_photo(record, images_dir, source)
        except AmodalError as problem:
            on_missing(problem)
    return blank(record.width, record.height)


class Photos:
    """The photographs of an album; those that are not there or do not fit are grey, and counted.

    Args:
        album: the pictures.
        images_dir: folder of the photographs; None: all are grey, and that is no loss.

    Attributes:
        missed: how many were drawn on grey for want of a photograph.
        first: why, of the first of them.

    Raises:
        ImageError: none of the pictures is in the folder.
    """

    def __init__(self, album: Album, images_dir: str | Path | None) -> None:
        self._images, self._source = images_dir, album.source
        self.missed, self.first = 0, ""
        if images_dir is not None and len(album) and not any(map(self._is_there, album)):
            raise ImageError(
                f"the pictures of {self._source or 'the album'} lie here; none does, {album[0].file_name} is the first",
                file=images_dir,
                remedy="give the folder that each file_name starts from",
            )

    def read(self, record: ImageRecord) -> Picture:
        """The record's photograph, or grey of its size."""
        return photo_or_blank(record, self._images, self._source, self._miss)

    def warn(self) -> None:
        """Say once how many were drawn on grey, where any were; where it is said is the caller's caller."""
        if self.missed:
            warnings.warn(f"{counted(self.missed, 'picture')} drawn on grey; the first: {self.first}", stacklevel=3)

    def _miss(self, problem: AmodalError) -> None:
        self.missed += 1
        self.first = self.first or str(problem)

    def _is_there(self, record: ImageRecord) -> bool:
        assert self._images is not None
        try:
            return image_path(self._images, record.file_name).is_file()
        except (AmodalError, OSError):  # a name that leads elsewhere, or is too long
            return False


def _around(instances: Sequence[Instance], record: ImageRecord) -> tuple[int, int, int, int]:
    if not instances:
        return 0, 0, record.width, record.height
    boxes = [box for one in instances for box in (one.modal_box, one.amodal_box) if box is not None]
    boxes += [m.box for one in instances for m in (one.modal_mask, one.amodal_mask) if m is not None and not m.is_empty]
    array = np.array(boxes)
    joined = np.concatenate([array[:, :2].min(axis=0), array[:, 2:].max(axis=0)])
    x1, y1, x2, y2 = bx.outward(bx.clip(bx.grow(joined, _AROUND), record.width, record.height)).tolist()
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else (0, 0, record.width, record.height)


def _with_text(part: Image.Image, text: str) -> Picture:
    pen = ImageDraw.Draw(part)
    width, letters = max(part.width, _LEAST_PX), font(13)
    lines: list[str] = []
    for word in text.split():
        if lines and pen.textlength(f"{lines[-1]} {word}", font=letters) <= width - 16:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    out = Image.new("RGB", (width, part.height + 12 + 17 * len(lines)), "white")
    out.paste(part, ((width - part.width) // 2, 0))
    pen = ImageDraw.Draw(out)
    for number, line in enumerate(lines):
        pen.text((8, part.height + 6 + 17 * number), line, fill=(20, 20, 20), font=letters)
    return np.asarray(out)


def _name(found: Finding, folder: Path) -> str:
    ids = "_".join(map(str, found.instance_ids[:4]))
    stem = f"{found.rule}-image_{found.image_id}" + (f"-annotation_{ids}" if ids else "")
    name, number = f"{stem}.png", 2
    while (folder / name).exists():
        name, number = f"{stem}-{number}.png", number + 1
    return name
