"""Albums and predictions made in a program: numpy's numbers are written as Python's own, in every dialect."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal import write_results
from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ExpansionStep, ImageRecord, Instance, Prediction
from amodal.datasets import read_annotations
from amodal.datasets.dialects import dialect_named, dialects
from amodal.datasets.plain import PlainAlbum, plain
from amodal.datasets.plain import _instance as as_plain
from amodal.datasets.write import write_annotations

W, H = 12, 10
WRITABLE = [dialect.name for dialect in dialects() if dialect.write is not None]


def made(number: Any, real: Any, word: Any) -> Album:
    """Two objects that stand in the file in the other order, all numbers of them made by the functions given."""

    def one(i: int) -> Instance:
        seen = Mask.from_polygons([[6 * i, 1, 6 * i + 4, 1, 6 * i + 4, 8, 6 * i, 8]], W, H)
        whole = Mask.from_polygons([[6 * i, 1, 6 * i + 5, 1, 6 * i + 5, 8, 6 * i, 8]], W, H)
        box = tuple(real(v) for v in (6 * i + 0.25, 1, 6 * i + 4, 8))
        return Instance(
            *(i + 1, 0, box, seen, tuple(map(real, whole.box)), whole, real(0.25), number(i + 1)),
            *(word(0), word(0), word(1), word(i), word(1), word(0), real(0.5)),
            extra={"area": real(30), "seen": [number(i)], "at": {"x": real(0.5)}},
        )

    record = ImageRecord(7, "a.png", W, H, (one(0), one(1)), ((number(1), number(2)),), {"by": number(4)})
    categories = [Category(3, "dog", extra={"n": number(2)})]
    return Album([record], categories, annotation_ids=[2, 1], extra={"made": [number(2026)]})


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("real", [np.float64, np.float32])
def test_numbers_of_numpy_are_written_as_pythons_own(name: str, real: Any, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (W, H)).save(tmp_path / "images/a.png")
    albums = {"own": made(int, float, bool), "numpy": made(np.int64, real, np.bool_)}
    for word, album in albums.items():
        write_annotations(album, dialect_named(name), tmp_path / word)
    files = [sorted(p for p in (tmp_path / word).rglob("*") if p.is_file()) or [tmp_path / word] for word in albums]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    again = read_annotations(tmp_path / "numpy", name, images=tmp_path / "images", answers=albums["own"])
    assert [len(record.instances) for record in again] == [2]


@pytest.mark.parametrize("box", [[1, 2, 5, 6], np.array([1, 2, 5, 6]), (1, 2, 5, 6)], ids=["list", "array", "whole"])
@pytest.mark.parametrize("name", ["coco", "cvat", "voc", "labelme"])
def test_a_box_is_any_four_numbers(name: str, box: Any, tmp_path: Path) -> None:
    album = Album([ImageRecord(1, "a.png", W, H, (Instance(1, 0, box, order=2.0),))], [Category(1, "dog")])  # type: ignore[arg-type]
    write_annotations(album, dialect_named(name), tmp_path / "out")
    (record,) = read_annotations(tmp_path / "out", name)
    assert record.instances[0].modal_box == (1, 2, 5, 6)


BOX = (1.0, 2.0, 5.0, 6.0)


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (Instance(5, 0, (1.0, 2.0, 5.0)), r"picture a.png, annotation 5: a box is four finite"),  # type: ignore[arg-type]
        (Instance(5, 0, (1.0, 2.0, np.nan, 6.0)), r"picture a.png, annotation 5: a box is four finite"),
        (Instance(5, 0, BOX, order=1.5), r"picture a.png: the order of annotation 5 is a whole number; found 1.5"),  # type: ignore[arg-type]
        (Instance(5, 0, BOX, score=np.nan), r"annotation 5: JSON holds no NaN .* found {'score': nan}"),
        (Instance(5, 0, BOX, extra={"a": {1, 2}}), r"annotation 5: a further field holds what JSON can.*{'a': {1, 2}}"),
        (Instance(5, 0, BOX, extra={"a": {(1, 2): 3}}), r"annotation 5: a further field holds what JSON can"),
        (Instance(5, 0, BOX, extra={"a": [np.inf]}), r"annotation 5: JSON holds no NaN .* found {'a': \[inf\]}"),
    ],
)
def test_what_no_file_holds_is_named(one: Instance, told: str, tmp_path: Path) -> None:
    album = Album([ImageRecord(1, "a.png", W, H, (one,))], [Category(1, "dog")])
    with pytest.raises(AmodalError, match=told):
        write_annotations(album, dialect_named("coco"), tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def prediction(**changes: Any) -> Prediction:
    mask = Mask.from_box((1, 2, 5, 6), W, H)
    step = ExpansionStep(BOX, tuple(np.float32([0.125, 0, 0, 0])), BOX)
    known = Prediction(1, 2, 0, 0.5, BOX, mask, mask, BOX, 2, "converged", trace=(step,), depth_rank=1)
    return replace(known, **changes)


def test_predictions_of_numpys_numbers_are_written(tmp_path: Path) -> None:
    numbers = {"canvas": (0, 0, W, H), "steps": 2, "depth_rank": 1, "score": 0.5, "occlusion_probability": 0.25}
    made = {
        "canvas": tuple(np.array([0, 0, W, H])),
        "steps": np.int64(2),
        "depth_rank": np.int32(1),
        "score": np.float32(0.5),
        "occlusion_probability": np.float32(0.25),
    }
    for word, changes in (("own", numbers), ("numpy", made)):
        write_results(tmp_path / word, [prediction(**changes)], [Category(1, "dog")])
    assert (tmp_path / "own").read_bytes() == (tmp_path / "numpy").read_bytes()
    (record,) = json.loads((tmp_path / "numpy").read_text())
    assert record["trace"][0]["strips"] == [0.125, 0.0, 0.0, 0.0] and record["depth_rank"] == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"score": float("nan")}, "annotation 2: a score is a number from 0 to 1; found nan"),
        ({"score": 1.5}, "annotation 2: a score is a number from 0 to 1; found 1.5"),
        ({"occlusion_probability": -1}, "annotation 2: a probability is a number from 0 to 1"),
        ({"steps": 1.5}, "annotation 2: a number of steps is a whole number"),
        ({"depth_rank": "front"}, "annotation 2: a depth rank is a whole number"),
    ],
)
def test_predictions_that_could_not_be_read_again_are_refused(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(AnnotationError, match=told):
        write_results(tmp_path / "out.json", [prediction(**changes)], [Category(1, "dog")])
    assert not (tmp_path / "out.json").exists()


def test_plain_looks_into_lists_and_objects() -> None:
    value = {"a": [np.int8(1), (np.bool_(True),)], "b": np.array([[1.5]]), np.int64(3): np.array(["x", None])}
    assert plain(value) == {"a": [1, (True,)], "b": [[1.5]], 3: ["x", None]}
    assert type(plain(value)["a"][1][0]) is bool


def test_what_is_plain_already_is_not_made_anew() -> None:
    one = Instance(1, 0, (1.0, 2.0, 5.0, 6.0), amodal_box=(1.0, 2.0, 7.0, 6.0), occlude_rate=0.5, order=1, score=0.5)
    albums = [Album([ImageRecord(1, "a.png", W, H, (other,))], [Category(3, "dog")]) for other in (one, replace(one))]
    assert PlainAlbum(albums[0])[0].instances == albums[1][0].instances
    assert as_plain(one, albums[0][0]) is one
    for changes in ({"score": np.float64(0.5)}, {"order": np.int64(1)}, {"extra": {"n": np.int8(1)}}):
        assert as_plain(replace(one, **changes), albums[0][0]) is not one
