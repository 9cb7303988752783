"""``amodal reproduce``: the paper's evaluation on its data sets, on one page, its numbers beside ours.

What is not given is named on the page, with where to get it; the rest is done. A run that was killed goes on where it
stopped when it is started again with the same words.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonargparse

from ..core.errors import AmodalError, RecipeError

if TYPE_CHECKING:
    from ..reproduction.options import Options

HELP = "the paper's tables and figures from its data sets, its numbers beside ours"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    folder: dict[str, Any] = {"type": str | None, "default": None, "metavar": "DIR"}
    file: dict[str, Any] = {"type": str | None, "default": None, "metavar": "FILE"}
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--voc", **folder, help="VOC 2012 in its original folder")
    parser.add_argument("--sbd", **folder, help="SBD in its original folder; what the paper's recipes train on")
    parser.add_argument("--pascal3d", **folder, help="PASCAL 3D+ in its original folder")
    parser.add_argument("--truth", **file, help="whole masks of objects of VOC (`amodal select` chooses some)")
    parser.add_argument("--images", **folder, help="without --voc: the pictures of --truth, any amodal data set")
    parser.add_argument(
        "--detections",
        **file,
        help="a detector's boxes: COCO results for OUTPUT/data/val.json (without a val set: data/pascal3d.json)",
    )
    parser.add_argument(
        "--detector", type=str | None, default=None, metavar="NAME", help="run a detector, e.g. torchvision:faster"
    )
    parser.add_argument("--detector-weights", **file, help="its local weights")
    parser.add_argument("--weights", **folder, help="the networks; default: those of the package")
    parser.add_argument("--backend", choices=["onnx", "torch"], default="onnx", help="what runs the networks")
    parser.add_argument("--ablations", **folder, help="weights of both ablations, see docs/reproduction.md")
    parser.add_argument(
        "--voc-list", type=str, default="ImageSets/Segmentation/val.txt", metavar="LIST", help="which pictures of VOC"
    )
    parser.add_argument(
        "--train",
        action="append",
        type=str,
        default=None,
        metavar="RECIPE",
        help="train this recipe first (on --sbd, where given) for its weights; may be repeated: the last counts",
    )
    parser.add_argument("--quick", action="store_true", help="take what is not given from a miniature made on the spot")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")


def run(args: jsonargparse.Namespace) -> None:
    """Run, and say where the page is and what was missing.

    Raises:
        AmodalError: words that do not go together, or input that cannot be used.
    """
    from tqdm import tqdm

    from ..reproduction.options import Options
    from ..reproduction.run import reproduce

    if args.detections and args.detector:
        raise AmodalError("give a detector's boxes or a detector, not both", value=args.detector)
    if args.detector_weights and not args.detector:
        raise AmodalError("--detector-weights goes with --detector", value=args.detector_weights)
    if args.images and (args.voc or not args.truth):
        raise AmodalError("--images goes with --truth, without --voc", value=args.images)
    if args.train and args.weights:
        raise AmodalError("--train makes the weights", value=args.weights, remedy="leave --weights out")
    words = args.as_dict()
    recipes = words.pop("train") or []
    options = Options(**words)
    if recipes:
        options = _train(recipes, options)
    with tqdm(disable=None, unit="object") as bar:

        def show(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        page = reproduce(options, show)
    print((page.parent / "report.md").read_text("utf-8"))
    print(f"page: {page}")


def _train(words: list[str], options: Options) -> Options:
    """Run `amodal train` for each recipe, or go on with it; returns the options with the last one's weights.

    Raises:
        AmodalError: a recipe, or anything else that is given, cannot be used: told before hours of training.
    """
    from ..reproduction.material import prepare
    from ..reproduction.training_set import training_words
    from . import train
    from .recipe_file import check_recipe, find_recipe

    files = [find_recipe(word) for word in words]
    if len({file.stem for file in files}) < len(files):
        raise RecipeError("each --train recipe has a folder of its name", value=words, remedy="rename one of the files")
    last = [check_recipe(file) for file in files][-1]
    if "amodal" not in last.stages:
        raise RecipeError(
            "the last --train recipe trains both networks: its weights are evaluated",
            file=files[-1],
            record="stages",
            value=last.stages,
            remedy="give another --train after it, as paper_voc after iis_voc",
        )
    folder = Path(options.output)
    options = replace(options, weights=str(folder / "training" / files[-1].stem / "weights"))
    given = prepare(options)[0]
    for file in files:
        parser = jsonargparse.ArgumentParser(print_config=None)  # train has its own
        train.add_arguments(parser)
        train.run(
            parser.parse_args(training_words(str(file), folder, sbd=given.sbd, voc=given.voc, voc_list=given.voc_list))
        )
    return options
