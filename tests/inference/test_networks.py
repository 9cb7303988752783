from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError, RecipeError, WeightsError
from amodal.inference import folder as module
from amodal.inference.folder import default_weights
from amodal.inference.networks import load_networks
from amodal.inference.onnx_networks import OnnxNetwork
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor


@pytest.fixture
def folder(toy: SimpleNamespace, tmp_path: Path) -> Path:
    return Path(toy.write_weights(tmp_path / "weights"))


def _inputs(toy: SimpleNamespace, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    patches = rng.integers(0, 256, (count, 3, toy.PATCH_PX, toy.PATCH_PX), dtype=np.uint8)
    return patches, rng.random((count, toy.PATCH_PX, toy.PATCH_PX), dtype=np.float32)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_onnx_equals_numpy(toy: SimpleNamespace, folder: Path, count: int) -> None:
    pair = load_networks(folder, threads=1)
    assert pair.categories == () and pair.settings.amodal_threshold == 0.7
    patches, heat = _inputs(toy, count)
    for network, margin in ((pair.modal, 0.0), (pair.amodal, 0.125)):
        assert (network.patch_px, network.heat_px, network.margin) == (toy.PATCH_PX, toy.HEAT_PX, margin)
        found = network(patches, heat, None)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, toy.ToyNetwork(margin=margin)(patches, heat, None), atol=1e-5)


@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickled", "copied"])
def test_a_predictor_goes_to_another_process(
    toy: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: Callable[[Any], Any]
) -> None:
    toy.write_weights(tmp_path / "w")
    monkeypatch.chdir(tmp_path)
    predictor = Predictor.from_pretrained("w", threads=1)
    predictor.set_image(toy.red_picture(96, 64, (20, 16, 70, 50)), image_id=4)
    monkeypatch.chdir("/")  # where the path that was given leads nowhere
    other = again(predictor)
    assert other.networks is not predictor.networks
    assert other.predict([(30, 20, 60, 44)]) == predictor.predict([(30, 20, 60, 44)])


def test_the_folder_of_weights_may_lie_at_home(
    toy: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.write_weights(tmp_path / "w")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_networks("~/w", threads=2).lanes == 2


@pytest.mark.parametrize("threads", [-1, 2.5, "2", None, True])
def test_threads_are_a_whole_number(folder: Path, threads: Any) -> None:
    with pytest.raises(AmodalError, match="threads is a whole number from 0 on; found"):
        load_networks(folder, threads=threads)


def test_threads_may_be_numpys(folder: Path) -> None:
    networks = load_networks(folder, threads=np.int64(2))  # type: ignore[arg-type]
    assert networks.lanes == 2 and type(networks.lanes) is int
    assert type(replace(networks, lanes=np.int32(3)).lanes) is int


@pytest.mark.parametrize("folder", [3, b"weights", ["weights"]])
def test_weights_are_the_path_of_a_folder(folder: Any) -> None:
    with pytest.raises(AmodalError, match="weights are the path of a folder; found"):
        load_networks(folder)


def test_categories_are_an_input(toy: SimpleNamespace, tmp_path: Path) -> None:
    pair = load_networks(toy.write_weights(tmp_path / "w", ("cat", "dog")), threads=1)
    assert pair.categories == ("cat", "dog")
    patches, heat = _inputs(toy, 2)
    assert pair.modal(patches, heat, np.array([0, 1])).shape == (2, toy.HEAT_PX, toy.HEAT_PX)
    with pytest.raises(WeightsError, match="category"):
        pair.modal(patches, heat, None)


def _edit(**changes: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


def _size(key: str, value: Any) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["networks"]["amodal"][key] = value
        path.write_text(json.dumps(config))

    return apply


def _cut(folder: Path) -> None:
    path = folder / "amodal.onnx"
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (lambda f: (f / "config.json").unlink(), ["config.json"]),
        (lambda f: (f / "config.json").write_text("{"), ["config.json", "cannot be read"]),
        (lambda f: (f / "config.json").write_text("[]"), ["config.json", "format", "list"]),
        (_edit(format=2), ["config.json", '"format": 1', "found 2"]),
        (_edit(networks={}), ["config.json", "modal"]),
        (_edit(networks=[]), ["config.json", "networks"]),
        (_edit(categories=["a", "a"]), ["config.json", "categories"]),
        (_edit(prediction={"max_step": 3}), ["config.json", "max_step"]),
        (_edit(categories=["a"]), ["modal.onnx", "category"]),
        (_size("patch_px", "64"), ["config.json", "networks.amodal", "patch_px"]),
        (_size("patch_px", 64), ["amodal.onnx", "64"]),
        (_size("heat_px", 41), ["amodal.onnx", "41"]),
        (_size("margin", 0), ["margin"]),
        (_size("margin", None), ["config.json", "margin"]),
        (lambda f: (f / "amodal.onnx").unlink(), ["amodal.onnx"]),
        (_cut, ["amodal.onnx", "sha256"]),
    ],
)
def test_a_folder_that_does_not_fit(folder: Path, spoil: Callable[[Path], None], names: list[str]) -> None:
    spoil(folder)
    with pytest.raises((WeightsError, RecipeError)) as caught:
        load_networks(folder)
    assert all(name in str(caught.value) for name in names), str(caught.value)


def test_a_graph_onnxruntime_refuses(folder: Path) -> None:
    _cut(folder)
    _edit(sha256={})(folder)
    with pytest.raises(WeightsError, match=r"amodal\.onnx: onnxruntime cannot load"):
        load_networks(folder)


@pytest.mark.parametrize("changes", [{"heat_name": "hypothesis"}, {"image_type": 1}, {"batch": 1}])
def test_a_graph_of_another_form(toy: SimpleNamespace, tmp_path: Path, changes: dict[str, Any]) -> None:
    toy.write_onnx(tmp_path / "x.onnx", 16, 20, 0.0, **changes)
    with pytest.raises(WeightsError, match=r"x\.onnx: by its config the network's inputs are image"):
        OnnxNetwork(tmp_path / "x.onnx", patch_px=16, heat_px=20, margin=0.0)


def test_no_folder_and_no_such_backend(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere: the folder of weights does not exist\. Take"):
        load_networks(tmp_path / "nowhere")
    with pytest.raises(AmodalError, match="onnx or torch"):
        load_networks(tmp_path, "tensorflow")  # type: ignore[arg-type]


def test_a_pair_needs_strips(toy: SimpleNamespace) -> None:
    with pytest.raises(WeightsError, match="modal network's margin is 0"):
        NetworkPair(toy.ToyNetwork(), toy.ToyNetwork())
    with pytest.raises(WeightsError, match="above 0"):
        NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork(margin=0.0))


def test_default_weights_are_the_packages_then_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "src" / "amodal"
    package.mkdir(parents=True)
    monkeypatch.setattr(module.resources, "files", lambda _: package)
    with pytest.raises(WeightsError, match="no weights"):
        default_weights()
    for folder in (tmp_path / "weights", package / "weights"):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        assert default_weights() == folder
