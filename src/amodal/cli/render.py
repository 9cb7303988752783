"""`amodal render`: pictures of made-up solid things on a table, with exact visible and whole masks of each.

Material to train on, and to evaluate on where nobody has whole masks: no photographs, but no mask is a guess. The
folder written has images/ and annotations.json, in COCO's flat amodal dialect, as the other commands read it. Scene k
is the same for the same seed, size, kinds and pictures, however many are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from ..synthesis.rendered.pictures import Pictures

HELP = "render scenes of made-up things, with exact visible and whole masks"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words."""
    from ..synthesis.rendered.kinds.table import KINDS

    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="new folder to write")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="scenes to render, 1 to 1000000")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness, 0 or more")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        default=[400, 300],
        metavar=("W", "H"),
        help="of the pictures, 32 to 1600 pixels a side",
    )
    parser.add_argument(
        "--kinds",
        type=str,
        nargs="+",
        default=[],
        metavar="NAME",
        help="kinds of things, each as often as any other; by default all: " + ", ".join(KINDS),
    )
    parser.add_argument(
        "--images",
        type=str,
        default="",
        metavar="DIR",
        help="photographs that surfaces, tables and backgrounds take their texture from, in the order of their names; "
        "without it textures are made, too",
    )
    parser.add_argument(
        "--annotations",
        type=str,
        default="",
        metavar="FILE",
        help="take those photographs that this file of any dialect names, in its order",
    )
    parser.add_argument(
        "--exclude",
        type=str,
        nargs="+",
        default=[],
        metavar="LIST.txt",
        help="leave these photographs out, such as those you validate on: one id or name a line",
    )
    parser.add_argument(
        "--workers",
        type=int | None,
        default=None,
        metavar="N",
        help="processes, by default one a core; the files are the same with any number",
    )


def run(args: Namespace) -> None:
    """Find the photographs, render, write."""
    from tqdm import tqdm

    from ..synthesis.rendered.write import Plan, write_rendered
    from .ended import tidy_when_ended

    plan = Plan(args.count, args.seed, (args.size[0], args.size[1]), tuple(args.kinds))
    pictures = _pictures(args)
    with tidy_when_ended(), tqdm(total=args.count, desc="scenes", unit="", disable=None) as bar:
        folder = write_rendered(args.output, plan, pictures, workers=args.workers, progress=bar.update)
    print(f"{args.count} scenes in {folder}: images and annotations.json")


def _pictures(args: Namespace) -> Pictures:
    from tqdm import tqdm

    from ..core.errors import RecipeError
    from ..synthesis.rendered.files import find_photographs
    from ..synthesis.rendered.pictures import MadePictures, Photographs

    if args.images:
        return Photographs(find_photographs(args.images, args.annotations, args.exclude, tqdm.write))
    for name in ("annotations", "exclude"):
        if getattr(args, name):
            raise RecipeError(f"--{name} chooses among photographs", remedy="name their folder: --images DIR")
    return MadePictures()
