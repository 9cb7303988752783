"""VOC, SBD, labelme, CVAT and YOLO: writing and reading again gives back all that the dialect holds."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets.convert import losses
from amodal.datasets.dialects import Dialect, Holds, Reading, dialect_named, recognise
from amodal.datasets.reduce import LEFT_OUT, NO_NAME, Reduced

NAMES = ("voc", "sbd", "labelme", "cvat", "yolo")
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        **{"pose": st.sampled_from(["Left", ""]), "n": st.integers(), "name": st.just("x"), "a b": st.just([1])},
        **{"group_id": st.sampled_from(["3", "1", "0", 3]), "source": st.sampled_from(["manual", " x", 5])},
        **{"tags": st.sampled_from([[{"label": "far"}], []]), "imagePath": st.sampled_from(["../a.jpg", "a.jpg"])},
    },
)


@st.composite
def instances(draw: st.DrawFn, number: int, width: int, height: int, kinds: int) -> Instance:
    x, y = draw(st.integers(0, width - 3)), draw(st.integers(0, height - 3))
    w, h = draw(st.integers(2, width - x)), draw(st.integers(2, height - y))
    flags = {name: draw(st.sampled_from([None, True, False])) for name in ("is_occluded", "is_truncated", "is_whole")}
    kind = draw(st.sampled_from(["polygon", "polygons", "pixels", "box"]))
    mask: Mask | None = None
    if kind == "pixels":
        pixels = np.random.default_rng(draw(st.integers(0, 999))).random((h, w)) < 0.6
        pixels[0, 0] = True
        mask = Mask.from_crop(pixels, x, y, width, height)
    elif kind != "box":
        corners = [x, y, x + w, y, x + w - 0.25, y + h - 0.37]
        mask = Mask.from_polygons([corners, [0, 0, 2, 0, 2, 2]] if kind == "polygons" else [corners], width, height)
        mask = mask if not mask.is_empty else None
    own_box = mask is None or draw(st.booleans())
    return Instance(
        id=number,
        category=draw(st.integers(0, kinds - 1)),
        modal_box=(x + 0.1, y + 0.3, float(x + w), float(y + h)) if own_box or mask is None else mask.box,
        modal_mask=mask,
        order=draw(st.sampled_from([None, 1, 2, 5])),
        is_crowd=draw(st.booleans()),
        is_stuff=draw(st.booleans()),
        extra=draw(EXTRA),
        **flags,
    )


@st.composite
def albums(draw: st.DrawFn) -> Album:
    names = draw(st.sampled_from([("dog", "cat"), ("cup", "dog", "an old, red thing & <b>")]))
    records = []
    number = 1
    for i, name in enumerate(draw(st.sampled_from([("a.jpg",), ("a.jpg", "b c.png", "sub/a.jpg"), ()]))):
        width, height = draw(st.integers(4, 30)), draw(st.integers(4, 20))
        objects = [draw(instances(number + k, width, height, len(names))) for k in range(draw(st.integers(0, 4)))]
        number += len(objects)
        records.append(ImageRecord(10 + i, name, width, height, tuple(objects), extra=draw(EXTRA)))
    return Album(records, [Category(3 * i + 2, name) for i, name in enumerate(names)])


def disjoint(record: ImageRecord) -> ImageRecord:
    """Each pixel to the first object that has it."""
    taken = Mask.from_array(np.zeros((record.height, record.width), bool))
    kept = []
    for instance in record.instances:
        if (mask := instance.modal_mask) is not None:
            rest = Mask.from_array(mask.to_array() & ~taken.to_array())
            taken |= rest
            box = instance.modal_box if instance.modal_box != mask.box or rest.is_empty else rest.box
            instance = replace(instance, modal_mask=None if rest.is_empty else rest, modal_box=box)
        kept.append(instance)
    return replace(record, instances=tuple(kept))


def expected(album: Album, dialect: Dialect) -> Album:
    """What the dialect can hold, by its own word."""
    if Holds.OVERLAP not in dialect.holds:
        album = album.filter(disjoint)
    return Reduced(album, dialect.holds).album()


def told(album: Album, holds: frozenset[Holds]) -> dict[str, Any]:
    """All of an album but the ids that the dialect does not hold; categories by name."""
    out: dict[str, Any] = {}
    for record in album:
        objects = [
            (album.categories[i.category].name, *(getattr(i, n) for n in i.__slots__ if n not in ("id", "category")))
            for i in record.instances
        ]
        masks = [i.modal_mask.polygons if i.modal_mask else None for i in record.instances]
        number = record.id if Holds.IMAGE_IDS in holds else None
        out[record.file_name] = (record.width, record.height, record.extra, objects, masks, number)
    return out


def make_pictures(album: Album, folder: Path) -> Path:
    for record in album:
        path = folder / record.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (record.width, record.height)).save(path)
    return folder


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(album=albums())
def test_what_is_held_comes_back(name: str, album: Album) -> None:
    dialect = dialect_named(name)
    if name == "yolo":  # one outline an object: more are joined
        album = album.filter(lambda r: replace(r, instances=tuple(i for i in r.instances if single(i))))
    wanted = expected(album, dialect)
    with tempfile.TemporaryDirectory() as folder:
        path, pictures = Path(folder) / "out.xml", make_pictures(album, Path(folder) / "pictures")
        assert dialect.write is not None
        dialect.write(wanted, path)
        again = dialect.read(path, Reading(images=pictures))
        if len(album):
            assert recognise(path).name == name
        elif name != "cvat":
            assert len(again) == 0
    assert told(again, dialect.holds) == told(wanted, dialect.holds)
    assert again.annotation_ids.tolist() == list(range(1, sum(len(r.instances) for r in wanted) + 1))
    if Holds.EMPTY_CATEGORIES in dialect.holds:
        assert [c.name for c in again.categories] == [c.name for c in album.categories]
    unavoidable = ("ids of", "categories", "suffixes")  # ids are made up at reading; SBD finds suffixes by the pictures
    assert not [loss for loss in losses(again, dialect) if not any(word in loss.what for word in unavoidable)]


def single(instance: Instance) -> bool:
    return instance.modal_mask is not None and len(instance.modal_mask.polygons or ()) == 1


@pytest.mark.parametrize("name", ["voc", "sbd"])
def test_where_masks_overlap_the_front_one_has_the_pixel(name: str, tmp_path: Path) -> None:
    big, small = Mask.from_box((0, 0, 8, 8), 10, 10), Mask.from_box((2, 2, 5, 5), 10, 10)

    def written(*orders: int | None) -> list[int]:
        objects = [
            Instance(i, 0, m.box, m, order=o) for i, (m, o) in enumerate(zip((big, small), orders, strict=True), 1)
        ]
        path = tmp_path / str(orders)
        album = Album([ImageRecord(1, "a.jpg", 10, 10, tuple(objects))], [Category(1, "dog")])
        dialect = dialect_named(name)
        assert dialect.write is not None and Holds.OVERLAP in [loss.what for loss in losses(album, dialect)]
        dialect.write(album, path)
        masks = [i.modal_mask for i in dialect.read(path, Reading())[0].instances]
        return [m.area for m in masks if m is not None]

    assert written(None, None) == [55, 9]  # the smaller one is seen before the larger
    assert written(2, 1) == [55, 9]
    assert written(1, 2) == [64]  # wholly hidden: no pixel, in SBD no object


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cvat"])
def test_a_folder_is_never_written_over(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    dialect = dialect_named(name)
    assert dialect.write is not None
    with pytest.raises(AnnotationError, match="over nothing"):
        dialect.write(Album([], []), tmp_path / "mine")
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "notes.txt"]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "cvat"])
@pytest.mark.parametrize("file_name", ["../a.jpg", "/a.jpg", "x/../../a.jpg", "/", "."])
def test_nothing_is_written_outside(name: str, file_name: str, tmp_path: Path) -> None:
    mask = Mask.from_polygons([[0, 0, 9, 0, 9, 9]], 10, 10)
    album = Album([ImageRecord(1, file_name, 10, 10, (Instance(1, 0, mask.box, mask),))], [Category(1, "dog")])
    dialect = dialect_named(name)
    assert dialect.write is not None
    assert losses(album, dialect)
    with pytest.raises(AnnotationError, match="inside the folder"):
        dialect.write(album, tmp_path / "deep" / "out")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_objects_without_a_name_are_held_or_left_out_by_name(name: str, tmp_path: Path) -> None:
    drawn = [Mask.from_polygons([[x, 1, x + 3, 1, x + 3, 6, x, 6]], 12, 10) for x in (1, 5)]
    objects = tuple(Instance(i, i, mask.box, mask) for i, mask in enumerate(drawn))
    album = Album([ImageRecord(1, "a.jpg", 12, 10, objects)], [Category(1, "cup"), Category(2, "")])
    dialect = dialect_named(name)
    assert dialect.write is not None
    found = [loss for loss in losses(album, dialect) if loss.what in LEFT_OUT]
    assert [loss.what for loss in found] == ([NO_NAME] if name in ("voc", "labelme", "cvat") else [])
    dialect.write(album, tmp_path / "out.xml")
    (record,) = dialect.read(tmp_path / "out.xml", Reading(images=make_pictures(album, tmp_path / "pictures")))
    assert len(record.instances) == 2 - sum(loss.count for loss in found)
