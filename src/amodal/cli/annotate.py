"""``amodal annotate``: draw the whole of objects whose visible part is known, in the browser.

Every object of --annotations is shown with a draft of its whole mask by the networks, to be corrected with brush,
eraser and polygon, and accepted; objects that it lacks are added by a box around what is seen of them, and without
--annotations all are. What is accepted is on disk at once, in OUTPUT.drawn.jsonl; the same command goes on where it
stopped. OUTPUT is the annotations with the whole masks drawn, in COCO with amodal masks: for `amodal evaluate --truth`,
`amodal convert` and `amodal show`. Ctrl+C ends it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import jsonargparse

from ..core.errors import AmodalError

if TYPE_CHECKING:
    from ..annotate.session import Session
    from ..core.album import Album

HELP = "draw and review whole masks in the browser"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--images", type=str, required=True, metavar="DIR", help="folder of the pictures")
    parser.add_argument(
        "--annotations",
        type=str,
        default="",
        metavar="FILE",
        help="what is to be drawn whole, of any dialect; without it all pictures of the folder, to add objects in",
    )
    parser.add_argument(
        "--categories",
        type=str,
        nargs="+",
        default=[],
        metavar="NAME",
        help="without --annotations: kinds that the objects added are of (default: object)",
    )
    parser.add_argument("--output", type=str, required=True, metavar="FILE.json", help="file to write")
    parser.add_argument(
        "--only", type=str, default="", metavar="FILE.txt", help="these pictures alone: one id or name a line"
    )
    parser.add_argument("--weights", type=str | None, default=None, metavar="DIR", help="default: the package's own")
    parser.add_argument(
        "--no-drafts",
        action="store_true",
        help="begin with the visible part; for a truth that no network has had a hand in",
    )
    parser.add_argument(
        "--port", type=int | None, default=None, help="default: 8765, or any where that is taken; 0: any"
    )
    parser.add_argument("--host", type=str, default="127.0.0.1", help="0.0.0.0: for other machines, too")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page, print its address alone")


def run(args: jsonargparse.Namespace) -> None:
    """Read, serve until interrupted, write.

    Raises:
        AmodalError: words, annotations or drawings that cannot be used.
    """
    from ..annotate.drafts import Drafts
    from ..annotate.journal import Journal
    from ..annotate.run import serve
    from ..annotate.session import Session
    from ..inference.predictor import Predictor

    images, output = Path(args.images), Path(args.output)
    if not images.is_dir():
        raise AmodalError("--images is the folder of the pictures", file=images, remedy="name one that exists")
    if args.no_drafts and args.weights is not None:
        raise AmodalError("--weights makes drafts, --no-drafts none", remedy="leave one of them out")
    album = _album(args, output)
    drafts = None if args.no_drafts else Drafts(Predictor.from_pretrained(args.weights), album.categories)
    journal = Journal(_journal_of(output))
    try:
        session = Session(album, images, journal, output, drafts)
        print(_told(session), flush=True)
        serve(session, host=args.host, port=args.port, browse=not args.no_browser, tell=partial(print, flush=True))
        session.write()
        print(f"{_told(session)}: {output}")
    finally:
        journal.close()


def _album(args: jsonargparse.Namespace, output: Path) -> Album:
    """The annotations, if what they hold can be written to the output; without any, the pictures of the folder."""
    from tqdm import tqdm

    from ..annotate.output import DIALECT
    from ..datasets import read_annotations
    from ..datasets.convert import losses
    from ..datasets.dialects import dialect_named
    from ..datasets.idlist import only
    from ..datasets.photographs import album_of_photographs
    from ..datasets.write import check_apart
    from .places import check_writable

    if args.annotations:
        check_apart(Path(args.annotations), output)
    check_writable(output)
    if output.exists() and not _journal_of(output).exists():
        raise AmodalError(
            "--output is a new file, or one that `amodal annotate` has written",
            file=output,
            remedy="name another; to go on from its whole masks, give it as --annotations",
        )
    if args.annotations and args.categories:
        raise AmodalError(
            "--categories is for pictures without --annotations, which have theirs", remedy="leave one out"
        )
    if args.annotations:
        album = read_annotations(args.annotations, images=args.images)
    else:
        album = album_of_photographs(
            args.images, args.categories or ["object"], progress=partial(tqdm, desc="pictures", unit="", disable=None)
        )
    album = only(album, args.only, print)
    if not len(album) or not album.categories:
        raise AmodalError(
            "annotations to draw on have a picture and a category", file=album.source, remedy="name others"
        )
    _check_text(album)
    lost = losses(album, dialect_named(DIALECT))
    if lost:
        raise AmodalError(
            "all that is read can be written again",
            file=album.source,
            value=str(lost[0]),
            remedy=f"leave it out first: amodal convert IN OUT --to {DIALECT} --drop",
        )
    return album


def _check_text(album: Album) -> None:
    """See that the page and the output can hold the names; raises AmodalError."""
    for text in (*(one.name for one in album.categories), *(record.file_name for record in album)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise AmodalError(
                "no file holds half of a surrogate pair", file=album.source, value=text, remedy="correct the name"
            ) from None


def _journal_of(output: Path) -> Path:
    return output.with_name(output.name + ".drawn.jsonl")


def _told(session: Session) -> str:
    counts = session.progress()
    unsure = f", {counts['unsure']} unsure" if counts["unsure"] else ""
    return f"{counts['done']} of {counts['objects']} objects drawn{unsure}"
