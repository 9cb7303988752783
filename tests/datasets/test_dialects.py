"""A -> B -> A is the identity on all that B can hold: every pair of dialects that can be written, on made-up albums."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonargparse
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.datasets.dialects import MODULES, Dialect, Holds, dialect_named, dialects, recognise
from amodal.datasets.reduce import Reduced

W, H = 24, 18
QUICK = {
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}  # shrinking takes minutes
WRITABLE = [dialect for dialect in dialects() if dialect.write is not None]
FAMILY = [d for d in WRITABLE if d.name in ("coco", "coco-amodal", "lvis", "kins-2020", "kins-2019", "results")]
EXTRA = st.dictionaries(
    st.sampled_from(["colour", "licence", "a b"]),
    st.one_of(
        st.integers(-5, 5), st.text(st.characters(codec="ascii"), max_size=3), st.lists(st.floats(0, 1), max_size=2)
    ),
    max_size=2,
)


@st.composite
def instances(draw: st.DrawFn, number: int, left: int, *, rich: bool) -> Instance:
    """An object in its own strip of columns, six wide: visible parts never overlap, whole ones may."""
    top, height = draw(st.integers(0, 8)), draw(st.integers(3, 8))
    drawn = draw(st.booleans())
    box = (left, top, left + draw(st.integers(2, 5)), top + height)
    x1, y1, x2, y2 = box
    if drawn:
        modal: Mask | None = Mask.from_polygons([[x1, y1, x2, y1, x2, y2, x1, y2]], W, H)
    else:
        pixels = np.zeros((H, W), bool)
        pixels[y1:y2, x1:x2] = draw(st.integers(0, 1)) or np.indices((y2 - y1, x2 - x1)).sum(axis=0) % 3 > 0
        modal = Mask.from_array(pixels)
    knows_whole = draw(st.booleans())
    amodal = Mask.from_box((x1, y1, x2 + 2, y2 + 1), W, H) | modal if knows_whole else None
    flags = st.sampled_from([None, False, True])
    fields: dict[str, Any] = {
        "occlude_rate": draw(st.sampled_from([None, 0.25, 0.123456789])) if knows_whole else None,
        "order": draw(st.sampled_from([None, 1, 7])),
        "is_crowd": draw(st.booleans()) and not knows_whole,
        "is_stuff": draw(st.booleans()),
        "is_whole": draw(flags),
        "is_occluded": draw(flags),
        "is_truncated": draw(flags),
        "is_difficult": draw(flags),
        "score": draw(st.sampled_from([None, 0.5, 0.987654321])),
        "extra": draw(EXTRA),
    }
    modal_box = modal.box
    if rich:
        if draw(st.booleans()):
            modal_box = (x1 + 0.1, y1 + 0.7, x2 + 0.05, y2 + 0.3)
        if draw(st.integers(0, 3)) == 0:
            modal = None
    amodal_box = None if amodal is None else amodal.box
    if rich and amodal_box is not None and draw(st.booleans()):
        amodal_box = (amodal_box[0], amodal_box[1], amodal_box[2] - 0.3, amodal_box[3] - 0.01)
    return Instance(number, draw(st.integers(0, 1)), modal_box, modal, amodal_box, amodal, **fields)


@st.composite
def albums(draw: st.DrawFn, *, rich: bool) -> Album:
    """Two pictures of up to three objects; ids as large and as little in order as they come."""
    ids = draw(st.lists(st.integers(1, 2**62), min_size=8, max_size=8, unique=True))
    records = []
    for i in range(2):
        count = draw(st.integers(0 if rich else 1, 3))
        objects = tuple(draw(instances(ids[3 * i + j], 8 * j, rich=rich)) for j in range(count))
        pairs = tuple((a.id, b.id) for a, b in itertools.pairwise(objects)) if draw(st.booleans()) else ()
        records.append(ImageRecord(ids[6 + i], f"{i}.png", W, H, objects, pairs, draw(EXTRA)))
    categories = (
        Category(draw(st.integers(3, 9)), "dog", draw(st.sampled_from(["", "animal"])), draw(EXTRA)),
        Category(1, "tea cup"),
    )
    # a file may mix the objects of its pictures; those of one picture keep their order
    waiting = [iter(record.instances) for record in records]
    mixed = draw(st.permutations([i for i, record in enumerate(records) for _ in record.instances]))
    return Album(records, categories, annotation_ids=[next(waiting[i]).id for i in mixed], extra=draw(EXTRA))


def view(album: Album, holds: frozenset[Holds]) -> list[Any]:
    """All that is to be equal: ids only where they are held, categories by name."""
    shown: list[Any] = [album.extra]
    for record in sorted(album, key=lambda record: record.file_name):
        if not record.instances and Holds.EMPTY_IMAGES not in holds:
            continue
        place = {instance.id: i for i, instance in enumerate(record.instances)}
        fields: dict[str, Any] = {"name": record.file_name, "size": (record.width, record.height)}
        fields["extra"] = {key: value for key, value in record.extra.items() if key != "cocoa"}
        fields["pairs"] = sorted((place[a], place[b]) for a, b in record.occlusions)
        fields["id"] = record.id if Holds.IMAGE_IDS in holds else None
        shown.append(fields)
        for instance in record.instances:
            category = album.categories[instance.category]
            more = {name: getattr(instance, name) for name in Instance.__slots__ if name not in ("id", "category")}
            more["id"] = instance.id if Holds.INSTANCE_IDS in holds else None
            more["category"] = (category.id if Holds.CATEGORY_IDS in holds else None, category.name)
            for mask in ("modal_mask", "amodal_mask"):
                found = more[mask]
                more[mask] = found and (found.to_rle(), found.polygons if Holds.POLYGONS in holds else None)
            shown.append(more)
    kinds = [(c.name, c.id if Holds.CATEGORY_IDS in holds else 0, c.supercategory, c.extra) for c in album.categories]
    used = {i.category for record in album for i in record.instances}
    kept = [kind for i, kind in enumerate(kinds) if i in used or Holds.EMPTY_CATEGORIES in holds]
    return [*shown, sorted(kept, key=lambda kind: kind[0])]


def passed(album: Album, dialect: Dialect, folder: Path, name: str) -> Album:
    """Written and read again."""
    path = folder / (f"{name}.json" if dialect.kind == "file" else name)
    if dialect.kind == "file" and dialect.name == "cvat":
        path = path.with_suffix(".xml")
    assert dialect.write is not None
    dialect.write(album, path)
    return read_annotations(path, dialect.name, images=folder / "images", answers=album)


def pictures(folder: Path) -> None:
    (folder / "images").mkdir()
    for i in range(2):
        Image.new("RGB", (W, H)).save(folder / "images" / f"{i}.png")


@pytest.mark.parametrize("dialect", FAMILY, ids=lambda d: d.name)
@settings(max_examples=25, **QUICK)
@given(album=albums(rich=True))
def test_all_that_a_table_holds_comes_back(dialect: Dialect, album: Album) -> None:
    kept = Reduced(album, dialect.holds).album()
    if dialect.name == "results":
        kept = kept.filter(lambda record: only_both(record))
    with tempfile.TemporaryDirectory() as folder:
        again = passed(kept, dialect, Path(folder), "a")
    if dialect.name != "results":  # what a results file does not hold comes with the annotations it answers
        assert again.categories == kept.categories
        assert again.annotation_ids.tolist() == kept.annotation_ids.tolist()
    assert view(again, dialect.holds) == view(kept, dialect.holds)


def only_both(record: ImageRecord) -> ImageRecord:
    kept = tuple(i for i in record.instances if i.modal_mask is not None and i.amodal_mask is not None)
    return ImageRecord(record.id, record.file_name, record.width, record.height, kept, (), record.extra)


def share_objects(a: Dialect, b: Dialect) -> bool:
    """Whether objects can pass at all: COCOA and results want the whole, YOLO polygons, an index image pixels."""
    holds = a.holds & b.holds
    if {a.name, b.name} & {"cocoa", "results"}:
        return Holds.AMODAL_MASK in holds
    return not holds.isdisjoint({Holds.PIXELS, Holds.POLYGONS, Holds.MODAL_BOX})


PAIRS = [
    pytest.param(a, b, id=f"{a.name}-{b.name}") for a, b in itertools.permutations(WRITABLE, 2) if share_objects(a, b)
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
@settings(max_examples=3, **QUICK)
@given(album=albums(rich=False))
def test_there_and_back_again(first: Dialect, second: Dialect, album: Album) -> None:
    holds = first.holds & second.holds
    names = {first.name, second.name}
    if names & {"cocoa", "results"}:
        album = album.filter(only_both)
    kept = Reduced(album, holds).album()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder)
        start = passed(kept, first, folder, "a")
        between = passed(start, second, folder, "b")
        again = passed(between, first, folder, "c")
    assert view(again, holds) == view(start, holds) == view(kept, holds)


# ---- the registry ---------------------------------------------------------------------------------------------------


def test_dialects_have_names_of_their_own_and_modules_that_are_theirs() -> None:
    names = [dialect.name for dialect in dialects()]
    assert len(names) == len(set(names)) and {"coco", "coco-amodal", "cocoa", "lvis", "kins-2019", "results"} <= set(
        names
    )
    assert len(MODULES) == len(set(MODULES))
    assert all(dialect_named(name).name == name for name in names)


def test_an_unknown_dialect_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"a dialect is one of .*coco, coco-amodal.*found 'koko'"):
        read_annotations(tmp_path, "koko")


BASE: dict[str, Any] = {"images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}], "categories": []}
RECOGNISED: list[tuple[Callable[[], Any], str]] = [
    (lambda: {**BASE, "annotations": []}, "coco"),
    (lambda: {**BASE, "annotations": [{"visible_bbox": [1, 1, 2, 2]}]}, "coco-amodal"),
    (lambda: {**BASE, "annotations": [{"regions": []}]}, "cocoa"),
    (lambda: {**BASE, "annotations": [{"a_segm": []}]}, "kins-2020"),
    (lambda: {**BASE, "annotations": [{"inmodal_bbox": []}]}, "kins-2019"),
    (lambda: {**BASE, "images": [{"neg_category_ids": []}], "annotations": []}, "lvis"),
    (lambda: [{"annotation_id": 1, "segmentation": {}, "visible_mask": {}}], "results"),
]


@pytest.mark.parametrize(("content", "name"), RECOGNISED, ids=[name for _, name in RECOGNISED])
def test_the_content_tells_the_dialect(tmp_path: Path, content: Callable[[], Any], name: str) -> None:
    path = tmp_path / "anything.txt"
    path.write_text(json.dumps(content()))
    assert recognise(path).name == name


@pytest.mark.parametrize("text", ["", "hello", "7", '"images"', "{}"])
def test_what_is_no_annotation_file_is_recognised_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(AnnotationError, match="not an annotation file of a known dialect"):
        recognise(path)


def test_a_folder_of_files_names_them(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "c.png"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(
        AnnotationError, match=r"not a folder of a known dialect\. Give one .*\(a\.json, b\.json\), see"
    ):
        recognise(tmp_path)


def test_results_want_the_annotations_they_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[]")
    with pytest.raises(AnnotationError, match=r"annotations they answer\. Name both: .* --answers"):
        read_annotations(path, "results")


OPTIONS = {
    "--from": {"check", "convert", "show"},
    "--answers": {"check", "convert"},
    "--predictions": {"evaluate", "show"},
    "--detections": {"predict"},
}
MISTAKEN = [
    ("", None),  # an empty picture, say
    ("[]", None),
    ('[{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}]', None),
    ("[]", "results"),
    ('[{"annotation_id": 1, "segmentation": {}, "visible_mask": {}}]', None),
]


@pytest.mark.parametrize(("text", "dialect"), MISTAKEN)
def test_a_remedy_names_the_commands_of_each_option(tmp_path: Path, text: str, dialect: str | None) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path, dialect)
    named = set(re.findall(r"--\w+", caught.value.remedy))
    assert named and all(OPTIONS[option] <= set(re.findall(r"\w+", caught.value.remedy)) for option in named)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_commands_of_an_option_have_it(option: str) -> None:
    for command in OPTIONS[option]:
        parser = jsonargparse.ArgumentParser()
        import_module(f"amodal.cli.{command}").add_arguments(parser)
        assert f"{option} " in parser.format_help()


def test_a_bad_record_is_reported_and_left_out(write_file: Callable[..., Path], tiny_coco: dict[str, Any]) -> None:
    tiny_coco["annotations"][1]["bbox"] = "wide"
    tiny_coco["annotations"].append({**tiny_coco["annotations"][0]})  # an id used twice
    found: list[str] = []
    album = read_annotations(write_file(tiny_coco), on_bad=lambda problem: found.append(problem.record))
    assert found == ["annotation 12", "annotation 11"]
    assert album.annotation_ids.tolist() == [11, 13] and [len(record.instances) for record in album] == [0, 2]


@pytest.mark.parametrize("head", [b"PK\x03\x04\x14\x00", b"\x1f\x8b\x08\x00"], ids=["zip", "gzip"])
def test_an_archive_is_to_be_unpacked(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "export").write_bytes(head + bytes(50))
    with pytest.raises(AnnotationError, match=r"known dialect\. Unpack it first and give what was in it, see"):
        recognise(tmp_path / "export")
