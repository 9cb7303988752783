"""`amodal synthesize`: occluded training examples as files, and a contact sheet to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..synthesis.settings import ExampleShape, SynthesisSettings

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

HELP = "make occluded training examples and a contact sheet of them"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument("--images", type=str, required=True, metavar="DIR", help="folder of the pictures")
    parser.add_argument(
        "--annotations", type=str, required=True, metavar="FILE.json", help="their modal masks (COCO or COCOA)"
    )
    parser.add_argument("--count", type=int, default=24, metavar="N", help="examples to make, 1 or more")
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness, 0 or more")
    parser.add_argument(
        "--only", type=str, default="", metavar="FILE.txt", help="use these pictures alone: one image id a line"
    )
    parser.add_argument(
        "--scenes",
        action="store_true",
        help="write whole pictures with an amodal annotations.json instead: a validation set for predict and evaluate",
    )
    parser.add_class_arguments(SynthesisSettings, "synthesis")
    parser.add_class_arguments(ExampleShape, "shape")


def run(args: Namespace) -> None:
    """Read, make, write."""
    from tqdm import tqdm

    from ..core.errors import RecipeError
    from ..datasets import read_annotations
    from ..datasets.idlist import only
    from ..synthesis.draw import draw_example
    from ..synthesis.gallery import write_examples
    from ..synthesis.material import Material, Source
    from ..synthesis.scenes import make_scenes, scene_settings, write_scenes

    for name, least in (("count", 1), ("seed", 0)):
        if getattr(args, name) < least:
            raise RecipeError(f"--{name} is {least} or more", value=getattr(args, name), remedy="correct it")
    settings = SynthesisSettings(**_fields(args.synthesis))
    shape = ExampleShape(**_fields(args.shape))
    album = only(read_annotations(args.annotations), args.only)
    if args.scenes:
        material = Material([Source(album, args.images)], scene_settings(settings))
        scenes = make_scenes(material, args.count, seed=args.seed)
        shown = tqdm(scenes, total=args.count, desc="scenes", unit="", disable=None)
        print(f"{args.count} scenes in {write_scenes(args.output, iter(shown), material.categories)}")
        return
    material = Material([Source(album, args.images)], settings)
    numbers = tqdm(range(args.count), desc="examples", unit="", disable=None)
    examples = (draw_example(material, shape, seed=args.seed, epoch=0, index=i) for i in numbers)
    write_examples(args.output, examples, material.categories)
    print(f"{args.count} examples in {args.output}, at a glance in {args.output}/contact_sheet.png")


def _fields(group: Namespace) -> dict[str, Any]:
    """A group's words as a dictionary, without the parser's notes on where a file of them was found."""
    return {name: value for name, value in group.as_dict().items() if not name.startswith("__")}
