from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amodal.core import boxes as bx
from amodal.core.labels import NEGATIVE, POSITIVE, UNKNOWN
from amodal.synthesis.cells import share_inside
from amodal.synthesis.composite import Composite
from amodal.synthesis.drawing import Drawn
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.targets import instance_weight, label_cells, make_example, pixel_label

SHAPE = ExampleShape(patch_px=16, modal_heat_px=10, amodal_heat_px=20)
NO_JITTER = SynthesisSettings(jitter_min_overlap=1.0, jitter_max_resize=0.0)


def block(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[y1:y2, x1:x2] = True
    return mask


@pytest.fixture
def composite() -> Composite:
    """Object 20..60 x 20..80, its lower half hidden; another one right of it; the last 10 columns off the picture."""
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    own, shown = block(20, 20, 60, 80), (0, 0, 90, 100)
    return Composite(
        look=Drawn(image, image, own, block(50, 30, 80, 60), shown),
        own=own,
        shown=own,
        visible=block(20, 20, 60, 50),
        shown_box=shown,
        patch_box=(0, 0, 100, 100),
        object_area_px=2400,
        category=3,
        image_id=5,
        annotation_id=8,
        occluders=((6, 1),),
    )


def test_pixels(composite: Composite) -> None:
    label = pixel_label(composite)
    assert (label[composite.own] == POSITIVE).all()  # also where another object's mask overlaps
    assert (label[composite.others & ~composite.own] == UNKNOWN).all()
    assert (label[composite.outside] == UNKNOWN).all()
    assert (label == NEGATIVE).sum() == 10_000 - 2400 - (30 * 30 - 10 * 30) - 1000


def test_amodal_label_covers_the_whole_patch_and_the_hidden_part(composite: Composite) -> None:
    example = make_example(composite, NO_JITTER, SHAPE, np.random.default_rng(0))
    assert example is not None
    assert (example.amodal_label == pixel_label(composite)[2::5, 2::5]).all()
    assert example.frame_box.tolist() == [0, 0, 100, 100]
    assert example.seen_box.tolist() == [10, 10, 90, 90]


def test_modal_side(composite: Composite) -> None:
    example = make_example(composite, NO_JITTER, SHAPE, np.random.default_rng(0))
    assert example is not None
    assert example.modal_box.tolist() == [20, 20, 60, 50]
    assert (example.modal_label == POSITIVE).all() and (example.visible_mask[1:-1, 1:-1] == 1).all()
    shifted = composite._replace(visible=block(60, 20, 100, 90), own=block(60, 20, 100, 90))
    example = make_example(shifted, replace(NO_JITTER, trim=0.0), SHAPE, np.random.default_rng(0))
    assert example is not None
    assert (example.modal_label[:, -2] == UNKNOWN).all() and (example.modal_label[:, :7] == POSITIVE).all()


def test_modal_label_is_unknown_beyond_the_canvas(composite: Composite) -> None:
    edge = composite._replace(own=block(0, 0, 60, 60), visible=block(0, 0, 60, 60), shown_box=(0, 0, 100, 100))
    rng, found = np.random.default_rng(0), 0
    for _ in range(30):
        example = make_example(edge, SynthesisSettings(), SHAPE, rng)
        assert example is not None
        centres = example.modal_box[0] + (np.arange(10) + 0.5) * (example.modal_box[2] - example.modal_box[0]) / 10
        far = centres < -2
        found += int(far.sum())
        assert (example.modal_label[:, far] == UNKNOWN).all()
        assert (example.visible_mask[:, far] < 0.5).all()
    assert found


def test_scalars(composite: Composite) -> None:
    example = make_example(composite, SynthesisSettings(), SHAPE, np.random.default_rng(0))
    assert example is not None
    assert (example.category, example.image_id, example.annotation_id, example.n_occluders) == (3, 5, 8, 1)
    assert example.hidden_share == pytest.approx(0.5)
    assert example.weight == pytest.approx(100 * 100 / 224**2)
    for name, shape, dtype in [
        ("modal_patch", (3, 16, 16), np.uint8),
        ("amodal_patch", (3, 16, 16), np.uint8),
        ("modal_label", (10, 10), np.int8),
        ("visible_mask", (10, 10), np.float32),
        ("amodal_label", (20, 20), np.int8),
        ("modal_box", (4,), np.float32),
    ]:
        array = getattr(example, name)
        assert (array.shape, array.dtype) == (shape, dtype), name


def test_patches_show_their_boxes(composite: Composite) -> None:
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[..., 0] = np.arange(100)[None, :] * 2
    image[..., 1] = np.arange(100)[:, None] * 2
    assert isinstance(composite.look, Drawn)
    look = replace(composite.look, image=image)
    example = make_example(composite._replace(look=look), NO_JITTER, SHAPE, np.random.default_rng(0))
    assert example is not None
    for patch, box in ((example.modal_patch, example.modal_box), (example.amodal_patch, example.seen_box)):
        for channel, axis in ((0, 0), (1, 1)):
            low, high = box[axis], box[axis + 2]
            wanted = 2 * (low + (np.arange(16) + 0.5) * (high - low) / 16 - 0.5)
            line = patch[channel].mean(axis=axis)
            assert np.abs(line - wanted).max() < 1.5


@pytest.mark.parametrize(("side", "kept"), [(26, True), (25, False)])
def test_rejection_below_ten_percent_of_the_trimmed_patch(composite: Composite, side: int, kept: bool) -> None:
    """80 x 80 px are left after the trim; 26 x 25 px are more than a tenth of them, 25 x 25 fewer."""
    small = block(30, 30, 30 + side, 55)
    example = make_example(composite._replace(own=small, visible=small), NO_JITTER, SHAPE, np.random.default_rng(0))
    assert (example is not None) == kept


def test_rejection_does_not_count_what_is_trimmed(composite: Composite) -> None:
    rim = block(0, 0, 10, 100) | block(0, 0, 100, 10) | block(20, 20, 40, 40)
    assert make_example(composite._replace(own=rim, visible=rim), NO_JITTER, SHAPE, np.random.default_rng(0)) is None


def test_share_inside_counts_cut_pixels_in_part() -> None:
    assert share_inside(np.ones((4, 4), dtype=np.bool_), (0.4, 0.4, 3.6, 3.6)) == pytest.approx(1)
    assert share_inside(np.eye(2, dtype=np.bool_), (0.5, 0.0, 2.0, 2.0)) == pytest.approx(1.5 / 3)


@pytest.mark.parametrize(
    ("positive", "unknown", "label"),
    [(255, 0, 1), (128, 0, 1), (127, 0, 0), (77, 102, 1), (76, 102, 0), (102, 153, -1), (0, 127, 0), (64, 127, 1)],
)
def test_label_cells(positive: int, unknown: int, label: int) -> None:
    share = np.array([[positive]], dtype=np.uint8)
    cell = label_cells(share, np.array([[unknown]], dtype=np.uint8))
    assert cell.tolist() == [[label]] and cell.dtype == np.int8
    if not unknown:
        assert label_cells(share, None).tolist() == [[label]]


def test_labels_found_in_bytes_are_those_of_whole_numbers() -> None:
    positive, unknown = np.indices((256, 256))
    there = positive + unknown <= 256  # no pixel counts in both; each is rounded
    label = np.where(unknown > 127, -1, 2 * positive + unknown >= 255)
    found = label_cells(positive.astype(np.uint8), unknown.astype(np.uint8))
    np.testing.assert_array_equal(found[there], label[there])
    for one in (unknown[:, :1], unknown[:1]):
        alike = np.broadcast_to(one, (256, 256)).astype(np.uint8)
        assert (
            label_cells(found.view(np.uint8), one.astype(np.uint8)) == label_cells(found.view(np.uint8), alike)
        ).all()


@pytest.mark.parametrize(("side", "weight"), [(56, 1 / 16), (224, 1), (500, 1)])
def test_instance_weight(side: int, weight: float) -> None:
    assert instance_weight((-10, 3, side - 10, side + 3), 224) == pytest.approx(weight)


def test_jitter_is_that_of_the_settings(composite: Composite) -> None:
    rng = np.random.default_rng(1)
    overlaps, resized = [], []
    for _ in range(300):
        example = make_example(composite, SynthesisSettings(), SHAPE, rng)
        assert example is not None
        overlaps.append(bx.overlap_frac(example.modal_box, (20, 20, 60, 50)))
        resized.append(bx.sides(example.modal_box) / (40, 30))
    assert np.min(overlaps) >= 0.75 - 1e-5 and np.min(overlaps) < 0.8
    assert np.min(resized) >= 0.9 - 1e-5 and np.max(resized) <= 1.1 + 1e-5 and np.ptp(resized) > 0.15
