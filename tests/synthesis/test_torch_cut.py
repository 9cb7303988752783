"""Patches cut by torch lie where those cut by Pillow do, and look like them."""

from __future__ import annotations

import numpy as np
import pytest

from amodal.core.images import MEAN_COLOUR, cut_patch

pytest.importorskip("torch")
from amodal.synthesis.cut import cut_planes
from amodal.synthesis.torch_cut import NEAREST_PX, cut

WIDTH, HEIGHT = 90, 70


def boxes(count: int) -> list[tuple[float, float, float, float]]:
    rng = np.random.default_rng(0)
    size = rng.uniform(5, 80, (count, 2))
    low = rng.uniform(-10, np.array([WIDTH, HEIGHT]) + 10 - size)
    low[::5], size[::5] = low[::5].round(), size[::5].round()
    return [tuple(box) for box in np.concatenate([low, low + size], axis=1).tolist()]


def test_a_ramp_tells_where_each_pixel_comes_from() -> None:
    """Levels 2 x and 3 y: a shift of half a pixel would show."""
    x, y = np.arange(WIDTH), np.arange(HEIGHT)
    ramp = np.stack(np.broadcast_arrays(2 * x[None, :], 3 * y[:, None], 0), axis=-1).astype(np.uint8)
    side, checked = 48, 0
    for box in boxes(300):
        if box[0] < 0 or box[1] < 0 or box[2] > WIDTH or box[3] > HEIGHT:
            continue
        patch = cut(ramp, box, side).astype(float)
        for low, high, size, slope, line in (
            (box[0], box[2], WIDTH, 2, patch[side // 2, :, 0]),
            (box[1], box[3], HEIGHT, 3, patch[:, side // 2, 1]),
        ):
            scale = (high - low) / side
            centre = low + (np.arange(side) + 0.5) * scale
            rim = np.ceil(max(scale, 1) / scale)  # the filter's reach, where the box starts at a whole pixel
            sure = (np.arange(side) >= rim) & (centre > max(scale, 1)) & (centre < size - max(scale, 1))
            off = (line - slope * (centre - 0.5))[sure]
            assert np.abs(off).max(initial=0) <= slope * NEAREST_PX + 1  # both passes round to whole levels
            if len(off) > 20:
                assert abs(off.mean()) <= slope * NEAREST_PX + 0.6
            checked += len(off)
    assert checked > 5000


def test_no_patch_is_shifted_at_any_scale() -> None:
    """Levels 4 x and 4 y: half a pixel is two levels, and one pass rounds (the other meets equal values)."""
    length, slope = 60, 4
    at = np.arange(length)
    ramp = np.stack(np.broadcast_arrays(slope * at[None, :], slope * at[:, None], 0), axis=-1).astype(np.uint8)
    rng = np.random.default_rng(3)
    checked = 0
    plain = [0.5, 0.75, 1, 1.25, 4 / 3, 1.5, 2, 2.5, 3, 10 / 3, 4]  # few starts differ at these
    for scale in [*plain * 4, *rng.uniform(0.4, 4, 200)]:
        side = int(rng.integers(6, 13))
        low = rng.uniform(0, length - scale * side, 2) if scale not in plain else rng.integers(0, 40, 2) / 4 + 0.125
        patch = cut(ramp, (low[0], low[1], low[0] + scale * side, low[1] + scale * side), side).astype(float)
        for axis, line in enumerate((patch[side // 2, :, 0], patch[:, side // 2, 1])):
            centre = low[axis] + (np.arange(side) + 0.5) * scale
            reach = max(scale, 1)
            sure = (centre > low[axis] + reach) & (centre > reach) & (centre < length - reach)
            off = np.abs(line - slope * (centre - 0.5))[sure]
            assert off.max(initial=0) <= slope * NEAREST_PX + 0.75 < slope * 0.5 - 0.75
            checked += len(off)
    assert checked > 1500


@pytest.mark.parametrize("side", [16, 64, 90])
def test_as_pillow_but_for_the_outermost_pixels(side: int) -> None:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (HEIGHT // 5, WIDTH // 5, 3), dtype=np.uint8)
    image = np.kron(coarse, np.ones((5, 5, 1), np.uint8))
    read_only = image.copy()
    read_only.flags.writeable = False
    for box in boxes(60):
        ours, theirs = cut(read_only, box, side), cut_patch(image, box, side)
        assert ours.shape == theirs.shape and ours.dtype == np.uint8
        rim = int(np.ceil(2 * side / min(box[2] - box[0], box[3] - box[1]))) + 2
        off = np.abs(ours.astype(int) - theirs)[rim:-rim, rim:-rim]
        if off.size:
            assert off.mean() < 4 and np.quantile(off, 0.99) <= 255 * NEAREST_PX * 2.5
        planes = cut_planes(image, box, side)
        assert (planes == ours.transpose(2, 0, 1)).all()
        # no copy but of Pillow's, which cannot be written to; a pixel's colours lie side by side
        assert planes.flags.writeable and planes.strides[0] == 1


def test_whole_boxes_shrink_as_pillow_shrinks() -> None:
    image = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for size in ((45, 35), (30, 60), (90, 70), (90, 35)):
        ours, theirs = cut(image, (0.0, 0.0, WIDTH, HEIGHT), size), cut_patch(image, (0, 0, WIDTH, HEIGHT), size)
        assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_beyond_the_picture_is_the_mean_colour() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    patch = cut(image, (-40.0, -30.0, 50.0, 40.0), 90)
    assert (patch[:20] == MEAN_COLOUR).all() and (patch[:, :30] == MEAN_COLOUR).all()
    assert (patch[60:, 60:] == 255).all()
    assert (cut(image, (200.0, 200.0, 240.5, 240.0), 16) == MEAN_COLOUR).all()
