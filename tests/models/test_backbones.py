from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from amodal.core.errors import AmodalError, RecipeError, WeightsError
from amodal.models import backbones
from amodal.models.backbones import build_backbone

NAME = "test_efficientnet"
IMAGE = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(8)
    save_file(timm.create_model(NAME).state_dict(), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("name", [NAME, "test_resnet", "test_convnext", "test_byobnet"])
@pytest.mark.parametrize("extra", [1, 3])
def test_heat_channels_leave_the_colours_alone(name: str, extra: int) -> None:
    torch.manual_seed(3)
    plain = timm.create_model(name, features_only=True).eval()
    torch.manual_seed(3)
    wider = build_backbone(name, extra).eval()
    stem = next(m for m in wider.modules() if isinstance(m, torch.nn.Conv2d))
    assert stem.weight.shape[1] == stem.in_channels == 3 + extra
    assert 0.003 < stem.weight[:, 3:].std().item() < 0.03
    with torch.no_grad():
        widened = torch.cat([IMAGE, torch.rand(2, extra, 32, 32)], 1)
        assert not torch.allclose(wider(widened)[0], plain(IMAGE)[0])
        stem.weight[:, 3:] = 0
        for found, expected in zip(wider(widened), plain(IMAGE), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_weights_from_a_file(file: Path) -> None:
    torch.manual_seed(8)
    expected = timm.create_model(NAME).state_dict()
    torch.manual_seed(1)
    found = build_backbone(NAME, 1, weights=file).state_dict()
    assert len(found) > 50
    for name, tensor in found.items():
        assert torch.equal(tensor[:, :3] if name == "conv_stem.weight" else tensor, expected[name]), name


def test_reading_a_file_draws_no_more_than_random_weights_do(file: Path) -> None:
    after = []
    for weights in (None, file):
        torch.manual_seed(2)
        build_backbone(NAME, 1, weights=weights)
        after.append(torch.rand(1).item())
    assert after[0] == after[1]


def _renamed(file: Path) -> None:
    state = timm.create_model(NAME).state_dict()
    state["other"] = state.pop(next(k for k in state if k.startswith("blocks.1.") and state[k].ndim > 1))
    save_file(state, file)


def _of_another_net(file: Path) -> None:
    save_file(timm.create_model("test_resnet").state_dict(), file)


def _of_nothing(file: Path) -> None:
    save_file({"a": torch.zeros(1)}, file)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_renamed, "blocks.1."),
        (_of_another_net, NAME),
        (_of_nothing, NAME),
        (lambda file: file.write_bytes(b"nonsense" * 20), NAME),
        (Path.unlink, "safetensors file"),
    ],
)
def test_a_file_that_does_not_fit(file: Path, spoil: Any, told: str) -> None:
    """timm itself loads what has a known name and goes on in silence: a run would start from noise unnoticed."""
    spoil(file)
    with pytest.raises(WeightsError) as caught:
        build_backbone(NAME, 1, weights=file)
    assert str(caught.value).startswith(f"{file}: ") and told in str(caught.value)


@pytest.mark.parametrize("name", ["no_such_net", ""])
def test_a_name_timm_does_not_know(name: str) -> None:
    with pytest.raises(RecipeError, match="timm"):
        build_backbone(name, 1)


def test_a_download_that_fails_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **options: Any) -> None:
        raise ConnectionError("no route\nto the hub")

    monkeypatch.setattr(backbones.timm, "create_model", offline)
    with pytest.raises(AmodalError, match=r"downloads the weights of test_efficientnet \(no route to the hub\)"):
        build_backbone(NAME, 1, weights="timm")
