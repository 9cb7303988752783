"""`amodal predict --images DIR --annotations FILE`: what comes after the words."""

from __future__ import annotations

from pathlib import Path

import jsonargparse

from .predict_output import tell, write_page
from .predict_words import check_pictures


def run_album(args: jsonargparse.Namespace, output: Path) -> None:
    """Predict the records of a file, or a detector's answers, and write the results; raises AmodalError."""
    from tqdm import tqdm

    from ..datasets import read_annotations
    from ..datasets.detections import read_detections
    from ..datasets.results import write_results
    from ..inference.albums import predict_album
    from ..inference.predictor import Predictor

    album = read_annotations(args.annotations, images=args.images)
    check_pictures(args, album)
    if args.detections is not None:
        album = read_detections(args.detections, album, min_score=args.min_score or 0.0)
    predictor = Predictor.from_pretrained(args.weights, args.backend, threads=args.threads)
    with tqdm(total=len(album.annotation_ids), unit="object", disable=None) as bar:
        predictions = predict_album(
            predictor,
            album,
            args.images,
            args.given or "box",
            keep_heat=args.page is not None,
            refine=args.refine,
            scene=args.scene or None,
            beyond_border=args.beyond_border or None,
            progress=bar.update,
        )
    write_results(output, predictions, album.categories)
    tell(predictions, output)
    if args.page is not None:
        write_page(args.page, album, args.images, predictions, f"Predictions for {Path(args.annotations).name}")
