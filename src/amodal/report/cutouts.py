"""An object taken out of its photograph, for programs that edit pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.records import Prediction


def cut_out(image: NDArray[np.uint8], prediction: Prediction) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What is seen of an object, and where all of it is; both lie on the photograph pixel by pixel.

    Args:
        image: uint8 ``(H, W, 3)``, RGB.
        prediction: its masks may leave the photograph (`Prediction.canvas`): they are cut to it.

    Returns:
        uint8 ``(H, W, 4)``, RGB and opacity: 255 where the object is seen, all 0 elsewhere; uint8 ``(H, W)``: 255 where
        the whole object is, 0 elsewhere.
    """
    height, width = image.shape[:2]
    inside = prediction.in_picture(width, height)
    seen, whole = np.zeros((height, width, 4), dtype=np.uint8), np.zeros((height, width), dtype=np.uint8)
    x1, y1, x2, y2 = map(int, inside.modal_mask.box)  # all around it stays as it is
    part = inside.modal_mask.crop((x1, y1, x2, y2)).view(np.uint8) * np.uint8(255)
    seen[y1:y2, x1:x2, :3] = image[y1:y2, x1:x2] & part[..., None]
    seen[y1:y2, x1:x2, 3] = part
    x1, y1, x2, y2 = map(int, inside.amodal_mask.box)
    whole[y1:y2, x1:x2] = inside.amodal_mask.crop((x1, y1, x2, y2)).view(np.uint8) * np.uint8(255)
    return seen, whole
