"""The paper's Figs. 8 and 9 for one evaluation, as PNG. matplotlib is loaded on the first plot, never before."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.accuracy import accuracy_curve, mean_iou
from ..metrics.average_precision import precision_recall
from ..metrics.objects import Answer, ObjectScore, ious
from ..metrics.occlusion import area_ratio_histogram
from ..metrics.summary import Report, in_group
from .words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _OTHER, _SOFT = "#2f6bff", "#d9480f", "#8a93a3"
_CURVES: tuple[tuple[Answer, str, str, str], ...] = (
    ("ours", "ours", _OURS, "-"),
    ("modal", "predicted modal mask", _OTHER, "-"),
    ("modal_hull", "its convex hull", _OTHER, "--"),
    ("box", "filled given box", _SOFT, ":"),
)


def draw_plots(report: Report) -> dict[str, bytes]:
    """All plots of a report, PNG by file name: accuracy against cut-off (Fig. 9b) and modal against amodal IoU (9a) on
    the occluded objects, or on all where none is occluded; histogram of area ratios (8a) and precision-recall of
    "unoccluded" (8b) on the objects whose hidden share is known.
    """
    occluded = [score for score in report.objects if in_group(score.hidden_frac, "occluded")]
    chosen = occluded or list(report.objects)
    what = f"{len(chosen)} {'occluded objects' if occluded else 'objects'}"
    judged = [score for score in report.objects if score.hidden_frac is not None]
    return {
        "accuracy.png": _png(lambda axes: _accuracy(axes, chosen, what)),
        "modal_amodal_iou.png": _png(lambda axes: _scatter(axes, chosen, what)),
        "area_ratio.png": _png(lambda axes: _histogram(axes, judged)),
        "precision_recall.png": _png(lambda axes: _precision_recall(axes, judged, report)),
    }


def _png(draw: Callable[[Axes], None]) -> bytes:
    from matplotlib.figure import Figure  # not pyplot: no global state, no display; savefig renders with Agg

    figure = Figure(figsize=(5.2, 4.2), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _accuracy(axes: Axes, objects: list[ObjectScore], what: str) -> None:
    cutoffs = np.linspace(0, 1, 201)
    for answer, label, colour, line in _CURVES:
        values = ious(objects, answer)
        name = f"{label} (area {percent(mean_iou(values))})"
        axes.plot(cutoffs, accuracy_curve(values, cutoffs), line, color=colour, label=name)
    axes.set(xlabel="IoU cut-off", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.01), title=f"Accuracy, {what}")
    axes.legend(frameon=False, fontsize=8, loc="lower left")


def _scatter(axes: Axes, objects: list[ObjectScore], what: str) -> None:
    modal, amodal = ious(objects, "modal"), ious(objects, "ours")
    above = float((amodal > modal).mean())
    names = sorted({score.category for score in objects})
    # up to ten kinds, the paper's colour per kind can be told apart; beyond that one colour is more honest
    if 1 < len(names) <= 10:
        for i, name in enumerate(names):
            mine = np.array([score.category == name for score in objects])
            label = name.replace("$", r"\$").lstrip("_")
            axes.scatter(modal[mine], amodal[mine], s=12, alpha=0.75, color=f"C{i}", label=label, linewidths=0)
        axes.legend(frameon=False, fontsize=7, loc="lower right")
    else:
        axes.scatter(modal, amodal, s=12, alpha=0.6, color=_OURS, linewidths=0)
    axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=1)
    axes.set(xlabel="IoU of the predicted modal mask", ylabel="IoU of ours", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_title(f"{100 * above:.0f} % above the diagonal, {what}", fontsize=10)


def _histogram(axes: Axes, objects: list[ObjectScore]) -> None:
    left = np.arange(100) / 100
    for name, colour in (("occluded", _OTHER), ("clear", _OURS)):
        ratios = [score.area_ratio for score in objects if in_group(score.hidden_frac, name)]
        counts = area_ratio_histogram(ratios)
        label = f"{'unoccluded' if name == 'clear' else name} ({len(ratios)})"
        axes.bar(left, counts, width=0.01, align="edge", color=colour, alpha=0.55, label=label)
    axes.set(xlabel="predicted area ratio", ylabel="objects", xlim=(0, 1), title="Area ratios, 100 bins")
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _precision_recall(axes: Axes, objects: list[ObjectScore], report: Report) -> None:
    clear = [in_group(score.hidden_frac, "clear") for score in objects]
    precision, recall = precision_recall([score.area_ratio for score in objects], clear)
    if precision.size:  # the first precision holds from recall 0 on
        axes.step(np.append(0, recall), np.append(precision[0], precision), where="pre", color=_OURS)
    axes.axhline(report.unoccluded_chance, color=_SOFT, linestyle=":", label="chance")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_title(f"'Unoccluded' by area ratio: AP {percent(report.unoccluded_ap)}", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
