"""Objects through the networks: IIS as they enter, expansion side by side, out as they finish."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.resample import move_heat
from .expansion import ActiveSet, Expansion
from .job import Job
from .looks import look_at, same_patch, told_categories, told_others
from .pair import NetworkPair, ask, ask_mirrored
from .patches import cut_into, mask_heat
from .settings import PredictionSettings


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

    At the most ``batch_size`` objects expand at once. One that stops leaves and the next one enters, so each step is a
    full batch until the jobs run out; jobs are drawn when there is room. Memory holds two batches of objects and their
    pictures, however many jobs there are.

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

    asked: dict[int, int] = {}  # the objects of the last question, and their rows in it
    question: _Question

    def heat_of(keys: NDArray[np.intp], boxes: bx.BoxArray) -> NDArray[np.float32]:
        nonlocal asked, question
        asked = {key: row for row, key in enumerate(keys.tolist())}
        question = _question(networks, [inside[key] for key in asked], boxes)
        return ask(networks.amodal, *question)

    while True:
        if len(active) + len(waiting) < settings.batch_size:
            drawn = [_Member(number, job) for number, job in islice(numbered, settings.batch_size)]
            _find_modal_heats(networks, settings, drawn)
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
        ended = [(inside.pop(number), expansion) for number, expansion in active.step(heat_of)]
        if settings.mirror and ended:
            again = question.some([asked[member.number] for member, _ in ended])
            turned = ask_mirrored(networks.amodal, *again)
            for (_, expansion), heat in zip(ended, turned, strict=True):
                expansion.heat = (expansion.heat + heat) * np.float32(0.5)
                if keep_heat:
                    expansion.steps[-1] = replace(expansion.steps[-1], heat=expansion.heat)
        for member, expansion in ended:
            assert member.modal_heat is not None
            yield Found(member.number, member.job, member.modal_heat, expansion)


@dataclass(slots=True)
class _Member:
    """A job on its way; ``patch`` is what IIS saw, kept for the first step of the expansion, which sees the same."""

    number: int
    job: Job
    modal_heat: NDArray[np.float32] | None = None
    patch: NDArray[np.uint8] | None = None


def _find_modal_heats(networks: NetworkPair, settings: PredictionSettings, members: list[_Member]) -> None:
    """Heat of each visible part over its modal box, float32 ``(s, s)``: found by IIS, given, or given and refined."""
    passes = settings.iis_passes
    fresh: list[_Member] = []
    looked_at: list[_Member] = []
    for member in members:
        job = member.job
        if job.look is not None and passes > 1:
            looked_at.append(member)
        elif job.look is not None:
            member.modal_heat = job.look.heat.astype(np.float32)
            member.patch = job.look.patch if same_patch(networks) else None
        elif job.evidence is None or job.refines:
            fresh.append(member)
        else:
            member.modal_heat = mask_heat(job.evidence, job.modal_box, networks.modal.heat_px)
    for asked, left in ((fresh, passes), (looked_at, passes - 1)):
        if asked:
            heats, patches = look_at(networks, left, [member.job for member in asked], mirror=settings.mirror)
            for member, heat, patch in zip(asked, heats, patches, strict=True):
                member.modal_heat, member.patch = heat, patch if same_patch(networks) else None


class _Question(NamedTuple):
    """What the amodal network is given of objects, in the order in which `pair.ask` takes it."""

    patches: NDArray[np.uint8]
    heat: NDArray[np.float32]
    category: NDArray[np.int64] | None
    others: NDArray[np.float32] | None

    def some(self, rows: list[int]) -> _Question:
        """The same of some of the objects."""
        category = None if self.category is None else self.category[rows]
        return _Question(
            self.patches[rows], self.heat[rows], category, None if self.others is None else self.others[rows]
        )


def _question(networks: NetworkPair, members: list[_Member], boxes: bx.BoxArray) -> _Question:
    """Of objects when the amodal network sees ``boxes``."""
    network = networks.amodal
    jobs = [member.job for member in members]
    patches = np.empty((len(members), 3, network.patch_px, network.patch_px), np.uint8)
    for patch, member, box in zip(patches, members, boxes, strict=True):
        if member.patch is None:
            cut_into(patch, member.job.image, box)
        else:
            patch[:], member.patch = member.patch, None
    heats = np.stack([member.modal_heat for member in members if member.modal_heat is not None])
    aligned = move_heat(heats, np.array([job.modal_box for job in jobs]), boxes, network.patch_px)
    told = told_others(network, jobs, boxes, networks.told_px)
    return _Question(patches, aligned, told_categories(jobs), told)
