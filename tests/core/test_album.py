from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.album import Album, image_path
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance


def make_album(n: int = 3) -> tuple[Album, list[ImageRecord]]:
    mask = Mask.from_array(np.eye(5, dtype=bool))
    records = [
        ImageRecord(10 + i, f"{i}.jpg", 5, 5, tuple(Instance(100 * i + j, 0, mask.box, mask) for j in range(i)))
        for i in range(n)
    ]
    return Album(records, [Category(3, "cup")], source="f.json"), records


def test_an_album_is_the_sequence_it_was_made_from() -> None:
    album, records = make_album()
    assert len(album) == 3
    assert list(album) == records
    assert [album[i] for i in (0, 1, 2)] == records
    assert album[-1] == records[-1]
    assert album.annotation_ids.tolist() == [100, 200, 201]
    assert records[1] in album


def test_beyond_the_end_is_an_index_error() -> None:
    album, _ = make_album()
    for index in (3, -4):
        with pytest.raises(IndexError):
            album[index]
    empty = Album([], [])
    assert len(empty) == 0 and list(empty) == []


def test_a_slice_is_an_album() -> None:
    album, records = make_album()
    for part in (slice(0, 2), slice(None, None, -1), slice(5, 9)):
        found = album[part]
        assert isinstance(found, Album) and list(found) == records[part]
        assert found.categories == album.categories and found.source == album.source
    assert album[1:].annotation_ids.tolist() == [100, 200, 201]
    with pytest.raises(TypeError):
        album["1"]  # type: ignore[call-overload]


def test_numbers_of_numpy_become_those_of_python() -> None:
    number = np.int64
    instance = Instance(number(7), number(0), (0.0, 0.0, 4.0, 4.0))
    album = Album([ImageRecord(number(1), "a.jpg", number(5), np.int32(6), (instance,))], [Category(number(3), "cup")])
    (record,) = album
    found = (record.id, record.width, record.height, record.instances[0].id, record.instances[0].category)
    assert found == (1, 5, 6, 7, 0) and {type(n) for n in (*found, album.categories[0].id)} == {int}


@pytest.mark.parametrize("number", ["7", 7.0, True, None, 2**70])
def test_an_id_that_is_none(number: Any) -> None:
    with pytest.raises(AnnotationError, match=r"whole number|64 bits"):
        Album([ImageRecord(1, "a.jpg", 5, 5, (Instance(number, 0, (0.0, 0.0, 4.0, 4.0)),))], [])


def test_categories_are_no_names() -> None:
    with pytest.raises(AnnotationError, match="a list of Category; found 'cup'"):
        Album([], ["cup"])  # type: ignore[list-item]


def test_filter_keeps_changes_and_drops() -> None:
    album, records = make_album()
    kept = album.filter(lambda record: record if record.instances else None)
    assert list(kept) == records[1:]
    assert kept.categories == album.categories and kept.source == album.source
    assert kept.annotation_ids.tolist() == [100, 200, 201]


@pytest.mark.parametrize("name", ["a.jpg", "sub/a.jpg", "sub\\a.jpg", "a..b.jpg", "12:30:05.jpg", "sub/a:b.jpg"])
def test_a_file_name_stays_in_its_folder(name: str) -> None:
    assert image_path("pictures", name).as_posix() == "pictures/" + name.replace("\\", "/")


@pytest.mark.parametrize(
    "name", ["", ".", "./", "/etc/a.jpg", "../a.jpg", "a/../../b.jpg", "..\\a.jpg", "C:\\a.jpg", "./C:/a.jpg"]
)
def test_a_file_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(AnnotationError, match="inside the folder"):
        image_path("pictures", name, file="f.json")


def test_a_backslash_in_a_file_s_own_name(tmp_path: Path) -> None:
    assert image_path(tmp_path, "a\\b.jpg") == tmp_path / "a" / "b.jpg"
    (tmp_path / "a\\b.jpg").touch()
    assert image_path(tmp_path, "a\\b.jpg") == tmp_path / "a\\b.jpg"


def test_parts_keep_the_order_of_the_file() -> None:
    _, records = make_album(4)  # objects 100; 200, 201; 300, 301, 302
    album = Album(records, [], annotation_ids=[301, 201, 300, 100, 302, 200])
    assert album[2:].annotation_ids.tolist() == [301, 201, 300, 302, 200]
    assert album[::-2].annotation_ids.tolist() == [301, 300, 100, 302]
    assert album[9:].annotation_ids.tolist() == []
    assert album[:] is album
    new = Instance(7, 0, (0.0, 0.0, 1.0, 1.0))
    changed = album.filter(
        lambda r: None if r.id == 11 else replace(r, instances=(new, *r.instances[1:])) if r.id == 12 else r
    )
    assert changed.annotation_ids.tolist() == [301, 201, 300, 302, 7]
