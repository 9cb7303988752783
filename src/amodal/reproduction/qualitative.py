"""Section 5.1: what Figs. 5 to 7 show, interior and exterior occlusions apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.album import Album, image_path
from ..core.images import read_image
from ..core.random import generator
from ..core.records import ImageRecord, Instance, Prediction
from ..inference.albums import predict_album
from ..inference.predictor import Predictor
from ..metrics.occlusion import true_occluded
from ..metrics.occlusion_kind import OcclusionKind, kind_in_picture
from ..report.qualitative import Example, Part, qualitative_page
from .section import Section

CORRECT_ABOVE = 0.7
"""The authors judged by eye. We call a mask correct whose IoU with the drawn one exceeds this: Table 1's stricter."""
MOST = 12
"""Objects on a page, of each kind."""


@dataclass(frozen=True, slots=True)
class _Case:
    record: ImageRecord
    instance: Instance
    iou: float | None
    kind: OcclusionKind | None


def qualitative_section(
    album: Album, images: Path, predictions: Sequence[Prediction], predictor: Predictor, *, flags: Album, seed: int = 0
) -> Section:
    """Pages of occluded objects judged correct (Fig. 5) and incorrect (Fig. 6), and of unoccluded ones (Fig. 7).

    Objects are drawn at random, the same ones every time. Where nobody drew an occluded object whole, nothing can be
    judged: such objects stand on a page of their own.

    Args:
        album, images: the annotations and their pictures.
        predictions: of the album's objects; they sort the pages.
        predictor: asked again for those shown, for their heat.
        flags: the album, of whose objects is known whether they are occluded: VOC's flags, where it has them.
    """
    answers = {one.annotation_id: one for one in predictions}
    known = {one.id: true_occluded(one) for record in flags for one in record.instances}
    judged: dict[str, list[_Case]] = {"fig5": [], "fig6": [], "fig7": [], "not_judged": []}
    for record in album:
        for one in record.instances:
            answer, occluded = answers.get(one.id), known[one.id]
            if answer is None or occluded is None or one.is_crowd or one.is_stuff:
                continue
            iou = None if one.amodal_mask is None else one.amodal_mask.iou(answer.amodal_mask)
            whole = answer.amodal_mask if one.amodal_mask is None else one.amodal_mask
            seen = one.modal_mask if one.modal_mask is not None else answer.modal_mask
            kind = kind_in_picture(record, one, whole, seen) if occluded else None
            judged[_page(occluded, iou)].append(_Case(record, one, iou, kind))
    titles = {
        "fig5": "Occluded objects, judged correct (Fig. 5)",
        "fig6": "Occluded objects, judged incorrect (Fig. 6)",
        "fig7": "Unoccluded objects (Fig. 7)",
        "not_judged": "Occluded objects that nobody drew whole: judge by eye",
    }
    heats: dict[int, list[Prediction]] = {}

    def heat_of(record: ImageRecord) -> list[Prediction]:
        """With the picture's other objects, as when it was judged: each is told of them."""
        if record.id not in heats:
            alone = Album([record], album.categories, source=album.source)
            heats[record.id] = predict_album(predictor, alone, images, keep_heat=True)
        return heats[record.id]

    pages: dict[str, tuple[str, str]] = {}
    for place, (name, cases) in enumerate(judged.items()):
        if cases:
            parts = [_part(title, chosen, album, images, heat_of) for title, chosen in _parts(cases, seed, place)]
            note = f"{len(cases)} objects, up to {MOST} of each kind drawn at random."
            pages[f"{name}.html"] = (titles[name], qualitative_page(titles[name], note, parts))
    return Section(
        name="qualitative",
        title="Qualitative results (section 5.1, Figs. 5 to 7)",
        pages=pages,
        notes=(
            "Interior: more than half of what hides the object lies inside it; exterior: less. Where no annotated "
            "object covers the hidden part, the share of it in the convex hull of the visible part decides.",
            f"Judged correct: IoU with the drawn mask above {CORRECT_ABOVE:.0%}. The authors judged by eye.",
            "Counts: "
            + ", ".join(
                f"{titles[name]}: {len(cases)} ({_counts(cases)})"
                if name != "fig7"
                else f"{titles[name]}: {len(cases)}"
                for name, cases in judged.items()
                if cases
            )
            + ".",
        ),
    )


def _page(occluded: bool, iou: float | None) -> str:
    if not occluded:
        return "fig7"
    if iou is None:
        return "not_judged"
    return "fig5" if iou > CORRECT_ABOVE else "fig6"


def _counts(cases: Sequence[_Case]) -> str:
    kinds = [case.kind.kind for case in cases if case.kind is not None]
    return f"{kinds.count('interior')} interior, {kinds.count('exterior')} exterior"


def _parts(cases: list[_Case], seed: int, place: int) -> list[tuple[str, list[_Case]]]:
    groups = {
        "Interior occlusions": [c for c in cases if c.kind is not None and c.kind.kind == "interior"],
        "Exterior occlusions": [c for c in cases if c.kind is not None and c.kind.kind == "exterior"],
        "Nothing hidden": [c for c in cases if c.kind is None],
    }
    rng = generator(seed, 0, place)
    return [
        (title, [group[i] for i in sorted(rng.permutation(len(group))[:MOST].tolist())])
        for title, group in groups.items()
    ]


def _part(
    title: str,
    cases: Sequence[_Case],
    album: Album,
    images: Path,
    heat_of: Callable[[ImageRecord], list[Prediction]],
) -> Part:
    examples = []
    for case in cases:
        image = read_image(image_path(images, case.record.file_name, file=album.source))
        name = album.categories[case.instance.category].name
        found = next(answer for answer in heat_of(case.record) if answer.annotation_id == case.instance.id)
        fit = "" if case.iou is None else f", IoU {case.iou:.0%}"
        examples.append(Example(image, found, f"{name}, {case.record.file_name}{fit}"))
    return Part(title, examples)
