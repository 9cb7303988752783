from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from amodal.core.errors import WeightsError  # noqa: E402
from amodal.inference.detectors import open_detector  # noqa: E402
from amodal.inference.detectors import torchvision_detector as module  # noqa: E402
from amodal.inference.detectors.torchvision_detector import TorchvisionDetector, build, read_state  # noqa: E402


class FakeModel(torch.nn.Module):
    """Answers as torchvision's models do; remembers what it was shown."""

    def __init__(self, found: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.found, self.seen = found, torch.empty(0)
        self.roi_heads = torch.nn.Module()

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        (self.seen,) = pictures
        return [self.found]


def detector(found: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> TorchvisionDetector:
    monkeypatch.setattr(module, "_downloaded", lambda kind: {})
    monkeypatch.setattr(module, "build", lambda kind, state, source: FakeModel(found))
    return TorchvisionDetector("mask" if "masks" in found else "faster")


def test_labels_are_cocos_ids_and_boxes_stay_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        "boxes": torch.tensor([[5.0, 5, 20, 20], [-4, 2, 90, 30], [1, 1, 1.5, 9], [0, 0, 9, 9], [3, 3, 9, 9]]),
        "labels": torch.tensor([18, 1, 1, 12, 3]),  # dog, person, person, a number that names nothing, car
        "scores": torch.tensor([0.6, 0.9, 0.8, 0.7, 0.2]),
    }
    mine = detector(found, monkeypatch)
    image = np.zeros((30, 40, 3), np.uint8)
    image[0, 0] = (255, 51, 0)
    person, dog = mine.detect(image, 0.3)
    assert (person.name, person.box, dog.name) == ("person", (0, 2, 40, 30), "dog")
    assert dog.score == pytest.approx(0.6) and dog.mask is None
    assert mine.categories[dog.category].id == 18
    assert mine._model.seen.shape == (3, 30, 40)
    assert mine._model.seen[:, 0, 0].tolist() == pytest.approx([1, 0.2, 0])
    assert [d.name for d in mine.detect(image, 0.1)] == ["person", "dog", "car"]
    mine.detect(image, 0.01)
    assert mine._model.roi_heads.score_thresh == 0.01  # below torchvision's own least score, too


def test_masks_are_cut_at_a_half_and_empty_ones_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = torch.zeros(2, 1, 30, 40)
    masks[0, 0, 6:16, 5:15] = 0.6
    masks[1, 0, 6:16, 5:15] = 0.4
    found = {
        "boxes": torch.tensor([[5.0, 5, 20, 20], [5, 5, 20, 20]]),
        "labels": torch.tensor([18, 18]),
        "scores": torch.tensor([0.9, 0.8]),
        "masks": masks,
    }
    (dog,) = detector(found, monkeypatch).detect(np.zeros((30, 40, 3), np.uint8))
    assert dog.mask is not None and dog.mask.area == 100 and dog.mask.box == (5, 6, 15, 16)


def test_a_local_file_is_loaded_without_running_code(tmp_path: Path) -> None:
    path = tmp_path / "state.pth"
    torch.save({"a": torch.ones(2)}, path)
    assert read_state(path)["a"].tolist() == [1, 1]
    from safetensors.torch import save_file

    save_file({"b": torch.zeros(3)}, tmp_path / "state.safetensors")
    assert read_state(tmp_path / "state.safetensors")["b"].shape == (3,)

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    torch.save({"a": Trap()}, path)
    with pytest.raises(WeightsError, match="not a file of tensors"):
        read_state(path)
    assert not (tmp_path / "sprung").exists()
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="tensors by name"):
        read_state(path)
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="not a file of tensors"):
        read_state(path)
    with pytest.raises(WeightsError, match="do not exist"):
        read_state(tmp_path / "gone.pth")


def test_a_real_network_runs_from_its_state(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = module._BUILDERS["mask", "v1"](weights=None, weights_backbone=None, num_classes=91).state_dict()
    path = tmp_path / "mask.pth"
    torch.save(state, path)
    mine = open_detector("torchvision", path)
    mine._model.transform.min_size = (64,)  # type: ignore[attr-defined]  # 800 takes 15 seconds
    found = mine.detect(np.full((64, 80, 3), 128, np.uint8), 0.0)
    for detection in found:
        x1, y1, x2, y2 = detection.box
        assert 0 <= x1 < x2 <= 80 and 0 <= y1 < y2 <= 64 and 0 <= detection.score <= 1
        assert detection.mask is not None and not detection.mask.is_empty
    with pytest.raises(WeightsError, match=r"fasterrcnn_resnet50_fpn \(v1, 91 classes\) has roi_heads\.mask"):
        build("faster", state, path)
    state["roi_heads.box_predictor.cls_score.weight"] = torch.zeros(5, 1024)
    with pytest.raises(WeightsError, match=r"cls_score\.weight of shape \(91, 1024\); found \(5, 1024\)"):
        build("mask", state, path)


@pytest.mark.parametrize(("word", "name"), [("torchvision:faster", "fasterrcnn"), ("torchvision", "maskrcnn")])
def test_offline_it_says_what_to_fetch_and_where_to_put_it(
    word: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError) as caught:
        open_detector(word)
    text = str(caught.value)
    assert f"https://download.pytorch.org/models/{name}_resnet50_fpn_v2_coco-" in text
    assert str(tmp_path) in text and "--detector-weights" in text and "no route to host" in text


def test_another_kind() -> None:
    with pytest.raises(WeightsError, match="faster and mask"):
        TorchvisionDetector("ssd")  # type: ignore[arg-type]
