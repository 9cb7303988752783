"""Example number i: a pure function of the material, the settings and (seed, epoch, i)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..core.errors import AnnotationError
from ..core.random import generator
from .composite import Composite
from .drawer import Ref
from .finish import clear_twin
from .make import make_composite
from .material import Material
from .settings import ExampleShape
from .targets import Example, make_example

_MAX_DRAWS = 1000
_FIXED_STREAM = 11


class Attempt(NamedTuple):
    """One main object, and what became of it.

    Attributes:
        main: the object.
        composite: None where it was given up: ``max_tries`` operations in a row hid too much of it.
        example: None where it was given up, or rejected for showing too little (section 4.2).
    """

    main: Ref
    composite: Composite | None
    example: Example | None


def draw_example(
    material: Material, shape: ExampleShape, *, seed: int, epoch: int, index: int
) -> tuple[Example, Composite]:
    """Make one example, drawing another main object as often as one is given up or rejected (section 4.2).

    Args:
        material: what it is made of, with its settings.
        shape: sizes of its arrays.
        seed, epoch, index: all the randomness there is, each >= 0.

    Returns:
        The example and the composite it was cut from.

    Raises:
        ImageError: a picture that cannot be used.
        AnnotationError: 1000 main objects in a row gave no example.
    """
    rejected = 0
    for _, composite, example in attempts(material, shape, seed=seed, epoch=epoch, index=index):
        if composite is not None and example is not None:
            return example, composite
        rejected += composite is not None
    given_up = _MAX_DRAWS - rejected
    hidden, patch = "lower min_visible or min_hidden", "lower min_visible_in_patch or the low end of patch_scale"
    raise AnnotationError(
        f"{_MAX_DRAWS} main objects in a row gave no example that shows enough of its object",
        file=material.sources[0].album.source,
        value=f"{given_up} never within min_visible and min_hidden, {rejected} below min_visible_in_patch",
        remedy=hidden if given_up > rejected else patch,
    )


def attempts(material: Material, shape: ExampleShape, *, seed: int, epoch: int, index: int) -> Iterator[Attempt]:
    """The main objects tried for one example, up to 1000; the first with an example is the one of `draw_example`.

    Raises:
        ImageError: a picture that cannot be used.
    """
    paired = material.settings.paired
    rng = choice = generator(seed, epoch, index // 2 if paired else index)
    for _ in range(_MAX_DRAWS):
        main = material.draw_main(choice)
        if material.settings.fixed:  # one configuration an object, whenever it is drawn
            rng = generator(seed, 0, (main.source << 48) + (main.image << 16) + main.instance, _FIXED_STREAM)
        composite = make_composite(material, main, rng)
        example = None
        if composite is not None:
            example = make_example(composite, material.settings, shape, rng)
            if example is not None and paired and index % 2:
                composite = clear_twin(composite)
                example = make_example(composite, material.settings, shape, rng)
        yield Attempt(main, composite, example)
