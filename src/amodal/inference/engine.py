"""Objects through the networks: IIS as they enter, expansion side by side, out as they finish."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.masks import Mask
from ..core.resample import move_heat
from .expansion import ActiveSet, Expansion
from .pair import Network, NetworkPair, ask, takes_others
from .patches import cut_patches, mask_heat
from .refine import NO_HYPOTHESIS, refine
from .seen import Seen, spread
from .settings import PredictionSettings

OTHERS_PX = 64
"""Side of the maps of other objects before they are spread over a patch: as the compact model's training tells them."""

Evidence = Mask | NDArray[np.floating]
"""What is given of an object's visible part: a mask, or heat ``(H, W)`` in [0, 1]."""


@dataclass(slots=True)
class Job:
    """One object to be found.

    Attributes:
        image: uint8 ``(H, W, 3)``, RGB; shared by the jobs of a picture.
        modal_box: xyxy, where IIS looks and expansion starts.
        limits: the box expansion may not leave: the picture, or more.
        category: what the networks are told; None for networks that take none.
        evidence: the visible part, where it is given.
        refines: IIS improves the evidence; without it, evidence is taken as it is.
        tells: the other objects of the picture are told where this one is seen.
        seen: where the objects of the picture are seen, this one as ``number``; None: of others nothing is known.
        number: see ``seen``.
        found_heat: float16 ``(s, s)``, the modal heat over ``modal_box`` where IIS has looked already.
    """

    image: NDArray[np.uint8]
    modal_box: bx.Box
    limits: bx.Box
    category: int | None = None
    evidence: Evidence | None = None
    refines: bool = False
    tells: bool = True
    seen: Seen | None = None
    number: int = 0
    found_heat: NDArray[np.float16] | None = None


@dataclass(slots=True)
class Found:
    """What the networks said of one job: its number, modal heat float32 ``(s, s)`` over its box, its expansion."""

    number: int
    job: Job
    modal_heat: NDArray[np.float32]
    expansion: Expansion


def find_objects(
    networks: NetworkPair, settings: PredictionSettings, jobs: Iterable[Job], *, keep_heat: bool = False
) -> Iterator[Found]:
    """Find every object, those of several pictures together (paper section 4.1).

    At the most ``batch_size`` objects expand at once. One that stops leaves and the next one enters, so each call of
    the amodal network is a full batch until the jobs run out; jobs are drawn when there is room. Memory holds two
    batches of objects and their pictures, however many jobs there are.

    Args:
        networks: the two networks.
        settings: thresholds and caps.
        jobs: the objects; may be made, and their pictures decoded, as they are drawn.
        keep_heat: keep the heat of each step.

    Yields:
        what was found, in the order in which objects finish; `Found.number` counts the jobs from 0.
    """
    numbered = enumerate(jobs)
    waiting: deque[_Member] = deque()
    inside: dict[int, _Member] = {}
    active = ActiveSet(
        margin=networks.amodal.margin,
        threshold=settings.strip_threshold,
        max_steps=settings.max_steps,
        keep_heat=keep_heat,
    )

    def heat_of(keys: NDArray[np.intp], boxes: bx.BoxArray) -> NDArray[np.float32]:
        return _amodal_heats(networks.amodal, [inside[key] for key in keys.tolist()], boxes)

    while True:
        if len(active) + len(waiting) < settings.batch_size:
            drawn = [_Member(number, job) for number, job in islice(numbered, settings.batch_size)]
            _find_modal_heats(networks, settings.iis_passes, drawn)
            waiting.extend(drawn)
        enter = [waiting.popleft() for _ in range(min(settings.batch_size - len(active), len(waiting)))]
        if enter:
            inside.update((member.number, member) for member in enter)
            active.add(
                [member.number for member in enter],
                [member.job.modal_box for member in enter],
                [member.job.limits for member in enter],
            )
        if not len(active):
            return
        for number, expansion in active.step(heat_of):
            member = inside.pop(number)
            assert member.modal_heat is not None
            yield Found(number, member.job, member.modal_heat, expansion)


