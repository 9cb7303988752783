"""The objects of one picture tell each other where they are seen: what covers an object can only be another one.

The paper's networks look at one object at a time. Ours may be told more (`pair.takes_others`): with masks given, those;
with boxes, what IIS finds in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

import numpy as np

from ..core.masks import Mask
from .engine import Evidence, Job, modal_heats
from .lanes import in_lanes
from .pair import NetworkPair, takes_others
from .patches import paste_heat
from .seen import Seen
from .settings import PredictionSettings

Told = TypeVar("Told")


def tell_others(
    networks: NetworkPair, settings: PredictionSettings, work: Iterable[tuple[Job, Told]]
) -> Iterator[tuple[Job, Told]]:
    """The same work; its jobs know where the other objects of their picture are seen, if the networks take that.

    Jobs of one picture follow each other and share its array. Where their visible parts are not given, IIS finds them
    first (`Job.found_heat`); a pixel that several claim belongs to the surest of them.

    Args:
        networks, settings: as in `find_objects`.
        work: jobs, each with what the caller wants to find beside it.
    """
    if not settings.others or not (takes_others(networks.modal) or takes_others(networks.amodal)):
        yield from work
        return
    for _, group in groupby(work, key=lambda item: id(item[0].image)):
        items = list(group)
        if len(items) > 1:
            _tell(networks, settings, [job for job, _ in items])
        yield from items


def _tell(networks: NetworkPair, settings: PredictionSettings, jobs: list[Job]) -> None:
    if jobs[0].evidence is None:
        looks = modal_heats(networks.modal, settings.batch_size, settings.iis_passes)
        for place, heat in in_lanes(jobs, networks.lanes, 2 * settings.batch_size, looks):
            jobs[place].found_heat = heat
        masks = _surest(jobs, settings.modal_threshold)
    else:
        masks = [_given(job.evidence, settings.given_threshold) for job in jobs]
    seen = Seen(masks, np.array([job.modal_box for job in jobs]))
    for number, job in enumerate(jobs):
        job.seen, job.number = seen, number


def _given(evidence: Evidence | None, threshold: float) -> Mask:
    assert evidence is not None  # a call takes boxes or masks
    return evidence if isinstance(evidence, Mask) else Mask.from_array(evidence > threshold)


def _surest(jobs: list[Job], threshold: float) -> list[Mask]:
    """The visible parts that IIS found: where an object's heat is over the threshold and nobody's is higher."""
    height, width = jobs[0].image.shape[:2]
    best = np.full((height, width), threshold, np.float32)
    pasted = []
    for job in jobs:
        assert job.found_heat is not None
        heat, left, top = paste_heat(job.found_heat.astype(np.float32), job.modal_box, width, height)
        here = slice(top, top + heat.shape[0]), slice(left, left + heat.shape[1])
        np.maximum(best[here], heat, out=best[here])
        pasted.append((here, left, top))
    masks = []
    for job, (here, left, top) in zip(jobs, pasted, strict=True):
        assert job.found_heat is not None
        heat = paste_heat(job.found_heat.astype(np.float32), job.modal_box, width, height).heat
        masks.append(Mask.from_crop((heat > threshold) & (heat >= best[here]), left, top, width, height))
    return masks
