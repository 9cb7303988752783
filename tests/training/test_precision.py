"""bfloat16: what is in it and what stays out of it, and that a run in it learns and resumes."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from amodal.models.config import ModelConfig
from amodal.models.weights import build_network
from amodal.training.config import Precision, Recipe
from amodal.training.precision import autocast, float32, place, warn_if_slow
from amodal.training.run import run_training

CPU = torch.device("cpu")
TINY = ModelConfig(backbone="test_efficientnet", patch_px=32, heat_px=16, widths=(4, 6, 8, 8, 12), grid=3)


def test_depthwise_layers_stay_in_float32_and_all_others_do_not() -> None:
    network = place(build_network(TINY), CPU, precision="bf16", channels_last=True)
    exact = {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            x = torch.rand(2, layer.in_channels, 9, 9)
            with autocast(CPU, "bf16"):
                found = layer(x)
            exact[name] = layer.groups > 1, torch.equal(found, layer(x))
    assert {deep for deep, _ in exact.values()} == {True, False}
    assert all(deep == same for deep, same in exact.values()), exact
    image, heat = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.rand(2, 32, 32)
    with autocast(CPU, "bf16"):
        assert network(image, heat).dtype == torch.bfloat16


@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_and_weights(channels_last: bool) -> None:
    torch.manual_seed(0)
    plain = build_network(TINY).eval()
    torch.manual_seed(0)
    network = place(build_network(TINY).eval(), CPU, precision="bf16", channels_last=channels_last)
    kernel = network.backbone.conv_stem.weight
    assert kernel.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert all(p.dtype == torch.float32 for p in network.parameters())
    image, heat = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.rand(2, 32, 32)
    with torch.no_grad():
        expected = plain(image, heat)
        torch.testing.assert_close(network(image, heat), expected, atol=1e-5, rtol=1e-5)  # out of autocast: the same
        with autocast(CPU, "bf16"):
            near = network(image, heat)
    assert not torch.equal(near.float(), expected)
    torch.testing.assert_close(near.float(), expected, atol=0.1, rtol=0.1)


def test_geometry_is_kept_out() -> None:
    a = torch.full((4, 4), 1 / 3)
    with autocast(CPU, "bf16"):
        assert (a @ a).dtype == torch.bfloat16
        with float32(CPU):
            product = a @ a
            assert product.dtype == torch.float32
            # bfloat16 would be off by a thousandth; how float32 rounds is the machine's affair
            torch.testing.assert_close(product.double(), a.double() @ a.double(), rtol=1e-6, atol=0)
    with autocast(CPU, "fp32"):
        assert (a @ a).dtype == torch.float32


@pytest.mark.parametrize(
    ("machine", "level", "precision", "device", "warned"),
    [
        ("x86_64", "AVX2", "bf16", "cpu", True),
        ("AMD64", "DEFAULT", "bf16", "cpu", True),
        ("x86_64", "AVX512", "bf16", "cpu", False),
        ("arm64", "DEFAULT", "bf16", "cpu", False),
        ("x86_64", "AVX2", "fp32", "cpu", False),
        ("x86_64", "AVX2", "bf16", "cuda", False),
    ],
)
def test_bf16_where_the_processor_has_none_is_warned_of(
    machine: str, level: str, precision: Precision, device: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_if_slow(torch.device(device), precision)
    assert ["which has no AVX-512; give --precision fp32" in str(w.message) for w in found] == (
        [True] if warned else []
    )


def test_a_run_is_warned_before_its_first_step(
    make_recipe: Callable[..., Recipe], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    changes = {"modal": {"steps": 1}, "amodal": {"steps": 1}, "precision": "bf16"}
    with pytest.warns(UserWarning, match="many times as long as fp32"):
        run_training(make_recipe(**changes, output=f"{tmp_path}/a"))


def test_a_run_in_bf16_learns_and_goes_on_bit_for_bit(make_recipe: Callable[..., Recipe], tmp_path: object) -> None:
    changes = {"modal": {"steps": 6}, "amodal": {"steps": 3}, "precision": "bf16", "checkpoint_every": 2}
    first = run_training(make_recipe(**changes, output=f"{tmp_path}/a"))
    again = run_training(make_recipe(**changes, output=f"{tmp_path}/b"))
    plain = run_training(make_recipe(**(changes | {"precision": "fp32"}), output=f"{tmp_path}/c"))

    def state(networks: tuple[nn.Module, nn.Module]) -> list[Tensor]:
        return [tensor for network in networks for tensor in network.state_dict().values()]

    assert all(torch.equal(a, b) for a, b in zip(state(first), state(again), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(state(first), state(plain), strict=True))
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in state(first))
