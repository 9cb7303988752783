"""Predict whole objects: for every record of a COCO file, or for single photographs.

With --images and --annotations, --output is the results file to write, one record for each annotation in its order.
With photographs, --output is a folder: predictions.json, annotations.json (the boxes used) and one drawn picture each.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonargparse

from ..core.errors import AmodalError

if TYPE_CHECKING:
    from ..core.album import Album
    from ..core.records import Prediction

HELP = "amodal masks and boxes for a COCO file's records, or for single photographs"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The words of `amodal predict`."""
    parser.add_argument("photos", nargs="*", type=str, help="single photographs, instead of --images and --annotations")
    parser.add_argument("--images", type=str | None, default=None, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--annotations", type=str | None, default=None, metavar="FILE", help="COCO or COCOA file")
    parser.add_argument(
        "--output", type=str, required=True, metavar="PATH", help="results file; a folder for photographs"
    )
    parser.add_argument("--weights", type=str | None, default=None, metavar="DIR", help="default: the package's own")
    parser.add_argument("--backend", choices=["onnx", "torch"], default="onnx", help="what runs the networks")
    parser.add_argument(
        "--given", choices=["box", "mask"], default="box", help="what of each annotation is used: modal box or mask"
    )
    parser.add_argument(
        "--box",
        action="append",
        type=str,
        default=None,
        metavar="X1,Y1,X2,Y2[:CATEGORY]",
        help="visible box of an object of the one photograph, pixels; may be repeated; none: a detector finds them",
    )
    parser.add_argument("--min-score", type=float, default=0.3, help="least score of a detected object, 0-1")
    parser.add_argument(
        "--page", type=str | None, default=None, metavar="PATH", help="also write this .html page, or PATH/index.html"
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")


def run(args: jsonargparse.Namespace) -> None:
    """Predict and write.

    Raises:
        AmodalError: words that do not go together, or input that cannot be used.
    """
    if args.photos and (args.images or args.annotations):
        raise AmodalError(
            "give photographs, or --images and --annotations, not both", value=args.photos, remedy="see --help"
        )
    if not args.photos and not (args.images and args.annotations):
        raise AmodalError("give one or more photographs, or --images DIR and --annotations FILE", remedy="see --help")
    if args.box and not args.photos:
        raise AmodalError("--box belongs to a single photograph", value=args.box, remedy="name the photograph")
    if args.threads < 0:
        raise AmodalError("--threads is 0 or more", value=args.threads)
    output = Path(args.output)
    if args.photos and output.is_file():
        raise AmodalError("with photographs, --output is a folder", file=output, remedy="name a folder")
    if not args.photos and output.is_dir():
        raise AmodalError(
            "--output is the results file to write", file=output, remedy=f"name {output}/predictions.json"
        )
    with _plain_warnings():
        if args.photos:
            _predict_photos(args, output)
        else:
            _predict_annotations(args, output)


def _predict_annotations(args: jsonargparse.Namespace, output: Path) -> None:
    from tqdm import tqdm

    from ..datasets import read_annotations
    from ..datasets.results import write_results
    from ..inference.albums import predict_album
    from ..inference.predictor import Predictor

    album = read_annotations(args.annotations)
    predictor = Predictor.from_pretrained(args.weights, args.backend, threads=args.threads)
    with tqdm(total=len(album.annotation_ids), unit="object", disable=None) as bar:
        predictions = predict_album(
            predictor, album, args.images, args.given, keep_heat=args.page is not None, progress=bar.update
        )
    write_results(output, predictions, album.categories)
    _tell(predictions, output)
    if args.page is not None:
        _write_page(args.page, album, args.images, predictions, f"Predictions for {Path(args.annotations).name}")


def _predict_photos(args: jsonargparse.Namespace, output: Path) -> None:
    from PIL import Image
    from tqdm import tqdm

    from ..datasets.jsonfile import write_json
    from ..datasets.results import write_results
    from ..inference.photos import album_content, parse_box, predict_photos
    from ..inference.predictor import Predictor
    from ..report.overlay import draw_predictions

    given = [parse_box(text, f"--box {i}") for i, text in enumerate(args.box or [], start=1)]
    predictor = Predictor.from_pretrained(args.weights, args.backend, threads=args.threads)
    with _whole_folder(output) as folder:

        def draw(photo: Path, image: Any, predictions: Sequence[Prediction], names: Sequence[str]) -> None:
            if not predictions:
                warnings.warn(f"{photo}: no object found; lower --min-score or give --box", stacklevel=2)
            Image.fromarray(draw_predictions(image, predictions, names)).save(_free_name(folder, photo.stem))

        with tqdm(total=len(args.photos), unit="photo", disable=None) as bar:
            album, root, predictions = predict_photos(
                predictor,
                [Path(photo) for photo in args.photos],
                given,
                min_score=args.min_score,
                keep_heat=args.page is not None,
                drawn=draw,
                progress=bar.update,
            )
        write_json(folder / "annotations.json", album_content(album))
        write_results(folder / "predictions.json", predictions, album.categories)
    _tell(predictions, output / "predictions.json")
    if args.page is not None:
        _write_page(args.page, album, root, predictions, "Predictions")


def _write_page(page: str, album: Album, images_dir: str | Path, predictions: Sequence[Prediction], title: str) -> None:
    from ..report.page import write_page

    path = Path(page) if page.endswith((".html", ".htm")) else Path(page) / "index.html"
    write_page(path, album, images_dir, predictions, title=title)
    print(f"page: {path}")


def _tell(predictions: Sequence[Prediction], path: Path) -> None:
    print(f"{len(predictions)} objects: {path}")


def _free_name(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}_amodal.png", 2
    while path.exists():
        path, number = folder / f"{stem}_amodal_{number}.png", number + 1
    return path


@contextmanager
def _whole_folder(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` whose files move there when all of them are written, and not at all otherwise."""
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".part", dir=output.absolute().parent))
    try:
        yield beside
        output.mkdir(exist_ok=True)
        for path in sorted(beside.iterdir()):
            os.replace(path, output / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line on stderr, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: print(f"amodal: warning: {message}", file=sys.stderr)
        yield
