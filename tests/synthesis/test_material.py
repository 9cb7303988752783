from __future__ import annotations

import pickle
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AnnotationError, ImageError, RecipeError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis.material import Material, Ref, Source
from amodal.synthesis.pictures import Picture, read_picture
from amodal.synthesis.settings import SynthesisSettings


def edited(album: Album, **changes: object) -> Album:
    """The album with fields of every instance of picture 102 changed."""

    def keep(record: ImageRecord) -> ImageRecord:
        if record.id != 102:
            return record
        return replace(record, instances=tuple(replace(i, **changes) for i in record.instances))  # type: ignore[arg-type]

    return album.filter(keep)


@pytest.mark.parametrize(
    ("changes", "settings", "mains", "occluders"),
    [
        ({}, {}, 5, 4),
        ({}, {"min_object_px": 31, "min_occluder_px": 40}, 4, 4),
        ({"is_crowd": True}, {}, 3, 2),
        ({"is_stuff": True}, {}, 3, 2),
        ({"modal_mask": None}, {}, 3, 2),
        ({"is_whole": False}, {}, 5, 4),
        ({"is_whole": False}, {"whole_only": True}, 3, 4),
        ({"is_whole": True}, {"whole_only": True}, 5, 4),
    ],
)
def test_who_may_play(album: Album, folder: Path, changes, settings, mains: int, occluders: int) -> None:  # type: ignore[no-untyped-def]
    material = Material([Source(edited(album, **changes), folder)], SynthesisSettings(**settings))
    assert (len(material), material.occluder_count) == (mains, occluders)


def test_a_picture_then_an_object(make_material) -> None:  # type: ignore[no-untyped-def]
    material, rng = make_material(), np.random.default_rng(0)
    drawn = Counter(material.draw_main(rng) for _ in range(6000))
    assert len(drawn) == 5
    for image, share in ((0, 1 / 6), (1, 1 / 3), (2, 1 / 6)):
        assert drawn[Ref(0, image, 0)] / 6000 == pytest.approx(share, abs=0.03)


def test_categories_are_numbered_as_given(album: Album, folder: Path) -> None:
    own = Material([Source(album, folder)])
    given = Material([Source(album, folder)], categories=("lamp", *reversed(own.categories)))
    assert given.categories == ("lamp", *reversed(own.categories)) and given.digest == own.digest
    for place, category in enumerate(album.categories):
        assert given.categories[given.category(0, place)] == category.name
    with pytest.raises(RecipeError, match="the categories of the data are among those of the networks: lamp; found"):
        Material([Source(album, folder)], categories=("lamp",))
    listed = Album(album, [*album.categories, Category(99, "of which there is none")])
    same = Material([Source(listed, folder)], categories=own.categories)  # COCO's files list all their kinds
    assert same.categories == own.categories and same.category(0, 1) == own.category(0, 1)


def test_balance_by_category(make_material) -> None:  # type: ignore[no-untyped-def]
    """Two tins, two jars, one box: a category's share goes with the square root of its number."""
    material, rng = make_material(balance="category"), np.random.default_rng(0)
    drawn = Counter(material.draw_main(rng) for _ in range(6000))
    one = 1 / (1 + 2 * 2**0.5)
    assert drawn[Ref(0, 0, 0)] / 6000 == pytest.approx(one, abs=0.03)
    assert drawn[Ref(0, 1, 0)] / 6000 == pytest.approx(one * 2**-0.5, abs=0.03)


def test_sources_by_weight_and_categories_by_name(album: Album, folder: Path) -> None:
    other = Album(album, [Category(1, "tin"), Category(2, "new"), Category(3, "box")])
    material = Material([Source(album, folder, 3.0), Source(other, folder, 1.0)])
    assert material.categories == ("box", "tin", "jar", "new")
    assert [material.category(1, c) for c in range(3)] == [1, 3, 0]
    rng = np.random.default_rng(0)
    assert np.mean([material.draw_main(rng).source for _ in range(3000)]) == pytest.approx(0.25, abs=0.03)


