"""Drafts of the networks: of boxes or masks, of the shipped weights, and where the networks fail."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.annotate.drafts import Drafts, NoDrafts, Stopped
from amodal.annotate.journal import Journal, Start
from amodal.annotate.session import Session, Unknown
from amodal.core.errors import ImageError
from amodal.core.masks import Mask
from amodal.core.records import ImageRecord
from amodal.datasets import read_annotations
from amodal.inference.predictor import Predictor


def box_mask(box: tuple[int, int, int, int], width: int, height: int) -> Mask:
    return Mask.from_box(box, width, height)


def test_where_some_have_no_mask_the_drafts_are_of_boxes(
    root: Path, tiny_set: tuple[Path, Path], journal: Journal, tmp_path: Path
) -> None:
    images, annotations = tiny_set
    predictor = Predictor.from_pretrained(root / "weights")
    predictor.set_image(images / "sub/b.png")
    expected = [p.amodal_mask for p in predictor.predict(boxes=[[2, 3, 12, 15], [8, 8, 19, 22]])]
    album = read_annotations(annotations)
    session = Session(album, images, journal, tmp_path / "t.json", Drafts(predictor, album.categories))
    assert session.whole(11, "draft")[0] == expected[0] | session.visible(11)
    assert session.whole(13)[0] == expected[1] and not expected[1].is_empty


def test_networks_that_fail(session: Session, tiny_set: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As weights do that know other categories, or that need more memory than there is."""
    session.answer(11, "done", "blank", box_mask((2, 3, 12, 15), 20, 24))
    monkeypatch.setattr(session, "_drafts", Drafts(None, read_annotations(tiny_set[1]).categories))  # type: ignore[arg-type]
    for ask in (lambda: session.whole(13), lambda: session.whole(11, "draft"), lambda: session.prepare(3)):
        with pytest.raises(NoDrafts, match=r"^There is no draft: the networks fail on sub/b\.png: AttributeError"):
            ask()
    assert session.whole(11)[1] == "blank" and session.whole(13, "blank")[0].is_empty


@pytest.mark.parametrize(("problem", "traced"), [(RuntimeError("no\nmemory"), True), (ImageError("too large"), False)])
def test_networks_that_fail_are_run_again_by_hand_alone(
    session: Session,
    tiny_set: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: Exception,
    traced: bool,
) -> None:
    """Automatic asks repeat what was said, be it of the annotations' own or of one that was added."""
    runs: list[int] = []

    def run(record: ImageRecord, _: object) -> dict[int, Mask]:
        runs.append(record.id)
        if len(runs) < 5:
            raise problem
        return {one.id: box_mask((2, 3, 12, 15), 20, 24) for one in record.instances}

    drafts = Drafts(None, read_annotations(tiny_set[1]).categories)  # type: ignore[arg-type]
    monkeypatch.setattr(drafts, "_run", run)
    monkeypatch.setattr(session, "_drafts", drafts)
    added = int(session.add(3, [1, 1, 9, 9], "dog")["id"])
    told = r"^There is no draft: the networks fail on sub/b\.png: .*(memory|too large)"
    for ask, count in [
        (lambda: session.whole(11), 1),
        (lambda: session.whole(13), 1),
        (lambda: session.prepare(3), 1),
        (lambda: session.whole(added), 2),
        (lambda: session.whole(added), 2),
        (lambda: session.whole(13, "draft"), 3),
        (lambda: session.whole(added, "draft"), 4),
    ]:
        with pytest.raises(NoDrafts, match=told):
            ask()
        assert len(runs) == count
    assert session.whole(13, "draft")[1] == "draft" and session.whole(11)[1] == "draft" and len(runs) == 5
    said = capsys.readouterr().err
    assert said.count("amodal: the networks fail on sub/b.png: ") == 1
    assert said.count("Traceback") == traced and ("in run" in said) == traced


@pytest.mark.parametrize("start", ["annotated", "draft", "visible"])
def test_what_the_page_shows_alone_is_a_sentence(session: Session, start: Start) -> None:
    with pytest.raises(Unknown) as told:
        session.whole(13, start)
    assert str(told.value)[0].isupper() and str(told.value).endswith(".")


@pytest.mark.parametrize("boxes_alone", [False, True])
def test_drafts_of_the_networks_that_ship(root: Path, journal: Journal, tmp_path: Path, boxes_alone: bool) -> None:
    album = read_annotations(root / "examples/annotations.json")
    record = next(r for r in album if len(r.instances) > 1)
    if boxes_alone:
        content = json.loads((root / "examples/annotations.json").read_text())
        for entry in content["annotations"]:
            del entry["segmentation"]
        (tmp_path / "boxes.json").write_text(json.dumps(content))
        album = read_annotations(tmp_path / "boxes.json")
    predictor = Predictor.from_pretrained(root / "weights")
    drafts = Drafts(predictor, album.categories)
    session = Session(album, root / "examples/images", journal, tmp_path / "t.json", drafts)
    assert not drafts.has(record.id)
    drafts.stop()
    with pytest.raises(Stopped):
        session.prepare(record.id)
    drafts = Drafts(predictor, album.categories)
    session = Session(album, root / "examples/images", journal, tmp_path / "t.json", drafts)
    session.prepare(record.id)
    assert drafts.has(record.id)
    predictor.set_image(root / "examples/images" / record.file_name)
    (found,) = (r for r in album if r.id == record.id)
    given = {"boxes": [o.modal_box for o in found.instances]} if boxes_alone else {}
    given |= {} if boxes_alone else {"masks": [o.modal_mask for o in found.instances]}
    for instance, expected in zip(found.instances, predictor.predict(**given), strict=True):
        mask, start = session.whole(instance.id)
        visible = instance.modal_mask
        assert start == "draft" and mask.area > 0
        assert mask == (expected.amodal_mask if visible is None else expected.amodal_mask | visible)
    assert np.asarray(Image.open(BytesIO(session.picture(record.id)))).shape == (record.height, record.width, 3)
