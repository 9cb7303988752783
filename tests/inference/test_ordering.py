from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest

from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.inference.ordering import OrderRules, find_overlaps, order_graph, order_scene, strong_components

W, H = 60, 40


def box(x1: int, y1: int, x2: int, y2: int) -> Mask:
    return Mask.from_box((x1, y1, x2, y2), W, H)


def stack(*wholes: Mask) -> tuple[list[Mask], list[Mask]]:
    """Modal and amodal masks of objects laid over each other, the first in front."""
    modal, above = [], Mask.from_box((0, 0, 0, 0), W, H)
    for whole in wholes:
        modal.append(whole - above)
        above |= whole
    return modal, list(wholes)


def edges(graph: object) -> list[tuple[int, int]]:
    return [(e.front, e.behind) for e in graph.occlusions]  # type: ignore[attr-defined]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_pile_is_ordered_whatever_the_order_given(order: tuple[int, ...]) -> None:
    modal, amodal = stack(box(0, 0, 20, 20), box(10, 10, 30, 30), box(5, 15, 50, 38))
    graph = order_graph(find_overlaps([10 + i for i in order], [modal[i] for i in order], [amodal[i] for i in order]))
    assert edges(graph) == [(10, 11), (10, 12), (11, 12)]
    assert graph.ranks == {10: 1, 11: 2, 12: 3} and graph.cycles == ()
    assert all(edge.strength == 1 for edge in graph.occlusions)
    assert graph.occlusions[0].pixels == 100 and graph.ids == tuple(10 + i for i in order)
    covers = {e.front: e.pixels for e in graph.occlusions if e.behind == 12}
    assert graph.occluders(12) == (11, 10) and covers[11] > covers[10]  # the one that hides most first
    assert graph.occluders(10) == ()


def test_objects_apart_are_all_in_front() -> None:
    masks = [box(0, 0, 10, 10), box(20, 0, 30, 10), box(20, 10, 30, 20)]  # the last two touch
    graph = order_graph(find_overlaps([1, 2, 3], masks, masks))
    assert graph.occlusions == () and set(graph.ranks.values()) == {1}


def test_a_cycle_is_reported() -> None:
    # three bars, each over the next one at one end, as in a pinwheel
    a, b, c = box(0, 0, 40, 10), box(30, 0, 40, 40), box(0, 5, 35, 40)
    modal = [a - c, b - a, c - b]
    graph = order_graph(find_overlaps([1, 2, 3, 4], [*modal, box(50, 0, 60, 10)], [a, b, c, box(50, 0, 60, 10)]))
    assert edges(graph) == [(1, 2), (2, 3), (3, 1)]
    assert graph.cycles == ((1, 2, 3),) and graph.ranks == {1: 1, 2: 1, 3: 1, 4: 1}


def test_what_hides_a_cycle_lies_before_it_and_what_it_hides_behind() -> None:
    followers = {5: [1], 1: [2], 2: [1, 7], 7: []}
    assert strong_components(followers) == [[5], [1, 2], [7]]
    # two objects wound into each other: each covers a part of the other
    a, b = box(0, 0, 30, 20), box(0, 10, 30, 30)
    modal = [a - box(0, 10, 15, 20), b - box(15, 10, 30, 20)]
    lid, floor = box(0, 0, 10, 12), box(0, 25, 40, 40)
    wholes = [lid, a, b, floor]
    masks = [lid, modal[0] - lid, modal[1] - lid, floor - b]
    graph = order_graph(find_overlaps([1, 2, 3, 4], masks, wholes))
    assert graph.cycles == ((2, 3),) and graph.ranks == {1: 1, 2: 2, 3: 2, 4: 3}
    assert {(e.front, e.behind): round(e.strength, 1) for e in graph.occlusions if {e.front, e.behind} == {2, 3}} == {
        (2, 3): 0.5,
        (3, 2): 0.5,
    }


def test_the_weaker_direction_is_dropped_and_a_rim_need_not_count() -> None:
    a, b = box(0, 0, 30, 30), box(20, 0, 50, 30)
    rough = b | box(18, 0, 20, 30)  # predicted a little too large: 2 columns over a
    modal = [a, b - a]
    (edge,) = order_graph(find_overlaps([1, 2], modal, [a | box(30, 0, 32, 30), rough])).occlusions
    assert (edge.front, edge.behind) == (1, 2) and 0.8 < edge.strength < 1
    speck = a | box(30, 0, 31, 5)  # 5 pixels of 905
    overlaps = find_overlaps([1, 2], [a, box(30, 0, 50, 30)], [speck, box(30, 0, 50, 30)])
    assert order_graph(overlaps, OrderRules(0.01)).occlusions == ()
    assert len(order_graph(overlaps).occlusions) == 1


