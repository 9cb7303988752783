"""Show an annotation file of any dialect, or predictions, as pictures in one page that opens offline.

The page filters by category, hidden share, finding of `amodal check`, and IoU of the predictions.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jsonargparse

from ..core.errors import AmodalError
from .plain_warnings import plain_warnings
from .predictions import read_predictions

HELP = "browse an annotation file or predictions as pictures"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("file", nargs="?", type=str, default=None, help="annotation file, or folder of them")
    parser.add_argument("--annotations", type=str | None, default=None, metavar="FILE", help="the same, by name")
    parser.add_argument("--images", type=str, required=True, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--output", type=str, required=True, metavar="DIR", help="folder to write index.html to")
    parser.add_argument(
        "--predictions", type=str | None, default=None, metavar="OUT.json", help="results of `amodal predict` for it"
    )
    parser.add_argument(
        "--from", type=str | None, default=None, metavar="DIALECT", help="the file's dialect; default: recognised"
    )
    parser.add_argument("--size", type=int, default=800, metavar="PX", help="longer side of a drawn picture, 100-4000")


def run(args: jsonargparse.Namespace) -> None:
    """Read, check, draw, write.

    Raises:
        AmodalError: words that do not go together, or files that cannot be used.
    """
    from tqdm import tqdm

    from ..datasets.check import check_file
    from ..report.browse import write_browser

    if (args.file is None) == (args.annotations is None):
        raise AmodalError("give one annotation file", remedy="write amodal show FILE, or --annotations FILE")
    if not Path(args.images).is_dir():
        raise AmodalError("--images is the folder of the pictures", file=args.images, remedy="name one that exists")
    if not 100 <= args.size <= 4000:
        raise AmodalError("--size is 100 to 4000 pixels", value=args.size, remedy="give one within, or leave it out")
    report = check_file(args.file or args.annotations, args.images, args["from"], decode=False)
    predictions = None if args.predictions is None else read_predictions(args.predictions, report.album)
    with plain_warnings(), tqdm(total=len(report.album), unit="picture", disable=sys.stderr is None or None) as bar:
        page = write_browser(
            args.output,
            report.album,
            args.images,
            predictions=predictions,
            findings=report.findings,
            longest_px=args.size,
            progress=bar.update,
        )
    print(f"page: {page}")
