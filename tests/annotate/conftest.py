from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amodal.annotate.journal import Journal
from amodal.annotate.session import Session
from amodal.datasets import read_annotations


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "out" / "truth.json.drawn.jsonl")
    yield opened
    opened.close()


@pytest.fixture
def session(tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path) -> Session:
    """Of the two tiny pictures: objects 11 and 13 in the first that is listed last, 12 in the other; no drafts."""
    images, annotations = tiny_set
    return Session(read_annotations(annotations), images, journal, tmp_path / "out" / "truth.json", None)
