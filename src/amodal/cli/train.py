"""Train the modal network (IIS) and the amodal one from a recipe, and export both as a weights folder."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

HELP = "train both networks from a recipe"


def add_arguments(parser: ArgumentParser) -> None:
    from ..training.config import Recipe

    parser.add_argument("--recipe", action="config", metavar="FILE.yaml", help="recipe, e.g. recipes/coco_compact.yaml")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the run")
    parser.add_class_arguments(Recipe)


def run(args: Namespace) -> None:
    from dataclasses import fields

    from ..training.config import Recipe
    from ..training.ship import train_and_ship

    parser = ArgumentParser()
    add_arguments(parser)
    values = parser.instantiate(args)
    recipe = Recipe(**{field.name: values[field.name] for field in fields(Recipe)})
    print(f"weights: {train_and_ship(recipe, resume=args.resume)}")
