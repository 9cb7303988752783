"""The paper's Figs. 8 and 9 for one evaluation, as PNG. matplotlib is loaded on the first plot, never before."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.accuracy import accuracy_curve, mean_iou
from ..metrics.average_precision import precision_recall
from ..metrics.indirect import Indirect
from ..metrics.objects import FROM_PREDICTION, FROM_TRUTH, Answer, ObjectScore, ious
from ..metrics.occlusion import area_ratio_histogram
from ..metrics.summary import Report, in_group
from .words import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _OTHER, _SOFT = "#2f6bff", "#d9480f", "#8a93a3"
_MOST_COLOURS = 20
_LONGEST = 36
"""Letters of a name in a legend."""
_CURVES: tuple[tuple[Answer, str, str, str], ...] = (
    ("ours", "ours", _OURS, "-"),
    ("modal", "predicted modal mask", _OTHER, "-"),
    ("modal_hull", "its convex hull", _OTHER, "--"),
    ("box", "filled given box", _SOFT, ":"),
)


def draw_plots(report: Report) -> dict[str, bytes]:
    """All plots of a report, PNG by file name: accuracy against cut-off (Fig. 9b) and modal against amodal IoU (9a) on
    the occluded objects, or on all where none is occluded; histogram of area ratios (8a) and precision-recall of
    "unoccluded" (8b) on the objects of which is known whether they are.
    """
    occluded = [score for score in report.objects if in_group(score.hidden_frac, "occluded")]
    chosen = occluded or list(report.objects)
    what = counted(len(chosen), "occluded object" if occluded else "object")
    return draw_direct(chosen, what) | draw_indirect(report.unoccluded[0])


def draw_direct(objects: list[ObjectScore], what: str) -> dict[str, bytes]:
    """Fig. 9 of these objects: ``modal_amodal_iou.png`` (a) and ``accuracy.png`` (b); ``what`` names the objects."""
    return {
        "accuracy.png": _png(lambda axes: _accuracy(axes, objects, what)),
        "modal_amodal_iou.png": _png(lambda axes: _scatter(axes, objects, what)),
    }


def draw_indirect(found: Indirect) -> dict[str, bytes]:
    """Fig. 8: ``area_ratio.png`` (a) and ``precision_recall.png`` (b)."""
    return {
        "area_ratio.png": _png(lambda axes: _histogram(axes, found)),
        "precision_recall.png": _png(lambda axes: _precision_recall(axes, found)),
    }


def _png(draw: Callable[[Axes], None]) -> bytes:
    from matplotlib.figure import Figure  # not pyplot: no global state, no display; savefig renders with Agg

    figure = Figure(figsize=(5.2, 4.2), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    if (legend := axes.get_legend()) is not None:
        legend.set_in_layout(False)  # long names would squeeze the axes to make room for themselves
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _accuracy(axes: Axes, objects: list[ObjectScore], what: str) -> None:
    cutoffs = np.linspace(0, 1, 201)
    own = [answer for answer in objects[0].fits if answer not in (*FROM_PREDICTION, *FROM_TRUTH)]
    brought = [(name, _label(name), f"C{i + 2}", "-.") for i, name in enumerate(own)]
    for answer, label, colour, line in (*_CURVES, *brought):
        values = ious(objects, answer)
        name = f"{label} (area {percent(mean_iou(values))})"
        axes.plot(cutoffs, accuracy_curve(values, cutoffs), line, color=colour, label=name)
    axes.set(xlabel="IoU cut-off", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.01), title=f"Accuracy, {what}")
    axes.legend(frameon=False, fontsize=8, loc="lower left")


def _label(name: str) -> str:
    """A name as matplotlib shows it: it would typeset what stands between dollars, and leave out what begins with _.

    Of a long one the middle is left out.
    """
    name = name.lstrip("_")
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST // 2]}…{name[1 - _LONGEST // 2 :]}"
    return name.replace("$", r"\$")


def _scatter(axes: Axes, objects: list[ObjectScore], what: str) -> None:
    modal, amodal = ious(objects, "modal"), ious(objects, "ours")
    above = float((amodal > modal).mean())
    names = sorted({score.category for score in objects})
    # the paper's colour per category; beyond twenty (VOC has as many) nobody tells them apart
    if 1 < len(names) <= _MOST_COLOURS:
        from matplotlib import colormaps

        colours = colormaps["tab20"].colors if len(names) > 10 else colormaps["tab10"].colors  # type: ignore[attr-defined]
        for i, name in enumerate(names):
            mine = np.array([score.category == name for score in objects])
            axes.scatter(
                modal[mine], amodal[mine], s=12, alpha=0.75, color=colours[i], label=_label(name), linewidths=0
            )
        axes.legend(frameon=False, fontsize=7 if len(names) <= 10 else 5, loc="lower right")
    else:
        axes.scatter(modal, amodal, s=12, alpha=0.6, color=_OURS, linewidths=0)
    axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=1)
    axes.set(xlabel="IoU of the predicted modal mask", ylabel="IoU of ours", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_title(f"{100 * above:.0f} % above the diagonal, {what}", fontsize=10)


def _histogram(axes: Axes, found: Indirect) -> None:
    left = np.arange(100) / 100
    for name, colour, ratios in (
        ("occluded", _OTHER, found.ratios[found.occluded]),
        ("unoccluded", _OURS, found.ratios[~found.occluded]),
    ):
        counts = area_ratio_histogram(ratios)
        axes.bar(left, counts, width=0.01, align="edge", color=colour, alpha=0.55, label=f"{name} ({len(ratios)})")
    axes.locator_params(axis="y", integer=True)
    axes.set(xlabel="predicted area ratio", ylabel="objects", xlim=(0, 1), title="Area ratios, 100 bins")
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _precision_recall(axes: Axes, found: Indirect) -> None:
    precision, recall = precision_recall(found.ratios, ~found.occluded)
    if precision.size:  # the first precision holds from recall 0 on
        axes.step(np.append(0, recall), np.append(precision[0], precision), where="pre", color=_OURS)
    axes.axhline(found.chance, color=_SOFT, linestyle=":", label="chance")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_title(f"'Unoccluded' by area ratio: AP {percent(found.average_precision)}", fontsize=10)
    axes.legend(frameon=False, fontsize=8, loc="lower left")
