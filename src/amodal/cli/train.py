"""Train the modal network (IIS) and the amodal one from a recipe, and export both as a weights folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser, Namespace

from ..core.errors import RecipeError

if TYPE_CHECKING:
    from ..training.config import Recipe

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
    parser.add_argument(
        "--voc", metavar="DIR", default=None, help="VOC2012 in its original folder: its train list is the data"
    )
    parser.add_argument(
        "--sbd", metavar="DIR", default=None, help="with --voc: SBD, whose masks of those photographs are taken"
    )
    parser.add_class_arguments(Recipe, skip={"bad_records"})


def run(args: Namespace) -> None:
    """Train, export, and say where the weights are."""
    from ..training.config import Recipe
    from .recipe_file import build

    values = args.as_dict()
    if args.voc or args.sbd:
        values["data"] = (_pascal(args.voc, args.sbd),)
    recipe = build(Recipe, values)

    from ..training.processes import is_first
    from ..training.ship import train_and_ship  # loads torch: a recipe that cannot be is refused before

    folder = train_and_ship(_after_its_start(recipe), resume=args.resume)
    if is_first():
        print(f"{'weights' if 'amodal' in recipe.stages else 'run'}: {folder}")


def _after_its_start(recipe: Recipe) -> Recipe:
    """The recipe whose ``start_from`` is a folder: where it names a recipe, that one is trained first, or resumed."""
    if Path(recipe.start_from).suffix not in (".yaml", ".yml"):
        return recipe
    from ..training.ship import is_trained, train_and_ship
    from .recipe_file import check_recipe

    first = _after_its_start(check_recipe(recipe.start_from))
    folder = Path(first.output) / "weights"
    if not is_trained(first):
        train_and_ship(first, resume=True)
    return replace(recipe, start_from=str(folder))


def _pascal(voc: str | None, sbd: str | None) -> dict[str, str]:
    """The paper's data as a source: VOC 2012's train photographs, with SBD's masks where SBD is given (section 3.1)."""
    if voc is None:
        raise RecipeError("--sbd goes with --voc, whose train list it takes", value=sbd, remedy="give --voc DIR, too")
    folder = Path(voc)
    if sbd is None:
        listed = folder / "ImageSets" / "Segmentation" / "train.txt"
        return {"images": str(folder / "JPEGImages"), "annotations": str(listed)}
    inside = Path(sbd) if (Path(sbd) / "inst").is_dir() else Path(sbd) / "dataset"
    train = folder / "ImageSets" / "Main" / "train.txt"
    return {"images": str(inside / "img"), "annotations": str(inside), "only": str(train)}
