from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import amodal.inference.bulk.run as run
from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError, ImageError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.inference.bulk import MANIFEST, Progress, predict_shards, read_shards, start_run
from amodal.inference.bulk.manifest import facts_of
from amodal.inference.bulk.run import GROUP, gather_errors
from amodal.inference.settings import PredictionSettings

PICTURES = 3 * GROUP + 5
FACTS = {"given": "box", "networks": "abc"}


@pytest.fixture(scope="module")
def album() -> Album:
    """Picture i has i % 3 objects; ids count on."""
    ids = iter(range(1, 1000))
    records = [
        ImageRecord(100 + i, f"{i}.png", 9, 9, tuple(Instance(next(ids), 0, (1, 1, 8, 8)) for _ in range(i % 3)))
        for i in range(PICTURES)
    ]
    return Album(records, (Category(7, "thing"),))


class Oracle:
    """Predicts each box filled; fails for the pictures it is told to, and dies at the call it is told to."""

    def __init__(self, bad: Sequence[int] = (), dies_at: int = 10**9, error: Exception | None = None) -> None:
        self.bad, self.dies_at, self.calls = set(bad), dies_at, 0
        self.error = ImageError("the picture cannot be decoded") if error is None else error

    def __call__(self, album: Album) -> list[Prediction]:
        self.calls += 1
        if self.calls >= self.dies_at:
            raise KeyboardInterrupt
        if any(record.id in self.bad for record in album):
            raise self.error
        return [
            Prediction(r.id, o.id, 0, 1.0, o.modal_box, m, m, o.modal_box, 1, "converged")
            for r in album
            for o in r.instances
            for m in [Mask.from_array(np.ones((9, 9), bool))]
        ]


def die(*_: object) -> None:
    raise KeyboardInterrupt


def ids_in(folder: Path) -> list[int]:
    return [record["annotation_id"] for record in read_shards(folder)]


def test_every_object_once_in_order(album: Album, tmp_path: Path) -> None:
    seen: list[Progress] = []
    shards = start_run(tmp_path, album, 4, FACTS)
    outcome = predict_shards(Oracle(), album, tmp_path, shards, progress=seen.append)
    total = len(album.annotation_ids)
    assert (outcome.made, outcome.found, outcome.objects, outcome.failed) == (4, 0, total, 0)
    assert ids_in(tmp_path) == album.annotation_ids.tolist()
    assert [p.done for p in seen] == sorted(p.done for p in seen) and seen[-1].done == seen[-1].total == total
    assert (tmp_path / "errors.jsonl").read_text() == ""
    assert json.loads((tmp_path / MANIFEST).read_text())["objects"] == total
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("call", range(1, 9))
def test_a_kill_at_any_group_loses_and_doubles_nothing(album: Album, tmp_path: Path, call: int) -> None:
    shards = start_run(tmp_path, album, 3, FACTS)
    dying = Oracle(dies_at=call)
    try:
        predict_shards(dying, album, tmp_path, shards)
    except KeyboardInterrupt:
        with pytest.raises(AmodalError, match="all 3 shards of the run are there"):
            ids_in(tmp_path)
    (tmp_path / f".{shards[1].name}.feedbeef.part").write_text("half a rec")  # as SIGKILL leaves it
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("shard-*of-00003.jsonl")}
    outcome = predict_shards(Oracle(), album, tmp_path, start_run(tmp_path, album, 3, FACTS))
    assert outcome.found == len(before) and outcome.made == 3 - len(before)
    assert all((tmp_path / name).stat().st_mtime_ns == time for name, time in before.items())
    assert ids_in(tmp_path) == album.annotation_ids.tolist()
    if outcome.made > 1:
        assert not list(tmp_path.glob(".*.part"))


