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
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.masks import Mask
from .job import Job, Look
from .lanes import in_lanes
from .looks import first_looks
from .pair import NetworkPair, takes_others
from .patches import PixelHeat, paste_heat
from .seen import Seen, Shown
from .settings import PredictionSettings

Told = TypeVar("Told")

KEPT_PATCH_BYTES = 16_000_000
"""Of patches that IIS has seen, kept for the expansion's first step, which sees them again; others are cut again."""

KEPT_HEAT_PX = 4_000_000
"""Of heat at the pixels of a picture, kept until it is known who is surest of each; what is over is read again."""


def tell_others(
    networks: NetworkPair, settings: PredictionSettings, work: Iterable[tuple[Job, Told]]
) -> Iterator[tuple[Job, Told]]:
    """The same work; its jobs know where the other objects of their picture are seen, if the networks take that.

    Jobs of one picture follow each other and share its array. Where their visible parts are not given, IIS finds them
    first, all its passes (`Job.look`); a pixel that several claim belongs to the surest of them, or to the one it
    is given for. The jobs of ``work`` stay as they are: others, equal but for that, are handed on.

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
    lane = first_looks(
        networks, settings.batch_size, settings.iis_passes, KEPT_PATCH_BYTES // (3 * networks.modal.patch_px**2)
    )
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
    height, width = jobs[0].image.shape[:2]
    shown = [Shown(Mask.from_crop(np.zeros((0, 0), np.bool_), 0, 0, width, height))] * len(jobs)
    for number, job in enumerate(jobs):
        known = job.evidence
        if job.tells and known is not None:
            mask = known if isinstance(known, Mask) else Mask.from_array(known > settings.given_threshold)
            shown[number] = Shown(mask)
    boxes = np.array([job.modal_box for job in jobs])
    told = list(looks)
    asked = {number: look for number, look in enumerate(looks) if look is not None and jobs[number].tells}
    if asked:
        answers = _surest(list(asked.values()), boxes[list(asked)], settings.modal_threshold, shown)
        for (number, look), (mask, part) in zip(asked.items(), answers, strict=True):
            told[number], shown[number] = replace(look, mask=mask), part
    seen = Seen(shown, boxes)
    return [
        replace(job, others=seen.others(number), look=look)
        for number, (job, look) in enumerate(zip(jobs, told, strict=True))
    ]


def _surest(
    looks: Sequence[Look], boxes: bx.BoxArray, threshold: float, given: Sequence[Shown]
) -> list[tuple[Mask, Shown]]:
    """The visible parts that IIS found in boxes of one picture: what there is of each, and what of it others are shown.

    Args:
        looks: ``n``.
        boxes: xyxy ``(n, 4)``.
        threshold: an object is seen where its heat exceeds it.
        given: one part or more, of the picture's size: their pixels are no longer to be had.

    Returns:
        for each the pixels over the threshold; and those of them where nobody's heat is higher, and that are not given.
    """
    height, width = given[0].mask.height, given[0].mask.width
    best = np.full((height, width), threshold, np.float32, order="F")  # as pasted heat lies in memory
    for one in given:
        if not one.mask.is_empty:
            pixels, left, top = one.decoded()
            best[top : top + pixels.shape[0], left : left + pixels.shape[1]][pixels != 0] = np.inf

    def pasted(look: Look, box: bx.BoxArray) -> PixelHeat:
        return paste_heat(look.heat.astype(np.float32), box, width, height, above=threshold)

    def best_at(part: PixelHeat) -> NDArray[np.float32]:
        return best[part.top : part.top + part.heat.shape[0], part.left : part.left + part.heat.shape[1]]

    kept: list[PixelHeat | None] = []
    room = KEPT_HEAT_PX
    for look, box in zip(looks, boxes, strict=True):
        part = pasted(look, box)
        np.maximum(best_at(part), part.heat, out=best_at(part))
        room -= part.heat.size
        kept.append(part if room >= 0 else None)
    answers = []
    for look, box, known in zip(looks, boxes, kept, strict=True):
        part = known or pasted(look, box)
        seen = part.heat > threshold
        surest = seen & (part.heat >= best_at(part))
        mask = Mask.from_crop(seen, part.left, part.top, width, height)
        is_all = np.count_nonzero(surest) == np.count_nonzero(seen)
        shown = mask if is_all else Mask.from_crop(surest, part.left, part.top, width, height)
        answers.append((mask, Shown(shown, None if known is None else surest, part.left, part.top)))
    return answers
