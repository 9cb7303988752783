"""What the benchmarks that score on validation scenes have in common: their words, and the photographs of a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mask_unet import read_recipe  # the file beside this one
from numpy.typing import NDArray

from amodal.synthesis.material import Material
from amodal.training.data import make_streams


def arguments(doc: str | None, scenes: int) -> argparse.Namespace:
    """``--weights``, ``--recipe`` and ``--scenes`` of the command line."""
    return scene_parser(doc, scenes).parse_args()


def scene_parser(doc: str | None, scenes: int) -> argparse.ArgumentParser:
    """The same, to be added to."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=None, help="default: the weights of the package")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/coco_compact_fifth.yaml"))
    parser.add_argument("--scenes", type=int, default=scenes, help="of each source")
    return parser


def photograph_draws(photographs: Sequence[int]) -> NDArray[np.int64]:
    """How often each example is drawn in 2,000 draws of photographs: ``(2000, n)``; all of one are drawn together."""
    names, photograph = np.unique(photographs, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=2000)
    counts: NDArray[np.int64] = drawn[:, photograph]
    return counts


def validation_material(recipe: Path) -> Material:
    """The photographs a recipe keeps for validation, under its validation settings."""
    validation = make_streams(read_recipe(recipe))[1]
    if validation is None:
        raise SystemExit("the recipe keeps no photograph for validation")
    return validation.material
