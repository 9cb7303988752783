"""What the modal network is shown of a job, and what it finds there (IIS)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from .job import Job, Look
from .pair import Network, NetworkPair, takes_others
from .patches import cut_into, mask_heat
from .refine import NO_HYPOTHESIS, refine, stretched
from .seen import spread


def look_at(
    networks: NetworkPair, passes: int, jobs: Sequence[Job], *, mirror: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Passes of IIS over the modal boxes of jobs (paper section 4.1), from what is known of each.

    That is what its first pass found (`Job.look`), else the visible part that is given, else nothing.
    ``mirror``: as `refine` takes it.

    Returns:
        modal heats float32 ``(n, s, s)`` over the boxes; the patches, uint8 ``(n, 3, p, p)``.
    """
    network = networks.modal
    boxes = np.array([job.modal_box for job in jobs])
    patches = np.empty((len(jobs), 3, network.patch_px, network.patch_px), np.uint8)
    for patch, job in zip(patches, jobs, strict=True):
        if job.look is None or job.look.patch is None:
            cut_into(patch, job.image, job.modal_box)
        else:
            patch[:] = job.look.patch
    hypothesis = np.stack([_hypothesis(job, network.patch_px) for job in jobs])
    told = told_others(network, jobs, boxes, networks.told_px)
    return refine(network, patches, told_categories(jobs), passes, hypothesis, told, mirror=mirror), patches


def same_patch(networks: NetworkPair) -> bool:
    """Whether the amodal network sees of a modal box what the modal network saw of it: `look_at`'s patches."""
    return networks.modal.patch_px == networks.amodal.patch_px


def first_looks(
    networks: NetworkPair, batch_size: int, most_patches: int, *, mirror: bool = False
) -> Callable[[Iterator[tuple[int, Job]]], Iterator[tuple[int, Look]]]:
    """The first pass of IIS over the boxes of jobs, for `lanes.in_lanes`: (place, job) to (place, look).

    Args:
        networks: as `look_at`.
        batch_size: boxes at once.
        most_patches: the first so many places keep their patch.
        mirror: as `refine` takes it.
    """

    def lane(items: Iterator[tuple[int, Job]]) -> Iterator[tuple[int, Look]]:
        while batch := list(islice(items, batch_size)):
            heats, patches = look_at(networks, 1, [job for _, job in batch], mirror=mirror)
            for (place, _), heat, patch in zip(batch, heats, patches, strict=True):
                yield place, Look(heat.astype(np.float16), patch.copy() if place < most_patches else None)

    return lane


def told_others(network: Network, jobs: Sequence[Job], boxes: bx.BoxArray, told_px: int) -> NDArray[np.float32] | None:
    """Where other objects are seen in ``boxes``, as a network takes it; None for one that does not.

    Args:
        network: which is told.
        jobs: ``n``.
        boxes: xyxy ``(n, 4)``, what it sees of them.
        told_px: see `NetworkPair.told_px`.
    """
    if not takes_others(network):
        return None
    rows = [bx.as_box(box) for box in boxes.tolist()]
    told = spread(
        [None if job.others is None else job.others.over(box, told_px) for job, box in zip(jobs, rows, strict=True)],
        network.patch_px,
    )
    for one, job, box in zip(told, jobs, rows, strict=True):
        found = None if job.found is None else job.found.over(job.number, box, network.patch_px)
        if found is not None:
            np.maximum(one, found, out=one)
    return told


def told_categories(jobs: Sequence[Job]) -> NDArray[np.int64] | None:
    """Categories of jobs as networks take them, int64 ``(n,)``."""
    if not jobs or jobs[0].category is None:
        return None
    return np.array([job.category for job in jobs], dtype=np.int64)


def _hypothesis(job: Job, side: int) -> NDArray[np.float32]:
    """What the next pass of IIS over the modal box is given, float32 ``(p, p)``."""
    if job.look is not None:
        return stretched(job.look.heat.astype(np.float32), side)
    if job.evidence is not None:
        return mask_heat(job.evidence, job.modal_box, side)
    return np.full((side, side), NO_HYPOTHESIS, np.float32)
