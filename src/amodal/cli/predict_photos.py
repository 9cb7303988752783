"""`amodal predict PHOTO ...`: what comes after the words."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonargparse

from ..core.errors import AmodalError, ImageError
from ..core.files import real_path
from .predict_output import CUTOUTS, tell, write_page

if TYPE_CHECKING:
    from ..core.records import Prediction


def run_photos(args: jsonargparse.Namespace, output: Path) -> None:
    """Predict the photographs and write the folder; raises AmodalError."""
    from tqdm import tqdm

    from ..datasets.jsonfile import write_json
    from ..datasets.results import write_results
    from ..inference.detectors import open_detector, open_segmenter
    from ..inference.photos import album_content, parse_box, predict_photos
    from ..inference.predictor import Predictor
    from ..report.overlay import drawn_picture
    from .ended import tidy_when_ended

    given = [parse_box(text, f"--box {i}") for i, text in enumerate(args.box or [], start=1)]
    detector = None
    if not given:
        detector = open_detector(args.detector or "yolox", args.detector_weights, threads=args.threads)
    segmenter = None if args.segmenter is None else open_segmenter(args.segmenter)
    predictor = Predictor.from_pretrained(args.weights, args.backend, threads=args.threads)
    bad: list[ImageError] = []
    stems = [Path(photo).stem for photo in args.photos]
    with tidy_when_ended(), _whole_folder(output, stems) as folder:

        def draw(photo: Path, image: Any, predictions: Sequence[Prediction], names: Sequence[str]) -> None:
            if not predictions:
                warnings.warn(f"{photo}: no object found; lower --min-score or give --box", stacklevel=2)
            shown = [prediction.in_picture(image.shape[1], image.shape[0]) for prediction in predictions]
            drawn = drawn_picture(image, shown, names)
            drawn.save(_free_name(folder, photo.stem), compress_level=1)  # a third of the time, a quarter larger
            if args.cutouts:
                _write_cutouts(folder / CUTOUTS, photo.stem, image, predictions)

        with tqdm(total=len(args.photos), unit="photo", disable=None) as bar:
            album, root, predictions = predict_photos(
                predictor,
                [Path(photo) for photo in args.photos],
                given,
                detector=detector,
                segmenter=segmenter,
                use_masks=args.given != "box",
                min_score=0.3 if args.min_score is None else args.min_score,
                keep_heat=args.page is not None,
                refine=args.refine,
                scene=args.scene or None,
                beyond_border=args.beyond_border or None,
                drawn=draw,
                progress=bar.update,
                on_bad=bad.append,
            )
        if len(bad) == len(args.photos):
            raise bad[0]
        write_json(folder / "annotations.json", album_content(album))
        write_results(folder / "predictions.json", predictions, album.categories)
    tell(predictions, output / "predictions.json")
    if args.page is not None:
        write_page(args.page, album, root, predictions, "Predictions")
    if bad:
        raise AmodalError(
            f"{len(bad)} of {len(args.photos)} photographs cannot be read, the others are predicted and written",
            file=", ".join(Path(problem.file).name for problem in bad),
            remedy="save them again as JPEG or PNG, or leave them out",
        )


def _write_cutouts(folder: Path, stem: str, image: Any, predictions: Sequence[Prediction]) -> None:
    from PIL import Image

    from ..report.cutouts import cut_out

    folder.mkdir(exist_ok=True)
    for prediction in predictions:
        for what, pixels in zip(("visible", "whole"), cut_out(image, prediction), strict=True):
            Image.fromarray(pixels).save(folder / f"{stem}_{prediction.annotation_id}_{what}.png", compress_level=1)


def _free_name(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}_amodal.png", 2
    while path.exists():
        path, number = folder / f"{stem}_amodal_{number}.png", number + 1
    return path


@contextmanager
def _whole_folder(output: Path, stems: Sequence[str]) -> Iterator[Path]:
    """A folder whose files move to ``output`` when all of them are written, and not at all otherwise.

    It lies in ``output`` where that is there, which may be a disk of its own, to which nothing can be moved from beside
    it. What an earlier run has cut out of photographs of these names goes: it may have found other objects.
    """
    from ..inference.photos import is_own_album

    is_own = (output / "annotations.json").exists() and is_own_album(output / "annotations.json")
    output = real_path(output)
    around = output if output.is_dir() else output.parent
    around.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".part", dir=around))
    try:
        yield beside
        output.mkdir(exist_ok=True)
        for stem in stems if is_own else ():
            for old in (output / CUTOUTS).glob(f"{glob.escape(stem)}_*_*.png"):
                if re.fullmatch(r"_\d+_(visible|whole)", old.stem[len(stem) :]):
                    old.unlink()
        for path in sorted(path for path in beside.rglob("*") if path.is_file()):
            place = output / path.relative_to(beside)
            place.parent.mkdir(exist_ok=True)
            os.replace(path, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
