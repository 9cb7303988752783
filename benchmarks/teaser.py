"""Draw the picture at the top of the README, docs/images/teaser.jpg, with any weights.

    python benchmarks/teaser.py [--weights DIR]

Objects of the photographs in examples/ that something hides. Above, what is given: the visible mask, COCO's own. Below,
what is found: the whole object, its hidden part striped. Which objects are shown was chosen by eye, for what they show
and for how they came out; docs/images/worst.jpg (benchmarks/worst.py) has the others.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from amodal.core.masks import Mask
from amodal.core.records import ImageRecord, Instance
from amodal.datasets import read_annotations
from amodal.inference.predictor import Predictor
from amodal.report.colours import object_colour
from amodal.report.overlay import paint_outline
from amodal.report.page import read_photo
from amodal.report.panels import View, mask_panel

EXAMPLES = Path("examples")
SHOWN = (512854, 195884, 111478, 240982)
"""Annotations of examples/, from left to right: child, man, couch, bicycle."""
_HEIGHT_PX, _GAP_PX = 300, 8


def main() -> None:
    """Predict and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=None, help="default: the weights of the package")
    parser.add_argument("--output", type=Path, default=Path("docs/images/teaser.jpg"))
    parser.add_argument("--show", type=int, nargs="+", default=SHOWN, metavar="ID", help="annotations of examples/")
    args = parser.parse_args()
    predictor = Predictor.from_pretrained(args.weights)
    album = read_annotations(EXAMPLES / "annotations.json")
    objects = {one.id: (record, one) for record in album for one in record.instances}
    unknown = [number for number in args.show if number not in objects]
    if unknown:
        parser.error(f"--show: examples/annotations.json has no annotation {unknown[0]}")
    columns = [_column(predictor, *objects[number], album.source) for number in args.show]
    gap = np.full((columns[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    spaced = [part for column in columns for part in (gap, column)][1:]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(spaced, axis=1)).save(args.output, quality=85, optimize=True, progressive=True)
    print(f"{args.output}: {args.output.stat().st_size / 1000:.0f} kB")


def _column(predictor: Predictor, record: ImageRecord, one: Instance, source: str) -> NDArray[np.uint8]:
    assert one.modal_mask is not None  # all of examples/ have one
    photo = read_photo(record, EXAMPLES / "images", source)
    predictor.set_image(photo)
    masks = [other.modal_mask for other in record.instances if other.modal_mask is not None]
    # together, so that networks which take it are told where the others are seen
    found = predictor.predict(masks=masks)[[other.id for other in record.instances].index(one.id)]
    view = View.of(replace(found, trace=()), photo)
    scale = _HEIGHT_PX / view.height
    view = replace(view, width=round(view.width * scale), height=_HEIGHT_PX)
    given = view.photo(photo).copy()
    visible = view.mask(one.modal_mask)
    given[~visible] = (given[~visible] * 0.55).astype(np.uint8)
    paint_outline(given, Mask.from_array(visible), (255, 255, 255), 2)
    whole = mask_panel(view, photo, found.amodal_mask, modal=found.modal_mask, colour=object_colour(0))
    return np.concatenate([given, np.full((_GAP_PX, view.width, 3), 255, np.uint8), whole])


if __name__ == "__main__":
    main()
