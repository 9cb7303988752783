"""Train the modal network (IIS) and the amodal one from a recipe, and export both as a weights folder."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jsonargparse import ArgumentParser, Namespace

from ..core.errors import RecipeError

if TYPE_CHECKING:
    from ..training.config import Recipe

HELP = "train both networks from a recipe"
USAGE = "amodal train [--recipe FILE.yaml] [--images DIR --annotations FILE] [--output DIR] [--resume] [options]"
SHIPPED = "shipped"
"""The word for the package's own weights in ``start_from``; a folder of that name is ``./shipped``."""
_VALIDATION_SHARE = 0.1
_FIRST = "train it by a command of its own, then this one"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words: a recipe, and every field of it."""
    from ..training.config import Recipe
    from .recipe_file import RecipeFile, words_win

    parser.add_argument(
        "--recipe",
        action=RecipeFile,
        metavar="FILE.yaml",
        help="recipe; other words win over it. finetune: the one that comes with the package, for --images of your own",
    )
    parser.add_argument(
        "--print_config", "--print-config", action="store_true", help="print the recipe that results, and train nothing"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints of the run")
    parser.add_argument(
        "--bad-records",
        type=Literal["stop", "skip"],
        default="stop",
        help="stop at the first record or picture that cannot be used, or tell, count and leave them out",
    )
    parser.add_argument(
        "--images", metavar="DIR", default=None, help="photographs to train on, in place of the recipe's data"
    )
    parser.add_argument(
        "--annotations",
        metavar="FILE",
        default=None,
        help="with --images: their modal masks, a file or folder of any dialect that is read",
    )
    parser.add_argument(
        "--validation",
        metavar="LIST",
        default=None,
        help="with --images: ids or names of the photographs kept for validation",
    )
    parser.add_argument(
        "--validation-share",
        type=float,
        metavar="SHARE",
        default=None,
        help="with --images: the share of them kept for validation instead (default: 0.1; 0: none)",
    )
    parser.add_argument(
        "--voc", metavar="DIR", default=None, help="VOC 2012 in its original folder: its train set is the data"
    )
    parser.add_argument(
        "--sbd",
        metavar="DIR",
        default=None,
        help="SBD in its original folder: its masks of that train set are the data",
    )
    parser.add_argument(
        "--voc-list",
        metavar="LIST",
        default=None,
        help="with --voc: pictures evaluated on, never trained on (default: ImageSets/Segmentation/val.txt)",
    )
    parser.add_class_arguments(Recipe, skip={"bad_records"})
    words_win(parser, "--recipe", "--modal", "--amodal", "--synthesis", "--modal.network", "--amodal.network")


def run(args: Namespace) -> None:
    """Train, export, and say where the weights are."""
    from ..training.config import Recipe
    from .recipe_file import build

    values = args.as_dict()
    if args.images or args.annotations or args.validation or args.validation_share is not None:
        values["data"] = (_own_data(args),)
    if args.voc or args.sbd or args.voc_list:
        from ..reproduction.training_set import training_source

        folder = Path(values["output"]) / "data"
        words = {"sbd": args.sbd, "voc": args.voc, "voc_list": args.voc_list}
        values["data"] = (training_source(folder, **words, write=not args.print_config),)
    if args.print_config:
        print(_as_yaml(values), end="")
        if args.voc or args.sbd:
            print(f"amodal: the lists in {folder} are written by a run with --voc or --sbd, not now", file=sys.stderr)
        return
    recipe = build(Recipe, values)
    from ..training.checkpoint import has_checkpoint
    from ..training.processes import is_first
    from ..training.ship import train_and_ship  # loads torch: a recipe that cannot be is refused before

    recipe = _after_its_start(recipe)
    if args.resume and is_first() and not any(has_checkpoint(Path(recipe.output) / stage) for stage in recipe.stages):
        print(f"{recipe.output}: no run to go on with; one begins", file=sys.stderr)
    with _told_how_to_go_on(recipe):
        folder = train_and_ship(recipe, resume=args.resume)
    if is_first():
        whole = "amodal" in recipe.stages
        print(f"{'weights' if whole else 'run'}: {folder}", flush=True)
        follows = _prediction(recipe, folder) if whole else f"a recipe with modal_from: {folder}"
        print(f"next: {follows}", file=sys.stderr)


def _prediction(recipe: Recipe, folder: Path) -> str:
    """The command that uses the weights of a run on its photographs."""
    source = recipe.data[0]
    words = {"--images": source.images, "--annotations": source.annotations, "--weights": str(folder)}
    words["--output"] = str(Path(recipe.output) / "predictions.json")
    return "amodal predict " + " ".join(f"{name} {shlex.quote(value)}" for name, value in words.items())


def _as_yaml(values: Mapping[str, Any]) -> str:
    """A recipe file that says all of it; without data where the words and the recipe name none."""
    import yaml

    from ..training.config import Recipe
    from .recipe_file import ANY_DATA, build

    recipe = asdict(build(Recipe, values if values["data"] else {**values, "data": ANY_DATA}))
    if not values["data"]:
        del recipe["data"]
    return yaml.safe_dump(json.loads(json.dumps(recipe)), sort_keys=False)  # type: ignore[no-any-return]


def _own_data(args: Namespace) -> dict[str, str | float]:
    """The words' one source, as a recipe would name it."""
    if not (args.images and args.annotations) or args.voc or args.sbd or args.voc_list:
        raise RecipeError(
            "photographs of one's own are named by --images and --annotations, both, and neither --voc nor --sbd",
            remedy="give the folder of the photographs and the file of their masks",
        )
    if not args.recipe:
        raise RecipeError("a recipe says how to train on --images", remedy="give --recipe finetune")
    share = args.validation_share
    if share is None:
        share = 0.0 if args.validation else _VALIDATION_SHARE
    kept = {"validation": args.validation or "", "validation_share": share}
    return {"images": args.images, "annotations": args.annotations, **kept}


