from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.annotate import pictures
from amodal.annotate.journal import Answer, Journal
from amodal.annotate.session import Session, Unknown
from amodal.core.errors import AnnotationError, ImageError
from amodal.core.images import read_image
from amodal.core.masks import Mask
from amodal.datasets import read_annotations


def box_mask(box: tuple[int, int, int, int], width: int, height: int) -> Mask:
    return Mask.from_box(box, width, height)


def test_the_listing(session: Session) -> None:
    found = session.listing()
    assert found["title"] == "annotations.json" and found["output"] == "truth.json" and not found["drafts"]
    objects = {one["id"]: one for picture in found["pictures"] for one in picture["objects"]}
    assert set(objects) == {"11", "12", "13"} and json.dumps(found)
    assert found["categories"] == ["cup", "dog"]
    assert objects["11"] == {
        "id": "11",
        "category": "dog",
        "box": [2, 3, 12, 15],
        "visible": True,
        "added": False,
        "state": "todo",
        "revision": "",
        "hidden": None,
    }
    assert not objects["13"]["visible"]
    assert [picture["name"] for picture in found["pictures"]] == ["a.png", "sub/b.png"]


def test_what_is_drawn_holds_the_visible_part_and_is_written(session: Session) -> None:
    entry = session.answer(11, "done", "visible", box_mask((8, 3, 20, 15), 20, 24))
    assert entry["state"] == "done" and entry["hidden"] == pytest.approx(8 / 18, abs=1e-4)
    assert (entry["done"], entry["unsure"], entry["objects"]) == (1, 0, 3)
    assert session.answer(13, "unsure", "blank", box_mask((8, 8, 20, 24), 20, 24))["unsure"] == 1
    assert session.write() == 1
    album = read_annotations(session.output)
    objects = {one.id: one for record in album for one in record.instances}
    assert objects[11].amodal_mask == box_mask((2, 3, 20, 15), 20, 24)
    assert objects[11].modal_mask == box_mask((2, 3, 12, 15), 20, 24)
    assert objects[11].occlude_rate == pytest.approx(8 / 18) and objects[11].extra == {"drawn_from": "visible"}
    assert objects[13].amodal_mask is None and objects[13].extra == {"drawn_unsure": 1}
    assert objects[12].amodal_mask is None and objects[12].modal_mask == box_mask((10, 5, 30, 15), 40, 30)
    assert album.annotation_ids.tolist() == [11, 12, 13]


def test_it_is_written_where_something_changed(session: Session) -> None:
    session.answer(11, "done", "visible", box_mask((8, 3, 20, 15), 20, 24))
    session.write()
    session.output.unlink()
    assert session.write() == 1 and not session.output.exists()
    assert session.drop(11)["state"] == "todo"
    assert session.write() == 0 and session.output.exists()


def test_a_write_that_fails_is_tried_again(session: Session) -> None:
    session.answer(11, "done", "visible", box_mask((8, 3, 20, 15), 20, 24))
    session.output.mkdir()
    with pytest.raises(AnnotationError):
        session.write()
    session.output.rmdir()
    assert session.write() == 1 and session.output.is_file()


def test_where_to_begin(session: Session) -> None:
    assert session.whole(11) == (box_mask((2, 3, 12, 15), 20, 24), "visible")
    blank, start = session.whole(13)
    assert blank.is_empty and (blank.width, blank.height) == (20, 24) and start == "blank"
    session.answer(13, "unsure", "draft", box_mask((8, 8, 20, 24), 20, 24))
    assert session.whole(13) == (box_mask((8, 8, 20, 24), 20, 24), "draft")  # as it began
    for start, told in {"draft": "no draft", "annotated": "no whole mask", "visible": "the box alone"}.items():
        with pytest.raises(Unknown, match=told):
            session.whole(13, start)  # type: ignore[arg-type]
    assert session.whole(13, "blank")[0].is_empty


def test_nothing_drawn_is_no_answer(session: Session, journal: Journal) -> None:
    with pytest.raises(AnnotationError, match="at least one pixel"):
        session.answer(13, "done", "blank", box_mask((0, 0, 0, 0), 20, 24))
    assert not journal.answers


def test_what_is_seen(session: Session) -> None:
    assert session.visible(11) == box_mask((2, 3, 12, 15), 20, 24)
    with pytest.raises(Unknown, match="box alone"):
        session.visible(13)
    assert session.others(13) == session.visible(11)
    assert session.others(11).is_empty and session.others(12).is_empty
    assert session.size(12) == (40, 30)


def test_pictures(session: Session, tiny_set: tuple[Path, Path]) -> None:
    with Image.open(BytesIO(session.picture(3))) as picture:
        assert picture.format == "PNG" and (np.asarray(picture) == read_image(tiny_set[0] / "sub/b.png")).all()
    assert session.picture(3) is session.picture(3)
    with pytest.raises(Unknown, match="no picture 4"):
        session.picture(4)
    Image.new("RGB", (9, 9)).save(tiny_set[0] / "a.png")
    with pytest.raises(ImageError, match=r"size its record gives, 40 x 30 .*; found '9 x 9'"):
        session.picture(7)


