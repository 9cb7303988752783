"""Who hides whom: pairwise occlusion, the order graph with its cycles, depth ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import boxes as bx
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import Prediction
from ..core.spans import meeting, shared_pixels


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What counts as an occlusion; ours, chosen on scenes of validation photographs (docs/performance.md).

    Attributes:
        min_share: at least this share of the whole object behind lies under the other one's visible part ...
        min_of_hidden: ... and at least this share of its hidden part. Both cost more true edges than they saved wrong
            ones; raise them where masks are so rough that a rim of wrong pixels must not count.
        undecided: both orders of a pair are kept, and so a cycle of two, where the weaker one is at least this strong.
    """

    min_share: float = 0.0
    min_of_hidden: float = 0.0
    undecided: float = 0.4


@dataclass(frozen=True, slots=True)
class Occlusion:
    """One object hides a part of another.

    Attributes:
        front, behind: annotation ids.
        pixels: of the hidden part of the one behind that the visible part of the one in front covers.
        strength: 0-1: these pixels as a share of those that speak for either order of the pair. 1: nothing speaks
            against it; near 1/2: either could be in front.
    """

    front: int
    behind: int
    pixels: int
    strength: float


@dataclass(frozen=True, slots=True)
class OrderGraph:
    """The occlusions of one picture.

    Attributes:
        ids: annotation ids of its objects, in the order given.
        occlusions: the edges, front to behind.
        cycles: groups of objects of which each is, by the edges, in front of all others of the group; there is no
            order among them. Empty for a picture that can be sorted.
        ranks: depth rank of each object: 1 where nothing lies in front, else 1 more than the deepest object in front.
            The objects of a cycle share one.
    """

    ids: tuple[int, ...]
    occlusions: tuple[Occlusion, ...]
    cycles: tuple[tuple[int, ...], ...]
    ranks: dict[int, int]

    def occluders(self, annotation_id: int) -> tuple[int, ...]:
        """Ids of the objects that hide a part of one, the one that hides most first."""
        mine = [edge for edge in self.occlusions if edge.behind == annotation_id]
        return tuple(edge.front for edge in sorted(mine, key=lambda edge: -edge.pixels))


@dataclass(frozen=True, slots=True)
class Scene:
    """All objects of one picture: predictions with their occluders and depth ranks, and the graph they come from."""

    predictions: tuple[Prediction, ...]
    order: OrderGraph


def order_scene(predictions: Iterable[Prediction]) -> Scene:
    """Order the objects of one picture by what their masks hide of each other.

    Args:
        predictions: of one picture, masks of one size. One object or none is a scene, too.

    Raises:
        AnnotationError: two of them have one annotation id, they are of several pictures, or masks of several sizes.
    """
    predictions = list(predictions)
    pictures = sorted({p.image_id for p in predictions})
    if len(pictures) > 1:
        raise AnnotationError(
            "a scene is one picture", record="image_id", value=pictures, remedy="order each picture's objects apart"
        )
    ids = [p.annotation_id for p in predictions]
    if len(set(ids)) < len(ids):
        raise AnnotationError("the objects of a scene have ids of their own", value=ids, remedy="give other ids")
    graph = order_graph(find_overlaps(ids, [p.modal_mask for p in predictions], [p.amodal_mask for p in predictions]))
    fronts = defaultdict(list)
    for edge in sorted(graph.occlusions, key=lambda edge: -edge.pixels):
        fronts[edge.behind].append(edge.front)
    placed = tuple(
        replace(p, occluders=tuple(fronts[p.annotation_id]), depth_rank=graph.ranks[p.annotation_id])
        for p in predictions
    )
    return Scene(placed, graph)


@dataclass(frozen=True, slots=True)
class Overlaps:
    """What the objects of one picture hide of each other, before any rule.

    Attributes:
        ids: one an object, all different.
        whole, hidden: pixels of each whole mask, and of its part that is not visible.
        pairs: for two objects (places in ``ids``): the pixels of the second one's hidden part that the first one's
            visible part covers, and the other way round; pairs of which both are 0 are left out.
    """

    ids: tuple[int, ...]
    whole: tuple[int, ...]
    hidden: tuple[int, ...]
    pairs: dict[tuple[int, int], tuple[int, int]]


