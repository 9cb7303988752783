"""Objects of one picture tell each other where they are seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from amodal.core import boxes as bx
from amodal.core.album import Album
from amodal.core.images import cut_patch
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.inference import albums, patches
from amodal.inference import others as others_module
from amodal.inference import seen as seen_module
from amodal.inference.others import tell_others
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.seen import SAME_OBJECT, Seen, same_objects, spread
from amodal.inference.settings import PredictionSettings

SIZE = (100, 80)  # width, height
LEFT, RIGHT = (10, 20, 50, 60), (40, 30, 90, 70)


class Spy:
    """Answers where its patch is red, and remembers what it is told."""

    takes_others = True

    def __init__(self, margin: float) -> None:
        self.patch_px, self.heat_px, self.margin = 32, 32, margin
        self.told: list[NDArray[np.float32]] = []
        self.heats: list[NDArray[np.float32]] = []

    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None,
        others: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        self.told.extend(others.copy())
        self.heats.extend(heat.copy())
        return (patches[:, 0] > 100).astype(np.float32)


class Heeding(Spy):
    """Answers where its patch is red, too, but surer of what no other object is told to cover."""

    def __call__(self, *asked: NDArray[Any]) -> NDArray[np.float32]:
        return super().__call__(*asked) * (1 - asked[3] / 2)


def picture() -> NDArray[np.uint8]:
    """Two red rectangles, the right one over the left one."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for x1, y1, x2, y2 in (LEFT, RIGHT):
        image[y1:y2, x1:x2, 0] = 255
    return image


def masks() -> list[Mask]:
    left, right = (Mask.from_box(box, *SIZE) for box in (LEFT, RIGHT))
    return [left - right, right]


def seen_of(parts: list[Mask], boxes: Any) -> Seen:
    return Seen(parts, np.array(boxes, np.float64))


def told(seen: Seen, number: int, box: Any, size_px: int) -> NDArray[np.uint8]:
    """What an object is told of a box, all 0 where nothing."""
    found = seen.others(number).over(tuple(map(float, box)), size_px)
    return np.zeros((size_px, size_px), np.uint8) if found is None else found


def pair() -> tuple[NetworkPair, Spy, Spy]:
    modal, amodal = Spy(0.0), Spy(0.25)
    return NetworkPair(modal, amodal), modal, amodal


def test_an_object_is_told_of_all_but_itself() -> None:
    seen = seen_of(masks(), [LEFT, RIGHT])
    found = seen.others(0).over(LEFT, 40)
    assert found is not None and found.shape == (40, 40) and found.dtype == np.uint8
    expected = np.zeros((40, 40), bool)
    expected[10:, 30:] = True  # the right one's part of the left one's box
    np.testing.assert_array_equal(found == 255, expected)
    assert seen.others(1).over((52, 32, 88, 68), 16) is None
    assert seen.others(0).over((-60, -60, -20, -20), 16) is None
    beyond = told(seen, 1, (0, -40, 80, 40), 80)  # half of it above the picture
    np.testing.assert_array_equal(beyond[:40], 0)
    np.testing.assert_array_equal(beyond[40:] == 255, masks()[0].to_array()[:40, :80])


