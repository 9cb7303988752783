"""The examples of the pages on prediction run as they stand, with toy networks in place of the package's."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.images import read_image
from amodal.datasets import read_annotations
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor

WIDTH, HEIGHT = 96, 64


def blocks_of(page: Path) -> list[str]:
    """The Python of a page, as far as the page says that it runs."""
    mine, mark, _ = page.read_text(encoding="utf-8").partition("above run as a test")
    assert mark
    return re.findall(r"```python\n(.*?)```", mine, flags=re.DOTALL)


def test_the_examples_run(
    toy: SimpleNamespace,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    networks = NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork())
    monkeypatch.setattr(Predictor, "from_pretrained", classmethod(lambda cls: cls(networks)))
    (tmp_path / "examples").symlink_to(root / "examples")
    monkeypatch.chdir(tmp_path)  # they write, too
    blocks = blocks_of(root / "docs" / "prediction.md")
    assert len(blocks) >= 6
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "hidden" in printed and "depth rank" in printed and "no order among" in printed
    check_cut_outs(tmp_path, names["predictor"])


def check_cut_outs(folder: Path, predictor: Predictor) -> None:
    record = read_annotations(folder / "examples" / "annotations.json")[0]
    pixels = read_image(folder / "examples" / "images" / record.file_name)
    found = predictor.predict([instance.modal_box for instance in record.instances])
    assert sorted(p.name for p in (folder / "out").iterdir()) == [f"whole-{i}.png" for i in range(len(found))]
    for i, one in enumerate(found):
        with Image.open(folder / "out" / f"whole-{i}.png") as cut:
            assert cut.mode == "RGBA"
            written = np.asarray(cut)
        assert (written[..., :3] == pixels).all()
        assert (written[..., 3] == np.where(one.amodal_mask.to_array(), 255, 0)).all()


class StandIn(SimpleNamespace):
    """What is used of supervision.Detections, where supervision is not installed."""


def detections(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a detector found, as supervision gives it: a dog, then a person."""
    try:
        import supervision
    except ModuleNotFoundError:
        supervision = SimpleNamespace(Detections=StandIn)
        monkeypatch.setitem(sys.modules, "supervision", supervision)
    return supervision.Detections(
        xyxy=np.array([[30, 20, 60, 44], [20, 16, 50, 40]], np.float32),
        mask=None,
        confidence=np.array([0.9, 0.8], np.float32),
        class_id=np.array([1, 0]),
        data={},
    )


def test_the_examples_for_other_libraries_run(
    toy: SimpleNamespace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    predictor = Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork()))
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, (20, 16, 70, 50)))
    heat = torch.full((3, 1, HEIGHT, WIDTH), 0.1)
    heat[:2, :, 20:44, 30:60] = 0.9  # the third has no pixel above the threshold
    boxes = torch.tensor([[30.0, 20, 60, 44]] * 3)
    scores = torch.tensor([0.9, 0.3, 0.8])
    names: dict[str, Any] = {
        "predictor": predictor,
        "detections": detections(monkeypatch),
        "width": WIDTH,
        "height": HEIGHT,
        # as torchvision's and ultralytics' are: with a gradient; classes as floats
        "out": {
            "boxes": boxes.requires_grad_(),
            "labels": torch.tensor([18, 1, 1]),
            "scores": scores.requires_grad_(),
            "masks": heat.requires_grad_(),
        },
        "results": [
            SimpleNamespace(
                boxes=SimpleNamespace(xyxy=boxes[:2], cls=torch.tensor([16.0, 0]), conf=scores[:2]),
                masks=SimpleNamespace(data=(heat[:2, 0] > 0.5).to(torch.uint8)),
            )
        ],
    }
    blocks = blocks_of(root / "docs" / "prediction-detectors.md")
    assert len(blocks) == 3
    answers = []
    for block in blocks:
        exec(block, names)
        answers.append([p.category for p in names["predictions"]])
    assert answers == [[1, 0], [18], [16, 0]]
    whole = names["whole"]
    assert whole.class_id.tolist() == [1, 0] and whole.data["class_name"].tolist() == ["dog", "person"]
