"""Rules about depth: who lies in front of whom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ...core.boxes import area, intersect
from ...core.records import ImageRecord, Instance
from .findings import Finding, finding

_LET_PASS_PX, _LET_PASS_FRAC = 16, 0.05
_MOST_RANKED = 200
"""Pictures with more ranked objects than this are not compared pair by pair."""


def check_order(record: ImageRecord, file: str) -> Iterator[Finding]:
    """Pairs that name no object, run in a circle, or contradict the ranks or the masks; ranks the masks contradict."""
    known = {instance.id: instance for instance in record.instances}
    pairs: list[tuple[int, int]] = []
    for front, behind in record.occlusions:
        if front not in known or behind not in known or front == behind:
            yield finding("order-unknown", file, record, value=[front, behind])
            continue
        pairs.append((front, behind))
    cycle = find_cycle(pairs)
    if cycle:
        yield finding("order-cycle", file, record, *cycle, value=" in front of ".join(map(str, [*cycle, cycle[0]])))
    for front, behind in pairs:
        yield from _check_pair(record, known[front], known[behind], file)
    yield from _check_ranks(record, set(pairs), file)


def find_cycle(pairs: list[tuple[int, int]]) -> list[int]:
    """Ids of one cycle in the graph of (front, behind); empty where there is none.

    >>> find_cycle([(1, 2), (2, 3), (3, 2)])
    [2, 3]
    """
    after: dict[int, list[int]] = {}
    for front, behind in pairs:
        after.setdefault(front, []).append(behind)
    done: set[int] = set()
    for start in after:
        if start in done:
            continue
        path, on_path, stack = [start], {start}, [iter(after[start])]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                left = path.pop()
                on_path.discard(left)
                done.add(left)
            elif step in on_path:
                return path[path.index(step) :]
            elif step not in done:
                path.append(step)
                on_path.add(step)
                stack.append(iter(after.get(step, ())))
    return []


def covered_px(front: Instance, behind: Instance) -> tuple[int, int] | None:
    """Pixels of ``behind``'s hidden part under ``front``'s visible part, and of its hidden part; None if unknown."""
    if front.modal_mask is None or behind.modal_mask is None or behind.amodal_mask is None:
        return None
    seen = behind.modal_mask & behind.amodal_mask
    hidden = behind.amodal_mask.area - seen.area
    if not hidden:
        return 0, 0
    return (front.modal_mask & behind.amodal_mask).area - (front.modal_mask & seen).area, hidden


def _check_pair(record: ImageRecord, front: Instance, behind: Instance, file: str) -> Iterator[Finding]:
    if front.order is not None and behind.order is not None and front.order > behind.order:
        value = f"{front.id} in front of {behind.id}, ranks {front.order} and {behind.order}"
        yield finding("order-rank", file, record, front.id, behind.id, value=value)
    right, wrong = covered_px(front, behind), covered_px(behind, front)
    if right is not None and not right[0]:
        if wrong is not None and _matters(*wrong):
            yield finding("order-mask", file, record, front.id, behind.id, value=_covers(behind, front, *wrong))
        else:
            yield finding("order-idle", file, record, front.id, behind.id)


def _check_ranks(record: ImageRecord, paired: set[tuple[int, int]], file: str) -> Iterator[Finding]:
    ranked = [i for i in record.instances if i.order is not None and i.modal_mask is not None]
    if len(ranked) > _MOST_RANKED:
        return
    for one, other in combinations(ranked, 2):
        assert one.order is not None and other.order is not None
        if one.order == other.order:
            continue
        front, behind = (one, other) if one.order < other.order else (other, one)
        if front.amodal_mask is None or (front.id, behind.id) in paired:
            continue
        if area(intersect(front.amodal_box or front.modal_box, behind.modal_box)) <= 0:
            continue
        wrong = covered_px(behind, front)
        if wrong is not None and _matters(*wrong):
            value = _covers(behind, front, *wrong) + f", ranks {behind.order} and {front.order}"
            yield finding("order-mask", file, record, front.id, behind.id, value=value)


def _matters(covered: int, hidden: int) -> bool:
    return covered > max(_LET_PASS_PX, _LET_PASS_FRAC * hidden)


def _covers(front: Instance, behind: Instance, covered: int, hidden: int) -> str:
    return f"{front.id} covers {covered} of {hidden} hidden pixels of {behind.id}, but is told to lie behind it"
