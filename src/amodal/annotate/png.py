"""Masks as a browser's canvas takes and gives them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError

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
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):
                raise AnnotationError(
                    f"a drawing has the size of its picture, {width} x {height}",
                    value=f"{image.width} x {image.height}",
                )
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as problem:
        raise AnnotationError(f"a drawing is a PNG that can be decoded ({problem})") from None
    return Mask.from_array(alpha >= _SOLID)
