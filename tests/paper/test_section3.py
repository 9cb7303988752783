"""Every number of paper section 3 (and of the preparation of its examples in 4.2) against the code.

Defaults first, then each number as what comes out when examples are made. The bounds' mechanics have tests of their
own in tests/synthesis.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from amodal.core import boxes as bx
from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.targets import Example, share_inside

BOXES = {1: (40, 30, 100, 120), 2: (20, 60, 130, 110), 3: (60, 20, 95, 130), 4: (30, 30, 120, 120)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_patch_overlap", 0.70),  # "overlaps ... along each dimension by at least 70%"
        ("patch_scale", (0.70, 2.00)),  # "between 70% and 200% of the length"
        ("max_occluders", 2),  # "picking an integer from 0 to 2"
        ("occluder_scale", (0.50, 1.00)),  # "75% ... on average"
        ("min_visible", 0.30),  # "falls below 30%"
        ("jitter_min_overlap", 0.75),  # "by at least 75% along each dimension"
        ("jitter_max_resize", 0.10),  # "differ in size ... by at most 10%"
        ("trim", 0.10),  # "remove 10% of the image patch from each of the four sides"
        ("min_visible_in_patch", 0.10),  # "less than 10% of the pixels"
        ("weight_reference_px", 224),  # "scale it anisotropically to 224x224"
        ("balance", "image"),  # "sample an image uniformly and then sample an object instance"
    ],
)
def test_defaults_are_the_papers(name: str, value: object) -> None:
    assert getattr(SynthesisSettings(), name) == value


def test_occluder_scale_has_the_papers_mean() -> None:
    assert np.mean(SynthesisSettings().occluder_scale) == 0.75


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("pictures")
    records = []
    for number, box in BOXES.items():
        Image.fromarray(np.full((150, 150, 3), 40 * number, dtype=np.uint8)).save(folder / f"{number}.png")
        instance = Instance(number, 0, bx.as_box(box), Mask.from_box(box, 150, 150))
        records.append(ImageRecord(number, f"{number}.png", 150, 150, (instance,)))
    return Material([Source(Album(records, [Category(1, "thing")]), folder)], SynthesisSettings())


@pytest.fixture(scope="module")
def drawn(material: Material) -> list[tuple[Example, Composite]]:
    return [draw_example(material, ExampleShape(16, 8, 10), seed=0, epoch=0, index=i) for i in range(500)]


def test_patch_70_percent_overlap_and_70_to_200_percent_long(drawn: list[tuple[Example, Composite]]) -> None:
    ratios = []
    for _, composite in drawn:
        box = BOXES[composite.annotation_id]
        assert (bx.overlap_frac(composite.patch_box, box) >= 0.70 - 1e-9).all()
        ratios.append(bx.sides(composite.patch_box) / bx.sides(box))
    assert np.min(ratios) >= 0.70 - 1e-9 and np.max(ratios) <= 2.0 + 1e-9
    assert np.min(ratios) < 0.75 and np.max(ratios) > 1.9


def test_0_to_2_occluders_equally_often_from_other_pictures(material: Material) -> None:
    counts, rng = [0, 0, 0], np.random.default_rng(0)
    for _ in range(900):
        composite = make_composite(material, material.draw_main(rng), rng)
        if composite is not None:
            counts[len(composite.occluders)] += 1
            assert all(image != composite.image_id for image, _ in composite.occluders)
    assert np.array(counts) / sum(counts) == pytest.approx([1 / 3] * 3, abs=0.05)


def test_never_below_30_percent_visible(drawn: list[tuple[Example, Composite]]) -> None:
    shares = [composite.visible_share for _, composite in drawn]
    assert min(shares) >= 0.30 and min(shares) < 0.40


def test_modal_box_75_percent_overlap_10_percent_resize(drawn: list[tuple[Example, Composite]]) -> None:
    for example, composite in drawn:
        rows, columns = np.nonzero(composite.visible)
        true = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert (bx.overlap_frac(example.modal_box, true) >= 0.75 - 1e-4).all()
        assert np.abs(bx.sides(example.modal_box) / bx.sides(true) - 1).max() <= 0.10 + 1e-4


def test_10_percent_off_each_side_and_at_least_10_percent_visible(drawn: list[tuple[Example, Composite]]) -> None:
    for example, composite in drawn:
        height, width = composite.own.shape
        assert example.seen_box.tolist() == pytest.approx([width * 0.1, height * 0.1, width * 0.9, height * 0.9])
        assert share_inside(composite.visible, bx.as_box(example.seen_box)) >= 0.10 - 1e-6


def test_target_is_the_mask_before_occlusion(drawn: list[tuple[Example, Composite]]) -> None:
    hidden = [(e, c) for e, c in drawn if e.hidden_share > 0.2]
    assert len(hidden) > 50
    for example, composite in hidden:
        share = (example.amodal_label == 1).mean()
        assert share == pytest.approx(composite.own.mean(), abs=0.12)


def test_weight_falls_with_the_upsampling(drawn: list[tuple[Example, Composite]]) -> None:
    for example, composite in drawn:
        assert example.weight == pytest.approx(min(bx.area(composite.patch_box) / 224**2, 1.0))
