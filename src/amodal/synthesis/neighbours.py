"""Other objects as boxes, as a detector gives them: what IIS finds there, the networks are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from ..core import boxes as bx
from .canvas import tight_box
from .composite import Boxed, Composite
from .settings import TIGHT_MAX_RESIZE, TIGHT_MIN_OVERLAP, SynthesisSettings
from .told import FOUND_TWICE, MISSED

OTHERS_BOXED = 2
"""Other objects of an example that have a box, at the most."""


Jitter = Callable[[ArrayLike], bx.Box]


def box_jitter(settings: SynthesisSettings, rng: np.random.Generator) -> Jitter:
    """What makes a detector's boxes of the tight ones of one example: all of them alike, loosely or tightly."""
    overlap, resize = settings.jitter_min_overlap, settings.jitter_max_resize
    if settings.tight_boxes and rng.random() < settings.tight_boxes:
        overlap, resize = max(overlap, TIGHT_MIN_OVERLAP), min(resize, TIGHT_MAX_RESIZE)
    return partial(bx.jitter, rng=rng, min_overlap=overlap, max_resize=resize)


def boxed_others(composite: Composite, jittered: Jitter, rng: np.random.Generator) -> list[Boxed]:
    """The other objects with most of their box in that of the main one's visible part, at the most `OTHERS_BOXED`.

    Those laid on the picture, by what is seen of them, and the picture's own, as far as a made border lets them be
    seen. Some are missed, and the object itself may be found twice, as in `told.told_others`. Boxes are jittered like
    the main one's.
    """
    there = list(composite.neighbours)
    if composite.border_box is not None:
        # one that lies beyond has no area in the main box either, and is left out below
        within = [bx.intersect(one.box, composite.border_box) for one in there]
        there = [one._replace(box=bx.as_box(box)) for one, box in zip(there, within, strict=True)]
    for number, category in enumerate(composite.laid_categories, 1):
        assert composite.laid is not None
        seen = (composite.laid == number) & ~composite.off_picture
        if seen.any():
            there.append(Boxed(bx.as_box(tight_box(seen)), category))
    there = [one for one, missed in zip(there, rng.random(len(there)) < MISSED, strict=True) if not missed]
    main = tight_box(composite.visible)
    if there:
        common = bx.area(bx.intersect(np.array([one.box for one in there]), main))
        there = [there[i] for i in np.argsort(-common, kind="stable").tolist() if common[i] > 0]
    if rng.random() < FOUND_TWICE:
        there.insert(0, Boxed(bx.as_box(main), composite.category))
    return [one._replace(box=jittered(one.box)) for one in there[:OTHERS_BOXED]]
