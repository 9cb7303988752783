"""Mend what has one right answer, and tell every change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.album import Album
from ...core.boxes import Box
from ...core.errors import AmodalError
from ...core.records import ImageRecord, Instance
from ..convert import losses
from ..dialects import BoxStyle, Dialect, Holds, dialect_named
from ..folders import left_behind
from ..jsonfile import forget, is_json, open_json, place_of, write_json
from ..write import check_apart, write_annotations
from .changes import NOT_KEPT, Change
from .findings import Finding
from .objects import as_stated
from .renumber import renumber
from .run import CheckReport


def write_fixed(report: CheckReport, output: str | Path) -> tuple[list[Change], Path]:
    """Write the checked file again, mended, in its own dialect, and the list of changes beside it.

    Returns:
        The changes, last what is not carried over (rule `NOT_KEPT`), and the path of their list: the output's name
        with ``.changes.json``.

    Raises:
        AmodalError: the dialect is read only or cannot be written without loss, the output is the file itself, or two
            pictures or categories have one id.
    """
    output = Path(output)
    dialect = dialect_named(report.dialect)
    if dialect.write is None:
        raise AmodalError(
            f"{dialect.title} is read only", file=report.file, remedy="convert the file to another dialect first"
        )
    for written in (output, changes_path(output)):
        check_apart(Path(report.file), written)
    _check_ids(report)
    output.parent.mkdir(parents=True, exist_ok=True)
    report, renumbered = renumber(report, output.parent)
    album, changes = fix_album(report.album, report.findings, boxes=dialect.boxes)
    changes = renumbered + changes
    changes += [
        Change(found.place(report.file) or "record", found.rule, "record", found.value, "left out: it cannot be read")
        for found in report.findings
        if found.message
    ]
    lost = losses(album, dialect, source=dialect)
    if dialect.name == "results":  # pictures and kinds are of the annotations it answers
        lost = [loss for loss in lost if not loss.what.startswith(_OF_ANSWERED)]
    if lost:
        raise AmodalError(
            f"a file is mended where all of it can be written again; {dialect.title} cannot hold: "
            + "; ".join(map(str, lost)),
            file=report.file,
            remedy="mend the records that were found by hand, or convert the file first",
        )
    beside = changes_path(output)
    place_of(beside)
    listed = [one.to_json() for one in changes]  # now: no file is written whose changes cannot be
    write_annotations(album, dialect, output)
    left = [Change("file", NOT_KEPT, "record", None, what) for what in _not_kept(Path(report.file), dialect, output)]
    listed += [one.to_json() for one in left]
    write_json(beside, {"format": 1, "from": report.file, "to": str(output), "changes": listed}, indent=1)
    return changes + left, beside


def _not_kept(path: Path, dialect: Dialect, output: Path) -> Iterator[str]:
    """What of a path is not in the album, and so not in what was written, in words."""
    if dialect.passed_over is not None:
        yield from dialect.passed_over(path)
    if dialect.kind == "folder":
        files = dialect.files(path) if callable(dialect.files) else dialect.files
        yield from left_behind(path, files, output)


def _check_ids(report: CheckReport) -> None:
    """Nobody but who made the file knows which of two different pictures or categories of one id a record means."""
    for found in report.findings:
        of_records = found.rule == "id-clash" and not found.record.startswith("annotation ")
        if of_records and not _said_twice(Path(report.file), found.record):
            raise AmodalError(
                "a file is mended where each picture and category has an id of its own",
                file=report.file,
                record=found.record,
                value=found.value,
                remedy="renumber one of the two, and the annotations that mean it, by hand",
            )


def _said_twice(path: Path, record: str) -> bool:
    """Whether all pictures, or categories, of a JSON file with the id of a record ("image 3") are the same."""
    kind, _, number = record.partition(" ")
    if path.is_dir() or not is_json(path, lambda file: True):
        return False
    table = open_json(path).members.get({"image": "images", "category": "categories"}.get(kind, ""))
    same = [entry for entry in table or () if isinstance(entry, dict) and str(entry.get("id")) == number]
    forget()
    return bool(same) and all(entry == same[0] for entry in same)


def changes_path(output: Path) -> Path:
    """Where the changes of a mended file are listed: beside it."""
    return output.with_name(output.name + ".changes.json")


def fix_album(album: Album, findings: Sequence[Finding], *, boxes: BoxStyle = "edges") -> tuple[Album, list[Change]]:
    """The album with every finding mended that has one right answer, and what was changed.

    Args:
        album: what was checked.
        findings: of `check_album`.
        boxes: how changes show them.
    """
    by_image: dict[int, list[Finding]] = {}
    for found in findings:
        if found.rule in _MENDERS and found.image_id is not None:
            by_image.setdefault(found.image_id, []).append(found)
    changes: list[Change] = []
    gone: set[int] = set()

    def mended(record: ImageRecord) -> ImageRecord:
        mine = by_image.get(record.id)
        return record if mine is None else _fix_record(record, mine, changes, gone, boxes)

    fixed = [mended(record) for record in album]
    ids = [int(i) for i in album.annotation_ids if int(i) not in gone]
    return Album(fixed, album.categories, source=album.source, annotation_ids=ids, extra=album.extra), changes


def _fix_record(
    record: ImageRecord, found: list[Finding], changes: list[Change], gone: set[int], boxes: BoxStyle
) -> ImageRecord:
    instances = {instance.id: instance for instance in record.instances}
    renamed: dict[int, int] = {}
    for one in found:
        if one.rule == "duplicate":
            first, later = one.instance_ids
            if instances.pop(later, None) is not None:
                renamed[later] = first
                gone.add(later)
                changes.append(
                    Change(f"annotation {later}", one.rule, "record", None, f"left out, the same as {first}")
                )
        elif one.rule == "box-outside":  # reading has cut it
            changes.append(Change(one.record, one.rule, "box", one.value, "cut at the border"))
    for one in found:
        mend = _MENDERS[one.rule]
        if mend is None or (one.rule in _ERRORS_ONLY and one.severity != "error"):
            continue
        for number in one.instance_ids:
            if number in instances:
                instances[number], field, before, after = mend(instances[number])
                if before != after:
                    before, after = (_shown(v, boxes) if field.endswith(" box") else v for v in (before, after))
                    changes.append(Change(f"annotation {number}", one.rule, field, before, after))
    pairs = [(renamed.get(front, front), renamed.get(behind, behind)) for front, behind in record.occlusions]
    occlusions = tuple(dict.fromkeys(pairs)) if renamed else record.occlusions
    return replace(record, instances=tuple(instances.values()), occlusions=occlusions)


Mended = tuple[Instance, str, Any, Any]
"""The object, the field changed, its value before and after."""


def _mend_rate(instance: Instance) -> Mended:
    modal, amodal = instance.modal_mask, instance.amodal_mask
    assert modal is not None and amodal is not None
    rate = round(1 - (modal & amodal).area / amodal.area, 6)
    return replace(instance, occlude_rate=rate), "occlude_rate", instance.occlude_rate, rate


def _mend_modal_box(instance: Instance) -> Mended:
    assert instance.modal_mask is not None
    box = instance.modal_mask.box
    return replace(instance, modal_box=box), "modal box", instance.modal_box, box


def _mend_amodal_box(instance: Instance) -> Mended:
    assert instance.amodal_mask is not None and instance.amodal_box is not None
    box = instance.amodal_mask.box
    return replace(instance, amodal_box=box), "amodal box", instance.amodal_box, box


def _mend_area(instance: Instance) -> Mended:
    mask = instance.modal_mask if instance.amodal_mask is None else instance.amodal_mask
    assert mask is not None
    before = instance.extra["area"]
    return replace(instance, extra={**instance.extra, "area": mask.area}), "area", before, mask.area


def _mend_hidden(instance: Instance) -> Mended:
    extra = {key: value for key, value in instance.extra.items() if key != "invisible_mask"}  # the writer makes it
    return replace(instance, extra=extra), "invisible_mask", "as stated", "the whole minus the visible part"


def _shown(box: Box, boxes: BoxStyle) -> list[float]:
    return [round(v, 3) for v in as_stated(box, boxes)]


_MENDERS: dict[str, Callable[[Instance], Mended] | None] = {
    "duplicate": None,
    "occlude-rate": _mend_rate,
    "modal-box": _mend_modal_box,
    "amodal-box": _mend_amodal_box,
    "box-outside": None,
    "area": _mend_area,
    "hidden-mask": _mend_hidden,
}
_OF_ANSWERED = (
    *(Holds.EMPTY_IMAGES, Holds.EMPTY_CATEGORIES, Holds.IMAGE_EXTRA, Holds.CATEGORY_EXTRA, Holds.FILE_EXTRA),
    Holds.SUPERCATEGORY,
)
_ERRORS_ONLY = frozenset({"occlude-rate", "modal-box", "amodal-box"})
"""A number that is a little off may be the better measurement: it is left as it is."""
