"""One composite: choose the patch, lay objects over it, finish it (paper sections 3.1 and 3.2)."""

from __future__ import annotations

import numpy as np

from .composite import Composite
from .drawer import Ref
from .finish import cut_off, low_resolution, mirrored, recoloured
from .material import Material
from .paste import add_object
from .patch import sample_patch
from .repaint import repainted
from .settings import SynthesisSettings


def make_composite(material: Material, main: Ref, rng: np.random.Generator) -> Composite | None:
    """Sample a patch around a main object and lay 0 to ``max_occluders`` objects over it.

    Returns:
        The composite; None when an operation was tried ``max_tries`` times and always hid too much of the object.

    Raises:
        ImageError: a picture that cannot be used.
    """
    settings = material.settings
    picture = material.picture(main.source, main.image)
    composite = sample_patch(material, picture, main, rng)
    if composite is None:
        return None
    if settings.repaint and rng.random() < settings.repaint:
        composite = repainted(composite, rng)
    for behind in _objects(settings, rng):
        composite = add_object(material, composite, main, rng, behind=behind)
        if composite is None:
            return None
    if settings.border and rng.random() < settings.border:
        composite = cut_off(composite, settings, rng)
        if composite is None:
            return None
    if settings.colour_jitter:
        composite = recoloured(composite, settings.colour_jitter, rng)
    if settings.low_resolution and rng.random() < settings.low_resolution:
        composite = low_resolution(composite, settings, rng)
    return mirrored(composite) if settings.flip and rng.random() < 0.5 else composite


def _objects(settings: SynthesisSettings, rng: np.random.Generator) -> list[bool]:
    """One entry for each object to lay on the patch: whether behind the main one; those come first."""
    if settings.clear is None:
        least = min(int(settings.paired), settings.max_occluders)  # the other one of a pair is the clear one
        count = int(rng.integers(least, settings.max_occluders + 1))
    elif rng.random() < settings.clear:
        count = 0
    else:
        count = int(rng.integers(1, settings.max_occluders + 1))
    if not settings.behind:
        return [False] * count
    return sorted((bool(rng.random() < settings.behind) for _ in range(count)), reverse=True)
