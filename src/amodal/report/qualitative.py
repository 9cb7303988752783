"""Pages laid out like the paper's Figs. 5 to 7: photograph, modal heat and mask, amodal heat and mask, two a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.records import Prediction
from .html import document, escape, figure
from .panels import Picture, View, heat_panel, mask_panel, photo_panel

_STYLE = """<style>main { max-width: none; } .pairs { display: grid; gap: .6rem;
grid-template-columns: repeat(auto-fit, minmax(620px, 1fr)); } .pairs article { margin: 0; padding: .6rem; }
.pairs .row { flex-wrap: nowrap; overflow-x: auto; gap: .4rem; } .pairs figure { min-width: 0; }
.pairs figure img { width: auto; height: auto; max-width: 118px; max-height: 140px; }</style>"""
_LEGEND = (
    '<p class="soft"><b class="given">Green</b>: the modal box that was given. <b class="found">Blue</b>: the amodal '
    "box that Iterative Bounding Box Expansion found. Where a side of it lies on a panel's edge, the panel ends with "
    "the photograph.</p>"
)


@dataclass(frozen=True, slots=True)
class Example:
    """One object to show.

    Attributes:
        image: its photograph, uint8 ``(H, W, 3)``.
        prediction: with its heat (``keep_heat``).
        caption: plain text: category, file, how it was judged.
    """

    image: Picture
    prediction: Prediction
    caption: str


@dataclass(frozen=True, slots=True)
class Part:
    """Examples under one heading."""

    title: str
    examples: Sequence[Example]


def qualitative_page(title: str, note: str, parts: Sequence[Part]) -> str:
    """A self-contained page.

    Args:
        title: heading; note: plain text below it.
        parts: those without examples are left out.
    """
    shown = [(f"part-{i}", part) for i, part in enumerate(parts) if part.examples]
    sections = "".join(
        f'<section id="{anchor}"><h2>{escape(part.title)}</h2><div class="pairs">'
        f"{''.join(map(_article, part.examples))}</div></section>"
        for anchor, part in shown
    )
    links = [(anchor, part.title) for anchor, part in shown]
    header = f"<header><h1>{escape(title)}</h1><p>{escape(note)}</p>{_LEGEND}</header>"
    return document(title, links, f"{_STYLE}{header}<main>{sections}</main>")


def _article(example: Example) -> str:
    one, image = example.prediction, example.image
    view = View.of(one, image)
    panels = [figure(photo_panel(view, image, one), "image", alt="photograph with both boxes")]
    if one.modal_heat is not None:
        panels.append(figure(heat_panel(view, one.modal_heat, one.modal_box), "modal heatmap", alt="modal heat"))
    panels.append(figure(mask_panel(view, image, one.modal_mask), "modal mask", alt="modal mask"))
    last = one.trace[-1] if one.trace else None
    if last is not None and last.heat is not None:
        panels.append(figure(heat_panel(view, last.heat, last.frame), "amodal heatmap", alt="amodal heat"))
    panels.append(
        figure(mask_panel(view, image, one.amodal_mask, modal=one.modal_mask), "amodal mask", alt="amodal mask")
    )
    return f'<article><div class="row">{"".join(panels)}</div><p class="soft">{escape(example.caption)}</p></article>\n'
