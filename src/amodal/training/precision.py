"""Half precision where it pays: bfloat16 autocast, with depthwise convolutions left in float32 on the CPU."""

from __future__ import annotations

import platform
import warnings
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from .config import Precision


class _FloatConv2d(nn.Conv2d):
    """A convolution that autocast leaves alone; its answer goes on in the kind of number it was asked in."""

    def forward(self, input: Tensor) -> Tensor:
        with float32(input.device):
            return super().forward(input.float()).to(input.dtype)


def warn_if_slow(device: torch.device, precision: Precision) -> None:
    """Warn where bfloat16 is asked of an x86 CPU that computes it number by number: one without AVX-512."""
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    is_slow = is_x86 and torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
    if precision == "bf16" and device.type == "cpu" and is_slow:
        warnings.warn(
            "precision bf16 takes many times as long as fp32 on this processor, "
            "which has no AVX-512; give --precision fp32",
            stacklevel=2,
        )


def place(network: nn.Module, device: torch.device, *, precision: Precision, channels_last: bool) -> nn.Module:
    """Bring a network to its device and memory layout, ready for `autocast`; changed in place and returned.

    oneDNN's bfloat16 backward pass of a depthwise convolution takes two to three times as long as its float32 one, and
    eats what half precision gains elsewhere (docs/training.md): on the CPU those layers stay in float32.
    """
    if precision == "bf16" and device.type == "cpu":
        for module in network.modules():
            if type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
                module.__class__ = _FloatConv2d
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return network.to(device=device, memory_format=layout)  # type: ignore[call-overload,no-any-return]


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context a forward pass runs in; weights, gradients and optimiser stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def float32(device: torch.device) -> AbstractContextManager[object]:
    """Within `autocast`: no half precision here. For what is geometry or probability, not a layer."""
    return torch.autocast(device.type, enabled=False)
