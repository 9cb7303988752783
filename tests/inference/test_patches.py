from __future__ import annotations

import numpy as np
import pytest

from amodal.core import boxes as bx
from amodal.core.images import cut_patch
from amodal.core.masks import Mask
from amodal.inference.patches import coverage, cut_into, mask_heat, paste_heat


def test_a_patch_is_the_training_cut_channels_first() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    for box in ((3.5, 2, 20, 28), (-5, -5, 60, 40.0)):
        patch = np.empty((3, 16, 16), np.uint8)
        cut_into(patch, image, box)
        np.testing.assert_array_equal(patch.transpose(1, 2, 0), cut_patch(image, box, 16))


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (0.0, 7.2), (2.25, 2.75), (3.5, 9.9), (0, 10)])
def test_coverage_against_fine_sampling(start: float, stop: float) -> None:
    values = np.random.default_rng(1).random(10)
    fine = start + (stop - start) * (np.arange(200_000) + 0.5) / 200_000
    assert coverage(10, start, stop) @ values == pytest.approx(values[fine.astype(int)].mean(), abs=1e-4)


def test_mask_heat_is_covered_share() -> None:
    rng = np.random.default_rng(2)
    array = rng.random((40, 60)) > 0.5
    mask = Mask.from_array(array)
    # cells of 4 x 3 pixels: plain block means
    blocks = array[6:30, 10:42].reshape(8, 3, 8, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(mask_heat(mask, (10, 6, 42, 30), 8), blocks, atol=1e-6)
    # any box keeps the mean, and lies in [0, 1]
    heat = mask_heat(mask, (10.3, 6.6, 41.7, 30.2), 8)
    fine = array[np.floor(6.6 + 23.6 * (np.arange(2000) + 0.5) / 2000).astype(int)][
        :, np.floor(10.3 + 31.4 * (np.arange(2000) + 0.5) / 2000).astype(int)
    ]
    assert heat.mean() == pytest.approx(fine.mean(), abs=2e-3) and heat.min() >= 0 and heat.max() <= 1 + 1e-6
    # a mask smaller than the heat
    assert mask_heat(Mask.from_box((5, 5, 6, 6), 60, 40), (5, 5, 6, 6), 8).min() == pytest.approx(1)


def _at_centres(heat: np.ndarray, frame: bx.Box, width: int, height: int) -> np.ndarray:
    """Bilinear at every pixel centre, one by one."""
    size, (x1, y1, x2, y2) = len(heat), frame
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            u, v = (x + 0.5 - x1) / (x2 - x1), (y + 0.5 - y1) / (y2 - y1)
            if 0 <= u <= 1 and 0 <= v <= 1:
                a, b = np.clip([u * size - 0.5, v * size - 0.5], 0, size - 1)
                i, j = min(int(a), size - 2), min(int(b), size - 2)
                s, t = a - i, b - j
                top, low = heat[j, i] * (1 - s) + heat[j, i + 1] * s, heat[j + 1, i] * (1 - s) + heat[j + 1, i + 1] * s
                out[y, x] = top * (1 - t) + low * t
    return out


@pytest.mark.parametrize("frame", [(2.0, 3.0, 18.0, 13.0), (2.3, 3.6, 9.1, 12.2), (-4.5, -3.0, 30.0, 22.0)])
def test_paste_heat_against_pixel_by_pixel(frame: bx.Box) -> None:
    heat = np.random.default_rng(3).random((6, 6)).astype(np.float32)
    found, left, top = paste_heat(heat, frame, 24, 18)
    whole = np.zeros((18, 24))
    whole[top : top + found.shape[0], left : left + found.shape[1]] = found
    np.testing.assert_allclose(whole, _at_centres(heat, frame, 24, 18), atol=1e-5)


def test_paste_heat_of_a_frame_beside_the_picture_is_empty() -> None:
    assert paste_heat(np.ones((4, 4), np.float32), (-20, -20, -5, -5), 24, 18).heat.size == 0


@pytest.mark.parametrize(
    "frame", [(2.0, 3.0, 18.0, 13.0), (2.3, 3.6, 9.1, 12.2), (-4.5, -3.0, 30.0, 22.0), (1, 1, 2, 2)]
)
@pytest.mark.parametrize("also", [None, (3.0, 4.0, 7.0, 6.0), (0.0, 0.0, 24.0, 18.0)])
def test_what_is_left_out_is_not_hot(frame: bx.Box, also: bx.Box | None) -> None:
    rng = np.random.default_rng(4)
    for share in (0, 0.05, 0.4, 1):
        heat = np.where(rng.random((6, 6)) < share, rng.random((6, 6)), 0.5).astype(np.float32)
        heat[rng.random((6, 6)) > share] *= 0.9
        whole, left, top = paste_heat(heat, frame, 24, 18)
        part = paste_heat(heat, frame, 24, 18, above=0.5, also=also)
        y, x = part.top - top, part.left - left
        here = slice(y, y + part.heat.shape[0]), slice(x, x + part.heat.shape[1])
        np.testing.assert_array_equal(part.heat, whole[here])
        outside = whole.copy()
        outside[here] = 0
        assert not (outside > 0.5).any()
        if also is not None:
            x1, y1, x2, y2 = (int(v) for v in also)
            kept = outside[max(y1 - top, 0) : max(y2 - top, 0), max(x1 - left, 0) : max(x2 - left, 0)]
            assert not kept.any()


def test_heat_that_is_nowhere_hot_is_left_out() -> None:
    heat = np.full((6, 6), 0.3, np.float32)
    assert paste_heat(heat, (2, 2, 14, 14), 24, 18, above=0.5).heat.size == 0
    assert paste_heat(heat, (2, 2, 14, 14), 24, 18, above=float("inf"), also=(4, 4, 5, 6)).heat.shape == (2, 1)
    assert paste_heat(heat, (2, 2, 14, 14), 24, 18, above=0.2).heat.shape == (12, 12)
