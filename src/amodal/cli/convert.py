"""Write annotations of one dialect in another: exactly, or with every loss named before anything is written.

What the target cannot hold is listed and refused; --drop leaves it out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

T = TypeVar("T")
HELP = "write annotations in another dialect"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's words."""
    from ..datasets.dialects import dialects

    names = ", ".join(sorted(one.name for one in dialects() if one.write is not None))
    parser.add_argument("source", type=str, metavar="IN", help="annotation file, or folder of them")
    parser.add_argument("target", type=str, metavar="OUT", help="file or folder to write")
    parser.add_argument("--to", type=str, required=True, metavar="DIALECT", help=f"dialect to write: {names}")
    parser.add_argument(
        "--from",
        dest="dialect",
        type=str,
        default=None,
        metavar="DIALECT",
        help="dialect of IN, where it is not recognised",
    )
    parser.add_argument(
        "--images", type=str, default=None, metavar="DIR", help="pictures, for dialects that leave their sizes to them"
    )
    parser.add_argument(
        "--answers", type=str, default=None, metavar="FILE", help="annotations that IN answers, where it is results"
    )
    parser.add_argument("--drop", action="store_true", help="leave out what the dialect cannot hold")
    parser.add_argument(
        "--polygons", action="store_true", help="trace masks of pixels as polygons, and say the IoU lost"
    )


def run(args: Namespace) -> None:
    """Read, say what would be lost, write."""
    from tqdm import tqdm

    from ..datasets.convert import convert
    from .ended import tidy_when_ended

    def watch(records: Iterable[T], doing: str, total: int, /) -> Iterable[T]:
        return tqdm(records, desc=doing, total=total, unit="record", disable=sys.stderr is None or None)  # type: ignore[no-any-return]

    with tidy_when_ended():
        done = convert(
            args.source,
            args.target,
            args.to,
            dialect=args.dialect,
            images=args.images,
            answers=args.answers,
            drop=args.drop,
            polygons=args.polygons,
            watch=watch,
            tell=print,
        )
    if done.tracing is not None:
        told = done.tracing
        print(
            f"traced {told.masks} masks: IoU with their pixels {told.mean_iou:.4f} mean, {told.min_iou:.4f} lowest;"
            f" IoU lost {1 - told.mean_iou:.4f} mean, {1 - told.min_iou:.4f} at the most; {told.holes} holes filled"
        )
    if done.left_out:
        print(f"left out: {done.left_out} of {done.objects} objects; see what {done.target.title} cannot hold")
    print(
        f"{args.target}: {done.target.title}, {done.objects - done.left_out} objects of {done.images} pictures"
        f" ({done.source.title})"
    )
