"""What the benchmarks that score on validation scenes have in common: their words, and the photographs of a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from mask_unet import read_recipe  # the file beside this one

from amodal.synthesis.material import Material
from amodal.training.data import make_streams


def arguments(doc: str | None, scenes: int) -> argparse.Namespace:
    """``--weights``, ``--recipe`` and ``--scenes`` of the command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=None, help="default: the weights of the package")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/coco_compact.yaml"))
    parser.add_argument("--scenes", type=int, default=scenes, help="of each source")
    return parser.parse_args()


def validation_material(recipe: Path) -> Material:
    """The photographs a recipe keeps for validation, under its validation settings."""
    validation = make_streams(read_recipe(recipe))[1]
    if validation is None:
        raise SystemExit("the recipe keeps no photograph for validation")
    return validation.material