def find_overlaps(ids: Sequence[int], modal: Sequence[Mask], amodal: Sequence[Mask]) -> Overlaps:
    """Count what each visible part covers of each hidden one.

    Args:
        ids: one an object, all different.
        modal, amodal: their masks, all of one size.

    Raises:
        AnnotationError: masks of several sizes.
    """
    unseen = [whole - seen for whole, seen in zip(amodal, modal, strict=True)]
    hidden = tuple(mask.area for mask in unseen)
    fronts, behind = meeting(_boxes(modal), _boxes(unseen))
    others = fronts != behind
    fronts, behind = fronts[others], behind[others]
    counts = shared_pixels(modal, unseen, (fronts, behind)).tolist()
    covered = {pair: n for pair, n in zip(zip(fronts.tolist(), behind.tolist(), strict=True), counts, strict=True) if n}
    # each pair once, i < j
    pairs = sorted({(max(pair), min(pair)) for pair in covered})
    return Overlaps(
        tuple(ids),
        tuple(mask.area for mask in amodal),
        hidden,
        {(i, j): (covered.get((i, j), 0), covered.get((j, i), 0)) for j, i in pairs},
    )


def order_graph(overlaps: Overlaps, rules: OrderRules | None = None) -> OrderGraph:
    """The order of objects from what they hide of each other.

    Where the visible part of i lies on the hidden part of j, i hides j. Both directions of a pair are compared; what is
    too small to count, or much weaker than its reverse, is dropped.

    Args:
        overlaps: from `find_overlaps`.
        rules: None: the defaults.
    """
    rules, ids = rules or OrderRules(), overlaps.ids
    edges: list[Occlusion] = []
    for (i, j), counts in overlaps.pairs.items():
        both = sum(counts)
        for front, behind, pixels in ((i, j, counts[0]), (j, i, counts[1])):
            least = max(rules.min_share * overlaps.whole[behind], rules.min_of_hidden * overlaps.hidden[behind])
            if pixels > 0 and pixels >= least and pixels >= rules.undecided * both:
                edges.append(Occlusion(ids[front], ids[behind], pixels, pixels / both))
    edges.sort(key=lambda edge: (edge.front, edge.behind))
    followers: dict[int, list[int]] = {i: [] for i in ids}
    for edge in edges:
        followers[edge.front].append(edge.behind)
    groups = strong_components(followers)
    cycles = tuple(tuple(sorted(group)) for group in groups if len(group) > 1)
    return OrderGraph(ids, tuple(edges), tuple(sorted(cycles)), _ranks(groups, followers))


def strong_components(followers: dict[int, list[int]]) -> list[list[int]]:
    """Groups of nodes that reach each other, in an order in which every edge leads forward (Tarjan 1972).

    Args:
        followers: for each node, where its edges lead.

    >>> strong_components({1: [2], 2: [3], 3: [2, 4], 4: []})
    [[1], [2, 3], [4]]
    """
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    groups: list[list[int]] = []
    for root in followers:
        if root in number:
            continue
        path = [(root, iter(followers[root]))]  # a list, not recursion: thousands of objects may stand in a row
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == number[node]:
                    group = [stack.pop()]
                    while group[-1] != node:
                        group.append(stack.pop())
                    on_stack.difference_update(group)
                    groups.append(sorted(group))
            elif following not in number:
                number[following] = low[following] = len(number)
                stack.append(following)
                on_stack.add(following)
                path.append((following, iter(followers[following])))
            elif following in on_stack:
                low[node] = min(low[node], number[following])
    return groups[::-1]


def _ranks(groups: list[list[int]], followers: dict[int, list[int]]) -> dict[int, int]:
    rank = {node: 1 for group in groups for node in group}
    for group in groups:  # every edge leads forward: the rank of a group is final when it is reached
        deepest = max(rank[node] for node in group)
        members = set(group)
        for node in group:
            rank[node] = deepest
        for node in group:
            for following in followers[node]:
                if following not in members:
                    rank[following] = max(rank[following], deepest + 1)
    return rank


def _boxes(masks: Sequence[Mask]) -> bx.BoxArray:
    return np.array([mask.box for mask in masks], dtype=np.float64).reshape(-1, 4)
