"""Shards written so that a kill at any moment loses nothing that was finished and doubles nothing.

A shard's records go to a file beside its place and are renamed there when all of them are on the disk: a shard is
either whole or not there, and one that is there is not made again.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.album import Album
from ...core.errors import AmodalError, AnnotationError
from ...core.records import ImageRecord, Prediction
from ...datasets.jsonfile import write_text
from ...datasets.results import result_record
from .manifest import OBJECTS, read_manifest
from .shards import Shard

ERRORS = "errors.jsonl"
GROUP = 16
"""Pictures given to the predictor at once; memory is bounded by them, not by the album."""

Predict = Callable[[Album], Sequence[Prediction]]
"""What predicts a small album, one prediction a record; it may raise for a bad picture."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; objects count whether predicted or reported."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process did.

    Attributes:
        made, found: shards it made, and shards that were there.
        objects: how many it predicted.
        failed: pictures that failed, those of the shards that were there included.
        empty: whether none of its shards has a record.
    """

    made: int
    found: int
    objects: int
    failed: int
    empty: bool


def predict_shards(
    predict: Predict,
    album: Album,
    folder: str | Path,
    shards: Sequence[Shard],
    *,
    retry_failed: bool = False,
    progress: Callable[[Progress], Any] | None = None,
) -> Outcome:
    """Make the shards that are not there yet.

    Args:
        predict: see `Predict`.
        album: the whole album.
        folder: where `start_run` was called for.
        shards: those of this process.
        retry_failed: also make again those in which a picture failed.
        progress: called after each group of pictures.

    Returns:
        what was done; a picture that failed stands in ``errors.jsonl`` with its annotations and the reason.
    """
    folder = Path(folder)
    todo = [
        shard
        for shard in shards
        if not (folder / shard.name).exists() or (retry_failed and _errors_of(folder, shard.name))
    ]
    total = sum(len(album[i].instances) for shard in todo for i in range(shard.start, shard.stop))
    done = objects = failed = 0
    for shard in todo:
        for predicted, asked, bad in _make_shard(predict, album, folder, shard):
            done, objects, failed = done + asked, objects + predicted, failed + bad
            if progress is not None:
                progress(Progress(done, total, failed))
        gather_errors(folder)
    names = {shard.name for shard in shards}
    there = names - {shard.name for shard in todo}
    failed += sum(_errors_of(folder, name).count("\n") for name in there)
    empty = not any((folder / name).stat().st_size for name in names)
    return Outcome(len(todo), len(there), objects, failed, empty)


def _make_shard(predict: Predict, album: Album, folder: Path, shard: Shard) -> Iterator[tuple[int, int, int]]:
    """Write one shard; yields, for each group of pictures: objects predicted, objects asked for, pictures failed."""
    beside = folder / f".{shard.name}.{uuid.uuid4().hex[:12]}.part"
    errors: list[dict[str, Any]] = []
    try:
        with beside.open("w", encoding="utf-8") as file:
            for start in range(shard.start, shard.stop, GROUP):
                records = [album[i] for i in range(start, min(start + GROUP, shard.stop))]
                known = len(errors)
                predictions = _predict_group(predict, album, [r for r in records if r.instances], errors)
                for prediction in predictions:
                    file.write(json.dumps(result_record(prediction, album.categories), allow_nan=False) + "\n")
                yield len(predictions), sum(len(r.instances) for r in records), len(errors) - known
            file.flush()
            os.fsync(file.fileno())
        place, told = folder / shard.name, "".join(json.dumps(error) + "\n" for error in errors)
        # The errors first: a shard that is there has its errors there, too. Made again it comes first: a kill between
        # the two leaves errors of before, for which it is made once more.
        if place.exists():
            _move(beside, place)
        write_text(folder / shard.errors_name, told)
        _move(beside, place)
    finally:
        beside.unlink(missing_ok=True)
    for left in folder.glob(f".{shard.name}.*.part"):  # of processes that were killed
        left.unlink(missing_ok=True)


def _move(beside: Path, place: Path) -> None:
    """Rename; nothing where that was done, or another process made this shard, too, and tidied up after it."""
    try:
        beside.replace(place)
    except FileNotFoundError:
        if not place.exists():
            raise


def _predict_group(
    predict: Predict, album: Album, records: list[ImageRecord], errors: list[dict[str, Any]]
) -> list[Prediction]:
    """Predict some pictures; where that fails, each alone, so that the good ones are not lost with the bad one."""
    if not records:
        return []
    try:
        return list(predict(Album(records, album.categories, source=album.source)))
    except Exception as problem:
        # Whatever one of 100,000 pictures does must not end the run: a codec can raise anything.
        if len(records) > 1:
            return [p for record in records for p in _predict_group(predict, album, [record], errors)]
        (record,) = records
        text = str(problem) if isinstance(problem, AmodalError) else f"{type(problem).__name__}: {problem}"
        errors.append(
            {
                "image_id": record.id,
                "file_name": record.file_name,
                "annotation_ids": [instance.id for instance in record.instances],
                "error": text,
            }
        )
        return []


def gather_errors(folder: Path) -> int:
    """Write ``errors.jsonl`` from the errors of all shards that are there; returns how many pictures it holds.

    Processes may do this at once: whoever renames last looks again, so the last word is complete.
    """
    while True:
        names = _finished(folder)
        text = "".join(_errors_of(folder, name) for name in names)
        write_text(folder / ERRORS, text)
        if _finished(folder) == names:
            return text.count("\n")


def _finished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("shard-*-of-*[0-9].jsonl"))


def _errors_of(folder: Path, name: str) -> str:
    path = folder / name.replace(".jsonl", ".errors.jsonl")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def read_shards(folder: str | Path) -> Iterator[dict[str, Any]]:
    """The records of a finished run, in the album's order of pictures.

    Raises:
        AmodalError: no manifest, or shards are missing.
        AnnotationError: a line that is no JSON object, or a shard that lacks records, or has some too many.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    count = int(manifest["shards"])
    names = [Shard(i, count, 0, 0).name for i in range(count)]
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise AmodalError(
            f"all {count} shards of the run are there",
            file=folder,
            value=f"{len(missing)} missing, the first {missing[0]}",
            remedy="repeat the command that started it: it goes on where it stopped",
        )
    for name, objects in zip(names, manifest.get(OBJECTS) or [None] * count, strict=True):
        yield from _read_shard(folder, name, objects)