def test_occluders_are_of_other_pictures(make_material) -> None:  # type: ignore[no-untyped-def]
    material, rng = make_material(), np.random.default_rng(0)
    refs = {material.draw_occluder(rng, Ref(0, 2, 0)) for _ in range(200)}
    assert {ref.image for ref in refs} == {0, 1}


def test_masks_are_tight_and_a_box_alone_is_solid(album: Album, folder: Path) -> None:
    cutouts = Material([Source(edited(album, modal_mask=None), folder)]).picture(0, 2).cutouts
    assert cutouts[0] is not None and cutouts[0].box == (50, 10, 90, 110)
    assert (cutouts[0].matte == 255).all() and cutouts[0].area_px == 4000
    cutout = Material([Source(album, folder)]).picture(0, 0).cutouts[0]
    assert cutout is not None and cutout.box == (30, 30, 80, 90) and (cutout.matte == 255).all()


def test_the_cache_is_bounded_and_left_behind(album: Album, folder: Path) -> None:
    material = Material([Source(album, folder)], cache_bytes=100_000)
    for _ in range(2):
        for image in range(3):
            assert material.picture(0, image).record.id == 100 + image
            assert material._cached_bytes <= 100_000
    assert len(pickle.dumps(material)) < 20_000
    again = pickle.loads(pickle.dumps(material))
    assert (again.picture(0, 1).image == material.picture(0, 1).image).all()


def test_warm_stops_at_the_bound(album: Album, folder: Path) -> None:
    assert Material([Source(album, folder)]).warm() == 3
    assert Material([Source(album, folder)], cache_bytes=60_000).warm() < 3


def test_pictures_are_those_that_examples_may_show(album: Album, folder: Path) -> None:
    few = SynthesisSettings(min_object_px=45)  # one main object, of the first picture
    for settings, places in ((SynthesisSettings(), [0, 1, 2]), (few, [0, 1, 2]), (replace(few, max_occluders=0), [0])):
        assert Material([Source(album, folder)], settings).pictures() == [(0, place) for place in places]


def test_warm_decodes_no_more_than_it_keeps(album: Album, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound lies between two pictures and three, as with large photographs: a third displaces the first."""
    many = Album([replace(record, id=i) for i, record in enumerate([*album] * 5)], album.categories)
    decoded: list[int] = []

    def read(record: ImageRecord, *more: object, **names: object) -> Picture:
        decoded.append(record.id)
        return read_picture(record, *more, **names)  # type: ignore[arg-type]

    monkeypatch.setattr("amodal.synthesis.material.read_picture", read)
    largest = max(read_picture(record, folder).nbytes for record in album)
    assert Material([Source(many, folder)], cache_bytes=round(2.5 * largest)).warm() == 2
    assert decoded == [0, 1, 2]


def test_threads_that_decode_one_picture_count_it_once(
    album: Album, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaders of threads share a material: a picture counted twice would leave less and less room for the others."""
    sizes = [read_picture(record, folder).nbytes for record in album]
    both = threading.Barrier(2, timeout=20)

    def read(record: ImageRecord, *more: object, **names: object) -> Picture:
        if record.id == 100:
            both.wait()
        return read_picture(record, *more, **names)  # type: ignore[arg-type]

    monkeypatch.setattr("amodal.synthesis.material.read_picture", read)
    material = Material([Source(album, folder)], cache_bytes=round(sum(sizes) * 1.05))
    with ThreadPoolExecutor(2) as pool:
        pictures = list(pool.map(lambda _: material.picture(0, 0), range(2)))
    assert (pictures[0].image == pictures[1].image).all()
    assert material.warm() == 3


def test_what_is_no_material(album: Album, folder: Path) -> None:
    source = Source(album, folder)
    for sources in (source, [album], [(album, folder)]):
        with pytest.raises(RecipeError, match=r"made of a list of Source; found .*Give \[Source\(album, folder\)\]"):
            Material(sources)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="settings are SynthesisSettings; found 'dict'"):
        Material([source], {"max_occluders": 1})  # type: ignore[arg-type]