def test_the_rules_are_what_is_asked_for() -> None:
    a, b = box(0, 0, 30, 30), box(20, 0, 50, 30)
    overlaps = find_overlaps([1, 2], [a, b - a], [a | box(30, 0, 32, 30), b])  # 60 pixels for 2 in front, 300 for 1
    assert overlaps.pairs == {(0, 1): (300, 60)} and overlaps.hidden == (60, 300)

    def found(rules: OrderRules) -> list[tuple[int, int]]:
        return [(edge.front, edge.behind) for edge in order_graph(overlaps, rules).occlusions]

    assert found(OrderRules(0, 0, 0)) == [(1, 2), (2, 1)]
    assert found(OrderRules(0, 0, 0.5)) == found(OrderRules(0.07, 0, 0)) == [(1, 2)]
    assert found(OrderRules(0.4, 0, 0)) == []


def test_brute_force_on_random_masks() -> None:
    rng = np.random.default_rng(0)
    modal = [rng.random((H, W)) < 0.3 for _ in range(6)]
    amodal = [m | (rng.random((H, W)) < 0.3) for m in modal]
    graph = order_graph(
        find_overlaps(range(6), [Mask.from_array(m) for m in modal], [Mask.from_array(m) for m in amodal])
    )
    wanted = {}
    for i, j in permutations(range(6), 2):
        covered = [int((modal[a] & amodal[b] & ~modal[b]).sum()) for a, b in ((i, j), (j, i))]
        large = max(0.01 * amodal[j].sum(), 0.1 * (amodal[j] & ~modal[j]).sum())
        if covered[0] >= large and covered[0] >= 0.4 * sum(covered):
            wanted[i, j] = (covered[0], covered[0] / sum(covered))
    assert {(e.front, e.behind): (e.pixels, e.strength) for e in graph.occlusions} == wanted and len(wanted) > 10
    inside = {i for cycle in graph.cycles for i in cycle}
    for edge in graph.occlusions:
        same = edge.front in inside and graph.ranks[edge.front] == graph.ranks[edge.behind]
        assert same or graph.ranks[edge.front] < graph.ranks[edge.behind]


def test_components_of_a_long_row_need_no_recursion() -> None:
    row = {i: [i + 1] for i in range(5000)} | {5000: []}
    assert strong_components(row) == [[i] for i in range(5001)]
    ring = {i: [(i + 1) % 5000] for i in range(5000)}
    assert strong_components(ring) == [list(range(5000))]


@pytest.mark.parametrize("seed", range(20))
def test_components_against_reachability(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    graph = {i: [j for j in range(n) if j != i and rng.random() < 0.12] for i in range(n)}
    reach = np.eye(n, dtype=bool)
    for i, targets in graph.items():
        reach[i, targets] = True
    for k in range(n):
        reach |= reach[:, [k]] & reach[[k]]
    groups = strong_components(graph)
    assert sorted(map(tuple, groups)) == sorted({tuple(np.flatnonzero(reach[i] & reach[:, i])) for i in range(n)})
    place = {i: at for at, group in enumerate(groups) for i in group}
    assert all(place[i] <= place[j] for i, targets in graph.items() for j in targets)
    assert all(not (reach[b[0], a[0]]) for a, b in pairwise(groups))


def prediction(number: int, modal: Mask, amodal: Mask) -> Prediction:
    return Prediction(1, number, 0, 1.0, modal.box, modal, amodal, amodal.box, 1, "converged")


def test_a_scene_of_predictions() -> None:
    modal, amodal = stack(box(0, 0, 20, 20), box(10, 10, 30, 30))
    given = [prediction(8, modal[1], amodal[1]), prediction(9, modal[0], amodal[0])]
    scene = order_scene(given)
    assert [(p.annotation_id, p.occluders, p.depth_rank) for p in scene.predictions] == [(8, (9,), 2), (9, (), 1)]
    assert order_scene([]).predictions == () and order_scene([]).order.ranks == {}
    (alone,) = order_scene(given[:1]).predictions
    assert (alone.occluders, alone.depth_rank) == ((), 1)
    with pytest.raises(AnnotationError, match="ids of their own"):
        order_scene([given[0], given[0]])


def test_a_scene_is_one_picture() -> None:
    one = prediction(8, box(0, 0, 20, 20), box(0, 0, 20, 20))
    with pytest.raises(AnnotationError, match=r"image_id: a scene is one picture; found \[1, 2\]"):
        order_scene([one, replace(one, image_id=2, annotation_id=9)])
    other = Mask.from_box((0, 0, 5, 5), W + 1, H)
    with pytest.raises(AnnotationError, match="one size"):
        order_scene([one, prediction(9, other, other)])
