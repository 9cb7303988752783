"""Contact sheet of examples for the eye, laid out like the paper's Fig. 2, and examples as files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from ..core.errors import AnnotationError
from ..core.labels import NEGATIVE, POSITIVE, UNKNOWN, Label
from ..datasets.folders import new_folder
from .composite import Composite
from .targets import Example, pixel_label

LABEL_COLOURS = {POSITIVE: (214, 39, 40), NEGATIVE: (255, 255, 255), UNKNOWN: (31, 90, 180)}
"""Fig. 2: red object, white background, blue unknown."""
LABEL_GREYS = {POSITIVE: 255, NEGATIVE: 0, UNKNOWN: 127}
"""Labels in PNG files."""
_GREEN = (0, 200, 0)
_PAPER = (244, 244, 244)
_INK = (40, 40, 40)
_STEPS = ("After sampling box", "After adding occlusion", "After rescaling, modal box")
_GAP = 6
_AT_MOST = 24
_OURS = re.compile(r"examples\.jsonl|contact_sheet\.png|\d{6,}_(composite|(modal|amodal)_(patch|label))\.png")


def draw_label(label: Label) -> NDArray[np.uint8]:
    """A label as a picture: uint8 ``(H, W, 3)``."""
    out = np.empty((*label.shape, 3), dtype=np.uint8)
    for value, colour in LABEL_COLOURS.items():
        out[label == value] = colour
    return out


def draw_example_steps(example: Example, composite: Composite, tile_px: int) -> Image.Image:
    """The three steps of one example side by side, the picture above, its target below.

    Args:
        example: drawn as it is: its label over the whole patch, its jittered modal box.
        composite: what it was cut from.
        tile_px: side of one tile.

    Returns:
        RGB, ``3 * tile_px + 2 gaps`` wide, ``2 * tile_px + 1 gap`` high.
    """
    label = draw_label(pixel_label(composite))
    stretched = Image.fromarray(composite.image).resize((tile_px, tile_px), Image.Resampling.BILINEAR)
    target = Image.fromarray(draw_label(example.amodal_label)).resize((tile_px, tile_px), Image.Resampling.NEAREST)
    height, width = composite.own.shape
    scale = np.array([tile_px / width, tile_px / height] * 2)
    for tile in (stretched, target):
        _outline(tile, example.modal_box * scale)
    columns = [
        (_fitted(composite.clean, tile_px), _fitted(label, tile_px)),
        (_fitted(composite.image, tile_px), _fitted(label, tile_px)),
        (stretched, target),
    ]
    sheet = Image.new("RGB", (3 * tile_px + 2 * _GAP, 2 * tile_px + _GAP), _PAPER)
    for i, (above, below) in enumerate(columns):
        sheet.paste(above, (i * (tile_px + _GAP), 0))
        sheet.paste(below, (i * (tile_px + _GAP), tile_px + _GAP))
    return sheet


def contact_sheet(
    examples: Sequence[tuple[Example, Composite]], *, tile_px: int = 160, per_row: int = 2, at_most: int = _AT_MOST
) -> Image.Image:
    """Many examples on one page, like Fig. 2.

    Args:
        examples: at least one, with their composites.
        tile_px: side of one tile.
        per_row: examples beside each other.
        at_most: examples drawn; the first ones.

    Returns:
        RGB.
    """
    shown = examples[:at_most]
    per_row = min(per_row, len(shown))
    width, height = 3 * tile_px + 2 * _GAP, 2 * tile_px + _GAP
    rows = -(-len(shown) // per_row)
    head, between = 22, 24
    page = Image.new("RGB", (per_row * (width + between) + between, head + rows * (height + between) + between), _PAPER)
    pen = ImageDraw.Draw(page)
    for column in range(per_row):
        for step, title in enumerate(_STEPS):
            place = (between + column * (width + between) + step * (tile_px + _GAP), 8)
            pen.text(place, title, fill=_INK)
    for i, (example, composite) in enumerate(shown):
        left = between + (i % per_row) * (width + between)
        top = head + between // 2 + (i // per_row) * (height + between)
        page.paste(draw_example_steps(example, composite, tile_px), (left, top))
    return page


def write_examples(
    folder: str | Path, examples: Iterable[tuple[Example, Composite]], categories: Sequence[str], *, tile_px: int = 160
) -> None:
    """Write examples as PNG files, ``examples.jsonl`` and ``contact_sheet.png``.

    Labels are grey PNG: 255 positive, 0 negative, 127 unknown. The folder appears when all of it is written; one that
    an earlier call wrote is replaced.

    Args:
        folder: where to.
        examples: with their composites; drawn one after the other.
        categories: names, `Material.categories`.
        tile_px: side of a tile of the contact sheet.

    Raises:
        AnnotationError: the folder holds something else, is a mount point, or cannot be written.
    """
    place = Path(folder)
    if place.exists() and not (place.is_dir() and _holds_ours(place)):
        raise AnnotationError(
            "examples go to a new folder, an empty one, or one of earlier examples",
            file=folder,
            remedy="name another --output",
        )
    with new_folder(place, _holds_ours) as beside:
        shown: list[tuple[Example, Composite]] = []
        with (beside / "examples.jsonl").open("w", encoding="utf-8") as lines:
            for i, (example, composite) in enumerate(examples):
                lines.write(json.dumps(_write_one(beside, i, example, composite, categories)) + "\n")
                if len(shown) < _AT_MOST:
                    shown.append((example, composite))
        if shown:
            contact_sheet(shown, tile_px=tile_px).save(beside / "contact_sheet.png")


def _holds_ours(folder: Path) -> bool:
    """Whether what a folder holds, if anything, are examples of an earlier call."""
    names = {path.name for path in folder.iterdir()}
    return not names or ("examples.jsonl" in names and all(map(_OURS.fullmatch, names)))


def _write_one(
    folder: Path, number: int, example: Example, composite: Composite, categories: Sequence[str]
) -> dict[str, Any]:
    pictures = {
        "composite": composite.image,
        "modal_patch": example.modal_patch.transpose(1, 2, 0),
        "modal_label": _greys(example.modal_label),
        "amodal_patch": example.amodal_patch.transpose(1, 2, 0),
        "amodal_label": _greys(example.amodal_label),
    }
    names = {key: f"{number:06d}_{key}.png" for key in pictures}
    for key, array in pictures.items():
        Image.fromarray(np.ascontiguousarray(array)).save(folder / names[key])
    return {
        "index": number,
        "files": names,
        "image_id": composite.image_id,
        "annotation_id": composite.annotation_id,
        "category": categories[composite.category],
        "occluders": [{"image_id": i, "annotation_id": a} for i, a in composite.occluders],
        "behind": [{"image_id": i, "annotation_id": a} for i, a in composite.behind],
        "patch_box_in_image": list(composite.patch_box),
        "mirrored": composite.mirrored,
        "modal_box": _numbers(example.modal_box),
        "seen_box": _numbers(example.seen_box),
        "frame_box": _numbers(example.frame_box),
        "weight": round(float(example.weight), 6),
        "hidden_share": round(float(example.hidden_share), 6),
        "visible_share": round(composite.visible_share, 6),
    }


def _numbers(values: ArrayLike) -> list[float]:
    return [round(float(v), 3) for v in np.asarray(values).ravel()]


def _greys(label: Label) -> NDArray[np.uint8]:
    out = np.empty(label.shape, dtype=np.uint8)
    for value, grey in LABEL_GREYS.items():
        out[label == value] = grey
    return out


def _fitted(array: NDArray[np.uint8], tile_px: int) -> Image.Image:
    """An image in the middle of a square tile, its proportions kept."""
    height, width = array.shape[:2]
    scale = tile_px / max(width, height)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    tile = Image.new("RGB", (tile_px, tile_px), _PAPER)
    resized = Image.fromarray(array).resize(size, Image.Resampling.BILINEAR)
    tile.paste(resized, ((tile_px - size[0]) // 2, (tile_px - size[1]) // 2))
    return tile


def _outline(tile: Image.Image, box: NDArray[Any]) -> None:
    x1, y1, x2, y2 = (float(v) for v in box)
    width = max(tile.width // 80, 1)
    last = tile.width - 1.0
    edges = (max(x1, 0.0), max(y1, 0.0), min(x2, last), min(y2, last))
    if edges[0] < edges[2] and edges[1] < edges[3]:
        ImageDraw.Draw(tile).rectangle(edges, outline=_GREEN, width=width)