def _after_its_start(recipe: Recipe, later: tuple[Path, ...] = ()) -> Recipe:
    """The recipe whose ``start_from`` is a folder.

    Where it is `SHIPPED`, the package's weights; where it names a recipe, that one is trained first, or resumed.

    Raises:
        RecipeError: a recipe that comes before itself, or trains the modal network alone; or one that has not been
            trained, under torchrun: the other processes do not see when the first one has written its weights.
    """
    if recipe.start_from == SHIPPED:
        from ..inference.folder import default_weights  # with numpy: --help does without

        return replace(recipe, start_from=str(default_weights()))
    file = Path(recipe.start_from)
    if file.suffix not in (".yaml", ".yml"):
        return recipe
    if file.resolve() in later:
        raise RecipeError(
            "recipes follow each other; one does not start from itself", file=file, remedy="correct its start_from"
        )
    from ..training.processes import this_process
    from ..training.ship import is_trained, train_and_ship
    from ..training.taken import modal_digest
    from .recipe_file import check_recipe

    first = check_recipe(file)
    if not first.data[0].annotations:
        raise RecipeError(
            "the recipe start_from names has data of its own", file=file, remedy="give start_from the weights it left"
        )
    if "amodal" not in first.stages:
        raise RecipeError(
            "both networks start from the recipe start_from names", file=file, record="stages", value=first.stages
        )
    if recipe.modal_from:
        modal_digest(recipe.modal_from)  # now: what is not there is told before hours of training
    first = _after_its_start(first, (*later, file.resolve()))
    with _told_how_to_go_on(first):
        trained = is_trained(first)
    if not trained:
        if this_process()[1] > 1:
            raise RecipeError(
                "with several processes, the recipe start_from names has been trained before", file=file, remedy=_FIRST
            )
        with _told_how_to_go_on(first):
            train_and_ship(first, resume=True)
    return replace(recipe, start_from=str(Path(first.output) / "weights"))


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    from tqdm import tqdm

    tqdm.write(f"amodal: warning: {' '.join(str(message).split())}", file=sys.stderr)  # not into a bar


@contextmanager
def _told_how_to_go_on(recipe: Recipe) -> Iterator[None]:
    """A run that is refused says what its recipe began with; one that is interrupted or ended, how it goes on.

    What it warns of is one line.
    """
    from ..training.checkpoint import OtherRecipeError, differences
    from ..training.fingerprint import FREE

    ours = threading.current_thread() is threading.main_thread()  # others may set no handler
    before = signal.signal(signal.SIGTERM, _interrupt) if ours else None
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            yield
    except OtherRecipeError as problem:
        found = differences(Path(problem.file).parent, recipe, FREE)
        rule = f"{problem.rule} ({found})" if found else problem.rule
        raise RecipeError(rule, file=problem.file, remedy=problem.remedy) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt("go on with --resume") from None
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    """SIGTERM is Ctrl+C: the workers end with the run, and leave no traceback. A second one changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
