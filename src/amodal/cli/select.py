"""``amodal select``: choose objects to draw whole, so many of each category, the same ones every time (section 5.3).

Writes annotations.json (COCO: the chosen objects alone, with their ids, boxes and visible masks), pictures.txt and,
with --images, a page that shows each of them.
"""

from __future__ import annotations

from pathlib import Path

import jsonargparse

from ..core.errors import AmodalError
from .plain_warnings import plain_warnings

HELP = "choose objects to draw whole, so many of each category"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument(
        "annotations", type=str, help="annotations of any dialect, e.g. VOC2012/ImageSets/Segmentation/val.txt"
    )
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder for what is written")
    parser.add_argument("--images", type=str | None, default=None, metavar="DIR", help="folder of the photographs")
    parser.add_argument("--per-category", type=int, default=5, metavar="N", help="how many of each category")
    parser.add_argument("--occluded", action="store_true", help="only objects known to be occluded, as in the paper")
    parser.add_argument("--min-side", type=float, default=0.0, metavar="PX", help="least shorter side of a visible box")
    parser.add_argument("--seed", type=int, default=0, help="another draw")


def run(args: jsonargparse.Namespace) -> None:
    """Choose, write, and say what was chosen.

    Raises:
        AmodalError: annotations that cannot be used, or nothing to choose from.
    """
    from ..datasets import read_annotations
    from ..datasets.dialects import dialect_named
    from ..datasets.jsonfile import write_text
    from ..report.browse import check_folder, write_browser
    from ..reproduction.select import select_objects

    if args.images is not None and not Path(args.images).is_dir():
        raise AmodalError("--images is the folder of the pictures", file=args.images, remedy="name one that exists")
    folder = Path(args.output)
    _check_folder(folder, Path(args.annotations))
    if args.images is not None:
        check_folder(folder)
    album = read_annotations(args.annotations, images=args.images)
    chosen = select_objects(
        album, per_category=args.per_category, occluded=args.occluded, seed=args.seed, min_side_px=args.min_side
    )
    folder.mkdir(parents=True, exist_ok=True)
    write = dialect_named("coco").write
    assert write is not None
    # the list first: by it a later call knows that the folder is its own
    write_text(folder / "pictures.txt", "".join(f"{record.file_name}\n" for record in chosen))
    write(chosen, folder / "annotations.json")
    counts = [0] * len(chosen.categories)
    for record in chosen:
        for one in record.instances:
            counts[one.category] += 1
    for category, count in zip(chosen.categories, counts, strict=True):
        if count < args.per_category:
            print(f"{category.name}: {count} of {args.per_category}")
    print(f"{sum(counts)} objects in {len(chosen)} pictures: {folder / 'annotations.json'}")
    if args.images is not None:
        with plain_warnings():
            page = write_browser(folder, chosen, args.images, title="Objects to draw whole")
        print(f"page: {page}")


def _check_folder(folder: Path, source: Path) -> None:
    """See that nothing is written over what is read or no earlier choice wrote; raises AmodalError."""
    from ..datasets.write import check_apart

    chosen, pictures = folder / "annotations.json", folder / "pictures.txt"
    for path in (chosen, pictures):
        check_apart(source, path)
    if chosen.exists() and not pictures.exists():
        raise AmodalError(
            "a file would be replaced that `amodal select` did not write", file=chosen, remedy="name another --output"
        )
