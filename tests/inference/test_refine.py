from __future__ import annotations

from types import SimpleNamespace

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
