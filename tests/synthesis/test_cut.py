"""Which of both ways of cutting is taken: Pillow's where there is no torch, none where torch is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core import boxes as bx
from amodal.core.images import cut_patch
from amodal.synthesis import cut
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material
from amodal.synthesis.settings import ExampleShape


def test_without_torch_pillow_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "amodal.synthesis.torch_cut", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cut._by_torch.__wrapped__() is None


def test_a_broken_torch_is_no_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("import a_part_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("torch", "amodal.synthesis.torch_cut"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_part_that_is_missing"):
        cut._by_torch.__wrapped__()


def test_masks_are_cut_to_the_bytes_of_cut_patch() -> None:
    """Enlarged, shrunk, at their own size, beyond the picture; parts of arrays; one row alone."""
    rng = np.random.default_rng(0)
    grey = np.asarray(Image.fromarray(rng.integers(0, 256, (30, 40), np.uint8)).resize((300, 200)))
    for _ in range(200):
        low = rng.uniform(-30, 250, 2)
        box = bx.as_box([*low, *(low + rng.uniform(2, 250, 2))])
        size = int(rng.integers(1, 100)), int(rng.integers(1, 100))
        for mask in (grey, grey > 128, grey[3:, 5::2], grey[:1]):
            found = cut.cut_mask(mask, box, size)
            np.testing.assert_array_equal(found, cut_patch(mask, box, size))
            assert found.shape == size[::-1]
    np.testing.assert_array_equal(cut.cut_mask(grey, (10, 20, 42, 52), 32), grey[20:52, 10:42])
    np.testing.assert_array_equal(cut.cut_mask(grey, (0, 0, 300, 200), (300, 200)), grey)


def test_examples_without_torch_differ_in_colours_alone(
    make_material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On canvases that are shrunk too."""
    shape, ours, theirs = ExampleShape(32, 16, 20), [], []
    for canvas_px in (48, 320):
        settings = {"canvas_px": canvas_px, "flip": True, "behind": 0.3, "border": 0.3, "others_told": 0.5}
        material = make_material(**settings)
        for found, by_torch in ((ours, cut._by_torch), (theirs, lambda: None)):
            with monkeypatch.context() as patch:
                patch.setattr(cut, "_by_torch", by_torch)
                found += [draw_example(material, shape, seed=0, epoch=0, index=i)[0] for i in range(30)]
    for a, b in zip(ours, theirs, strict=True):
        for name, array in asdict(a).items():
            other = getattr(b, name)
            if name.endswith(("_patch", "_patches")):
                assert np.abs(array.astype(int) - other).mean() < 4 if array.size else not other.size
            else:
                np.testing.assert_array_equal(array, other, err_msg=name)