def test_refusals(album: Album, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="at least one source"):
        Material([])
    with pytest.raises(RecipeError, match="weight > 0"):
        Material([Source(album, folder, 0.0)])
    with pytest.raises(AnnotationError, match=r"made-up: a source has an object .* 500 pixels"):
        Material([Source(album, folder)], SynthesisSettings(min_object_px=500))
    alone = album.filter(lambda record: record if record.id == 101 else None)
    with pytest.raises(AnnotationError, match="at least two"):
        Material([Source(alone, folder)])
    assert len(Material([Source(alone, folder)], SynthesisSettings(max_occluders=0))) == 1
    with pytest.raises(ImageError, match="does not exist"):
        Material([Source(album, tmp_path)]).picture(0, 0)
    Image.new("RGB", (50, 60)).save(tmp_path / "0.png")
    with pytest.raises(ImageError, match=r"120 x 120; found \(50, 60\)"):
        Material([Source(album, tmp_path)]).picture(0, 0)


@pytest.mark.parametrize(
    ("objects", "settings", "found", "remedy"),
    [
        ((), {}, "0 objects'", "Add objects with masks."),
        ((None, None), {}, "2 objects: 2 without a mask'", "Add objects with masks: boxes alone are not enough."),
        (
            (20, 17, None),
            {},
            "3 objects: 2 smaller, the largest 20 pixels, 1 without a mask'",
            "Lower min_object_px, or",
        ),
        ((40,), {"whole_only": True}, "1 object: 1 judged not to be whole'", "Set whole_only to false, and"),
        (("crowd", "crowd", 9), {}, "3 objects: 1 smaller, the largest 9 pixels, 2 crowds or stuff'", "Lower min_obj"),
    ],
)
def test_a_source_without_a_main_object_says_what_it_has(
    folder: Path, objects: tuple[Any, ...], settings: dict[str, Any], found: str, remedy: str
) -> None:
    instances = [
        Instance(
            i,
            0,
            np.array([0.0, 0.0, 50.0, 50.0]),
            None if side is None else Mask.from_box((0, 0, *(2 * [50 if side == "crowd" else side])), 120, 120),
            is_crowd=side == "crowd",
            is_whole=False,
        )
        for i, side in enumerate(objects, start=1)
    ]
    album = Album([ImageRecord(1, "0.png", 120, 120, tuple(instances))], [Category(1, "box")], source="mine.json")
    with pytest.raises(AnnotationError) as refused:
        Material([Source(album, folder)], SynthesisSettings(**settings))
    begins = "mine.json: a source has an object with a mask and a box of 24 pixels or more; found '"
    assert str(refused.value).startswith(f"{begins}{found}. {remedy}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_visible": 1.5},
        {"trim": 0.5},
        {"trim": float("nan")},
        {"patch_scale": (2.0, 0.7)},
        {"patch_scale": (0.5, 2.0)},
        {"jitter_max_resize": 0.3},
        {"max_occluders": -1},
        {"balance": "colour"},
        {"canvas_px": 4},
    ],
)
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=next(iter(wrong)).replace("jitter_max_resize", "jitter_min_overlap")):
        SynthesisSettings(**wrong)  # type: ignore[arg-type]


def test_an_object_without_mask_is_unknown_ground(album: Album, folder: Path) -> None:
    from amodal.synthesis.make import make_composite

    box_only = Instance(99, 0, (0.0, 0.0, 120.0, 30.0))
    more = album.filter(lambda record: replace(record, instances=(*record.instances, box_only)))
    material = Material([Source(more, folder)], SynthesisSettings(max_occluders=0, flip=False))
    composite = make_composite(material, Ref(0, 1, 0), np.random.default_rng(1))
    assert composite is not None
    y = composite.patch_box[1] + np.arange(composite.own.shape[0])
    inside = ~composite.outside
    assert (composite.others & inside == (inside & ((y >= 0) & (y < 30))[:, None])).all()
