"""``amodal reproduce``: the paper's evaluation on its data sets, on one page, its numbers beside ours.

What is not given is named on the page, with where to get it; the rest is done. A run that was killed goes on where it
stopped when it is started again with the same words.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonargparse

from ..core.errors import AmodalError

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
    for recipe in recipes:
        options = replace(options, weights=str(_train(recipe, options)))
    with tqdm(disable=None, unit="object") as bar:

        def show(what: str, done: int, total: int) -> None:
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        page = reproduce(options, show)
    print((page.parent / "report.md").read_text("utf-8"))
    print(f"page: {page}")


def _train(recipe: str, options: Options) -> Path:
    """Run `amodal train`, or go on with it; returns the folder of its weights."""
    from ..reproduction.material import with_miniature
    from ..reproduction.training_set import training_words
    from . import train

    given = with_miniature(options) if options.quick else options
    parser = jsonargparse.ArgumentParser(print_config=None)  # train has its own
    train.add_arguments(parser)
    words = training_words(recipe, Path(options.output), sbd=given.sbd, voc=given.voc, voc_list=given.voc_list)
    train.run(parser.parse_args(words))
    return Path(options.output) / "training" / Path(recipe).stem / "weights"
