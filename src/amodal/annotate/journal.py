"""What was drawn, safe on disk from the moment it is accepted: a line an answer; an object's last line counts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, get_args

from ..core.boxes import Box, as_box
from ..core.errors import AnnotationError
from ..core.locks import take_lock
from ..core.masks import Mask

State = Literal["done", "unsure"]
Start = Literal["annotated", "draft", "visible", "blank"]
"""What a drawing began as: the file's whole mask, a draft of the networks, the visible part, nothing."""

LARGEST_ID = 2**63 - 1
"""Files and arrays hold ids of 64 bits."""
_HEAD = {"format": "amodal drawings 1"}
_REMEDY = "correct the line, or move the file away to begin anew"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said of one object.

    Attributes:
        annotation_id, file_name, box: the object, its picture and the box of its visible part, xyxy: in some dialects
            ids are places, which another file of the folder changes.
        state: whether they are sure.
        whole: what they drew.
        start: what it began as.
    """

    annotation_id: int
    file_name: str
    box: Box
    state: State
    whole: Mask
    start: Start


@dataclass(frozen=True, slots=True)
class Added:
    """An object that the annotations do not have.

    Attributes:
        annotation_id: a number that stands for no other object.
        file_name: its picture.
        box: around what is seen of it, xyxy.
        category: name of its kind.
    """

    annotation_id: int
    file_name: str
    box: Box
    category: str


class Journal:
    """A file of answers, kept open and to ourselves.

    A line that a killed process left unfinished is taken off; nothing else is ever taken out of the file.

    Args:
        path: made if missing.

    Raises:
        AnnotationError: another process has it open, or a line that is no answer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers: dict[int, Answer] = {}
        self._added: dict[int, Added] = {}
        self._numbers: set[int] = set()
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115 - open as long as we are
        try:
            self._take_for_us()
            self._read()
        except BaseException:
            self._file.close()
            raise

    @property
    def answers(self) -> Mapping[int, Answer]:
        """By annotation id."""
        return MappingProxyType(self._answers)

    @property
    def added(self) -> Mapping[int, Added]:
        """By annotation id, without those that were removed."""
        return MappingProxyType(self._added)

    @property
    def numbers(self) -> frozenset[int]:
        """Of all objects ever added: none is given twice."""
        return frozenset(self._numbers)

    def add(self, one: Added) -> None:
        """Keep an object, or what it is now; on disk when this returns. Raises OSError where it cannot be."""
        told = {"file_name": one.file_name, "box": one.box, "category": one.category}
        with self._lock:
            self._append({"annotation_id": one.annotation_id, "added": told})
            self._added[one.annotation_id] = one
            self._numbers.add(one.annotation_id)

    def remove(self, annotation_id: int) -> None:
        """Take away an object that was added, if it is there, and its answer."""
        with self._lock:
            if annotation_id in self._added:
                self._append({"annotation_id": annotation_id, "state": "removed"})
                self._answers.pop(annotation_id, None)
                del self._added[annotation_id]

    def put(self, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns.

        Raises:
            OSError: it cannot be kept.
            AnnotationError: of an object that was added, and has been removed.
        """
        line = {name: getattr(answer, name) for name in ("annotation_id", "file_name", "box", "state", "start")}
        with self._lock:
            if answer.annotation_id in self._numbers and answer.annotation_id not in self._added:
                raise AnnotationError("the object that was drawn has been removed", value=answer.annotation_id)
            self._append(line | {"whole": answer.whole.to_rle()})
            self._answers[answer.annotation_id] = answer

    def drop(self, annotation_id: int) -> None:
        """Forget the answer of an object, if there is one."""
        with self._lock:
            if annotation_id in self._answers:
                self._append({"annotation_id": annotation_id, "state": "todo"})
                del self._answers[annotation_id]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _append(self, line: dict[str, Any]) -> None:
        end = self._file.seek(0, os.SEEK_END)
        data = json.dumps(line).encode() + b"\n"
        try:
            written = self._file.write(data)
            if written != len(data):  # unbuffered, a disk that fills up takes a part
                raise OSError(28, os.strerror(28), str(self.path))
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise

    def _take_for_us(self) -> None:
        if not take_lock(self._file, wait=False):
            raise AnnotationError(
                "one `amodal annotate` at a time draws for an output",
                file=self.path,
                remedy="go on in the one that runs, end it, or name another --output",
            )

    def _read(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines()
        head = json.dumps(_HEAD).encode()
        begun = lines[0] if lines else data
        if begun != head and (lines or not head.startswith(begun)):
            raise AnnotationError(
                f"a file of drawings begins with {head.decode()}",
                file=self.path,
                value=begun[:80].decode("utf-8", "replace"),
                remedy="name another --output: this file is something else",
            )
        for number, line in enumerate(lines[1:], 2):
            self._take(self._parsed(line, number), f"line {number}")
        if len(whole) != len(data):
            self._file.truncate(len(whole))
        if not lines:
            self._append(dict(_HEAD))

    def _parsed(self, line: bytes, number: int) -> Any:
        try:
            return json.loads(line)
        except ValueError as problem:
            raise AnnotationError(
                f"a line is one JSON object ({problem})", file=self.path, record=f"line {number}", remedy=_REMEDY
            ) from None

    def _take(self, line: Any, record: str) -> None:
        where: dict[str, Any] = {"file": self.path, "record": record, "remedy": _REMEDY}
        number = line.get("annotation_id") if isinstance(line, dict) else None
        if type(number) is not int or abs(number) > LARGEST_ID:
            raise AnnotationError(
                "a line names its object by annotation_id, a whole number of 64 bits at the most", value=line, **where
            )
        state: Any = line.get("state")
        start: Any = line.get("start")
        if state in ("todo", "removed"):
            self._answers.pop(number, None)
            if state == "removed":
                self._added.pop(number, None)
            return
        if "added" in line:
            self._added[number] = _added(number, line["added"], where)
            self._numbers.add(number)
            return
        if state not in get_args(State) or start not in get_args(Start) or not isinstance(line.get("whole"), dict):
            raise AnnotationError(
                f"an answer has a state ({', '.join(get_args(State))}), a start ({', '.join(get_args(Start))}) "
                "and a whole mask",
                value={"state": state, "start": start},
                **where,
            )
        name = line.get("file_name")
        box: Any = line.get("box")
        if not isinstance(name, str) or not _is_box(box):
            raise AnnotationError(
                "an answer has the file_name of its picture and the box of its object",
                value={"file_name": name, "box": box},
                **where,
            )
        mask = Mask.from_rle(line["whole"], file=self.path, record=record)
        self._answers[number] = Answer(number, name, as_box(box), state, mask, start)


def _added(number: int, told: Any, where: dict[str, Any]) -> Added:
    told = told if isinstance(told, dict) else {}
    name, box, category = (told.get(word) for word in ("file_name", "box", "category"))
    if not isinstance(name, str) or not isinstance(category, str) or not _is_box(box):
        raise AnnotationError(
            "an added object has the file_name of its picture, a box and a category", value=told, **where
        )
    return Added(number, name, as_box(box), category)


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(type(v) in (int, float) and isfinite(v) for v in value)
