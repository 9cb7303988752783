from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from amodal.core.errors import AmodalError, WeightsError  # noqa: E402
from amodal.inference.torch_networks import TorchNetwork, load_torch_network  # noqa: E402
from amodal.models.config import ModelConfig  # noqa: E402
from amodal.models.weights import build_network, config_dict, save_network, sha256_of  # noqa: E402

TINY = ModelConfig(backbone="test_efficientnet", patch_px=32, heat_px=16, widths=(4, 4, 6, 6, 8), grid=2, margin=0.125)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_network(tmp_path, "amodal", build_network(TINY).state_dict())
    file = tmp_path / "amodal.safetensors"
    config = {"format": 1, "networks": {"amodal": config_dict(TINY)}, "sha256": {file.name: sha256_of(file)}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def inputs(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), rng.random((count, 32, 32), dtype=np.float32)


def test_heat_of_a_folder(folder: Path) -> None:
    network = load_torch_network(folder, "amodal")
    assert (network.patch_px, network.heat_px, network.margin) == (32, 16, 0.125)
    patches, heat = inputs(4)
    found = network(patches, heat)
    assert found.shape == (4, 16, 16) and found.dtype == np.float32 and 0 <= found.min() < found.max() <= 1
    np.testing.assert_allclose(network(patches[:, :, ::-1][:, :, ::-1], heat), found)  # a view with steps is fine
    np.testing.assert_allclose(network(patches[1:2], heat[1:2])[0], found[1], atol=1e-5)
    assert network(*inputs(0)).shape == (0, 16, 16)


def test_a_network_is_used_as_trained_not_as_training() -> None:
    module = build_network(TINY).train()
    patches, heat = inputs(4)
    network = TorchNetwork(module)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    network(patches, heat)
    assert not module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def _flip(folder: Path) -> None:
    path = folder / "amodal.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_flip, r"amodal\.safetensors: the file has the sha256"),
        (lambda f: (f / "amodal.safetensors").unlink(), r"amodal\.safetensors"),
        (lambda f: (f / "config.json").unlink(), r"config\.json"),
        (lambda f: (f / "config.json").write_text('{"format": 1}'), r"config\.json"),
    ],
)
def test_a_folder_that_is_damaged(folder: Path, spoil: Callable[[Path], None], told: str) -> None:
    spoil(folder)
    with pytest.raises(WeightsError, match=told):
        load_torch_network(folder, "amodal")


def test_a_network_with_categories_needs_one() -> None:
    module = build_network(ModelConfig(**{**config_dict(TINY), "num_categories": 2}))
    network = TorchNetwork(module)
    patches, heat = inputs(2)
    assert network(patches, heat, np.array([0, 1])).shape == (2, 16, 16)
    with pytest.raises(AmodalError, match="categories"):
        network(patches, heat)
