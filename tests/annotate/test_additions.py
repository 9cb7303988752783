"""Objects that a person adds: kept, written, drawn on, drafted, removed, and refused where they do not belong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amodal.annotate.drafts import Drafts
from amodal.annotate.journal import Added, Answer, Journal
from amodal.annotate.session import Session, Unknown
from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.inference.predictor import Predictor

NEW = 1_000_000_001


def anew(path: Path, images: Path, annotations: Path) -> Session:
    """The session of another process."""
    album = read_annotations(annotations)
    return Session(album, images, Journal(path), path.with_name("truth.json"), None)


def test_one_is_listed_drawn_and_written(session: Session) -> None:
    entry = session.add(7, [4, 2, 50, 20.5], "cup")  # the picture is 40 wide
    assert entry == {
        "id": str(NEW),
        "category": "cup",
        "box": [4, 2, 40, 20.5],
        "visible": False,
        "added": True,
        "state": "todo",
        "revision": "",
        "hidden": None,
    }
    assert session.progress() == {"done": 0, "unsure": 0, "objects": 4}
    (mine,) = (one for one in session.listing()["pictures"] if one["id"] == "7")
    assert [one["id"] for one in mine["objects"]] == ["12", str(NEW)]
    assert session.size(NEW) == (40, 30) and session.whole(NEW)[1] == "blank"
    with pytest.raises(Unknown, match="box alone"):
        session.visible(NEW)
    whole = Mask.from_box((4, 2, 40, 30), 40, 30)
    assert session.answer(NEW, "done", "blank", whole)["done"] == 1
    assert session.write() == 1
    written = read_annotations(session.output)
    assert written.annotation_ids.tolist() == [11, 12, 13, NEW]
    added = next(one for record in written for one in record.instances if one.id == NEW)
    assert (added.modal_box, added.amodal_mask, added.modal_mask) == ((4, 2, 40, 20.5), whole, None)
    assert written.categories[added.category].name == "cup"
    assert added.extra == {"drawn_new": 1, "drawn_from": "blank"} and added.occlude_rate is None


def test_one_is_there_again_later(session: Session, journal: Journal, tiny_set: tuple[Path, Path]) -> None:
    session.add(7, [1, 1, 9, 9], "dog")
    session.add(7, [2, 2, 8, 8], "cup")
    session.answer(NEW, "unsure", "blank", Mask.from_box((1, 1, 9, 9), 40, 30))
    session.remove(NEW + 1)
    journal.close()
    again = anew(journal.path, *tiny_set)
    assert again.listing()["pictures"][0]["objects"][-1]["id"] == str(NEW)
    assert again.progress() == {"done": 0, "unsure": 1, "objects": 4}
    assert again.add(7, [2, 2, 8, 8], "cup")["id"] == str(NEW + 2)  # no number twice


def test_one_is_removed_with_its_drawing(session: Session, journal: Journal, tiny_set: tuple[Path, Path]) -> None:
    session.add(7, [1, 1, 9, 9], "dog")
    session.answer(NEW, "done", "blank", Mask.from_box((1, 1, 9, 9), 40, 30))
    assert session.remove(NEW) == {"done": 0, "unsure": 0, "objects": 3}
    for ask in (session.remove, session.whole, session.size):
        with pytest.raises(Unknown, match=f"no object {NEW}"):
            ask(NEW)
    session.write()
    assert read_annotations(session.output).annotation_ids.tolist() == [11, 12, 13]
    late = Answer(NEW, "a.png", (1, 1, 9, 9), "done", Mask.from_box((1, 1, 9, 9), 40, 30), "blank")
    with pytest.raises(AnnotationError, match="has been removed"):  # a drawing that was on its way
        journal.put(late)
    journal.remove(NEW)  # twice, by two pages: nothing happens
    journal.close()
    assert anew(journal.path, *tiny_set).progress()["objects"] == 3


def test_one_is_something_else_after_all(session: Session, journal: Journal, tiny_set: tuple[Path, Path]) -> None:
    session.add(7, [1, 1, 9, 9], "dog")
    session.add(7, [2, 2, 8, 8], "dog")
    session.answer(NEW, "done", "blank", Mask.from_box((1, 1, 9, 9), 40, 30))
    session.write()
    entry = session.set_category(NEW, "cup")
    assert (entry["category"], entry["state"], entry["box"]) == ("cup", "done", [1, 1, 9, 9])
    assert session.write() == 1
    written = read_annotations(session.output)
    names = {one.id: written.categories[one.category].name for record in written for one in record.instances}
    assert names[NEW] == "cup" and names[NEW + 1] == "dog"
    journal.close()
    later = anew(journal.path, *tiny_set)
    (mine,) = (one for one in later.listing()["pictures"] if one["id"] == "7")
    assert [(one["category"], one["state"]) for one in mine["objects"][1:]] == [("cup", "done"), ("dog", "todo")]
    with pytest.raises(AnnotationError, match=r"category that is there .*found 'cow'. Choose one of the categories"):
        later.set_category(NEW, "cow")
    with pytest.raises(AnnotationError, match=r"annotation 12.*has the category it has there"):
        later.set_category(12, "cup")
    later.remove(NEW)
    with pytest.raises(Unknown):
        later.set_category(NEW, "dog")


def test_its_box_is_corrected(session: Session, journal: Journal, tiny_set: tuple[Path, Path]) -> None:
    session.add(7, [1, 1, 9, 9], "dog")
    whole = Mask.from_box((20, 2, 40, 30), 40, 30)
    session.answer(NEW, "done", "blank", whole)
    session.write()
    entry = session.set_box(NEW, [20, 2, 60, 20])  # the picture is 40 wide
    assert (entry["box"], entry["state"], entry["category"]) == ([20, 2, 40, 20], "done", "dog")
    assert session.write() == 1
    found = {one.id: one for record in read_annotations(session.output) for one in record.instances}
    assert (found[NEW].modal_box, found[NEW].amodal_mask) == ((20, 2, 40, 20), whole)
    journal.close()
    later = anew(journal.path, *tiny_set)  # what was drawn is still of it, though its box is elsewhere
    (mine,) = (one for one in later.listing()["pictures"] if one["id"] == "7")
    assert [(one["box"], one["state"]) for one in mine["objects"][1:]] == [([20, 2, 40, 20], "done")]
    before = journal.path.read_bytes()
    with pytest.raises(AnnotationError, match=r"2 pixels or more.*Drag a box around what is seen of it"):
        later.set_box(NEW, [3, 1, 4, 9])
    with pytest.raises(AnnotationError, match=r"annotation 12.*has the box it has there"):
        later.set_box(12, [1, 1, 9, 9])
    assert journal.path.read_bytes() == before
    later.remove(NEW)
    with pytest.raises(Unknown):
        later.set_box(NEW, [1, 1, 9, 9])


def test_its_draft_is_of_the_corrected_box(
    tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, annotations = tiny_set
    album = read_annotations(annotations)
    monkeypatch.setattr(
        Drafts,
        "_predict",
        lambda _, record, image: {
            one.id: Mask.from_box(tuple(map(int, one.modal_box)), record.width, record.height)
            for one in record.instances
        },
    )
    session = Session(album, images, journal, tmp_path / "t.json", Drafts(None, album.categories))  # type: ignore[arg-type]
    session.add(7, [1, 1, 9, 9], "dog")
    assert session.whole(NEW) == (Mask.from_box((1, 1, 9, 9), 40, 30), "draft")
    session.set_box(NEW, [2, 3, 30, 20])
    assert session.whole(NEW) == (Mask.from_box((2, 3, 30, 20), 40, 30), "draft")


def test_the_largest_number_is_taken(journal: Journal, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    images, annotations = tiny_set
    content = json.loads(annotations.read_text())
    content["annotations"][0]["id"] = 2**63 - 1
    annotations.write_text(json.dumps(content))
    session = Session(read_annotations(annotations), images, journal, tmp_path / "truth.json", None)
    assert [session.add(7, [1, 1, 9, 9], "dog")["id"] for _ in range(2)] == [str(NEW), str(NEW + 1)]
    session.remove(NEW)
    assert session.add(7, [1, 1, 9, 9], "dog")["id"] == str(NEW + 2)
    session.write()
    assert sorted(read_annotations(session.output).annotation_ids) == [12, 13, NEW + 1, NEW + 2, 2**63 - 1]


@pytest.mark.parametrize(
    ("drawn", "box"),
    [
        ((6, 0, 30, 9), (6, 2, 20.5, 9)),  # what is outside the drawing is not seen of the object
        ((0, 0, 40, 30), (4, 2, 20.5, 20)),
        ((30, 22, 40, 30), (30, 22, 40, 30)),  # drawn elsewhere altogether
        ((20, 2, 30, 9), (20, 2, 30, 9)),  # half a pixel is common
    ],
)
def test_its_box_is_cut_to_what_was_drawn(
    session: Session, drawn: tuple[int, int, int, int], box: tuple[float, float, float, float]
) -> None:
    session.add(7, [4, 2, 20.5, 20], "cup")
    session.answer(NEW, "done", "blank", Mask.from_box(drawn, 40, 30))
    session.write()
    found = {one.id: one for record in read_annotations(session.output) for one in record.instances}
    assert (found[NEW].modal_box, found[NEW].amodal_mask) == (box, Mask.from_box(drawn, 40, 30))
    session.answer(13, "done", "blank", Mask.from_box((8, 8, 12, 12), 20, 24))
    session.write()
    found = {one.id: one for record in read_annotations(session.output) for one in record.instances}
    assert found[13].modal_box == (8, 8, 19, 22)  # the file's own


def test_one_of_the_annotations_is_not_removed(session: Session) -> None:
    with pytest.raises(AnnotationError, match="of the annotations is not removed here"):
        session.remove(11)
    assert session.progress()["objects"] == 3


@pytest.mark.parametrize(
    ("box", "category", "told"),
    [
        ([39, 1, 60, 9], "dog", "2 pixels or more wide and high, within its picture of 40 x 30"),
        ([3, 1, 4.5, 9], "dog", "2 pixels or more"),
        ([9, 9, 3, 3], "dog", "2 pixels or more"),
        ([float("nan"), 1, 9, 9], "dog", "2 pixels or more"),
        ([1, 1, 9, 9], "cat", r"a category that is there \(cup, dog\); found 'cat'"),
    ],
)
def test_what_is_no_object(session: Session, journal: Journal, box: list[float], category: str, told: str) -> None:
    before = journal.path.read_bytes()
    with pytest.raises(AnnotationError, match=told):
        session.add(7, box, category)
    assert session.progress()["objects"] == 3 and journal.path.read_bytes() == before
    with pytest.raises(Unknown, match="no picture 99"):
        session.add(99, [1, 1, 9, 9], "dog")


def test_what_cannot_be_kept_is_not_there(session: Session, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "_append", full)
    with pytest.raises(OSError, match="No space"):
        session.add(7, [1, 1, 9, 9], "dog")
    assert session.progress()["objects"] == 3
    assert len(session.listing()["pictures"][0]["objects"]) == 1


def test_of_other_annotations(journal: Journal, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    images, annotations = tiny_set
    album = read_annotations(annotations)
    journal.add(Added(NEW, "a.png", (1.0, 1.0, 9.0, 9.0), "dog"))
    output = tmp_path / "truth.json"

    def start(album: Album) -> Session:
        return Session(album, images, journal, output, None)

    start(album)
    with pytest.raises(
        AnnotationError, match=rf"annotation {NEW}, added.*a picture that is there; found 'a\.png'.*--categories"
    ):
        start(album.filter(lambda record: None if record.file_name == "a.png" else record))
    with pytest.raises(AnnotationError, match="another object of this id"):
        start(album.filter(lambda r: replace(r, instances=tuple(replace(o, id=o.id + NEW - 13) for o in r.instances))))
    with pytest.raises(AnnotationError, match="within its picture of 8 x 30"):
        start(album.filter(lambda record: replace(record, width=8) if record.file_name == "a.png" else record))


@pytest.mark.parametrize(
    "told",
    [None, {}, {"file_name": "a.png", "box": [1, 2, 3], "category": "dog"}, {"file_name": "a.png", "box": [1] * 4}],
)
def test_lines_that_add_nothing(journal: Journal, told: object) -> None:
    journal.close()
    with journal.path.open("a") as file:
        file.write(json.dumps({"annotation_id": NEW, "added": told}) + "\n")
    with pytest.raises(AnnotationError, match=r"line 2.*has the file_name of its picture, a box and a category"):
        Journal(journal.path)


def test_its_draft_is_of_its_box_and_the_others_keep_theirs(root: Path, journal: Journal, tmp_path: Path) -> None:
    album = read_annotations(root / "examples/annotations.json")
    record = next(r for r in album if len(r.instances) > 1)
    predictor = Predictor.from_pretrained(root / "weights")
    images = root / "examples/images"
    session = Session(album, images, journal, tmp_path / "t.json", Drafts(predictor, album.categories))
    first = record.instances[0]
    before = session.whole(first.id)
    box = list(record.instances[1].modal_box)
    number = int(session.add(record.id, box, album.categories[0].name)["id"])
    predictor.set_image(images / record.file_name)
    expected = predictor.predict(boxes=[*(one.modal_box for one in record.instances), box])[-1]
    assert session.whole(number) == (expected.amodal_mask, "draft") and not expected.amodal_mask.is_empty
    assert session.whole(first.id) == before