def test_the_colours_of_a_large_picture_lie_where_they_are(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :19, 0] = pixels[:, 19:, 2] = 200  # red beside blue, the edge inside a pair of columns
    Image.fromarray(pixels).save(tmp_path / "a.png")
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 2]}
    images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 40}]
    content = {"images": images, "annotations": [entry], "categories": [{"id": 1, "name": "x"}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    monkeypatch.setattr(pictures, "_EXACT_PX", 100)
    session = Session(read_annotations(tmp_path / "a.json"), tmp_path, journal, tmp_path / "t.json", None)
    with Image.open(BytesIO(session.picture(1))) as picture:
        assert picture.format == "JPEG"
        assert np.abs(np.asarray(picture).astype(int) - pixels).max() < 30


def test_where_many_others_are_seen(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    masks = [Mask.from_array(rng.random((20, 30)) < 0.03) for _ in range(60)]
    entries = [
        {"id": k + 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "segmentation": mask.to_rle()}
        for k, mask in enumerate(masks)
    ]
    entries.append({"id": 99, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]})
    content = {"images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}], "annotations": entries}
    (tmp_path / "a.json").write_text(json.dumps(content | {"categories": [{"id": 1, "name": "x"}]}))
    session = Session(read_annotations(tmp_path / "a.json"), tmp_path, journal, tmp_path / "t.json", None)
    counted: list[int] = []
    count = pictures._counts
    monkeypatch.setattr(pictures, "_counts", lambda record: (counted.append(record.id), count(record))[1])
    arrays = np.stack([mask.to_array() for mask in masks])
    for k in range(60):
        expected = np.delete(arrays, k, 0).any(0)
        assert (session.others(k + 1).to_array() == expected).all()
    assert (session.others(99).to_array() == arrays.any(0)).all()
    assert counted == [1]


def test_a_visible_part_of_no_pixel_is_a_box_alone(
    tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path
) -> None:
    images, annotations = tiny_set
    content = json.loads(annotations.read_text())
    content["annotations"][0]["segmentation"] = box_mask((0, 0, 0, 0), 20, 24).to_rle()
    annotations.write_text(json.dumps(content))
    session = Session(read_annotations(annotations), images, journal, tmp_path / "t.json", None)
    objects = {one["id"]: one for picture in session.listing()["pictures"] for one in picture["objects"]}
    assert not objects["11"]["visible"] and objects["12"]["visible"]
    with pytest.raises(Unknown, match="box alone"):
        session.visible(11)
    assert session.whole(11)[1] == "blank"
    assert session.answer(11, "done", "blank", box_mask((2, 3, 20, 15), 20, 24))["hidden"] is None
    session.write()
    (drawn,) = (one for record in read_annotations(session.output) for one in record.instances if one.id == 11)
    assert drawn.occlude_rate is None and drawn.amodal_mask == box_mask((2, 3, 20, 15), 20, 24)


def test_a_revision_is_the_same_in_another_process(
    session: Session, journal: Journal, tiny_set: tuple[Path, Path], tmp_path: Path
) -> None:
    mine = session.answer(11, "done", "visible", box_mask((8, 3, 20, 15), 20, 24), "")["revision"]
    later = Session(read_annotations(tiny_set[1]), tiny_set[0], journal, tmp_path / "t.json", None)
    assert later.revision(11) == mine


def test_a_link_out_of_the_folder_is_not_served(session: Session, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tiny_set[0] / "a.png"
    picture.rename(tmp_path / "elsewhere.png")
    picture.symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(ImageError, match="no link out of it"):
        session.picture(7)


def test_answers_of_other_annotations_are_refused(
    tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path
) -> None:
    images, annotations = tiny_set
    album = read_annotations(annotations)
    drawn = box_mask((0, 0, 3, 3), 20, 24)
    good = Answer(11, "sub/b.png", (2.0, 3.0, 11.0, 15.0), "done", drawn, "blank")  # a corrected box
    for broken, told in [
        (replace(good, whole=box_mask((0, 0, 3, 3), 9, 9)), "11: what was drawn has the size of its picture, 20 x 24"),
        (
            replace(good, file_name="a.png"),
            r"11: .* of the same object, here \(2.*\) of sub/b.png; found '.* of a.png'",
        ),
        (replace(good, box=(9.0, 9.0, 19.0, 20.0)), r"11: .* of the same object, .*; found '\(9.* of sub/b.png'"),
        (replace(good, annotation_id=99), "99: what was drawn is of an object of the annotations"),
    ]:
        journal.put(broken)
        with pytest.raises(AnnotationError, match=f"annotation {told}.*the --only, that it was drawn for"):
            Session(album, images, journal, tmp_path / "t.json", None)
        journal.drop(broken.annotation_id)
    journal.put(good)
    assert Session(album, images, journal, tmp_path / "t.json", None).progress()["done"] == 1


def test_what_is_seen_since_is_part_of_what_was_drawn(session: Session, journal: Journal) -> None:
    journal.put(Answer(11, "sub/b.png", (2.0, 3.0, 12.0, 15.0), "done", box_mask((0, 3, 6, 15), 20, 24), "blank"))
    expected = box_mask((0, 3, 12, 15), 20, 24)
    assert session.whole(11) == (expected, "blank")
    assert session.listing()["pictures"][1]["objects"][0]["hidden"] == pytest.approx(2 / 12, abs=1e-4)
    session.write()
    objects = {one.id: one for record in read_annotations(session.output) for one in record.instances}
    assert objects[11].amodal_mask == expected and objects[11].occlude_rate == pytest.approx(2 / 12)


def test_what_was_true_of_another_whole_is_left_out(
    tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path
) -> None:
    images, annotations = tiny_set
    content = json.loads(annotations.read_text())
    content["annotations"][0] |= {"area": 7.5, "whole": 1, "note": "kept"}
    content["annotations"][1] |= {"area": 7.5, "whole": 1}
    code = box_mask((0, 0, 4, 4), 20, 24).to_rle()  # says other than the two masks: kept, until the whole is drawn anew
    content["annotations"][0] |= {"visible_mask": content["annotations"][0]["segmentation"], "invisible_mask": code}
    annotations.write_text(json.dumps(content))
    session = Session(read_annotations(annotations), images, journal, tmp_path / "t.json", None)
    session.answer(11, "done", "visible", box_mask((2, 3, 20, 15), 20, 24))
    session.answer(12, "done", "visible", box_mask((10, 5, 30, 15), 40, 30))  # nothing is hidden
    session.write()
    entries = {entry["id"]: entry for entry in json.loads(session.output.read_text())["annotations"]}
    assert entries[11]["invisible_mask"] == box_mask((12, 3, 20, 15), 20, 24).to_rle()
    assert entries[11]["area"] == 18 * 12 and "whole" not in entries[11] and entries[11]["note"] == "kept"
    assert entries[12]["area"] == 200 and entries[12]["whole"] == 1


def test_what_was_written_is_gone_on_from(session: Session, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    """As annotations of another session: whoever reviews a drawing does not hide what it began as."""
    session.answer(11, "done", "draft", box_mask((2, 3, 20, 15), 20, 24))
    session.answer(12, "unsure", "draft", box_mask((10, 5, 35, 15), 40, 30))
    session.write()
    journal = Journal(tmp_path / "second.jsonl")
    again = Session(read_annotations(session.output), tiny_set[0], journal, tmp_path / "t.json", None)
    for number in (11, 12):
        whole, start = again.whole(number)
        again.answer(number, "done", start, whole)
    again.write()
    journal.close()
    objects = {one.id: one for record in read_annotations(again.output) for one in record.instances}
    assert objects[11].extra == {"drawn_from": "draft"} and objects[12].extra == {"drawn_from": "visible"}


def test_an_answer_while_it_is_written_is_not_lost(
    session: Session, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amodal.annotate import session as module

    def answered_meanwhile(*words: object) -> None:
        monkeypatch.undo()
        session.answer(12, "done", "visible", box_mask((10, 5, 35, 15), 40, 30))

    session.answer(11, "done", "visible", box_mask((8, 3, 20, 15), 20, 24))
    monkeypatch.setattr(module, "write_drawn", answered_meanwhile)
    session.write()
    assert session.write() == 2

    class Late:
        """A journal of which an answer is read just before another one comes."""

        @property
        def answers(self) -> dict[int, Answer]:
            found = dict(journal.answers)
            session._journal = journal
            session.answer(13, "done", "blank", box_mask((8, 8, 20, 24), 20, 24))
            return found

    session.drop(13)
    session._journal = Late()  # type: ignore[assignment]
    assert session.write() == 2 and session.write() == 3
    assert sum(o.amodal_mask is not None for record in read_annotations(session.output) for o in record.instances) == 3


def test_a_picture_that_no_jpeg_can_hold(tmp_path: Path, journal: Journal) -> None:
    Image.new("L", (66_000, 2)).save(tmp_path / "wide.png")
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 2]}
    images = [{"id": 1, "file_name": "wide.png", "width": 66_000, "height": 2}]
    content = {"images": images, "annotations": [entry], "categories": [{"id": 1, "name": "x"}]}
    (tmp_path / "a.json").write_text(json.dumps(content))
    session = Session(read_annotations(tmp_path / "a.json"), tmp_path, journal, tmp_path / "t.json", None)
    with pytest.raises(ImageError, match="at the most 65,500 pixels a side"):
        session.picture(1)


def test_crowds_and_stuff_are_not_drawn_but_kept(tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path) -> None:
    images, annotations = tiny_set
    content = json.loads(annotations.read_text())
    content["annotations"][0]["iscrowd"] = 1
    content["annotations"][2]["isStuff"] = 1
    annotations.write_text(json.dumps(content))
    session = Session(read_annotations(annotations), images, journal, tmp_path / "t.json", None)
    assert session.progress()["objects"] == 1
    with pytest.raises(Unknown, match="no object 11"):
        session.whole(11)
    session.answer(12, "done", "visible", box_mask((0, 0, 3, 3), 40, 30))
    session.write()
    assert {one.id for record in read_annotations(session.output) for one in record.instances} == {11, 12, 13}
