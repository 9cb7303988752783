"""Pictures whose pixels are moved as one thing, against the plain formulas."""

from __future__ import annotations

import numpy as np

from amodal.core.images import MEAN_COLOUR
from amodal.synthesis.pixels import blend, fill_around


def test_every_level_of_a_matte_is_rounded_to_the_nearest() -> None:
    rng = np.random.default_rng(0)
    below, above = (rng.integers(0, 256, (256, 60, 3), dtype=np.uint8) for _ in range(2))
    matte = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 40, axis=1)
    canvas, laid = below.copy(), above.copy()
    blend(canvas[:, 10:50], laid[:, 20:], matte)  # parts, as they are laid
    share = matte[..., None].astype(np.int64)
    mixed = (below[:, 10:50] * (255 - share) + above[:, 20:] * share + 127) // 255
    np.testing.assert_array_equal(canvas[:, 10:50], mixed)
    np.testing.assert_array_equal(laid, above)
    np.testing.assert_array_equal(canvas[:, :10], below[:, :10])
    np.testing.assert_array_equal(canvas[:, 50:], below[:, 50:])


def test_what_lies_around_a_part_has_the_mean_colour() -> None:
    for inner in ((0, 0, 9, 7), (2, 1, 9, 7), (0, 3, 5, 7), (2, 1, 6, 5), (4, 4, 4, 4)):
        image = np.arange(9 * 7 * 3, dtype=np.uint8).reshape(7, 9, 3)
        x1, y1, x2, y2 = inner
        wanted = np.full_like(image, MEAN_COLOUR)
        wanted[y1:y2, x1:x2] = image[y1:y2, x1:x2]
        fill_around(image, inner)
        np.testing.assert_array_equal(image, wanted)
