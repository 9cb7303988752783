"""Masks as a browser's canvas takes and gives them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from ..core.errors import AnnotationError
from ..core.masks import Mask

_SOLID = 128


def mask_png(mask: Mask) -> bytes:
    """A PNG of the picture's size: white where the mask is, transparent elsewhere; one bit a pixel."""
    out = BytesIO()
    Image.fromarray(mask.to_array()).save(out, "PNG", transparency=0)
    return out.getvalue()


def png_mask(data: bytes, width: int, height: int) -> Mask:
    """The pixels of a PNG that are at least half opaque.

    Raises:
        AnnotationError: not a PNG, a damaged one, or of another size than the picture.
    """
    try:
        with PngImageFile(BytesIO(data)) as image:  # not `Image.open`, which has a limit: the size is known here
            if image.size != (width, height):
                raise AnnotationError(
                    f"a drawing has the size of its picture, {width} x {height}",
                    value=f"{image.width} x {image.height}",
                )
            rgba = image if image.mode == "RGBA" else image.convert("RGBA")
            alpha = np.asarray(rgba.getchannel("A"))
    except (OSError, SyntaxError, ValueError) as problem:
        raise AnnotationError(f"a drawing is a PNG that can be decoded ({problem})") from None
    return Mask.from_array(alpha >= _SOLID)
