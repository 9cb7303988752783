from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AnnotationError
from amodal.synthesis.draw import draw_example
from amodal.synthesis.gallery import contact_sheet, draw_label, write_examples
from amodal.synthesis.settings import ExampleShape

SHAPE = ExampleShape(patch_px=16, modal_heat_px=8, amodal_heat_px=10)


@pytest.fixture
def examples(make_material):  # type: ignore[no-untyped-def]
    material = make_material()
    return [draw_example(material, SHAPE, seed=0, epoch=0, index=i) for i in range(3)]


def test_label_colours() -> None:
    drawn = draw_label(np.array([[1, 0, -1]], dtype=np.int8))
    red, white, blue = drawn[0].astype(int)
    assert red[0] > 2 * red[1:].max() and white.tolist() == [255, 255, 255] and blue[2] > 1.5 * blue[:2].max()


def test_contact_sheet(examples) -> None:  # type: ignore[no-untyped-def]
    sheet = np.asarray(contact_sheet(examples, tile_px=60, per_row=2))
    assert (sheet == (0, 200, 0)).all(-1).sum() > 100  # green boxes
    assert (sheet == (214, 39, 40)).all(-1).sum() > 1000
    assert contact_sheet(examples, tile_px=60, at_most=1).height < sheet.shape[0]


def test_files(examples, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "out"
    write_examples(folder, iter(examples), ("box", "tin", "jar"), tile_px=40)
    lines = [json.loads(line) for line in (folder / "examples.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2]
    for line, (example, composite) in zip(lines, examples, strict=True):
        label = np.asarray(Image.open(folder / line["files"]["amodal_label"]))
        assert ((label == 255) == (example.amodal_label == 1)).all()
        assert ((label == 127) == (example.amodal_label == -1)).all()
        patch = np.asarray(Image.open(folder / line["files"]["modal_patch"]))
        assert (patch.transpose(2, 0, 1) == example.modal_patch).all()
        assert line["annotation_id"] == composite.annotation_id
        assert line["category"] in ("box", "tin", "jar")
        assert line["modal_box"] == pytest.approx(example.modal_box.tolist(), abs=1e-3)
        assert line["weight"] == pytest.approx(float(example.weight), abs=1e-6)
    assert (folder / "contact_sheet.png").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_earlier_examples_are_replaced_and_nothing_else_is(examples, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "out"
    write_examples(folder, examples, ("box", "tin", "jar"))
    write_examples(folder, examples[:1], ("box", "tin", "jar"))
    assert len((folder / "examples.jsonl").read_text().splitlines()) == 1 and not list(folder.glob("000001*"))
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(AnnotationError, match="new folder"):
        write_examples(folder, examples, ("box", "tin", "jar"))
    assert (folder / "mine.txt").read_text() == "keep"


def test_a_failure_leaves_nothing(examples, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def broken():  # type: ignore[no-untyped-def]
        yield examples[0]
        raise AnnotationError("no more")

    with pytest.raises(AnnotationError, match="no more"):
        write_examples(tmp_path / "out", broken(), ("box", "tin", "jar"))
    assert list(tmp_path.iterdir()) == []


def test_earlier_examples_on_a_mount_point_stay(  # type: ignore[no-untyped-def]
    examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    write_examples(folder, examples[:1], ("box", "tin", "jar"))
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(folder))

    def drawn():  # type: ignore[no-untyped-def]
        raise AssertionError("no work is done first")
        yield

    with pytest.raises(AnnotationError, match="a mount point"):
        write_examples(folder, drawn(), ("box", "tin", "jar"))
    assert len((folder / "examples.jsonl").read_text().splitlines()) == 1
