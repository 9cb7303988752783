"""The parser that sees a file through a window says what Python's own says of the whole text."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amodal.core.errors import AnnotationError
from amodal.datasets import jsonparse
from amodal.datasets.jsonfile import forget, open_json, read_json
from amodal.datasets.jsonparse import JsonFile, JsonList

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False),
        st.text(max_size=8),
        st.sampled_from(["\U0001f600", 'é\\"\n', "\ud83d", "x" * 70]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "a.json"


@pytest.fixture(params=[1, 7, 64])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(jsonparse, "_CHUNK", request.param)
    yield request.param


def plain(found: JsonFile) -> Any:
    if found.items is not None:
        return list(found.items)
    if found.value is not None:
        return found.value
    return {key: list(value) if isinstance(value, JsonList) else value for key, value in found.members.items()}


def outcome(read: Any, path: Path) -> Any:
    forget()
    try:
        return read(path)
    except AnnotationError as problem:
        return str(problem)


@given(value=st.one_of(VALUES, st.dictionaries(st.text(max_size=3), st.lists(VALUES, max_size=4), max_size=3)))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_sound_files(chunk: int, encoding: str, path: Path, value: Any) -> None:
    halves = "\ud83d" in json.dumps(value, ensure_ascii=False)  # of a pair: only an escape can say them
    text = json.dumps(value, indent=random.Random(repr(value)).choice([None, 1]), ensure_ascii=halves)
    path.write_bytes(text.encode(encoding))
    whole = outcome(read_json, path)
    assert outcome(lambda p: plain(open_json(p)) if value is not None else None, path) == whole
    assert whole == value or encoding == "utf-16-be"  # of one letter alone it cannot be told


SOUND = (
    '{"images": [{"id": 1, "name": "\\u00e9\\ud83d\\ude00"},\n {"id": -2.5e-7}],\r\n "annotations":\n[[1, 2.0, null],'
    ' true, false, NaN, -Infinity, 12345678901234567890, "a\\"b"] , "x": {"y": [{}]}, "é": "ü"}'
)


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mistakes_are_told_with_their_place(chunk: int, path: Path, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SOUND)))
    kind = data.draw(st.sampled_from(["cut", "drop", "put", "swap"]))
    new = data.draw(st.sampled_from(list('{}[],:"\\0-.eNx \n\t\x00é')))
    text = {
        "cut": SOUND[:at],
        "drop": SOUND[:at] + SOUND[at + 1 :],
        "put": SOUND[:at] + new + SOUND[at:],
        "swap": SOUND[:at] + new + SOUND[at + 1 :],
    }[kind]
    path.write_text(text, encoding="utf-8", newline="")
    found, whole = outcome(lambda p: plain(open_json(p)), path), outcome(read_json, path)
    assert repr(found) == repr(whole)


@pytest.mark.parametrize("at", [0, 3, 4, 30, 170])
def test_bytes_that_are_no_text_are_told_with_their_place(chunk: int, path: Path, at: int) -> None:
    data = SOUND.encode()
    path.write_bytes(data[:at] + b"\xff" + data[at:])
    found = outcome(open_json, path)
    assert isinstance(found, str) and f"in position {at}" in found and "UTF-8" in found


def test_a_mistake_does_not_make_it_read_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonparse, "_CHUNK", 100)
    read: list[int] = []
    move = jsonparse._Window._move
    monkeypatch.setattr(jsonparse._Window, "_move", lambda self: (read.append(1), move(self))[1])
    path.write_text('{"a": [1, 2, 3 4' + "," * 100_000)
    assert "Expecting ',' delimiter at line 1, column 16" in outcome(open_json, path)
    assert len(read) < 3
