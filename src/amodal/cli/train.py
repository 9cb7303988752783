"""Train the modal network (IIS) and the amodal one from a recipe, and export both as a weights folder."""

from __future__ import annotations

from typing import Literal

from jsonargparse import ArgumentParser, Namespace

HELP = "train both networks from a recipe"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words: a recipe, and every field of it."""
    from ..training.config import Recipe
    from .recipe_file import RecipeFile

    parser.add_argument(
        "--recipe", action=RecipeFile, metavar="FILE.yaml", help="recipe, e.g. recipes/smoke.yaml; words after it win"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the run")
    parser.add_argument(
        "--bad-records",
        type=Literal["stop", "skip"],
        default="stop",
        help="stop at the first record or picture that cannot be used, or tell, count and leave them out",
    )
    parser.add_class_arguments(Recipe, skip={"bad_records"})


def run(args: Namespace) -> None:
    """Train, export, and say where the weights are."""
    from ..training.config import Recipe
    from .recipe_file import build

    recipe = build(Recipe, args.as_dict())

    from ..training.ship import train_and_ship  # loads torch: a recipe that cannot be is refused before

    print(f"weights: {train_and_ship(recipe, resume=args.resume)}")
