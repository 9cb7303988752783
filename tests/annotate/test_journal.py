from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.annotate.journal import Answer, Journal, Start, State
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask

MASK = Mask.from_array(np.eye(5, dtype=bool))
PLACE = {"file_name": "a.png", "box": [0, 0, 5, 5]}


def answer(number: int, state: State = "done", start: Start = "draft", mask: Mask = MASK) -> Answer:
    return Answer(number, "a.png", (0.0, 0.0, 5.0, 5.0), state, mask, start)


def reopened(path: Path) -> dict[int, Answer]:
    journal = Journal(path)
    journal.close()
    return dict(journal.answers)


def test_answers_come_back_and_the_last_one_counts(journal: Journal) -> None:
    first, second = answer(1), answer(2, "unsure", "blank")
    changed = answer(1, "unsure", "visible", Mask.from_array(np.ones((5, 5), bool)))
    for one in (first, second, changed):
        journal.put(one)
    journal.drop(2)
    journal.drop(99)
    assert dict(journal.answers) == {1: changed}
    journal.close()
    assert reopened(journal.path) == {1: changed}
    journal = Journal(journal.path)  # and it goes on
    journal.put(second)
    journal.close()
    assert reopened(journal.path) == {1: changed, 2: second}


def test_a_line_cut_short_by_a_kill_is_taken_off(journal: Journal) -> None:
    journal.put(answer(1))
    journal.close()
    whole = journal.path.read_bytes()
    for cut in range(1, 30, 7):
        journal.path.write_bytes(whole + whole.splitlines()[1][:cut])
        assert list(reopened(journal.path)) == [1]
        assert journal.path.read_bytes() == whole


def test_only_the_first_line_was_begun(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"format"')
    assert reopened(path) == {}
    assert reopened(path) == {} and path.read_bytes().count(b"\n") == 1


def test_one_process_at_a_time(journal: Journal) -> None:
    with pytest.raises(AnnotationError, match="one `amodal annotate` at a time"):
        Journal(journal.path)
    journal.close()
    Journal(journal.path).close()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "line 2: a line is one JSON object"),
        ("[]", "line 2: a line names its object by annotation_id"),
        ({"annotation_id": True, "state": "done"}, "annotation_id, a whole number"),
        ({"annotation_id": 2**63, "state": "removed"}, "a whole number of 64 bits at the most"),
        ({"annotation_id": 1, "state": "perhaps", "start": "draft", "whole": MASK.to_rle()}, "an answer has a state"),
        ({"annotation_id": 1, "state": "done", "start": "air", "whole": MASK.to_rle()}, "an answer has a state"),
        ({"annotation_id": 1, "state": "done", "start": "draft"}, "and a whole mask"),
        ({"annotation_id": 1, "state": "done", "start": "draft", "whole": MASK.to_rle()}, "file_name of its picture"),
        (
            {"annotation_id": 1, "state": "done", "start": "draft", "whole": MASK.to_rle()}
            | PLACE
            | {"box": [1, 2, 3]},
            "the box of its object",
        ),
        (
            {"annotation_id": 1, "state": "done", "start": "draft", "whole": {"size": [5, 5], "counts": "0"}} | PLACE,
            "line 2",
        ),
    ],
)
def test_lines_that_are_no_answers(journal: Journal, line: Any, told: str) -> None:
    journal.close()
    text = line if isinstance(line, str) else json.dumps(line)
    journal.path.write_text(journal.path.read_text() + text + "\n")
    before = journal.path.read_bytes()
    with pytest.raises(AnnotationError, match=told):
        Journal(journal.path)
    assert journal.path.read_bytes() == before


@pytest.mark.parametrize("text", ['{"my": "notes"}\n{"more": 1}', '{"my": "notes"}', "notes"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text(text)
    with pytest.raises(AnnotationError, match="a file of drawings begins with"):
        Journal(path)
    assert path.read_text() == text


def test_a_full_disk_leaves_what_was_there(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.put(answer(1))
    before = journal.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for act in (lambda: journal.put(answer(2)), lambda: journal.drop(1)):
        with pytest.raises(OSError, match="No space"):
            act()
    assert list(journal.answers) == [1] and journal.path.read_bytes() == before
