"""The objects of one picture tell each other where they are seen: what covers an object can only be another one.

The paper's networks look at one object at a time. Ours may be told more (`pair.takes_others`): with masks given, those;
with boxes, what IIS finds in each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import TypeVar

import numpy as np

from ..core.masks import Mask
from .found import FoundHeats
from .job import Job, Look
from .lanes import in_lanes
from .looks import first_looks
from .pair import NetworkPair, takes_others
from .seen import Seen, same_objects
from .settings import PredictionSettings

Told = TypeVar("Told")

KEPT_PATCH_BYTES = 16_000_000
"""Of patches that IIS has seen, kept for its other passes, which see them again; others are cut again."""


def tell_others(
    networks: NetworkPair, settings: PredictionSettings, work: Iterable[tuple[Job, Told]]
) -> Iterator[tuple[Job, Told]]:
    """The same work; its jobs know where the other objects of their picture are seen, if the networks take that.

    Jobs of one picture follow each other and share its array. Where their visible parts are not given, IIS finds them
    first, in one pass (`Job.look`): its other passes and the amodal network are told the heats of the others
    (`Job.found`). The jobs of ``work`` stay as they are: others, equal but for that, are handed on.

    Args:
        networks, settings: as in `find_objects`.
        work: jobs, each with what the caller wants to find beside it.
    """
    if not settings.others or not (takes_others(networks.modal) or takes_others(networks.amodal)):
        yield from work
        return
    window: deque[list[tuple[Job, Told]]] = deque()  # pictures that are looked at together, for full batches
    for _, group in groupby(work, key=lambda item: id(item[0].image)):
        window.append(list(group))  # keeps the picture until the next one is there: no two of them have one id
        if sum(map(len, window)) >= 2 * settings.batch_size * networks.lanes:
            yield from _told_window(networks, settings, window)
    yield from _told_window(networks, settings, window)


def _told_window(
    networks: NetworkPair, settings: PredictionSettings, window: deque[list[tuple[Job, Told]]]
) -> Iterator[tuple[Job, Told]]:
    """Empties the window: what is handed on is forgotten here."""
    asked = [job for items in window for job, _ in items if _is_looked_at(job, items)]
    most_patches = KEPT_PATCH_BYTES // (3 * networks.modal.patch_px**2)
    # the only pass is the last one, too
    lane = first_looks(networks, settings.batch_size, most_patches, mirror=settings.mirror and settings.iis_passes == 1)
    looks = dict(in_lanes(asked, networks.lanes, 2 * settings.batch_size, lane))
    places = count()
    while window:
        items = window.popleft()
        if len(items) == 1:
            yield from items
            continue
        jobs = [job for job, _ in items]
        found = [looks.pop(next(places)) if _is_looked_at(job, items) else None for job in jobs]
        told = deque(_told(settings, jobs, found))
        del jobs, found
        for _, beside in items:
            yield told.popleft(), beside


def _is_looked_at(job: Job, items: Sequence[object]) -> bool:
    """Whether IIS finds what others of a picture's ``items`` are told; one alone waits for a batch of the engine."""
    return len(items) > 1 and job.evidence is None


def _told(settings: PredictionSettings, jobs: Sequence[Job], looks: Sequence[Look | None]) -> list[Job]:
    """The jobs of one picture told of each other, with what IIS found in each (None: its visible part is given)."""
    boxes = np.array([job.modal_box for job in jobs])
    seen = found = None
    if any(job.evidence is not None for job in jobs):
        seen = Seen([_shown(job, settings) for job in jobs], boxes)
    if any(look is not None for look in looks):
        heats = [look.heat if look and job.tells else None for job, look in zip(jobs, looks, strict=True)]
        found = FoundHeats(heats, boxes, seen.same if seen else same_objects(boxes))
    return [
        replace(job, others=seen.others(number) if seen else None, found=found, number=number, look=look)
        for number, (job, look) in enumerate(zip(jobs, looks, strict=True))
    ]


def _shown(job: Job, settings: PredictionSettings) -> Mask:
    """What is given of a job's visible part, if it tells the others of it."""
    if job.evidence is None or not job.tells:
        height, width = job.image.shape[:2]
        return Mask.from_crop(np.zeros((0, 0), np.bool_), 0, 0, width, height)
    if isinstance(job.evidence, Mask):
        return job.evidence
    return Mask.from_array(job.evidence > settings.given_threshold)
