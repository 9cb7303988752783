"""Write a weights folder that runs without torch, from one with trained weights.

Both networks go from safetensors to ONNX; each is compared with torch on random input, and refused where they differ.
With --tune RECIPE the thresholds are chosen, and the probability of occlusion is fitted, on the recipe's validation
photographs, as `amodal train` does at its end. With --int8 the ONNX is made of whole numbers, if the accuracy on
validation pictures holds within 0.3 points.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import jsonargparse

from ..core.errors import AmodalError
from .places import check_writable

HELP = "a weights folder as ONNX that runs without torch; int8 as an option"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The words of `amodal export`."""
    parser.add_argument(
        "--weights", type=str, required=True, metavar="DIR", help="folder with config.json and *.safetensors"
    )
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--tune",
        type=str | None,
        default=None,
        metavar="RECIPE.yaml",
        help="choose thresholds and fit the probability on the validation photographs of the networks' recipe",
    )
    parser.add_argument("--int8", action="store_true", help="write int8; needs --images and --annotations")
    parser.add_argument(
        "--images", type=str | None, default=None, metavar="DIR", help="validation pictures, for --int8"
    )
    parser.add_argument(
        "--annotations", type=str | None, default=None, metavar="FILE", help="their amodal masks, for --int8"
    )
    parser.add_argument("--force", action="store_true", help="write int8 whatever it costs")


def run(args: jsonargparse.Namespace) -> None:
    """Export and say what was measured.

    Raises:
        AmodalError: words that do not go together, weights that cannot be used, int8 that costs too much.
    """
    if args.int8 != bool(args.images and args.annotations) or bool(args.images) != bool(args.annotations):
        raise AmodalError("--int8 goes with --images DIR and --annotations FILE", remedy="give all three, or none")
    if args.force and not args.int8:
        raise AmodalError("--force goes with --int8")
    output = Path(args.output)
    if output.is_file():
        raise AmodalError("--output is a folder", file=output)

    from ..inference.export import export_folder
    from ..inference.folder import beside, move_in

    album = None
    if args.int8:
        from ..datasets import read_annotations
        from ..inference.quantize import halves, quantize_weights

        album = read_annotations(args.annotations, images=args.images)
        halves(album)  # what cannot be measured on is told before the work
        check_writable(output / "config.json")
    tuned = None
    if args.tune is not None:
        from ..training.tune import choose_for, write_tuned
        from .recipe_file import check_recipe, find_recipe

        check_writable(output / "config.json")
        tuned = choose_for(check_recipe(find_recipe(args.tune)), args.weights)  # before anything is written
    with contextlib.ExitStack() as stack:
        folder = output
        if album is not None:  # int8 may be refused: what lies in the output is then left as it was
            folder = Path(stack.enter_context(beside(output))) / "weights"
        for name, difference in export_folder(args.weights, folder).items():
            print(f"{name}: onnxruntime and torch differ by {difference:.1e} at the most")
        if tuned is not None:
            write_tuned(folder, tuned)
            settings = tuned.settings
            print(
                f"tuned: modal_threshold {settings.modal_threshold:g}, amodal_threshold "
                f"{settings.amodal_threshold:g}, strip_threshold {settings.strip_threshold:g}, "
                f"least_probability {settings.least_probability:g}"
            )
        if album is not None:
            found = quantize_weights(folder, album, args.images, force=args.force)
            move_in(folder, output)
    if album is not None:
        print(
            f"int8: mean IoU {100 * found.int8:.2f}, float32 {100 * found.float32:.2f} "
            f"(loss {found.loss:+.2f} points, {found.objects} objects)"
        )
    print(f"weights: {output}")