def test_bad_pictures_are_reported_and_the_rest_is_finished(album: Album, tmp_path: Path) -> None:
    shards = start_run(tmp_path, album, 2, FACTS)
    bad = [101, 102, 140]
    outcome = predict_shards(Oracle(bad), album, tmp_path, shards)
    lost = {o.id for record in album if record.id in bad for o in record.instances}
    assert ids_in(tmp_path) == [i for i in album.annotation_ids.tolist() if i not in lost]
    errors = [json.loads(line) for line in (tmp_path / "errors.jsonl").read_text().splitlines()]
    assert [e["image_id"] for e in errors] == bad and outcome.failed == 3
    assert errors[0]["error"] == "the picture cannot be decoded" and errors[0]["file_name"] == "1.png"
    assert {i for e in errors for i in e["annotation_ids"]} == lost
    # mended: only the shards with a failure are made again
    again = predict_shards(Oracle(), album, tmp_path, shards)
    assert (again.made, again.failed, again.empty) == (0, 3, False)  # told again, as they still are
    again = predict_shards(Oracle([140]), album, tmp_path, shards, retry_failed=True)
    assert (again.made, again.failed) == (2, 1)
    again = predict_shards(Oracle(), album, tmp_path, shards, retry_failed=True)
    assert (again.made, again.found, again.failed) == (1, 1, 0)
    assert ids_in(tmp_path) == album.annotation_ids.tolist() and gather_errors(tmp_path) == 0


@pytest.mark.parametrize("still_bad", [[], [101]])
def test_a_kill_while_a_failed_shard_is_mended_loses_nothing(
    album: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, still_bad: list[int]
) -> None:
    shards = start_run(tmp_path, album, 1, FACTS)
    predict_shards(Oracle([101, 102]), album, tmp_path, shards)
    replace_it = Path.replace

    def die_at_the_shard(path: Path, target: Path) -> Path:
        if target.name == shards[0].name:
            raise KeyboardInterrupt
        return replace_it(path, target)

    for owner, name, how in ((run, "write_text", die), (Path, "replace", die_at_the_shard)):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(owner, name, how)
            predict_shards(Oracle(still_bad), album, tmp_path, shards, retry_failed=True)
    predict_shards(Oracle(still_bad), album, tmp_path, shards, retry_failed=True)
    lost = {o.id for record in album if record.id in still_bad for o in record.instances}
    assert ids_in(tmp_path) == [i for i in album.annotation_ids.tolist() if i not in lost]
    assert gather_errors(tmp_path) == len(still_bad)


def test_what_no_picture_should_raise_is_reported_too(album: Album, tmp_path: Path) -> None:
    shards = start_run(tmp_path, album, 1, FACTS)
    predict_shards(Oracle([101], error=MemoryError("no room")), album, tmp_path, shards)
    assert json.loads((tmp_path / "errors.jsonl").read_text())["error"] == "MemoryError: no room"


def test_another_run_is_refused_and_named(album: Album, tmp_path: Path) -> None:
    start_run(tmp_path, album, 3, FACTS)
    with pytest.raises(AmodalError, match="another networks"):
        start_run(tmp_path, album, 3, {**FACTS, "networks": "def"})
    with pytest.raises(AmodalError, match="another shards"):
        start_run(tmp_path, album, 4, FACTS)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(AmodalError, match="manifest cannot be read"):
        start_run(tmp_path, album, 3, FACTS)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / "shard-00000-of-00003.jsonl").write_text("")
    with pytest.raises(AmodalError, match="has their manifest"):
        start_run(tmp_path, album, 3, FACTS)


def test_kinds_and_stuff_are_of_a_run_too() -> None:
    def facts(one: Instance, kind: Category) -> dict[str, Any]:
        album = Album([ImageRecord(1, "a.png", 9, 9, (one,))], (kind,))
        return facts_of(album, PredictionSettings(), networks="abc", with_masks=False)

    one, kind = Instance(1, 0, (1, 1, 8, 8)), Category(7, "thing")
    assert facts(one, kind) == facts(one, kind)
    for other in ((one, Category(8, "thing")), (one, Category(7, "cat")), (replace(one, is_stuff=True), kind)):
        assert facts(*other) != facts(one, kind)