@pytest.mark.parametrize("kept", [0, 10**6])
def test_what_is_told_is_a_cut_of_all_that_is_seen_but_the_object(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the whole picture, for boxes anywhere; whether pixels are kept or decoded."""
    monkeypatch.setattr(seen_module, "KEPT_PX", kept)
    rng = np.random.default_rng(0)
    width, height = 160, 120
    parts = [Mask.from_array(rng.random((height, width)) > 0.97) for _ in range(2)]
    corner = rng.uniform(0, 60, (6, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 60, (6, 2))], axis=1)
    parts += [Mask.from_box(box, width, height) for box in boxes]
    boxes = np.concatenate([[[0, 0, width, height]] * 2, boxes])
    boxes[1] -= (0, 0, width / 2, 0)  # not the same as the first
    seen = seen_of(parts, boxes)
    arrays = [part.to_array() for part in parts]
    for number, own in enumerate(arrays):
        everything = np.sum(arrays, axis=0) > own
        for box in np.concatenate(
            [boxes[number : number + 1], rng.uniform((-20, -20, 90, 70), (70, 50, 180, 140), (4, 4))]
        ):
            expected = cut_patch(everything.view(np.uint8) * np.uint8(255), box, 32)
            np.testing.assert_array_equal(told(seen, number, box, 32), expected)


def test_an_object_found_twice_does_not_hide_itself() -> None:
    left, right = masks()
    twin = (11, 20, 50, 60)
    seen = seen_of([left, left, right], [LEFT, twin, RIGHT])
    alone = seen_of([left, right], [LEFT, RIGHT])
    for number in (0, 1):
        np.testing.assert_array_equal(told(seen, number, LEFT, 40), told(alone, 0, LEFT, 40))
    np.testing.assert_array_equal(told(seen, 2, RIGHT, 40), told(alone, 1, RIGHT, 40))


@pytest.mark.parametrize("pairs", [1, 50, 1 << 16])
def test_same_objects_against_all_pairs(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_module, "_PAIRS", pairs)
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 300, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 200, (40, 2))], axis=1).repeat(3, axis=0)
    boxes += rng.uniform(-0.06, 0.06, boxes.shape) * np.tile(bx.sides(boxes), 2)
    boxes = np.concatenate([boxes, boxes[:5], [[0, 0, 10, 10], [2, 0, 10, 10], [0, 0, 8, 10], [-2, 0, 10, 10]]])
    expected = [np.flatnonzero(bx.iou(boxes, box) >= SAME_OBJECT).tolist() for box in boxes]
    assert same_objects(boxes) == expected
    assert {1, 2, 3} < set(map(len, expected))
    assert same_objects(np.empty((0, 4))) == []


def test_maps_are_spread_over_the_patch() -> None:
    one = np.zeros((16, 16), np.uint8)
    one[:, 8:] = 255
    out = spread([None, one, np.zeros((16, 16), np.uint8)], 32)
    assert out.shape == (3, 32, 32) and out.dtype == np.float32
    assert not out[0].any() and not out[2].any()
    np.testing.assert_allclose(out[1, 5, [0, 14, 17, 31]], [0, 0, 1, 1])


def test_given_masks_tell_the_amodal_network() -> None:
    networks, modal, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1))
    predictor.set_image(picture())
    predictor.predict(masks=masks())
    assert not modal.told
    box = np.array(masks()[0].box)
    expected = told(seen_of(masks(), [masks()[0].box, RIGHT]), 0, box, 32)
    np.testing.assert_array_equal(amodal.told[0], spread([expected], 32)[0])
    assert amodal.told[0].max() == 1 and amodal.told[0].min() == 0


def test_maps_of_others_have_the_side_of_the_modal_heat_as_in_training() -> None:
    networks, modal, amodal = pair()
    modal.heat_px = 16
    assert networks.told_px == 16
    predictor = Predictor(networks, PredictionSettings(max_steps=1))
    predictor.set_image(picture())
    predictor.predict(masks=masks())
    expected = told(seen_of(masks(), [masks()[0].box, RIGHT]), 0, masks()[0].box, 16)
    np.testing.assert_array_equal(amodal.told[0], spread([expected], 32)[0])


@pytest.mark.parametrize("passes", [1, 3])
def test_boxes_tell_what_the_first_pass_finds_in_the_others(passes: int) -> None:
    networks, modal, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1, iis_passes=passes, batch_size=1))
    predictor.set_image(picture())
    found = predictor.predict([LEFT, RIGHT], keep_heat=True)
    assert len(modal.told) == 2 * passes and not any(told.any() for told in modal.told[:2])
    expected = [np.zeros((32, 32)) for _ in range(2)]
    expected[0][8:, 24:] = 1
    expected[1][:24, :6] = 1
    for told in (modal.told[2 : 1 + passes], amodal.told[:1]):
        for one in told:
            np.testing.assert_allclose(one, expected[0], atol=0.02)
    for told in (modal.told[1 + passes :] if passes > 1 else [], amodal.told[1:]):
        for one in told:
            np.testing.assert_allclose(one, expected[1], atol=0.02)
    assert all(p.modal_heat is not None and p.modal_heat.dtype == np.float32 for p in found)


def test_the_second_pass_starts_from_what_the_first_found() -> None:
    networks, modal, _ = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1, iis_passes=2, batch_size=1))
    predictor.set_image(picture())
    predictor.predict([LEFT, (40, 20, 90, 70)])
    assert all((heat == 0.5).all() for heat in modal.heats[:2])
    left, right = modal.heats[2:]
    assert (left == 1).all()
    assert (right[8:] == 1).all() and (right[:6, :6] == 1).all()
    assert not right[:6, 8:].any()  # above the right one, beside the left one


def test_rough_masks_are_refined_knowing_the_others() -> None:
    networks, modal, _ = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1))
    predictor.set_image(picture())
    predictor.predict(masks=masks(), refine=True)
    assert len(modal.told) == 6 and all(told.any() for told in modal.told[::2])


def test_one_object_alone_is_told_nothing() -> None:
    networks, modal, amodal = pair()
    predictor = Predictor(networks)
    predictor.set_image(picture())
    predictor.predict([LEFT])
    assert len(modal.told) == predictor.settings.iis_passes
    work = predictor.make_jobs(picture(), 0, boxes=[LEFT])
    ((job, _),) = tell_others(networks, predictor.settings, work)
    assert job.look is None and job.others is None  # IIS looks at it with the rest of its batch
    assert not any(told.any() for told in modal.told + amodal.told)


def test_a_doubtful_detection_is_told_but_does_not_tell() -> None:
    networks, _, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1, batch_size=1, others_score=0.3))
    predictor.set_image(picture())
    predictor.predict(masks=masks(), scores=[0.9, 0.29])
    assert [bool(told.any()) for told in amodal.told] == [False, True]


def test_the_setting_turns_it_off() -> None:
    networks, modal, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(others=False))
    predictor.set_image(picture())
    predictor.predict([LEFT, RIGHT])
    assert not any(told.any() for told in modal.told + amodal.told)


def test_heat_given_counts_above_its_threshold() -> None:
    networks, _, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1, given_threshold=0.5))
    predictor.set_image(picture())
    left, right = (mask.to_array().astype(np.float32) for mask in masks())
    predictor.predict(masks=[left * 0.9, right * 0.6])
    told = [one.copy() for one in amodal.told]
    amodal.told.clear()
    predictor.predict(masks=masks())
    np.testing.assert_array_equal(told, amodal.told)


def test_the_order_of_the_objects_does_not_matter() -> None:
    between = (14, 20, 54, 60)  # found twice with LEFT, and with AFTER; these two are not
    after = (18, 20, 58, 60)
    boxes = [LEFT, between, after, RIGHT]
    predictor = Predictor(NetworkPair(Spy(0.0), Heeding(0.25)), PredictionSettings(max_steps=1, nested=False))
    predictor.set_image(picture())
    kept = {}
    for order in ((0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0)):
        found = predictor.predict([boxes[i] for i in order], keep_heat=True)
        kept[order] = np.stack([found[order.index(i)].trace[0].heat for i in range(4)])  # type: ignore[misc]
    first, *rest = kept.values()
    assert {0.0, 0.5, 1.0} <= set(np.unique(first))
    for other in rest:
        np.testing.assert_array_equal(first, other)


def test_found_twice_is_of_two_boxes() -> None:
    chain = np.array([(x, 20, x + 40, 60) for x in (10, 14, 18)], np.float64)
    parts = [Mask.from_box(box, *SIZE) for box in chain]
    seen = seen_of(parts, chain)
    assert seen.others(1).over((0, 0, *SIZE), 100) is None  # both others are the same object
    for number, other in ((0, 2), (2, 0)):
        found = told(seen, number, (0, 0, 80, 80), 80)
        np.testing.assert_array_equal(found == 255, parts[other].to_array()[:, :80])


@pytest.mark.parametrize("given", ["box", "mask"])
def test_an_album_gives_what_single_pictures_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Literal["box", "mask"]
) -> None:
    """Whatever the batch, the lanes and the pictures beside it."""
    images, boxes = [np.roll(picture(), 3 * i, axis=1) for i in range(3)], []
    records = []
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
        boxes.append([tuple(float(v) for v in np.add(box, (3 * i, 0, 3 * i, 0))) for box in (LEFT, RIGHT)])
        parts = [Mask.from_box(box, *SIZE) for box in boxes[i]]
        parts = [parts[0] - parts[1], parts[1]]
        objects = [Instance(2 * i + k, 0, parts[k].box, modal_mask=parts[k]) for k in range(2)]
        records.append(ImageRecord(i, f"{i}.png", *SIZE, tuple(objects)))
    album = Album(records, [Category(1, "thing")])
    answers = []
    for batch_size, lanes, window in ((8, 1, 10**9), (1, 1, 1), (1, 3, 10**9), (3, 2, 2 * SIZE[0] * SIZE[1])):
        monkeypatch.setattr(albums, "WINDOW_PX", window)
        settings = PredictionSettings(max_steps=2, batch_size=batch_size)
        predictor = Predictor(NetworkPair(Spy(0.0), Heeding(0.25), lanes=lanes), settings)
        answers.append(albums.predict_album(predictor, album, tmp_path, given, keep_heat=True))
        single = []
        for i, image in enumerate(images):
            predictor.set_image(image)
            instances = records[i].instances
            words: dict[str, Any] = {"boxes": [o.modal_box for o in instances]}
            if given == "mask":
                words = {"masks": [o.modal_mask for o in instances]}
            single += predictor.predict(**words, keep_heat=True)
        answers.append(single)
    assert {0.0, 0.5, 1.0} <= set(np.unique([step.heat for p in answers[0] for step in p.trace]))
    for other in answers[1:]:
        for one, same in zip(answers[0], other, strict=True):
            assert (one.modal_mask, one.amodal_mask) == (same.modal_mask, same.amodal_mask)
            np.testing.assert_array_equal([s.heat for s in one.trace], [s.heat for s in same.trace])


def test_stuff_is_told_and_does_not_tell(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "0.png")
    left, right = masks()
    answers = {}
    for is_stuff in (False, True):
        objects = [
            Instance(0, 0, left.box, modal_mask=left),
            Instance(1, 0, right.box, modal_mask=right, is_stuff=is_stuff),
        ]
        album = Album([ImageRecord(0, "0.png", *SIZE, tuple(objects))], [Category(1, "thing")])
        for given in ("box", "mask"):
            amodal = Spy(0.25)
            predictor = Predictor(NetworkPair(Spy(0.0), amodal), PredictionSettings(max_steps=1))
            albums.predict_album(predictor, album, tmp_path, given)  # type: ignore[arg-type]
            answers[is_stuff, given] = [told.any() for told in amodal.told]
    assert answers[False, "box"] == answers[False, "mask"] == [True, True]
    assert answers[True, "box"] == answers[True, "mask"] == [False, True]


def test_boxes_and_masks_of_one_picture_tell_each_other() -> None:
    left, right = masks()
    networks, modal, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1))
    image = picture()
    work = [*predictor.make_jobs(image, 1, boxes=[LEFT]), *predictor.make_jobs(image, 1, masks=[right], ids=[1])]
    assert len(dict(predictor.run_jobs(work))) == 2
    assert len(modal.told) == predictor.settings.iis_passes
    seen = seen_of([left, right], [LEFT, RIGHT])
    np.testing.assert_allclose(amodal.told[0], spread([told(seen, 0, LEFT, 32)], 32)[0], atol=0.02)
    found = np.zeros((32, 32))
    found[:24, :6] = 1  # all of the left one's box: what IIS finds there is red
    np.testing.assert_allclose(amodal.told[1], found, atol=0.02)


def test_jobs_stay_as_they_are() -> None:
    networks, _, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=1))
    work = predictor.make_jobs(picture(), 1, boxes=[LEFT, RIGHT])
    dict(predictor.run_jobs(work))
    assert all(told.any() for told in amodal.told)
    amodal.told.clear()
    dict(Predictor(networks, replace(predictor.settings, others=False)).run_jobs(work))
    assert len(amodal.told) == 2 and not any(told.any() for told in amodal.told)


def test_pictures_do_not_tell_each_other() -> None:
    networks, modal, amodal = pair()
    predictor = Predictor(networks)
    first, second = picture(), picture()
    work = [*predictor.make_jobs(first, 1, boxes=[LEFT]), *predictor.make_jobs(second, 2, boxes=[RIGHT])]
    assert len(dict(predictor.run_jobs(work))) == 2
    assert not any(told.any() for told in modal.told + amodal.told)


@pytest.mark.parametrize("kept", [0, 10**6])
def test_the_first_step_sees_what_iis_saw(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[Any] = []
    monkeypatch.setattr(patches, "cut_patch", lambda *a: (cuts.append(a), cut_patch(*a))[1])
    monkeypatch.setattr(others_module, "KEPT_PATCH_BYTES", kept)
    networks, _, amodal = pair()
    predictor = Predictor(networks, PredictionSettings(max_steps=2))
    predictor.set_image(picture())
    found = predictor.predict([LEFT, RIGHT])
    steps = sum(p.steps for p in found)
    assert steps > 2 and len(cuts) == steps + (0 if kept else 2)
    assert all(seen.any() for seen in amodal.told)


@pytest.mark.parametrize("beyond", [False, True])
def test_visible_masks_are_those_of_objects_told_nothing(beyond: bool) -> None:
    predictor = Predictor(pair()[0], PredictionSettings(max_steps=2, nested=False))
    alone = Predictor(pair()[0], replace(predictor.settings, others=False))
    for one in (predictor, alone):
        one.set_image(picture())
    boxes = [(8.3, 17.2, 53.1, 63.7), (36.4, 26.6, 93.2, 74.9)]
    told, untold = (one.predict(boxes, beyond_border=beyond) for one in (predictor, alone))
    assert [p.modal_mask for p in told] == [p.modal_mask for p in untold]
    assert [p.canvas for p in told] == [p.canvas for p in untold]
    assert not any(p.modal_mask.is_empty for p in told)
