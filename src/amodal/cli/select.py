"""``amodal select``: choose objects to draw whole, so many of each category, the same ones every time (section 5.3).

Writes annotations.json (COCO: the chosen objects alone, with their ids, boxes and visible masks), pictures.txt and,
with --images, a page that shows each of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import jsonargparse

from ..core.errors import AmodalError
from .plain_warnings import plain_warnings

if TYPE_CHECKING:
    from ..core.album import Album

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
    from ..report.browse import check_folder, write_browser
    from ..report.browse_page import MARK
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
    _write(chosen, folder)
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
    elif (page := folder / "index.html").is_file() and MARK in page.read_text(encoding="utf-8", errors="replace"):
        print(f"{page} shows an earlier choice: give --images, and it is written anew")


def _write(chosen: Album, folder: Path) -> None:
    """Write both files, or none of them where one cannot be written; raises AmodalError."""
    from ..datasets.dialects import dialect_named
    from ..datasets.jsonfile import place_of, write_text
    from ..datasets.scratch import writing
    from ..datasets.write import write_annotations

    for record in chosen:
        if any("\ud800" <= letter <= "\udfff" for letter in record.file_name):
            raise AmodalError(
                "no name of a file holds half of a surrogate pair",
                file=chosen.source,
                record=f"image {record.id}",
                value=record.file_name,
                remedy="correct the file_name",
            )
    place = place_of(folder / "annotations.json")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".amodal-", dir=place.parent) as beside:
            whole = Path(beside) / "annotations.json"
            write_annotations(chosen, dialect_named("coco"), whole)
            # the list first: by it a later call knows that the folder is its own
            write_text(folder / "pictures.txt", "".join(f"{record.file_name}\n" for record in chosen))
            whole.replace(place)


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