def _read_shard(folder: Path, name: str, objects: int | None) -> Iterator[dict[str, Any]]:
    """The records of a shard, and whether they are all; ``objects``: how many it was asked about, None: not known."""
    remedy = "remove the file and repeat the command that started the run: it is made again"
    number = 0
    with (folder / name).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                problem = "" if isinstance(record, dict) else f" ({type(record).__name__})"
            except ValueError as error:
                problem = f" ({error})"
            if problem:
                raise AnnotationError(
                    f"a shard holds a JSON object a line{problem}",
                    file=folder / name,
                    record=f"line {number}",
                    remedy=remedy,
                )
            yield record
    if objects is None:
        return
    failed = _count_failed(folder, name)
    if number + failed != objects:
        raise AnnotationError(
            f"a shard has a line for each of its {objects} objects, but for those that failed",
            file=folder / name,
            value=f"{number} lines, {failed} failed",
            remedy=remedy,
        )


def _count_failed(folder: Path, name: str) -> int:
    """Objects of a shard whose pictures failed."""
    try:
        return sum(len(json.loads(line)["annotation_ids"]) for line in _errors_of(folder, name).splitlines())
    except (ValueError, KeyError, TypeError) as problem:
        raise AnnotationError(
            f"the errors of a shard are a JSON object a line ({problem})",
            file=folder / name.replace(".jsonl", ".errors.jsonl"),
            remedy=f"remove it and {name}, and repeat the command that started the run: both are made again",
        ) from None