def test_a_damaged_line_is_named(album: Album, tmp_path: Path) -> None:
    shards = start_run(tmp_path, album, 1, FACTS)
    predict_shards(Oracle(), album, tmp_path, shards)
    with (tmp_path / shards[0].name).open("a") as file:
        file.write("{half\n")
    with pytest.raises(AnnotationError, match=f"line {len(album.annotation_ids) + 1}"):
        ids_in(tmp_path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lambda data: data[: data.rindex(b"\n", 0, -1) + 1],
            r"a line for each of its \d+ objects, .* found '\d+ lines, 1 f",
        ),
        (lambda data: data + data[data.rindex(b"\n", 0, -1) + 1 :], r"a line for each of its \d+ objects"),
        (lambda data: b"", "found '0 lines, 1 failed'"),
        (lambda data: b"\0" * len(data), r"line 1: a shard holds a JSON object a line \("),
        (lambda data: b"\xff\xfe\n" + data, r"line 1: a shard holds a JSON object a line \("),
        (lambda data: data + b"5\n", r"line \d+: a shard holds a JSON object a line \(int\)"),
    ],
    ids=["a line lost", "a line twice", "emptied", "zeros", "no text", "no object"],
)
def test_a_damaged_shard_is_named(album: Album, tmp_path: Path, damage: Callable[[bytes], bytes], told: str) -> None:
    shards = start_run(tmp_path, album, 2, FACTS)
    bad = next(record for record in album[shards[1].start :] if len(record.instances) == 1)
    predict_shards(Oracle(bad=[bad.id]), album, tmp_path, shards)
    path = tmp_path / shards[1].name
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.raises(AnnotationError, match=f"{path.name}.*{told}") as caught:
        ids_in(tmp_path)
    assert "Remove the file and repeat the command" in str(caught.value)
    path.write_bytes(whole)
    assert len(ids_in(tmp_path)) == len(album.annotation_ids) - 1


@pytest.mark.parametrize("damaged", [b'{"image_id": 3, "anno', b"5\n", b'{"image_id": 3}\n', b"\xff\n"])
def test_damaged_errors_of_a_shard_are_named(album: Album, tmp_path: Path, damaged: bytes) -> None:
    shards = start_run(tmp_path, album, 2, FACTS)
    predict_shards(Oracle(bad=[album[shards[1].start].id]), album, tmp_path, shards)
    path = tmp_path / shards[1].name.replace(".jsonl", ".errors.jsonl")
    path.write_bytes(damaged)
    with pytest.raises(AnnotationError, match=f"{path.name}.*Remove it and {shards[1].name}, and repeat the command"):
        ids_in(tmp_path)


def test_a_manifest_of_before_does_without_the_counts(album: Album, tmp_path: Path) -> None:
    predict_shards(Oracle(), album, tmp_path, start_run(tmp_path, album, 2, FACTS))
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert sum(manifest.pop("objects_of_shards")) == len(album.annotation_ids)
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    assert start_run(tmp_path, album, 2, FACTS) and ids_in(tmp_path) == album.annotation_ids.tolist()


def test_a_shard_made_twice_at_once_is_there_once(album: Album, tmp_path: Path) -> None:
    shards = start_run(tmp_path, album, 1, FACTS)
    calls = 0

    def slow(part: Album) -> Sequence[Prediction]:
        nonlocal calls
        calls += 1
        if calls == 1:  # a second process makes all of the shard meanwhile, and tidies up
            predict_shards(Oracle(), album, tmp_path, shards)
        return Oracle()(part)

    outcome = predict_shards(slow, album, tmp_path, shards)
    assert outcome.failed == 0 and ids_in(tmp_path) == album.annotation_ids.tolist()
    assert not list(tmp_path.glob(".*.part"))
