from __future__ import annotations

import pytest

from amodal.core.masks import Mask
from amodal.core.records import ImageRecord, Instance
from amodal.metrics.occlusion_kind import kind_in_picture, occlusion_kind

W, H = 60, 40
WHOLE = (10.0, 10.0, 50.0, 30.0)


def box(*edges: float) -> Mask:
    return Mask.from_box(edges, W, H)


@pytest.mark.parametrize(
    ("occluder", "kind", "share"),
    [
        ((20, 0, 30, 30), "interior", 2 / 3),  # a post before the middle: two thirds of it lie inside
        ((20, 12, 30, 28), "interior", 1.0),  # wholly inside
        ((0, 10, 18, 30), "exterior", 8 / 18),  # beside it, covering one end
        ((0, 10, 20, 30), "exterior", 0.5),  # half is not mostly
    ],
)
def test_the_occluders_own_place_decides(occluder: tuple[float, ...], kind: str, share: float) -> None:
    whole, front = box(*WHOLE), box(*occluder)
    found = occlusion_kind(whole, whole - front, [front, box(52, 0, 60, 40)])
    assert found is not None
    assert (found.kind, found.known_occluders) == (kind, True)
    assert found.inside_frac == pytest.approx(share)


def test_unknown_occluders_are_told_by_where_the_hidden_part_lies() -> None:
    whole = box(*WHOLE)
    gap, end = occlusion_kind(whole, whole - box(20, 0, 30, 40)), occlusion_kind(whole, whole - box(40, 0, 60, 40))
    assert gap is not None and (gap.kind, gap.known_occluders, gap.inside_frac) == ("interior", False, 1.0)
    assert end is not None and (end.kind, end.known_occluders, end.inside_frac) == ("exterior", False, 0.0)


def test_nothing_hidden_is_no_kind() -> None:
    assert occlusion_kind(box(*WHOLE), box(*WHOLE), [box(0, 0, 60, 40)]) is None


def test_in_a_picture_the_other_objects_are_the_occluders() -> None:
    whole, front = box(*WHOLE), box(20, 12, 30, 28)
    behind = Instance(1, 0, WHOLE, whole - front, amodal_mask=whole)
    record = ImageRecord(1, "a.jpg", W, H, (behind, Instance(2, 0, (20, 12, 30, 28), front)))
    found = kind_in_picture(record, behind, whole)
    assert found is not None and (found.kind, found.known_occluders) == ("interior", True)
    blind = Instance(3, 0, WHOLE)
    assert kind_in_picture(record, blind, whole) is None
