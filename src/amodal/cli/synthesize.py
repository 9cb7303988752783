"""`amodal synthesize`: occluded training examples as files, and a contact sheet to look at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, TypeVar

from ..synthesis.settings import ExampleShape, SynthesisSettings

if TYPE_CHECKING:
    from pathlib import Path

    from jsonargparse import ArgumentParser, Namespace

    from ..synthesis.material import Material, Source

T = TypeVar("T")
HELP = "make occluded training examples and a contact sheet of them"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words."""
    from .recipe_file import words_win

    parser.add_argument("--images", type=str, required=True, metavar="DIR", help="folder of the pictures")
    parser.add_argument(
        "--annotations",
        type=str,
        required=True,
        metavar="FILE",
        help="their modal masks: a file or folder of any dialect that is read",
    )
    parser.add_argument("--count", type=int, default=24, metavar="N", help="examples to make, 1 or more")
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness, 0 or more")
    parser.add_argument(
        "--only", type=str, default="", metavar="FILE.txt", help="use these pictures alone: one id or name a line"
    )
    parser.add_argument(
        "--scenes",
        action="store_true",
        help="write whole pictures with an amodal annotations.json instead: a validation set for predict and evaluate",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="draw the examples, write no picture, and hold each against the rules: report.txt and report.json",
    )
    parser.add_argument(
        "--store",
        type=str,
        default="",
        metavar="DIR",
        help="folder to keep decoded pictures in, for this and later runs",
    )
    parser.add_argument("--store-gb", type=float, default=20.0, metavar="GB", help="bound of that folder's store")
    parser.add_argument(
        "--bad-records",
        type=Literal["stop", "skip"],
        default="stop",
        help="stop at the first record or picture that cannot be used, or count and leave them out",
    )
    parser.add_class_arguments(SynthesisSettings, "synthesis")
    parser.add_class_arguments(ExampleShape, "shape")
    words_win(parser, "--synthesis", "--shape")


def run(args: Namespace) -> None:
    """Read, make, write."""
    from .ended import tidy_when_ended

    with tidy_when_ended():
        _make(args)


def _make(args: Namespace) -> None:
    from tqdm import tqdm

    from ..core.errors import RecipeError
    from ..synthesis.draw import draw_example
    from ..synthesis.gallery import write_examples
    from ..synthesis.material import Material
    from ..synthesis.scenes import make_scenes, scene_settings, without_effect, write_scenes

    for name, least in (("count", 1), ("seed", 0)):
        if getattr(args, name) < least:
            raise RecipeError(f"--{name} is {least} or more", value=getattr(args, name), remedy="correct it")
    if args.scenes and args.report:
        raise RecipeError("--report is of examples, not of --scenes", remedy="leave one out")
    settings = _settings(SynthesisSettings, args.synthesis, "synthesis")
    shape = _settings(ExampleShape, args.shape, "shape")
    if args.scenes:
        ignored = [*without_effect(settings), *(["shape"] if shape != ExampleShape() else [])]
        if ignored:
            print(f"--scenes: without effect on whole scenes: {', '.join(ignored)}", file=sys.stderr)
    source = _source(args)
    if args.scenes:
        material = Material([source], scene_settings(settings))
        scenes = make_scenes(material, args.count, seed=args.seed)
        shown = tqdm(scenes, total=args.count, desc="scenes", unit="", disable=None)
        print(f"{args.count} scenes in {write_scenes(args.output, iter(shown), material.categories)}")
        return
    material = Material([source], settings)
    if args.report:
        _report(args, material, shape)
        return
    numbers = tqdm(range(args.count), desc="examples", unit="", disable=None)
    examples = (draw_example(material, shape, seed=args.seed, epoch=0, index=i) for i in numbers)
    write_examples(args.output, examples, material.categories)
    print(f"{args.count} examples in {args.output}, at a glance in {args.output}/contact_sheet.png")


def _report(args: Namespace, material: Material, shape: ExampleShape) -> None:
    from pathlib import Path

    from tqdm import tqdm

    from ..datasets.jsonfile import write_json, write_text
    from ..synthesis.rules import report_rules, rules_text

    folder = Path(args.output)
    _refuse_other_report(folder / "report.json")
    folder.mkdir(parents=True, exist_ok=True)
    with tqdm(total=args.count, desc="examples", unit="", disable=None) as bar:
        report = report_rules(material, shape, args.count, seed=args.seed, progress=bar.update)
    text = rules_text(report)
    write_text(folder / "report.txt", text)
    write_json(folder / "report.json", report, indent=1)
    print(text)
    print(f"{sum(rule['broken'] for rule in report.values())} values out of their bounds: {folder}/report.json")


def _refuse_other_report(path: Path) -> None:
    """`amodal evaluate` writes a report.json, too."""
    from ..core.errors import AnnotationError, RecipeError
    from ..datasets.jsonfile import read_json
    from ..synthesis.rules import is_rules_report

    if not path.exists():
        return
    try:
        own = is_rules_report(read_json(path))
    except AnnotationError:  # cannot be read, or no JSON: not ours
        own = False
    if not own:
        raise RecipeError("a report goes where no other one is", file=path, remedy="name another --output")


def _source(args: Namespace) -> Source:
    from tqdm import tqdm

    from ..core.errors import RecipeError
    from ..datasets.idlist import only
    from ..synthesis.sources import Keeping, Skipped, make_source, read_source_annotations

    if not 0.001 <= args.store_gb < 1e6:
        raise RecipeError("--store-gb is 0.001 or more", value=args.store_gb, remedy="correct it")
    keeping = Keeping(args.store, round(args.store_gb * 1e9), args.bad_records)
    skipped = Skipped(tqdm.write)
    album = read_source_annotations(args.annotations, args.images, args.bad_records, skipped)
    album = only(album, args.only, tqdm.write)
    with tqdm(total=len(album), desc="pictures", unit="", disable=None, leave=False, delay=1) as bar:
        source = make_source(album, args.images, keeping, skipped, progress=bar.update)
    skipped.sum_up(args.annotations)
    return source


def _settings(kind: type[T], group: Namespace, place: str) -> T:
    """A group's words as settings; the parser notes where a file of them was found."""
    from .recipe_file import build

    values = group.as_dict()
    return build(kind, values, file=values.get("__path__", ""), place=place)
