"""Predict whole objects: for every record of a COCO file, for a detector's answers, or for single photographs.

With --images and --annotations, --output is the results file to write, one record for each annotation in its order.
With --shards it is a folder of JSON-lines shards that can be taken up again after a kill, and split by torchrun or Ray.
With photographs, --output is a folder: predictions.json, annotations.json (the boxes used) and one drawn picture each.
"""

from __future__ import annotations

from pathlib import Path

import jsonargparse

from .plain_warnings import plain_warnings
from .predict_words import check_places, check_words, photos_of

HELP = "amodal masks and boxes for a COCO file's records, or for single photographs"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The words of `amodal predict`."""
    parser.add_argument(
        "photos", nargs="*", type=str, help="photographs, or folders of them, instead of --images and --annotations"
    )
    parser.add_argument("--images", type=str | None, default=None, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--annotations", type=str | None, default=None, metavar="FILE", help="COCO or COCOA file")
    parser.add_argument(
        "--detections",
        type=str | None,
        default=None,
        metavar="FILE",
        help="COCO results of a detector for the pictures of --annotations, predicted instead of its own records",
    )
    parser.add_argument(
        "--output", type=str, required=True, metavar="PATH", help="results file; a folder for photographs and shards"
    )
    parser.add_argument("--weights", type=str | None, default=None, metavar="DIR", help="default: the package's own")
    parser.add_argument("--backend", choices=["onnx", "torch"], default="onnx", help="what runs the networks")
    parser.add_argument(
        "--given",
        choices=["box", "mask"],
        default=None,
        help="what of each object is used: modal box or mask; default: box, for photographs the mask if there is one",
    )
    parser.add_argument("--refine", action="store_true", help="with --given mask: improve the masks, too")
    parser.add_argument(
        "--scene", action="store_true", help="also find who hides whom; done anyway where masks are given"
    )
    parser.add_argument(
        "--beyond-border", action="store_true", help="let masks and boxes leave the picture; each record has its canvas"
    )
    parser.add_argument(
        "--min-score", type=float | None, default=None, help="least score, 0-1; default 0.3, 0 for --detections"
    )
    parser.add_argument(
        "--page", type=str | None, default=None, metavar="PATH", help="also write this .html page, or PATH/index.html"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    _add_photo_arguments(parser)
    _add_bulk_arguments(parser)


def _add_photo_arguments(parser: jsonargparse.ArgumentParser) -> None:
    parser.add_argument(
        "--box",
        action="append",
        type=str,
        default=None,
        metavar="X1,Y1,X2,Y2[:CATEGORY]",
        help="visible box of an object of the one photograph, pixels; may be repeated; none: a detector finds them. "
        "Networks trained with categories need one they know; for others (the package's own) it is a label of your "
        "choice, kept in the output",
    )
    parser.add_argument(
        "--detector",
        type=str | None,
        default=None,
        metavar="NAME",
        help="what finds objects in photographs: yolox (default, comes with the package), torchvision[:faster|:mask], "
        "transformers:FOLDER_OR_REPOSITORY",
    )
    parser.add_argument(
        "--detector-weights",
        type=str | None,
        default=None,
        metavar="FILE",
        help="local weights of yolox (.onnx) or torchvision (.safetensors, .pth)",
    )
    parser.add_argument(
        "--segmenter",
        type=str | None,
        default=None,
        metavar="NAME",
        help="what finds visible masks in the boxes of photographs: sam2:FOLDER_OR_REPOSITORY",
    )
    parser.add_argument(
        "--cutouts",
        action="store_true",
        help="also write each object of the photographs as two pictures of their size, for an editor's layers: "
        "cutouts/PHOTO_ID_visible.png, what is seen of it, transparent around; PHOTO_ID_whole.png, white where all of "
        "it is",
    )


def _add_bulk_arguments(parser: jsonargparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shards", type=int | None, default=None, metavar="N", help="write N JSON-lines shards to the folder --output"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="with --shards: make shards again in which a picture failed"
    )
    parser.add_argument(
        "--ray-workers", type=int | None, default=None, metavar="N", help="with --shards: N workers of Ray Data"
    )


def run(args: jsonargparse.Namespace) -> None:
    """Predict and write.

    Raises:
        AmodalError: words that do not go together, or input that cannot be used.
    """
    with plain_warnings():
        args.photos = photos_of(args.photos, args.output)
    check_words(args)
    check_places(args)
    with plain_warnings():
        if args.photos:
            from .predict_photos import run_photos

            run_photos(args, Path(args.output))
        elif args.shards is not None:
            from .predict_bulk import run_bulk

            run_bulk(args)
        else:
            from .predict_album import run_album

            run_album(args, Path(args.output))
