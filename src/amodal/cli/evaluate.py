"""``amodal evaluate``: score predictions against amodal truth."""

from __future__ import annotations

import jsonargparse

HELP = "score predictions against annotated whole objects"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--truth", type=str, required=True, help="annotation file with amodal masks (COCO or COCOA)")
    parser.add_argument("--predictions", type=str, required=True, help="results file of `amodal predict`")
    parser.add_argument("--output", type=str, required=True, help="folder for report.json, report.md and pictures")
    parser.add_argument("--images", type=str, default=None, help="folder of the photographs: adds objects.html")
    parser.add_argument("--given", type=str, default="", help="what the predictor was given, e.g. 'true modal boxes'")


def run(args: jsonargparse.Namespace) -> None:
    """Read, score, write, and print the tables."""
    from ..datasets import read_annotations
    from ..datasets.results import read_results
    from ..metrics.evaluate import evaluate
    from ..report.scores import figures, tables, write_scores

    truth = read_annotations(args.truth)
    predictions = read_results(args.predictions, truth)
    report = evaluate(truth, predictions, given=args.given, predictions_source=args.predictions)
    files = write_scores(args.output, report, truth=truth, predictions=predictions, images_dir=args.images)
    print(tables(report), figures(report), "wrote " + ", ".join(map(str, files)), sep="\n\n")
