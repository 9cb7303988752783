"""Which object hides which, from their masks."""

from __future__ import annotations

from itertools import combinations, pairwise

from ...core.masks import Mask
from ...datasets.check.order import find_cycle

Masks = tuple[Mask, Mask]
"""Of one object: whole and visible."""


def find_occlusions(objects: dict[int, Masks]) -> list[tuple[int, int]]:
    """Pairs of objects, in front and behind: what is seen of one lies where the other is hidden.

    Of two that hide parts of each other, the one that hides more is in front. Where several hide each other in a circle
    (things may lie in each other), the pair that hides least is left out.

    Args:
        objects: by id.
    """
    pairs: dict[tuple[int, int], int] = {}
    for one, other in combinations(objects, 2):
        lead = _hidden_px(objects[one], objects[other]) - _hidden_px(objects[other], objects[one])
        if lead:
            pairs[(one, other) if lead > 0 else (other, one)] = abs(lead)
    while circle := find_cycle(list(pairs)):
        del pairs[min(pairwise([*circle, circle[0]]), key=pairs.__getitem__)]
    return list(pairs)


def _hidden_px(front: Masks, behind: Masks) -> int:
    return ((behind[0] - behind[1]) & front[1]).area
