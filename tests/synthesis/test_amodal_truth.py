"""Annotations with amodal masks: those are the truth, and what hides the object in its picture is hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.labels import NEGATIVE, POSITIVE, UNKNOWN
from amodal.core.masks import Mask
from amodal.synthesis.composite import Composite
from amodal.synthesis.draw import draw_example
from amodal.synthesis.drawer import Ref
from amodal.synthesis.finish import clear_twin
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.rules import report_rules
from amodal.synthesis.scenes import make_scenes, scene_settings
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.store_build import open_store
from amodal.synthesis.targets import pixel_label

SIZE = 120
SHAPE = ExampleShape(patch_px=32, modal_heat_px=16, amodal_heat_px=20)
MAIN = Ref(0, 0, 0)
WHOLE = (30, 30, 100, 90)
"""Of the first object: its modal mask is (30, 30, 80, 90), the green tin stands before the rest (80, 20, 110, 70)."""


def known(album: Album, *, whole: bool | None = None) -> Album:
    """The album with amodal masks in its first picture: one object goes on behind the other, that one is clear."""
    first = album[0]
    behind, before = first.instances
    instances = (
        replace(behind, amodal_mask=Mask.from_box(WHOLE, SIZE, SIZE), is_whole=whole),
        replace(before, amodal_mask=before.modal_mask),
    )
    return Album([replace(first, instances=instances), *list(album)[1:]], album.categories, source="made-up")


def composite_of(album: Album, folder: Path, main: Ref = MAIN, seed: int = 0, **changes: object) -> Composite:
    settings = SynthesisSettings(flip=False, patch_scale=(1.0, 1.5), min_patch_overlap=1.0, **changes)  # type: ignore[arg-type]
    found = make_composite(Material([Source(album, folder)], settings), main, np.random.default_rng(seed))
    assert found is not None
    return found


def on_canvas(composite: Composite, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top = composite.patch_box[:2]
    mask = np.zeros(composite.own.shape, dtype=np.bool_)
    mask[max(box[1] - top, 0) : max(box[3] - top, 0), max(box[0] - left, 0) : max(box[2] - left, 0)] = True
    return mask


def test_what_hides_it_in_the_picture_is_hidden(album: Album, folder: Path) -> None:
    composite = composite_of(known(album), folder, max_occluders=0)
    np.testing.assert_array_equal(composite.own, on_canvas(composite, WHOLE))
    np.testing.assert_array_equal(composite.visible, on_canvas(composite, (30, 30, 80, 90)))
    assert composite.object_area_px == 70 * 60 and composite.all_known
    assert composite.visible_share == pytest.approx(50 / 70)
    x1, y1, x2, y2 = composite.patch_box
    assert x1 <= 30 and y1 <= 30 and x2 >= 100 and y2 >= 90  # a patch of the whole object


def test_without_amodal_masks_other_objects_may_hide_more(album: Album, folder: Path) -> None:
    told, untold = (composite_of(a, folder, max_occluders=0) for a in (known(album), album))
    for composite, beside in ((told, NEGATIVE), (untold, UNKNOWN)):
        tin = composite.others & ~composite.own
        assert tin.any() and (pixel_label(composite)[tin] == beside).all()
        cells = set(composite.look.cells(20)[0].ravel()) - {0}
        assert cells
    assert untold.shown is untold.own and not untold.all_known
    assert (told.look.cells(20)[1] is None) != (untold.look.cells(20)[1] is None)


def test_an_object_known_to_be_clear_has_no_unknown_neighbours(album: Album, folder: Path) -> None:
    composite = composite_of(known(album), folder, main=Ref(0, 0, 1), max_occluders=0)
    assert composite.all_known
    np.testing.assert_array_equal(composite.own, composite.visible)
    assert not (pixel_label(composite)[composite.others] == UNKNOWN).any()


def test_occluders_hide_more_of_it_and_a_clear_twin_less(album: Album, folder: Path) -> None:
    composite = composite_of(known(album), folder, clear=0.0)
    assert composite.occluders and np.count_nonzero(composite.visible) < np.count_nonzero(composite.shown)
    assert not (composite.visible & ~composite.shown).any() and not (composite.shown & ~composite.own).any()
    twin = clear_twin(composite)
    np.testing.assert_array_equal(twin.visible, composite.shown)  # what the picture hides stays hidden


def test_a_patch_of_the_hidden_part_alone_is_drawn_again(album: Album, folder: Path) -> None:
    first = album[0]
    narrow = replace(
        first.instances[0],
        modal_mask=Mask.from_box((30, 30, 42, 90), SIZE, SIZE),
        amodal_mask=Mask.from_box(WHOLE, SIZE, SIZE),
    )
    drawn = Album(
        [replace(first, instances=(narrow, first.instances[1])), *list(album)[1:]], album.categories, source="m"
    )
    settings = SynthesisSettings(
        flip=False, patch_scale=(0.7, 0.7), max_occluders=0, min_visible=0.0, min_object_px=8, min_visible_in_patch=0.0
    )
    material = Material([Source(drawn, folder)], settings)
    composites = [make_composite(material, MAIN, np.random.default_rng(seed)) for seed in range(30)]
    assert all(composite is not None and composite.visible.any() for composite in composites)
    assert any(composite is not None and composite.undone for composite in composites)


def test_a_patch_shows_so_much_of_the_whole(album: Album, folder: Path) -> None:
    settings = SynthesisSettings(flip=False, patch_scale=(0.7, 0.7), max_occluders=0)
    material = Material([Source(known(album), folder)], settings)
    found = [make_composite(material, MAIN, np.random.default_rng(seed)) for seed in range(40)]
    shares = [composite.visible_share for composite in found if composite is not None]
    assert len(shares) == 40 and min(shares) >= settings.min_visible
    assert any(composite is not None and composite.undone for composite in found)


def test_a_patch_between_the_parts_of_what_is_seen_is_drawn_again(album: Album, folder: Path) -> None:
    first = album[0]
    ends = Mask.from_box((30, 30, 32, 90), SIZE, SIZE) | Mask.from_box((98, 30, 100, 90), SIZE, SIZE)
    parted = replace(first.instances[0], modal_mask=ends, amodal_mask=Mask.from_box(WHOLE, SIZE, SIZE))
    drawn = Album([replace(first, instances=(parted,)), *list(album)[1:]], album.categories, source="m")
    settings = SynthesisSettings(flip=False, patch_scale=(0.7, 0.7), max_occluders=0, min_visible=0.0)
    material = Material([Source(drawn, folder)], settings)
    found = [make_composite(material, MAIN, np.random.default_rng(seed)) for seed in range(20)]
    assert all(composite is None or composite.visible.any() for composite in found)


def test_paint_stays_on_what_is_seen(album: Album, folder: Path) -> None:
    for seed in range(6):  # by levels or in one colour
        composite = composite_of(known(album), folder, seed=seed, max_occluders=0, repaint=1.0)
        tin = on_canvas(composite, (86, 32, 98, 66))  # in the hidden part, apart from the paint's soft rim
        assert (composite.image[tin] == (0, 200, 0)).all()
        assert (composite.image[on_canvas(composite, (40, 40, 70, 80))] != (200, 0, 0)).any()


def test_objects_behind_it_lie_behind_what_hides_it_too(album: Album, folder: Path) -> None:
    laid = 0
    for seed in range(10):
        composite = composite_of(known(album), folder, seed=seed, behind=1.0, clear=0.0)
        assert composite.laid is not None and not ((composite.laid > 0) & composite.own).any()
        np.testing.assert_array_equal(composite.visible, composite.shown)
        laid += np.count_nonzero(composite.laid)
    assert laid


def test_a_made_border_cuts_a_clear_twin_as_well(album: Album, folder: Path) -> None:
    composite = composite_of(known(album), folder, border=1.0, clear=0.0)
    assert composite.cut_off is not None and (composite.own & composite.cut_off).any()
    np.testing.assert_array_equal(clear_twin(composite).visible, composite.shown & ~composite.cut_off)


def test_low_resolution_is_that_of_the_whole_object(album: Album, folder: Path) -> None:
    """Its longer side is 70 pixels, that of what is seen 60."""
    sharp, whole, as_large = (
        composite_of(known(album), folder, max_occluders=0, low_resolution=share, low_resolution_px=(px, px)).image
        for share, px in ((0.0, 65), (1.0, 65), (1.0, 70))
    )
    assert not np.array_equal(sharp, whole)
    np.testing.assert_array_equal(sharp, as_large)


@pytest.mark.parametrize("amodal_truth", [True, False])
def test_a_report_measures_by_the_truth(album: Album, folder: Path, amodal_truth: bool) -> None:
    settings = SynthesisSettings(min_object_px=45, amodal_truth=amodal_truth)  # the first object alone is that large
    report = report_rules(Material([Source(known(album), folder)], settings), SHAPE, 30)
    assert {name: rule["broken"] for name, rule in report.items() if rule["broken"]} == {}


def test_an_empty_amodal_mask_tells_nothing(album: Album, folder: Path) -> None:
    first = album[0]
    empty = Mask.from_array(np.zeros((SIZE, SIZE), np.bool_))
    odd = replace(first.instances[0], amodal_mask=empty)
    drawn = Album([replace(first, instances=(odd, first.instances[1])), *list(album)[1:]], album.categories, source="m")
    assert not composite_of(drawn, folder, max_occluders=0).all_known


def test_mirrored_like_the_rest(album: Album, folder: Path) -> None:
    plain = composite_of(known(album), folder, max_occluders=0)
    settings = SynthesisSettings(flip=True, patch_scale=(1.0, 1.5), min_patch_overlap=1.0, max_occluders=0)
    material = Material([Source(known(album), folder)], settings)
    for seed in range(20):
        composite = make_composite(material, MAIN, np.random.default_rng(seed))
        assert composite is not None
        if composite.mirrored:
            break
    assert composite.mirrored and not plain.mirrored
    red = (composite.image == (200, 0, 0)).all(axis=2)
    np.testing.assert_array_equal(red, composite.shown)
    assert (composite.own & ~composite.shown).any()


def test_modal_masks_alone_where_asked_for(album: Album, folder: Path) -> None:
    composite = composite_of(known(album), folder, max_occluders=0, amodal_truth=False)
    np.testing.assert_array_equal(composite.own, on_canvas(composite, (30, 30, 80, 90)))
    assert composite.object_area_px == 50 * 60 and not composite.all_known
    np.testing.assert_array_equal(composite.image, composite_of(album, folder, max_occluders=0).image)
    settings = SynthesisSettings(whole_only=True, amodal_truth=False)
    assert len(Material([Source(known(album, whole=False), folder)], settings)) == 4


def test_its_labels(album: Album, folder: Path) -> None:
    settings = SynthesisSettings(flip=False, max_occluders=0, min_object_px=45, others_told=1.0)
    material = Material([Source(known(album), folder)], settings)
    for index in range(20):
        example, composite = draw_example(material, SHAPE, seed=1, epoch=0, index=index)
        assert composite.annotation_id == 0  # the only one that large
        positive = (example.amodal_label == POSITIVE).mean() * composite.own.size
        assert positive == pytest.approx(np.count_nonzero(composite.own), rel=0.1)
        hidden = 1 - np.count_nonzero(composite.shown) / np.count_nonzero(composite.own)
        assert float(example.hidden_share) == pytest.approx(hidden)


def test_the_tin_before_it_is_told_of(album: Album, folder: Path) -> None:
    """Where it hides the object, too: that is where the other object is seen."""
    from amodal.synthesis.told import told_others

    composite = composite_of(known(album), folder, max_occluders=0)
    settings = SynthesisSettings(others_told=1.0)
    planes = [told_others(composite, settings, np.random.default_rng(seed)) for seed in range(10)]
    tin = on_canvas(composite, (80, 20, 110, 70)) & ~composite.off_picture
    assert any(plane is not None and np.array_equal(plane > 0, tin) for plane in planes)
    assert (tin & composite.own).any()


def test_a_part_judged_partial_may_be_drawn_where_the_whole_is_known(album: Album, folder: Path) -> None:
    settings = SynthesisSettings(whole_only=True)
    assert len(Material([Source(known(album, whole=False), folder)], settings)) == 5
    first = replace(album[0], instances=tuple(replace(i, is_whole=False) for i in album[0].instances))
    partial = Album([first, *list(album)[1:]], album.categories, source="made-up")
    assert len(Material([Source(partial, folder)], settings)) == 3
    nothing = Mask.from_array(np.zeros((SIZE, SIZE), dtype=np.bool_))  # tells no more than none
    first = replace(first, instances=tuple(replace(i, amodal_mask=nothing) for i in first.instances))
    empty = Album([first, *list(album)[1:]], album.categories, source="made-up")
    assert len(Material([Source(empty, folder)], settings)) == 3


def test_the_same_from_a_store(album: Album, folder: Path, tmp_path: Path) -> None:
    told = known(album)
    store = open_store(told, folder, tmp_path / "stores")
    for index in range(3):
        kept, read = store.picture(index), Material([Source(told, folder)]).picture(0, index)
        assert kept is not None
        for one, other in zip(kept.cutouts, read.cutouts, strict=True):
            assert one is not None and other is not None
            assert one.box == other.box and (one.whole is None) == (other.whole is None) == (index > 0)
            np.testing.assert_array_equal(one.matte, other.matte)
            np.testing.assert_array_equal(one.truth.matte, other.truth.matte)
            assert one.truth.box == other.truth.box and one.truth.area_px == other.truth.area_px
    clear = store.picture(0).cutouts[1]  # type: ignore[union-attr]
    assert clear is not None and clear.whole is not None and np.shares_memory(clear.matte, clear.whole.matte)
    plain = open_store(album, folder, tmp_path / "stores")
    assert store.nbytes - plain.nbytes == 70 * 60  # one matte more, that of the object behind
    with_wholes, without = (Material([Source(a, folder)]).picture(0, 0).nbytes for a in (told, album))
    assert with_wholes - without == 70 * 60


def test_amodal_and_modal_masks_drawn_apart_are_joined(album: Album, folder: Path) -> None:
    first = album[0]
    odd = replace(first.instances[0], amodal_mask=Mask.from_box((40, 30, 100, 90), SIZE, SIZE))
    drawn = Album([replace(first, instances=(odd, first.instances[1])), *list(album)[1:]], album.categories, source="m")
    composite = composite_of(drawn, folder, max_occluders=0)
    assert not (composite.visible & ~composite.own).any()
    np.testing.assert_array_equal(composite.own, on_canvas(composite, WHOLE))


def test_scenes_keep_the_truth(album: Album, folder: Path) -> None:
    settings = scene_settings(SynthesisSettings(max_occluders=0))
    scenes = list(make_scenes(Material([Source(known(album), folder)], settings), 12, seed=2))
    behind = [scene for scene in scenes if scene.image_id == 100 and scene.annotation_id == 0]
    assert behind
    for scene in behind:
        assert np.count_nonzero(scene.own) == 70 * 60 and np.count_nonzero(scene.visible) == 50 * 60
        unknown = scene.look.cells(20)[1]
        assert unknown is not None and not unknown.any()  # cut to what lies inside the picture


def test_other_amodal_masks_are_other_material(album: Album, folder: Path) -> None:
    one, other = (Material([Source(a, folder)]).digest for a in (album, known(album)))
    assert one != other
    modal = SynthesisSettings(amodal_truth=False)
    assert Material([Source(known(album), folder)], modal).digest == one
