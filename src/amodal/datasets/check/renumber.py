"""New ids for records whose id another one has: done on the file, because reading leaves such records out.

A record that says the very same as the one that had the id first is left out.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..jsonfile import forget, is_json, open_json
from ..jsonparse import JsonFile, JsonList
from .changes import Change
from .run import CheckReport, check_file


def renumber(report: CheckReport, scratch: Path) -> tuple[CheckReport, list[Change]]:
    """The report of the same file with annotation ids that clash renumbered, and what was changed.

    Args:
        report: of the file as it is; given back where no annotation ids of a JSON file clash.
        scratch: folder for a file that is written and removed again.

    Pairs front-behind that name such an id go on meaning the record that had it first.
    """
    clashes = [one for one in report.findings if one.rule == "id-clash" and one.record.startswith("annotation ")]
    path = Path(report.file)
    if not clashes or path.is_dir() or not is_json(path, _has_annotations):
        return report, []
    content = dict(open_json(path).members)
    changes: list[Change] = []
    with tempfile.TemporaryDirectory(prefix=".amodal-", dir=scratch) as folder:
        beside = Path(folder) / path.name
        content["annotations"] = _numbered(content["annotations"], changes)
        with beside.open("w", encoding="utf-8") as file:
            file.writelines(_text(content))
        forget()
        again = check_file(beside, None, report.dialect)
    again.album.source = report.file
    findings = tuple(replace(one, file=report.file) for one in again.findings)
    return CheckReport(report.file, report.dialect, again.album, findings), changes


def _has_annotations(file: JsonFile) -> bool:
    found = file.members.get("annotations")
    return isinstance(found, JsonList) and found.all_objects


def _numbered(entries: JsonList, changes: list[Change]) -> Iterator[dict[str, Any]]:
    uses = Counter(number for entry in entries if (number := _id(entry)) is not None)
    free = 1 + max(uses, default=0)
    met: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        number = _id(entry)
        if number is None or uses[number] == 1:
            yield entry
            continue
        before = met.setdefault(number, [])
        name = f"annotation {number}"
        if entry in before:
            changes.append(Change(name, "id-clash", "record", None, "left out, the same record stands before it"))
            continue
        before.append(dict(entry))
        if len(before) > 1:
            changes.append(Change(name, "id-clash", "id", number, free))
            entry["id"] = free
            free += 1
        yield entry


def _id(entry: dict[str, Any]) -> int | None:
    value = entry.get("id")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int and abs(value) < 2**62 else None


def _text(content: dict[str, Any]) -> Iterator[str]:
    """A JSON object piece by piece; NaN and infinity stand as they were read, for reading refuses where they matter."""
    start = "{"
    for key, value in content.items():
        yield f"{start}{json.dumps(key)}: "
        start = ",\n"
        if isinstance(value, JsonList | Iterator):
            yield "["
            for i, element in enumerate(value):
                yield (",\n" if i else "") + json.dumps(element)
            yield "]"
        else:
            yield json.dumps(value)
    yield "}"