@dataclass(slots=True)
class _Member:
    """A job on its way; ``patch`` is what IIS saw, kept for the first step of the expansion, which sees the same."""

    number: int
    job: Job
    modal_heat: NDArray[np.float32] | None = None
    patch: NDArray[np.uint8] | None = None


def _find_modal_heats(networks: NetworkPair, passes: int, members: list[_Member]) -> None:
    """Heat of each visible part over its modal box, float32 ``(s, s)``: found by IIS, given, or given and refined."""
    network = networks.modal
    asked: list[_Member] = []
    for member in members:
        job = member.job
        if job.found_heat is not None:
            member.modal_heat = job.found_heat.astype(np.float32)
        elif job.evidence is None or job.refines:
            asked.append(member)
        else:
            member.modal_heat = mask_heat(job.evidence, job.modal_box, network.heat_px)
    if not asked:
        return
    jobs = [member.job for member in asked]
    boxes = np.array([job.modal_box for job in jobs])
    patches = cut_patches([job.image for job in jobs], boxes, network.patch_px)
    hypothesis = np.stack([_hypothesis(job, network) for job in jobs])
    heats = refine(network, patches, _categories(jobs), passes, hypothesis, _others(network, jobs, boxes))
    same_patch = network.patch_px == networks.amodal.patch_px
    for member, heat, patch in zip(asked, heats, patches, strict=True):
        member.modal_heat, member.patch = heat, patch if same_patch else None


def _hypothesis(job: Job, network: Network) -> NDArray[np.float32]:
    """What the first pass of IIS over the modal box is given, float32 ``(p, p)``."""
    side = network.patch_px
    if job.evidence is not None:
        return mask_heat(job.evidence, job.modal_box, side)
    return np.full((side, side), NO_HYPOTHESIS, np.float32)


def _others(network: Network, jobs: list[Job], boxes: bx.BoxArray) -> NDArray[np.float32] | None:
    """Where other objects are seen in ``boxes``, as a network takes it; None for one that does not."""
    if not takes_others(network):
        return None
    maps = [
        None if job.seen is None else job.seen.others(job.number, bx.as_box(box), OTHERS_PX)
        for job, box in zip(jobs, boxes, strict=True)
    ]
    return spread(maps, network.patch_px)


def modal_heats(
    network: Network, batch_size: int, passes: int
) -> Callable[[Iterator[tuple[int, Job]]], Iterator[tuple[int, NDArray[np.float16]]]]:
    """IIS over the boxes of jobs, for `lanes.in_lanes`: (place, job) to (place, heat)."""

    def lane(items: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, NDArray[np.float16]]]:
        while batch := list(islice(items, batch_size)):
            jobs = [job for _, job in batch]
            boxes = np.array([job.modal_box for job in jobs])
            patches = cut_patches([job.image for job in jobs], boxes, network.patch_px)
            heats = refine(network, patches, _categories(jobs), passes)
            yield from ((place, heat.astype(np.float16)) for (place, _), heat in zip(batch, heats, strict=True))

    return lane


def _amodal_heats(network: Network, members: list[_Member], boxes: bx.BoxArray) -> NDArray[np.float32]:
    """One forward pass of the amodal network: what it says of objects when it sees ``boxes``."""
    jobs = [member.job for member in members]
    patches = np.empty((len(members), 3, network.patch_px, network.patch_px), np.uint8)
    fresh = [i for i, member in enumerate(members) if member.patch is None]
    patches[fresh] = cut_patches([jobs[i].image for i in fresh], boxes[fresh], network.patch_px)
    for patch, member in zip(patches, members, strict=True):
        if member.patch is not None:
            patch[:], member.patch = member.patch, None
    heats = np.stack([member.modal_heat for member in members if member.modal_heat is not None])
    aligned = move_heat(heats, np.array([job.modal_box for job in jobs]), boxes, network.patch_px)
    return ask(network, patches, aligned, _categories(jobs), _others(network, jobs, boxes))


def _categories(jobs: list[Job]) -> NDArray[np.int64] | None:
    if not jobs or jobs[0].category is None:
        return None
    return np.array([job.category for job in jobs], dtype=np.int64)
