from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from amodal.annotate.png import mask_png, png_mask
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_a_mask_comes_back(width: int, height: int, seed: int) -> None:
    mask = Mask.from_array(np.random.default_rng(seed).random((height, width)) < 0.4)
    assert png_mask(mask_png(mask), width, height) == mask


def test_what_a_browser_makes_of_it() -> None:
    pixels = np.asarray(Image.open(BytesIO(mask_png(Mask.from_array(np.eye(3, dtype=bool))))).convert("RGBA"))
    assert (pixels[..., 3] == np.eye(3) * 255).all() and (pixels[np.eye(3) > 0] == 255).all()


def test_half_opaque_is_drawn() -> None:
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[0, :, 3] = 0, 127, 128, 255
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    assert png_mask(out.getvalue(), 4, 1).to_array().tolist() == [[False, False, True, True]]


def test_a_picture_larger_than_pillow_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = Mask.from_array(np.eye(30, dtype=bool))
    data = mask_png(mask)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert png_mask(data, 30, 30) == mask
    with pytest.raises(AnnotationError, match=r"size of its picture, 30 x 20"):
        png_mask(data, 30, 20)


@pytest.mark.parametrize("data", [b"", b"no picture", mask_png(Mask.from_array(np.eye(30, dtype=bool)))[:60]])
def test_what_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(AnnotationError, match="a drawing is a PNG that can be decoded"):
        png_mask(data, 30, 30)


def test_another_kind_or_size() -> None:
    out = BytesIO()
    Image.new("RGB", (4, 3)).save(out, "JPEG")
    with pytest.raises(AnnotationError, match="PNG"):
        png_mask(out.getvalue(), 4, 3)
    with pytest.raises(AnnotationError, match=r"size of its picture, 4 x 3; found '3 x 3'"):
        png_mask(mask_png(Mask.from_array(np.eye(3, dtype=bool))), 4, 3)
