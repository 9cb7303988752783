"""Check a whole file: what reading refuses, then every rule on what could be read."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ...core.album import Album
from ...core.errors import AmodalError
from ...core.processors import core_count
from ...core.records import ImageRecord
from ..dialects import BoxStyle, Holds, Reading, dialect_named, recognise
from ..jsonfile import forget
from ..read import bounded, read_annotations, read_remembered
from .findings import RULES, Finding
from .objects import Case, check_boxes, check_masks
from .order import check_order
from .outside import Outside, boxes_outside
from .pictures import check_path, check_picture
from .polygons import check_polygons
from .refused import refusal
from .stated import check_stated
from .whole import check_categories, check_duplicates, check_names

_BLOCK = 250
"""Pictures a process takes at a time."""
_WORTH_PROCESSES = 2000
"""Pictures from which a second process pays for its start."""


@dataclass(frozen=True)
class CheckReport:
    """What `amodal check` found.

    Attributes:
        file: the annotation file.
        dialect: its dialect's name.
        album: what could be read of it.
        findings: in the order of `RULES`, then of the file.
    """

    file: str
    dialect: str
    album: Album
    findings: tuple[Finding, ...] = field(default=())

    @property
    def errors(self) -> int:
        """Number of findings of severity error."""
        return sum(found.severity == "error" for found in self.findings)

    def counts(self) -> dict[str, tuple[int, int]]:
        """(errors, warnings) of each rule that was broken, in the order of `RULES`."""
        told = Counter((found.rule, found.severity) for found in self.findings)
        names = [name for name in RULES if told[name, "error"] or told[name, "warning"]]
        return {name: (told[name, "error"], told[name, "warning"]) for name in names}

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "format": 1,
            "file": self.file,
            "dialect": self.dialect,
            "pictures": len(self.album),
            "objects": len(self.album.annotation_ids),
            "categories": len(self.album.categories),
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "rules": {name: {"errors": e, "warnings": w} for name, (e, w) in self.counts().items()},
            "findings": [found.to_json() for found in self.findings],
        }


def check_file(
    path: str | Path,
    images: str | Path | None = None,
    dialect: str | None = None,
    *,
    answers: str | Path | None = None,
    decode: bool = True,
    processes: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> CheckReport:
    """Read an annotation file of any dialect and hold it against every rule of `RULES`.

    Args:
        path: the file, or the folder of a dialect that is one.
        images: folder of the pictures; None leaves them unread.
        dialect: its name; None recognises it.
        answers: the annotation file that a results file answers, where it is one.
        decode: decode the pictures; False reads their headers alone.
        processes: at the most so many; None: one for each core.
        progress: called with a number of pictures done.

    Raises:
        AmodalError: the file as a whole cannot be used.
    """
    refused: list[AmodalError] = []
    truth = None if answers is None else read_annotations(answers)
    known = recognise(Path(path)) if dialect is None else dialect_named(dialect)
    how = Reading(None if images is None else Path(images), refused.append, truth)
    try:
        album = read_remembered(Path(path), known.name, how)
        outside, clear = boxes_outside(Path(path))
    finally:
        forget()
    found = [refusal(problem, str(path)) for problem in refused]
    left_out = {problem.record for problem in refused}  # of these the reason is told already
    found += (one for one in clear if one.record not in left_out)
    work = _Work(album, how.images, decode, known.boxes, outside)
    with bounded(path):
        found += _check(work, processes, progress)
    # a list of categories was made up at reading, or is the answered file's
    if Holds.EMPTY_CATEGORIES not in known.holds:
        found = [one for one in found if one.rule != "category-unused"]
    if known.name == "results":
        given = ("modal-box", "amodal-box")  # the one box was given, the other is around it and the mask
        found = [replace(one, severity="warning") if one.rule in given else one for one in found]
    places = {rule: place for place, rule in enumerate(RULES)}
    return CheckReport(str(path), known.name, album, tuple(sorted(found, key=lambda one: places[one.rule])))


def check_album(
    album: Album,
    images: str | Path | None = None,
    *,
    decode: bool = True,
    boxes: BoxStyle = "edges",
    processes: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Finding]:
    """Every rule on what could be read; arguments as `check_file`'s. ``boxes``: how findings show them."""
    return _check(_Work(album, None if images is None else Path(images), decode, boxes, {}), processes, progress)


def _check(work: _Work, processes: int | None, progress: Callable[[int], object] | None) -> list[Finding]:
    album = work.album
    starts = range(0, len(album), _BLOCK)
    used: Counter[int] = Counter()
    names: list[tuple[int, str]] = []
    found: list[Finding] = []
    for block in _blocks(work, starts, len(album), processes):
        found += block.found
        used += block.used
        names += block.names
        if progress is not None:
            progress(len(block.names))
    found += chain(check_names(names, album.source), check_categories(album.categories, used, album.source))
    return found


@dataclass(frozen=True)
class _Work:
    album: Album
    images: Path | None
    decode: bool
    boxes: BoxStyle
    outside: Outside


@dataclass(frozen=True)
class _Block:
    found: list[Finding]
    used: Counter[int]
    names: list[tuple[int, str]]


def _blocks(work: _Work, starts: range, pictures: int, processes: int | None) -> Iterator[_Block]:
    processes = min(len(starts), processes or core_count())
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    if processes < 2 or not can_fork or pictures < _WORTH_PROCESSES:
        yield from map(partial(_check_block, work), starts)
        return
    # forked, so that the album is shared and not sent
    context = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_take, initargs=(work,)) as pool:
            yield from pool.map(_check_taken, starts)
    except BrokenProcessPool:
        rule = "a process that checked was ended from outside, as where memory runs out"
        raise AmodalError(rule, file=work.album.source, remedy="give fewer --processes") from None


_taken: list[_Work] = []


def _take(work: _Work) -> None:
    _taken[:] = [work]


def _check_taken(start: int) -> _Block:
    return _check_block(_taken[0], start)


def _check_block(work: _Work, start: int) -> _Block:
    block = _Block([], Counter(), [])
    for index in range(start, min(start + _BLOCK, len(work.album))):
        record = work.album[index]
        block.names.append((record.id, record.file_name))
        block.used.update(instance.category for instance in record.instances)
        block.found.extend(_check_record(record, work))
        if work.images is not None:
            block.found.extend(check_picture(record, work.images, work.album.source, decode=work.decode))
    return block


def _check_record(record: ImageRecord, work: _Work) -> Iterator[Finding]:
    """Every rule about one picture's objects."""
    file = work.album.source
    yield from check_path(record, file)
    for instance in record.instances:
        case = Case.of(record, instance, file, boxes=work.boxes, outside=work.outside.get(instance.id, ()))
        yield from check_masks(case)
        yield from check_boxes(case)
        yield from check_stated(case)
        masks = [instance.modal_mask]
        if instance.amodal_mask != instance.modal_mask:
            masks.append(instance.amodal_mask)
        for mask in masks:
            if mask is not None and (polygons := mask.polygons) is not None:
                yield from check_polygons(record, instance.id, polygons, file)
    yield from check_duplicates(record, file)
    yield from check_order(record, file)
