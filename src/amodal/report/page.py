"""One page of all predictions, object by object, laid out like the paper's Figs. 4 and 5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album, image_path
from ..core.errors import AnnotationError, ImageError
from ..core.images import read_image
from ..core.records import ExpansionStep, ImageRecord, Prediction
from ..datasets.jsonfile import write_text
from .colours import object_colour
from .html import data_uri, document, escape, figure, shrink
from .overlay import category_name, drawn_picture
from .panels import View, heat_panel, mask_panel, photo_panel, step_panel
from .words import counted

Picture = NDArray[np.uint8]

STOP_TEXT = {
    "converged": "no strip beside the box was hot",
    "border": "only strips beyond the picture were hot",
    "cap": "stopped at the iteration cap",
    "empty": "no heat at all",
}
_WHOLE_PX = 1100
_LEGEND = (
    '<p class="soft"><b class="given">Green</b>: the modal box that was given. <b class="found">Blue</b>: the amodal '
    "box that was found. White outline: the visible part; coloured outline: the whole object; stripes: what is hidden. "
    "The most occluded objects of a photograph come first.</p>"
)


def write_page(
    path: str | Path, album: Album, images_dir: str | Path, predictions: Iterable[Prediction], *, title: str
) -> None:
    """Write one self-contained HTML page; it opens offline and is written whole or not at all.

    Per photograph: all objects in one picture; then per object the photograph's part with both boxes, modal heat, modal
    mask, amodal heat, amodal mask (Fig. 5), and the expansion step by step (Fig. 4). Heat that was not kept is absent.

    Args:
        path: the page to write.
        album: the pictures that were asked about.
        images_dir: the folder their ``file_name`` is relative to.
        predictions: in any order.
        title: heading of the page.

    Raises:
        ImageError: a photograph that is missing, undecodable or of another size than its record.
        AnnotationError: a prediction of a picture that is not in the album; a ``file_name`` that leads out of the
            folder.
    """
    by_image: dict[int, list[Prediction]] = {}
    for prediction in predictions:
        by_image.setdefault(prediction.image_id, []).append(prediction)
    strange = sorted(by_image.keys() - {record.id for record in album})
    if strange:
        raise AnnotationError(
            "predictions belong to pictures of the album",
            file=album.source,
            record=f"image {strange[0]}",
            remedy="give the annotation file the predictions were made from",
        )
    names = [category.name for category in album.categories]
    shown = [record for record in album if record.id in by_image]
    sections = [
        _photo_section(f"photo-{i}", record, read_photo(record, images_dir, album.source), by_image[record.id], names)
        for i, record in enumerate(shown)
    ]
    count = sum(len(by_image[record.id]) for record in shown)
    left_out = len(album) - len(shown)
    summary = f"{counted(count, 'object')} in {counted(len(shown), 'photograph')}"
    if left_out:
        summary += f"; {counted(left_out, 'photograph')} without objects not shown"
    header = f"<header><h1>{escape(title)}</h1><p>{summary}.</p>{_LEGEND}</header>"
    links = [(f"photo-{i}", Path(record.file_name).name) for i, record in enumerate(shown)]
    write_text(path, document(title, links, f"{header}\n<main>{''.join(sections)}</main>"))


def read_photo(record: ImageRecord, images_dir: str | Path, source: str) -> Picture:
    """The photograph of a record, uint8 ``(H, W, 3)``; raises as `write_page`."""
    path = image_path(images_dir, record.file_name, file=source)
    image = read_image(path)
    if image.shape[:2] != (record.height, record.width):
        raise ImageError(
            f"a picture has the size its record in {source or 'the album'} gives, {record.width} x {record.height}",
            file=path,
            value=(image.shape[1], image.shape[0]),
            remedy="give the folder of the original pictures",
        )
    return image


def _photo_section(
    anchor: str, record: ImageRecord, image: Picture, predictions: Sequence[Prediction], names: Sequence[str]
) -> str:
    whole = shrink(drawn_picture(image, predictions, names), _WHOLE_PX)
    numbered = sorted(enumerate(predictions), key=lambda pair: -pair[1].occlude_rate)
    articles = "".join(_object_article(image, prediction, number, names) for number, prediction in numbered)
    return (
        f'<section id="{anchor}"><h2>{escape(record.file_name)}</h2>'
        f'<img class="whole" alt="all objects of {escape(record.file_name)}" src="{data_uri(whole)}">\n'
        f"{articles}</section>\n"
    )


def _object_article(image: Picture, prediction: Prediction, number: int, names: Sequence[str]) -> str:
    name = category_name(names, prediction.category)
    view, colour = View.of(prediction, image), object_colour(number)
    found = prediction.trace[-1] if prediction.trace else None
    parts = [figure(photo_panel(view, image, prediction), "photograph, given and found box", alt=f"{name}: photograph")]
    if prediction.modal_heat is not None:
        panel = heat_panel(view, prediction.modal_heat, prediction.modal_box)
        parts.append(figure(panel, "modal heat", alt=f"{name}: modal heat"))
    panel = mask_panel(view, image, prediction.modal_mask, colour=colour)
    parts.append(figure(panel, "modal mask", alt=f"{name}: modal mask"))
    if found is not None and found.heat is not None:
        parts.append(figure(heat_panel(view, found.heat, found.frame), "amodal heat", alt=f"{name}: amodal heat"))
    panel = mask_panel(view, image, prediction.amodal_mask, modal=prediction.modal_mask, colour=colour)
    parts.append(figure(panel, "amodal mask", alt=f"{name}: amodal mask"))
    return (
        f'<article id="object-{prediction.annotation_id}"><h3>{escape(name)}'
        f'<span class="rate">{prediction.occlude_rate:.0%} hidden</span>'
        f'<span class="tag">score {prediction.score:.2f}</span>'
        f'<span class="tag">annotation {prediction.annotation_id}</span></h3>'
        f'<div class="row">{"".join(parts)}</div>{_expansion(view, image, prediction, name)}</article>\n'
    )


def _expansion(view: View, image: Picture, prediction: Prediction, name: str) -> str:
    steps = counted(prediction.steps, "step")
    told = f"Expansion: {steps}, {escape(prediction.stop_reason)} ({STOP_TEXT[prediction.stop_reason]})"
    if not prediction.trace:
        return f'<p class="soft">{told}.</p>'
    panels = "".join(
        figure(step_panel(view, image, prediction, step), _strips(i, step), alt=f"{name}: expansion, step {i}")
        for i, step in enumerate(prediction.trace, start=1)
    )
    return f'<details open><summary>{told}</summary><div class="row">{panels}</div></details>'


def _strips(number: int, step: ExpansionStep) -> str:
    cells = "".join(
        f"<tr><td>{side}</td><td>{heat:.2f}</td></tr>"
        for side, heat in zip(("left", "top", "right", "bottom"), step.strips, strict=True)
    )
    return f'step {number}, heat beside the box<table class="strips">{cells}</table>'
