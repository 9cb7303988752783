"""All kinds of things, by name.

None is a copy of a real product: what counts is that forms vary, so that a network cannot learn a few of them by heart.
Ours; the idea is domain randomisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ....core.errors import RecipeError
from ..parts import Part
from . import composed, massive, openwork, shaped

Kind = Callable[[np.random.Generator], list[Part]]

KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        massive.carton,
        massive.can,
        massive.lathe,
        massive.mug,
        massive.animal,
        massive.slab,
        massive.tool,
        massive.rack,
        massive.fruit,
        massive.curved,
        massive.assembly,
        openwork.ring,
        openwork.crate,
        openwork.wheel,
        openwork.grille,
        openwork.plant,
        openwork.stool,
        composed.device,
        composed.lamp,
        composed.stack,
        composed.blocks,
        composed.bowl,
        composed.toy,
        composed.figure,
        composed.vehicle,
        composed.cutlery,
        composed.bunch,
        shaped.jug,
        shaped.shoe,
        shaped.bird,
        shaped.crawler,
        shaped.coil,
        shaped.letter,
        shaped.pliers,
        shaped.brush,
        shaped.headset,
        shaped.cottage,
        shaped.dumbbell,
        shaped.star,
    )
}
"""New ones go to the end: a scene is drawn from the kinds it is told, in this order."""


def kinds_named(names: Iterable[str] = ()) -> tuple[Kind, ...]:
    """Those named, in the order of `KINDS`; no name: all.

    Raises:
        RecipeError: a name that is none.

    >>> [kind.__name__ for kind in kinds_named(["mug", "can"])]
    ['can', 'mug']
    """
    wanted = set(names)
    for name in sorted(wanted - set(KINDS)):
        raise RecipeError("no such kind of thing", value=name, remedy=f"name some of {', '.join(KINDS)}")
    return tuple(kind for name, kind in KINDS.items() if not wanted or name in wanted)
