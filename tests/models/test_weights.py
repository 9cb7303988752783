from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from amodal.core.errors import WeightsError
from amodal.models.config import ModelConfig
from amodal.models.weights import build_network, config_dict, load_network, read_model_config, save_network


def folder_of(path: Path, config: ModelConfig) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    network = build_network(config)
    image, heat = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8), torch.rand(8, 32, 32)
    with torch.no_grad():
        for _ in range(30):
            network(image, heat)  # batch norm statistics that are those of the data
    save_network(path, "amodal", network.state_dict())
    (path / "config.json").write_text(json.dumps({"networks": {"amodal": config_dict(config)}}))
    return path, network.eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_config: Callable[..., ModelConfig]) -> Path:
    return folder_of(tmp_path_factory.mktemp("made") / "w", tiny_config())[0]


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of one folder, to be broken at will."""
    return Path(shutil.copytree(made, tmp_path / "w"))


def test_round_trip(tmp_path: Path, tiny_config: Callable[..., ModelConfig]) -> None:
    config = tiny_config(margin=0.125, heat_px=20)
    folder, network = folder_of(tmp_path / "new" / "w", config)
    assert read_model_config(folder, "amodal") == config
    again = load_network(folder, "amodal")
    assert again.config == config and not again.training
    assert all(p.dtype == torch.float32 for p in again.parameters())
    image, heat = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8), torch.rand(4, 32, 32)
    with torch.no_grad():
        found, expected = torch.sigmoid(again(image, heat)), torch.sigmoid(network(image, heat))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    assert sorted(p.name for p in folder.iterdir()) == ["amodal.safetensors", "config.json"]


def test_who_may_read_the_rest_may_read_the_weights(folder: Path) -> None:
    assert (folder / "amodal.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode


def test_half_precision_but_for_the_statistics(folder: Path) -> None:
    kinds = {name: tensor.dtype for name, tensor in load_file(folder / "amodal.safetensors").items()}
    assert kinds["score.weight"] == torch.float16
    statistics = {kind for name, kind in kinds.items() if "running_" in name}
    assert statistics == {torch.float32}
    assert {kind for name, kind in kinds.items() if "num_batches" in name} == {torch.int64}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_what_half_precision_cannot_hold(tmp_path: Path, value: float) -> None:
    with pytest.raises(WeightsError, match=r"amodal\.safetensors: a\.weight: weights are finite"):
        save_network(tmp_path, "amodal", {"a.weight": torch.tensor([1.0, value])})
    assert not list(tmp_path.iterdir())


def _folder_in_place_of_the_file(folder: Path) -> None:
    (folder / "amodal.safetensors").unlink()
    (folder / "amodal.safetensors").mkdir()


def _config(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return apply


def _setting(name: str, value: Any) -> Callable[[Path], None]:
    return _config(lambda content: content["networks"]["amodal"].update({name: value}))


def _state(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        state = load_file(folder / "amodal.safetensors")
        change(state)
        save_file(state, folder / "amodal.safetensors")

    return apply


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_state(lambda s: s.pop("score.bias")), ["amodal.safetensors", "score.bias", "(1,)", "None"]),
        (_state(lambda s: s.update(extra=torch.zeros(2))), ["amodal.safetensors", "extra", "(2,)"]),
        (_state(lambda s: s.update({"score.bias": torch.zeros(3)})), ["amodal.safetensors", "score.bias", "(3,)"]),
        (_setting("grid", 4), ["amodal.safetensors", "dense.bias"]),
        (lambda f: (f / "amodal.safetensors").unlink(), ["amodal.safetensors"]),
        (_folder_in_place_of_the_file, ["amodal.safetensors", "cannot be read", "directory"]),
        (
            _config(lambda c: c.update(sha256={"amodal.safetensors": "0" * 64})),
            ["amodal.safetensors", "sha256", "0000"],
        ),
        (_config(lambda c: c.update(sha256=[])), ["config.json", "sha256", "[]"]),
        (lambda f: (f / "amodal.safetensors").write_bytes(b"cut"), ["amodal.safetensors", "not a safetensors file"]),
        (lambda f: (f / "config.json").unlink(), ["config.json", "check the folder"]),
        (lambda f: (f / "config.json").write_text("{"), ["config.json"]),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), ["config.json"]),
        (lambda f: (f / "config.json").write_text("[]"), ["config.json", '"networks" / "amodal"']),
        (_config(lambda c: c["networks"].pop("amodal")), ["config.json", "amodal"]),
        (_config(lambda c: c["networks"].update(amodal=[1])), ["config.json", "networks.amodal", "[1]"]),
        (_setting("depth", 3), ["config.json", "networks.amodal", "depth"]),
        (_setting("patch_px", "32"), ["config.json", "networks.amodal", "patch_px", "'32'"]),
        (_setting("widths", [4]), ["config.json", "networks.amodal", "widths", "5 taps"]),
        (_setting("backbone", "no_such_net"), ["config.json", "networks.amodal", "no_such_net"]),
    ],
)
def test_a_folder_that_does_not_fit(folder: Path, spoil: Callable[[Path], None], told: list[str]) -> None:
    spoil(folder)
    with pytest.raises(WeightsError) as caught:
        load_network(folder, "amodal")
    message = str(caught.value)
    assert message.startswith(str(folder)) and all(part.lower() in message.lower() for part in told), message
