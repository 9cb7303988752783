from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from amodal.models.weights import build_network
from amodal.training.config import Recipe, StageSettings
from amodal.training.loop import _State, _update_average
from amodal.training.optimizer import build_optimizer, learning_rate_factor, warn_if_never_full


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
def test_groups(make_recipe: Callable[..., Recipe], name: str, kind: type) -> None:
    settings = replace(
        make_recipe().modal,
        optimizer=name,
        lr=0.5,
        backbone_lr=0.1,
        weight_decay=0.01,
        momentum=0.8,  # type: ignore[arg-type]
    )
    network = build_network(settings.network)
    optimizer = build_optimizer(network, settings)
    assert type(optimizer) is kind
    assert name != "sgd" or all(group["momentum"] == 0.8 for group in optimizer.param_groups)
    found = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(found)
    assert len(found) == len(list(network.parameters()))
    for path, parameter in network.named_parameters():
        group = found[id(parameter)]
        assert group["lr"] == group["base_lr"] == (0.1 if path.startswith("backbone.") else 0.5), path
        plain = path.endswith("bias") or parameter.ndim == 1
        assert group["weight_decay"] == (0.0 if plain else 0.01), path


@pytest.mark.parametrize(
    ("schedule", "warmup", "factors"),
    [
        ("constant", 0, {0: 1, 50: 1, 99: 1}),
        ("constant", 10, {0: 0.1, 4: 0.5, 9: 1, 10: 1, 99: 1}),
        ("cosine", 0, {0: 1, 50: 0.5, 100: 0}),
        ("cosine", 20, {0: 0.05, 19: 1, 20: 1, 60: 0.5, 100: 0}),
        ("cosine", 200, {0: 0.005, 99: 0.5}),
    ],
)
def test_schedule(schedule: str, warmup: int, factors: dict[int, float]) -> None:
    settings = StageSettings(steps=100, schedule=schedule, warmup_steps=warmup)  # type: ignore[arg-type]
    for step, factor in factors.items():
        assert learning_rate_factor(step, settings) == pytest.approx(factor, abs=1e-9), step
    after = [learning_rate_factor(step, settings) for step in range(warmup, 100)]
    assert after == sorted(after, reverse=True)


@pytest.mark.parametrize(("steps", "warmup", "share"), [(40, 50, "0.8"), (1, 300, "0.0033"), (50, 50, ""), (1, 0, "")])
def test_a_stage_that_ends_within_its_warmup_is_warned(
    steps: int, warmup: int, share: str, recwarn: pytest.WarningsRecorder
) -> None:
    warn_if_never_full("modal", StageSettings(steps=steps, warmup_steps=warmup))
    told = [str(one.message) for one in recwarn]
    begins = f"modal: {steps} steps end at {share} of the learning rate, which rises over warmup_steps, {warmup}; "
    assert told == ([f"{begins}lower modal.warmup_steps for the full rate"] if share else [])


def net(value: float) -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(int(value))
    return network


@pytest.mark.parametrize(
    ("decay", "step", "share"),
    [(0.9, 10**6, 0.9), (0.999, 1, 2 / 11), (0.999, 90, 0.91), (0.0, 5, 0.0)],
)
def test_the_average(decay: float, step: int, share: float) -> None:
    """Young averages follow at (1 + step) / (10 + step); counters are copied; decay 0 is the network itself."""
    average, now = net(10), net(20)
    state = _State(now, average, torch.optim.SGD(now.parameters(), lr=1.0), step=step)
    _update_average(state, decay)
    expected = share * 10 + (1 - share) * 20
    for name, tensor in average.state_dict().items():
        wanted = 20 if "num_batches" in name else expected
        assert tensor.double().mean().item() == pytest.approx(wanted, rel=1e-5), name
    assert all((tensor == 20).all() for tensor in now.state_dict().values())
