"""The objects the weights get most wrong, to look at: the page of the model card, or a page of any data set.

    python benchmarks/worst.py [--weights DIR]
    python benchmarks/worst.py --truth FILE --images DIR --page out/worst/index.html --sheet out/worst/sheet.jpg

The first line makes docs/images/worst.jpg, which ships, so only of photographs that may be passed on: those of
examples/, which nothing was trained on. Scenes are made of them (`amodal synthesize --scenes`): over an object whose
annotated mask is whole others are laid, so that the truth is exact; about every third scene hides next to nothing. The
worst by IoU are shown, at the most two of one object. Their mean and count are printed: they are the sample of a few
photographs, not a measurement; docs/results.md has that.

The second line does the same with any annotated set (not to be passed on, unless its licences say so).
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from sheet import Case, draw_sheet  # the file beside this one

from amodal.core.album import Album
from amodal.core.records import ImageRecord, Prediction
from amodal.datasets import read_annotations
from amodal.datasets.jsonfile import write_text
from amodal.inference.albums import predict_album
from amodal.inference.predictor import Predictor
from amodal.metrics.evaluate import evaluate
from amodal.metrics.objects import ObjectScore
from amodal.report.extremes import extremes_page
from amodal.report.page import read_photo
from amodal.synthesis.material import Material, Source
from amodal.synthesis.scenes import make_scenes, scene_settings, write_scenes
from amodal.synthesis.settings import SynthesisSettings

EXAMPLES = Path("examples")
WORK = Path("out/worst/scenes")
SHEET = Path("docs/images/worst.jpg")
WHOLE = {14624, 50694, 125062, 161035, 572536, 598731, 712616, 1041551, 1043720, 1182773, 1184502, 1185843, 1810267}
"""Annotations of examples/ that nothing in the photograph hides, judged by eye."""
MOST_OF_ONE = 2
MOST_BYTES = 400_000


def main() -> None:
    """Read the words, predict, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=None, help="default: the weights of the package")
    parser.add_argument("--truth", type=Path, default=None, help="annotations with amodal masks; default: scenes")
    parser.add_argument("--images", type=Path, default=None, help="folder of their pictures")
    parser.add_argument("--given", choices=("box", "mask"), default="box", help="what prediction is given")
    parser.add_argument("--sheet", type=Path, default=None, help=f"JPEG to write; default, without --truth: {SHEET}")
    parser.add_argument("--page", type=Path, default=None, help="HTML page to write")
    parser.add_argument("--count", type=int, default=20, help="objects shown")
    parser.add_argument("--scenes", type=int, default=240, help="made, without --truth")
    args = parser.parse_args()
    if (args.truth is None) != (args.images is None):
        parser.error("--truth and --images go together")
    sources: dict[int, int] = {}
    if args.truth is None:
        args.truth, args.images, args.sheet = *made_scenes(args.scenes), args.sheet or SHEET
        content = json.loads(args.truth.read_text())
        sources = {entry["id"]: entry["source"]["annotation_id"] for entry in content["annotations"]}
    if args.sheet is None and args.page is None:
        parser.error("give --sheet, --page, or both")
    show(args, sources)


def made_scenes(count: int) -> tuple[Path, Path]:
    """Scenes of the shipped photographs in `WORK`: their annotations and the folder of their pictures."""
    album = read_annotations(EXAMPLES / "annotations.json").filter(_judged)
    settings = SynthesisSettings(min_hidden=0.05, balance="image", whole_only=True)
    material = Material([Source(album, str(EXAMPLES / "images"))], scene_settings(settings))
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.parent.mkdir(parents=True, exist_ok=True)
    write_scenes(WORK, make_scenes(material, count, seed=0), material.categories)
    return WORK / "annotations.json", WORK / "images"


def _judged(record: ImageRecord) -> ImageRecord:
    return replace(record, instances=tuple(replace(one, is_whole=one.id in WHOLE) for one in record.instances))


def show(args: argparse.Namespace, sources: dict[int, int]) -> None:
    """Predict and score all objects, draw the worst."""
    album = read_annotations(args.truth)
    found = predict_album(Predictor.from_pretrained(args.weights), album, args.images, args.given)
    report = evaluate(album, found, given=f"true modal {args.given}")
    ious = np.array([score.fits["ours"].iou for score in report.objects])
    print(f"{len(ious)} objects: mean IoU {100 * ious.mean():.1f}, under 50: {100 * (ious < 0.5).mean():.1f} %")
    if args.page is not None:
        args.page.parent.mkdir(parents=True, exist_ok=True)
        page = extremes_page(report, album, found, args.images, worst_count=args.count, best_count=0)
        write_text(args.page, page)
        print(f"page: {args.page}")
    if args.sheet is not None:
        chosen = worst(report.objects, sources, args.count)
        write_sheet(args.sheet, list(_cases(chosen, album, found, args.images)))
        print(f"sheet: {args.sheet}, {args.sheet.stat().st_size / 1000:.0f} kB, {len(chosen)} objects")


def worst(scores: Sequence[ObjectScore], sources: dict[int, int], count: int) -> list[ObjectScore]:
    """The lowest by IoU, lowest first, at the most `MOST_OF_ONE` made of one annotation."""
    taken = Counter[int]()
    chosen = []
    for score in sorted(scores, key=lambda score: score.fits["ours"].iou):
        source = sources.get(score.annotation_id, -score.annotation_id)
        taken[source] += 1
        if taken[source] <= MOST_OF_ONE:
            chosen.append(score)
    return chosen[:count]


def _cases(chosen: Sequence[ObjectScore], album: Album, found: Sequence[Prediction], images: Path) -> Iterator[Case]:
    wanted = {score.image_id for score in chosen}
    records = {record.id: record for record in album if record.id in wanted}
    answers = {prediction.annotation_id: prediction for prediction in found}
    for score in chosen:
        record = records[score.image_id]
        (truth,) = (one for one in record.instances if one.id == score.annotation_id)
        assert truth.amodal_mask is not None  # only objects with one are scored
        hidden = "" if score.hidden_frac is None else f"{score.hidden_frac:.0%} truly hidden"
        title = f"{score.category}, IoU {100 * score.fits['ours'].iou:.0f}"
        photo, answer = read_photo(record, images, album.source), answers[score.annotation_id]
        yield Case(photo, answer, truth.amodal_mask, truth.modal_mask, title, hidden)


def write_sheet(path: Path, cases: Sequence[Case]) -> None:
    """Write the sheet as JPEG, of lower quality where it would be over `MOST_BYTES`."""
    picture = Image.fromarray(draw_sheet(cases))
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (88, 80, 72, 60, 45):
        picture.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{path}: more than {MOST_BYTES} bytes; show fewer objects with --count")


if __name__ == "__main__":
    main()
