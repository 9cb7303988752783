from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.resample import resample_matrix
from amodal.inference.refine import refine


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_passes_feed_each_other(toy: SimpleNamespace, passes: int) -> None:
    network = toy.ToyNetwork(patch_px=16, heat_px=10, margin=0.0)
    patches = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16), dtype=np.uint8)
    category = np.arange(5)
    found = refine(network, patches, category, passes)
    assert found.shape == (5, 10, 10) and len(network.calls) == passes
    assert (network.calls[0][1] == 0.5).all()  # no hypothesis: the constant 1/2
    stretch = resample_matrix(10, 16)
    before = network(*network.calls[0])
    for given_patches, heat, given_category in network.calls[1:passes]:
        np.testing.assert_allclose(heat, stretch @ before @ stretch.T, atol=1e-6)
        assert given_patches is patches and given_category is category
        before = network(given_patches, heat, given_category)
    np.testing.assert_allclose(found, before, atol=1e-6)


def test_the_last_pass_is_the_mean_with_the_mirror_image(toy: SimpleNamespace) -> None:
    network = leaning(toy, margin=0.0)
    patches = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    hypothesis = np.random.default_rng(1).random((5, 32, 32), dtype=np.float32)
    once = refine(network, patches, None, 2, hypothesis)
    network.calls.clear()
    found = refine(network, patches, None, 2, hypothesis, mirror=True)
    assert len(network.calls) == 3  # the first pass is asked once
    (_, before, _), (turned, turned_before, _) = network.calls[1:]
    np.testing.assert_array_equal(turned, patches[..., ::-1])
    np.testing.assert_array_equal(turned_before, before[..., ::-1])
    np.testing.assert_allclose(found, (once + network(turned, turned_before, None)[..., ::-1]) / 2, atol=1e-6)
    assert np.abs(found - once).max() > 0.1


def leaning(toy: SimpleNamespace, margin: float) -> Any:
    """A network that sees more on the left."""

    class Leaning(toy.ToyNetwork):  # type: ignore[misc,name-defined]
        def __call__(self, *inputs: Any) -> Any:
            return super().__call__(*inputs) * np.linspace(1, 0, self.heat_px, dtype=np.float32)

    return Leaning(margin=margin)
