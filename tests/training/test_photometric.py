from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from amodal.core.errors import RecipeError
from amodal.core.images import MEAN_COLOUR
from amodal.training.config import Recipe
from amodal.training.data import make_streams
from amodal.training.photometric import Photometric


def item() -> dict[str, torch.Tensor]:
    patch = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    patch[:, :, :8] = torch.tensor(MEAN_COLOUR, dtype=torch.uint8).view(3, 1, 1)
    others = torch.stack([patch, patch.flip(-1)])
    return {
        "modal_patch": patch,
        "amodal_patch": patch.clone(),
        "other_patches": others,
        "weight": torch.ones(()),
    }


def test_all_patches_change_alike_and_the_mean_colour_stays() -> None:
    changed = 0
    for seed in range(30):
        before = item()
        after = Photometric(1.0)(before, np.random.default_rng(seed))
        patch = after["modal_patch"]
        assert type(patch) is torch.Tensor and patch.dtype == torch.uint8 and patch.shape == (3, 32, 32)
        assert (patch[:, :, :8] == before["modal_patch"][:, :, :8]).all()
        # noise alone differs between them
        for other in (after["amodal_patch"], after["other_patches"][0], after["other_patches"][1].flip(-1)):
            assert (patch.float() - other.float()).abs().mean() < 25
        assert (after["other_patches"][1, :, :, 24:] == before["other_patches"][1, :, :, 24:]).all()
        changed += not torch.equal(patch, before["modal_patch"])
        assert torch.equal(before["modal_patch"], item()["modal_patch"]) and after["weight"] is before["weight"]
    assert changed > 20


def test_a_function_of_its_generator_alone() -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    first = Photometric(1.0)(item(), np.random.default_rng(3))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(6)
    again = Photometric(1.0)(item(), np.random.default_rng(3))
    assert torch.equal(first["modal_patch"], again["modal_patch"])


def test_the_layout_of_a_patch_changes_nothing() -> None:
    planes = item()
    pixels = {name: x.movedim(-3, -1).contiguous().movedim(-1, -3) if x.ndim else x for name, x in planes.items()}
    assert not pixels["modal_patch"].is_contiguous()
    for seed in range(30):  # enough for each change, noise too
        first, again = (Photometric(1.0)(x, np.random.default_rng(seed)) for x in (planes, pixels))
        assert all(torch.equal(first[name], again[name]) for name in planes)


def test_in_a_recipe_it_reaches_training_alone(make_recipe: Callable[..., Recipe]) -> None:
    plain, changed = make_streams(make_recipe()), make_streams(make_recipe(photometric=1.0))
    assert any(not torch.equal(plain[0][i]["amodal_patch"], changed[0][i]["amodal_patch"]) for i in range(4))
    for i in range(4):
        assert torch.equal(plain[0][i]["amodal_label"], changed[0][i]["amodal_label"])
        assert torch.equal(plain[1][i]["amodal_patch"], changed[1][i]["amodal_patch"])  # type: ignore[index]
    with pytest.raises(RecipeError, match="photometric"):
        make_recipe(photometric=1.5)
