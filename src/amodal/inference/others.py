"""The objects of one picture tell each other where they are seen: what covers an object can only be another one.

The paper's networks look at one object at a time. Ours may be told more (`pair.takes_others`): with masks given, those;
with boxes, what IIS finds in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.masks import Mask
from .engine import Job, modal_heats
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
    first, all its passes (`Job.found_heat`); a pixel that several claim belongs to the surest of them, or to the one it
    is given for. The jobs of ``work`` stay as they are: others, equal but for that, are handed on.

    Args:
        networks, settings: as in `find_objects`.
        work: jobs, each with what the caller wants to find beside it.
    """
    if not settings.others or not (takes_others(networks.modal) or takes_others(networks.amodal)):
        yield from work
        return
    window: list[list[tuple[Job, Told]]] = []  # pictures that are looked at together, for full batches
    for _, group in groupby(work, key=lambda item: id(item[0].image)):
        window.append(list(group))  # keeps the picture until the next one is there: no two of them have one id
        if sum(map(len, window)) >= 2 * settings.batch_size * networks.lanes:
            yield from _told_window(networks, settings, window)
            window = []
    yield from _told_window(networks, settings, window)


def _told_window(
    networks: NetworkPair, settings: PredictionSettings, window: list[list[tuple[Job, Told]]]
) -> Iterator[tuple[Job, Told]]:
    asked = [job for items in window if len(items) > 1 for job, _ in items if job.evidence is None]
    looks = modal_heats(networks.modal, settings.batch_size, settings.iis_passes)
    heats: dict[int, NDArray[np.float16]] = {}
    for place, heat in in_lanes(asked, networks.lanes, 2 * settings.batch_size, looks):
        heats[id(asked[place])] = heat
    for items in window:
        jobs = [job if job.evidence is not None else replace(job, found_heat=heats.get(id(job))) for job, _ in items]
        if len(items) > 1:
            jobs = _told(settings, jobs)
        yield from ((job, beside) for job, (_, beside) in zip(jobs, items, strict=True))


def _told(settings: PredictionSettings, jobs: list[Job]) -> list[Job]:
    """The jobs of one picture, told of each other."""
    seen = Seen(_visible_parts(jobs, settings), np.array([job.modal_box for job in jobs]))
    return [replace(job, seen=seen, number=number) for number, job in enumerate(jobs)]


def _visible_parts(jobs: list[Job], settings: PredictionSettings) -> list[Mask]:
    """What each object shows the others of itself; nothing of those that do not tell (`Job.tells`)."""
    height, width = jobs[0].image.shape[:2]
    masks = [Mask.from_crop(np.zeros((0, 0), np.bool_), 0, 0, width, height)] * len(jobs)
    telling = [number for number, job in enumerate(jobs) if job.tells]
    for number in telling:
        evidence = jobs[number].evidence
        if evidence is not None:
            known = evidence if isinstance(evidence, Mask) else Mask.from_array(evidence > settings.given_threshold)
            masks[number] = known
    found = [number for number in telling if jobs[number].found_heat is not None]
    surest = _surest([jobs[number] for number in found], settings.modal_threshold, masks) if found else []
    for number, mask in zip(found, surest, strict=True):
        masks[number] = mask
    return masks


def _surest(jobs: list[Job], threshold: float, given: Sequence[Mask] = ()) -> list[Mask]:
    """The visible parts that IIS found: where an object's heat is over the threshold and nobody's is higher.

    Pixels of the ``given`` masks are no longer to be had.
    """
    height, width = jobs[0].image.shape[:2]
    best = np.full((height, width), threshold, np.float32)
    for mask in given:
        if not mask.is_empty:
            left, top, right, bottom = bx.outward(mask.box).tolist()
            best[top:bottom, left:right][mask.crop((left, top, right, bottom))] = np.inf
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
