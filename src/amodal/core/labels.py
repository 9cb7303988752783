"""The target of training: positive, negative or unknown for every pixel (paper section 3.1)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

POSITIVE: Final = 1
"""The pixel belongs to the whole object."""
NEGATIVE: Final = 0
"""The pixel shows background: nothing can hide the object there."""
UNKNOWN: Final = -1
"""The pixel shows another object, or lies outside the picture: the object may or may not go on behind it."""

Label = NDArray[np.int8]


def make_label(positive: NDArray[np.bool_], unknown: NDArray[np.bool_]) -> Label:
    """Label of one patch; positive wins over unknown.

    Args:
        positive: bool ``(H, W)``, the object's own pixels.
        unknown: bool ``(H, W)``, pixels of other objects or outside the picture.

    Returns:
        int8 ``(H, W)`` of POSITIVE, NEGATIVE, UNKNOWN.

    >>> make_label(np.array([[True, False, False]]), np.array([[True, True, False]])).tolist()
    [[1, -1, 0]]
    """
    label = np.full(positive.shape, NEGATIVE, dtype=np.int8)
    label[unknown] = UNKNOWN
    label[positive] = POSITIVE
    return label
