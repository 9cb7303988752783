"""The objects of one picture tell each other where they are seen: what covers an object can only be another one.

The paper's networks look at one object at a time. Ours may be told more (`pair.takes_others`): with masks given, those;
with boxes, what the first pass of IIS finds in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

import numpy as np

from ..core.masks import Mask
from .engine import Job, first_heats
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

    Jobs of one picture follow each other and share its array. Where their visible parts are not given, one pass of IIS
    looks for them, and `Job.first_heat` is what later passes go on from.

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
    unseen = [job for job in jobs if job.evidence is None]
    looks = first_heats(networks.modal, settings.batch_size)
    for place, heat in in_lanes(unseen, networks.lanes, 2 * settings.batch_size, looks):
        unseen[place].first_heat = heat
    height, width = jobs[0].image.shape[:2]
    boxes = np.array([job.modal_box for job in jobs])
    seen = Seen([_visible(job, settings, width, height) for job in jobs], boxes)
    for number, job in enumerate(jobs):
        job.seen, job.number = seen, number


def _visible(job: Job, settings: PredictionSettings, width: int, height: int) -> Mask:
    if isinstance(job.evidence, Mask):
        return job.evidence
    if job.evidence is not None:
        return Mask.from_array(job.evidence > settings.given_threshold)
    assert job.first_heat is not None
    heat, left, top = paste_heat(job.first_heat.astype(np.float32), job.modal_box, width, height)
    return Mask.from_crop(heat > settings.modal_threshold, left, top, width, height)
