"""``amodal evaluate``: score predictions against amodal truth.

Where the truth has no amodal masks but says which objects are occluded (VOC's flag), that alone is scored.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonargparse

from ..core.errors import AmodalError
from .predictions import read_predictions

if TYPE_CHECKING:
    from ..core.album import Album
    from ..core.masks import Mask
    from ..core.records import Prediction

_UNET = "mask-only U-Net"
HELP = "score predictions against annotated whole objects"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("--truth", type=str, required=True, help="annotations with amodal masks, of any dialect")
    parser.add_argument(
        "--predictions", type=str, required=True, help="results of `amodal predict`, a file or a folder of shards"
    )
    parser.add_argument("--output", type=str, required=True, help="folder for report.json, report.md and pictures")
    parser.add_argument("--images", type=str, default=None, help="folder of the photographs: adds objects.html")
    parser.add_argument("--given", type=str, default="", help="what the predictor was given, e.g. 'true modal boxes'")
    parser.add_argument(
        "--modal-at",
        type=float,
        nargs="+",
        default=[],
        metavar="T",
        help="also score the modal network's heat above T (the paper: 0.8) in the predictions' boxes; needs --images",
    )
    parser.add_argument("--weights", type=str | None, default=None, help="networks for --modal-at; default: our own")
    parser.add_argument(
        "--unet", type=str | None, default=None, metavar="DIR", help="also score a mask-only completion network"
    )
    parser.add_argument(
        "--baseline",
        action="append",
        type=str,
        default=None,
        metavar="NAME=FILE",
        help="also score another method's results file; may be repeated",
    )
    parser.add_argument(
        "--detections",
        action="append",
        type=str,
        default=None,
        metavar="NAME=FILE",
        help="also score a detector's COCO results of whole masks, which name no annotation: each is matched to the "
        "object it fits best; may be repeated",
    )


def run(args: jsonargparse.Namespace) -> None:
    """Read, score, write, and print the tables.

    Raises:
        AmodalError: words that do not go together, or input that cannot be used.
    """
    from ..datasets import read_annotations
    from ..metrics.evaluate import evaluate, has_amodal_truth
    from ..metrics.indirect import count_judged, score_indirect
    from ..report.scores import figures, tables, unoccluded_line, write_indirect, write_scores
    from .places import check_writable

    others = _checked_words(args)
    check_writable(Path(args.output) / "report.json")
    truth = read_annotations(args.truth, images=args.images)
    if not has_amodal_truth(truth):
        for word in ("--modal-at", "--unet", "--baseline", "--detections"):
            if value := args[word[2:].replace("-", "_")]:
                raise AmodalError(
                    f"{word} is scored against amodal masks, which the truth has none of",
                    file=args.truth,
                    value=value,
                    remedy=f"leave {word} out, or give annotations with amodal masks",
                )
    sizes = {record.id: (record.width, record.height) for record in truth}  # on larger canvases nothing is scored
    predictions = [one.in_picture(*sizes[one.image_id]) for one in read_predictions(args.predictions, truth)]
    if not has_amodal_truth(truth):
        parts = score_indirect(truth, predictions)
        counts, missing = count_judged(truth, predictions)
        names = {"truth": args.truth, "predictions": args.predictions, "given": args.given}
        files = write_indirect(args.output, parts, counts=counts, missing=missing, **names)
        print("\n".join(map(unoccluded_line, parts)), "wrote " + ", ".join(map(str, files)), sep="\n\n")
        _warn_of_missing(len(missing), "a prediction, area ratio 0")
        return
    baselines, rules = _baselines(args, others, truth, predictions)
    report = evaluate(truth, predictions, given=args.given, predictions_source=args.predictions, baselines=baselines)
    report = replace(report, protocol=report.protocol | rules)
    files = write_scores(args.output, report, truth=truth, predictions=predictions, images_dir=args.images)
    print(tables(report), figures(report), "wrote " + ", ".join(map(str, files)), sep="\n\n")
    _warn_of_missing(len(report.missing), "a prediction, scored as 0")
    for name in others:
        _warn_of_missing(
            sum(score.annotation_id not in baselines[name] for score in report.objects), f"one of {name}, scored as 0"
        )


def _warn_of_missing(count: int, what: str) -> None:
    from ..report.words import counted

    if count:
        print(f"amodal: warning: {counted(count, 'object')} of the truth without {what}: report.md", file=sys.stderr)


def _checked_words(args: jsonargparse.Namespace) -> dict[str, str]:
    """The files of --baseline and --detections by name, and whether the words go together."""
    from ..report.scores import LABELS

    if args.modal_at and not args.images:
        raise AmodalError("--modal-at runs a network on the photographs", remedy="give --images DIR")
    if args.weights is not None and not args.modal_at:
        raise AmodalError("--weights goes with --modal-at", value=args.weights)
    for threshold in args.modal_at:
        if not 0 <= threshold < 1:
            raise AmodalError("--modal-at is a number of 0 or more, below 1", value=threshold)
    rows = {_modal_name(threshold) for threshold in args.modal_at} | ({_UNET} if args.unet is not None else set())
    rows |= {*LABELS, *LABELS.values()}
    found: dict[str, str] = {}
    for option in ("--baseline", "--detections"):
        found |= _named_files(option, args[option[2:]] or (), rows | set(found))
    return found


def _modal_name(threshold: float) -> str:
    return f"modal mask at {threshold:g}"


def _named_files(option: str, words: Sequence[str], taken: set[str]) -> dict[str, str]:
    """The words NAME=FILE by name, each once and none of those that are taken."""
    found: dict[str, str] = {}
    for word in words:
        name, sign, file = word.partition("=")
        name = name.strip()
        if not (name and name.isprintable() and sign and file):
            raise AmodalError(f"{option} is NAME=FILE", value=word, remedy="for example ours-v1=out/v1.json")
        if name in found or name in taken:
            raise AmodalError(f"each {option} has a name of its own", value=word, remedy="name it otherwise")
        found[name] = file
    return found


def _baselines(
    args: jsonargparse.Namespace, others: dict[str, str], truth: Album, predictions: list[Prediction]
) -> tuple[dict[str, Mapping[int, Mask | Prediction]], dict[str, str]]:
    """The answers of each baseline, and what is to be told of them. A bad file is told before a network runs."""
    from ..datasets.detections import read_detections
    from ..metrics.matching import match_detections

    drawn = {one.id: one.modal_mask for record in truth for one in record.instances if one.modal_mask is not None}
    visible = drawn | {one.annotation_id: one.modal_mask for one in predictions}
    detected = {word.partition("=")[0].strip() for word in args.detections or ()}
    read: dict[str, Mapping[int, Mask | Prediction]] = {}
    rules: dict[str, str] = {}
    for name, file in others.items():
        if name in detected:
            matched = match_detections(truth, read_detections(file, truth), visible)
            read[name], rules[f"{name}, detections"] = matched.answers, matched.rule
        else:
            read[name] = {one.annotation_id: one for one in read_predictions(file, truth, visible=visible)}
    found: dict[str, Mapping[int, Mask | Prediction]] = {}
    if args.modal_at:
        from ..inference.predictor import Predictor
        from ..inference.strong_modal import modal_masks_at

        predictor = Predictor.from_pretrained(args.weights)
        for threshold in args.modal_at:
            found[_modal_name(threshold)] = modal_masks_at(predictor, truth, predictions, args.images, threshold)
    if args.unet is not None:
        from ..inference.completion import Completion

        found[_UNET] = Completion.from_pretrained(args.unet).complete(predictions)
    return found | read, rules
