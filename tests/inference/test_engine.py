from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.images import cut_patch
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.inference.engine import find_objects
from amodal.inference.job import Job
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor
from amodal.inference.settings import PredictionSettings


def pair(toy: SimpleNamespace) -> NetworkPair:
    return NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork())


def pictures(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of different sizes, each with some red rectangles and boxes somewhere on them."""
    rng = np.random.default_rng(0)
    out = []
    for _ in range(count):
        width, height = rng.integers(60, 200, 2).tolist()
        image = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
        boxes = []
        for _ in range(int(rng.integers(1, 7))):
            low = rng.uniform(0, 0.6, 2) * (width, height)
            high = low + rng.uniform(0.1, 0.39, 2) * (width, height)
            x1, y1, x2, y2 = np.concatenate([low, high]).astype(int).tolist()
            image[y1:y2, x1:x2, 0] = 255
            inset = rng.uniform(0, 0.3, 4) * np.tile(high - low, 2) * (1, 1, -1, -1)
            boxes.append(np.concatenate([low, high]) + inset)
        out.append((image, np.array(boxes)))
    return out


def test_objects_of_many_pictures_equal_the_loop_over_one(toy: SimpleNamespace) -> None:
    alone: list[Prediction] = []
    predictor = Predictor(pair(toy), PredictionSettings(batch_size=1))
    scenes = pictures(9)
    for image, boxes in scenes:
        predictor.set_image(image)
        for box in boxes:
            alone += predictor.predict([box], keep_heat=True)
    assert len({p.steps for p in alone}) > 2  # they do not all leave at once
    for size in (2, 7, 64):
        predictor = Predictor(pair(toy), PredictionSettings(batch_size=size))

        def work(predictor: Predictor = predictor) -> Iterator[Any]:
            for image, boxes in scenes:
                yield from predictor.make_jobs(image, 0, boxes=boxes)

        together = dict(predictor.run_jobs(work(), keep_heat=True))
        assert sorted(together) == list(range(len(alone)))
        for i, one in enumerate(alone):
            other = together[i]
            assert (one.steps, one.stop_reason) == (other.steps, other.stop_reason)
            np.testing.assert_allclose(one.trace[-1].box, other.trace[-1].box, atol=1e-5)
            np.testing.assert_allclose(one.score, other.score, atol=1e-5)
            np.testing.assert_allclose(one.modal_heat, other.modal_heat, atol=1e-5)
            for a, b in zip(one.trace, other.trace, strict=True):
                np.testing.assert_allclose(a.heat, b.heat, atol=1e-5)  # type: ignore[arg-type]


def test_batches_stay_full_until_the_jobs_run_out_and_memory_is_two_batches(toy: SimpleNamespace) -> None:
    networks, size, drawn = pair(toy), 5, [0]

    def jobs() -> Iterator[Job]:
        for image, boxes in pictures(12):
            for box in boxes:
                drawn[0] += 1
                yield Job(image, tuple(box), (0, 0, image.shape[1], image.shape[0]))

    done, ahead = 0, 0
    for _ in find_objects(networks, PredictionSettings(batch_size=size), jobs()):
        ahead = max(ahead, drawn[0] - done)
        done += 1
    assert done == drawn[0] > 30 and ahead <= 2 * size
    asked = [len(call[0]) for call in networks.amodal.calls]  # type: ignore[attr-defined]
    first_short = next(i for i, n in enumerate(asked) if n < size)
    assert max(asked) == size and sum(asked[first_short:]) <= size * PredictionSettings().max_steps
    assert all(len(call[0]) <= size for call in networks.modal.calls)  # type: ignore[attr-defined]


def test_the_first_step_sees_what_iis_saw(toy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import amodal.inference.patches as module

    cuts: list[Any] = []
    monkeypatch.setattr(module, "cut_patch", lambda *a: (cuts.append(a), cut_patch(*a))[1])
    networks = pair(toy)
    ((image, boxes),) = pictures(1)
    limits = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
    found = list(find_objects(networks, PredictionSettings(), [Job(image, tuple(b), limits) for b in boxes]))
    np.testing.assert_array_equal(networks.modal.calls[0][0], networks.amodal.calls[0][0])  # type: ignore[attr-defined]
    assert len(cuts) == sum(len(f.expansion.steps) for f in found)  # IIS costs no cut of its own


def test_evidence_by_kind_in_one_batch(toy: SimpleNamespace) -> None:
    networks = pair(toy)
    image = toy.red_picture(60, 40, (0, 0, 60, 40))
    box, limits = (10.0, 10.0, 30.0, 30.0), (0.0, 0.0, 60.0, 40.0)
    mask = Mask.from_box((10, 10, 30, 20), 60, 40)
    jobs = [
        Job(image, box, limits),
        Job(image, box, limits, evidence=mask),
        Job(image, box, limits, evidence=mask, refines=True),
        Job(image, box, limits, evidence=mask.to_array() * np.float32(0.5)),
    ]
    found = {f.number: f.modal_heat for f in find_objects(networks, PredictionSettings(iis_passes=1), jobs)}
    half = np.repeat([[1.0], [0.0]], toy.HEAT_PX // 2, axis=0)
    np.testing.assert_allclose(found[0], 0.95, atol=0.01)  # red everywhere, 0.1 of the hypothesis 1/2
    np.testing.assert_allclose(found[1], np.broadcast_to(half, found[1].shape), atol=1e-6)
    middle = np.r_[0:18, 22:40]  # away from the edge between the halves
    np.testing.assert_allclose(found[2][middle], np.broadcast_to(0.9 + 0.1 * half, found[1].shape)[middle], atol=1e-3)
    np.testing.assert_allclose(found[3], found[1] * 0.5, atol=1e-6)
    assert len(networks.modal.calls[0][0]) == 2  # type: ignore[attr-defined]


def test_answers_do_not_lean_with_mirror_images(toy: SimpleNamespace) -> None:
    """A picture and its mirror image have mirrored answers, whatever the networks prefer."""

    class Leaning(toy.ToyNetwork):  # type: ignore[misc,name-defined]
        def __call__(self, *inputs: Any) -> Any:
            return super().__call__(*inputs) * np.linspace(1, 0.5, self.heat_px, dtype=np.float32)

    networks = NetworkPair(Leaning(margin=0.0), Leaning())
    jobs = []
    for image, found_boxes in pictures(4):
        width = image.shape[1]
        limits = (0.0, 0.0, float(width), float(image.shape[0]))
        for x1, y1, x2, y2 in found_boxes.tolist():
            jobs += [
                Job(image, (x1, y1, x2, y2), limits),
                Job(image[:, ::-1], (width - x2, y1, width - x1, y2), limits),
            ]
    for mirror in (True, False):
        settings = PredictionSettings(mirror=mirror, batch_size=3, max_steps=1, iis_passes=1)
        found = sorted(find_objects(networks, settings, jobs, keep_heat=True), key=lambda one: one.number)
        assert all((one.expansion.steps[-1].heat == one.expansion.heat).all() for one in found)  # type: ignore[attr-defined]
        assert len(found) == len(jobs)
        apart = [
            max(
                np.abs(a.modal_heat - b.modal_heat[:, ::-1]).max(),
                np.abs(a.expansion.heat - b.expansion.heat[:, ::-1]).max(),
            )
            for a, b in zip(found[::2], found[1::2], strict=True)
        ]
        assert max(apart) < 0.02 if mirror else min(apart) > 0.1
    networks.amodal.calls.clear()  # type: ignore[attr-defined]
    found = list(find_objects(networks, PredictionSettings(mirror=True, batch_size=3), jobs))
    asked = sum(len(call[0]) for call in networks.amodal.calls)  # type: ignore[attr-defined]
    assert asked == sum(len(one.expansion.steps) for one in found) + len(jobs)  # the last answer alone
