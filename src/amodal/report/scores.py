"""An evaluation as files: report.json, report.md, objects.csv, plots, and a page of the worst and best objects."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.album import Album
from ..core.errors import AmodalError
from ..core.files import write_bytes
from ..core.records import Prediction
from ..metrics.indirect import Indirect
from ..metrics.objects import Answer
from ..metrics.ordering import OrderScore
from ..metrics.summary import Group, Report, Row
from .extremes import extremes_page
from .plots import draw_indirect, draw_plots
from .table import objects_csv
from .words import counted, percent

LABELS: dict[Answer, str] = {
    "ours": "ours",
    "modal": "predicted modal mask",
    "modal_hull": "convex hull of the predicted modal mask",
    "box": "filled given box",
    "true_modal": "true modal mask",
    "true_modal_hull": "convex hull of the true modal mask",
}
_HEAD = (
    *("answer", "mean IoU [95 %]", "acc@50", "acc@70", "hidden-part IoU", "box IoU", "micro IoU"),
    "ours - it [95 %]",
)
_PLOTS = ("accuracy.png", "modal_amodal_iou.png", "area_ratio.png", "precision_recall.png")
_AT_TIMES = ("objects.csv", "objects.html", *_PLOTS)
"""Files that not every evaluation writes: those of an earlier one in the same folder are removed."""


def write_scores(
    folder: str | Path,
    report: Report,
    *,
    truth: Album | None = None,
    predictions: Sequence[Prediction] = (),
    images_dir: str | Path | None = None,
) -> list[Path]:
    """Write report.json, report.md, objects.csv and the plots; with ``truth`` and ``images_dir`` also objects.html.

    Everything is made before anything is written, and each file appears whole.

    Args:
        folder: made where it does not exist.
        report: what `metrics.evaluate.evaluate` returned.
        truth, predictions, images_dir: what was evaluated, and the folder of its photographs, for objects.html.

    Returns:
        The files written.

    Raises:
        AmodalError: the folder cannot be written to.
        ImageError: a photograph that is missing, undecodable or of another size than its record.
    """
    files: dict[str, bytes] = dict(draw_plots(report))
    files["report.json"] = (json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n").encode()
    files["objects.csv"] = _encoded(objects_csv(report))
    if truth is not None and images_dir is not None:
        files["objects.html"] = extremes_page(report, truth, predictions, images_dir).encode()
    files["report.md"] = _encoded(markdown(report, pictures=[name for name in files if name.endswith(".png")]))
    return _write_all(Path(folder), files)


def write_indirect(
    folder: str | Path,
    parts: Sequence[Indirect],
    *,
    counts: Mapping[str, int],
    missing: Sequence[int],
    truth: str,
    predictions: str,
    given: str = "",
) -> list[Path]:
    """Write report.json, report.md and the plots of an evaluation of "unoccluded" alone (paper section 5.2).

    Args:
        folder: made where it does not exist.
        parts: what `metrics.indirect.score_indirect` returned.
        counts, missing: what `metrics.indirect.count_judged` returned.
        truth, predictions, given: for the protocol, as in `metrics.evaluate.evaluate`.

    Returns:
        The files written.

    Raises:
        AmodalError: the folder cannot be written to.
    """
    protocol = {
        "truth": truth,
        "predictions": predictions,
        "given to the predictor": given or "not stated",
        "amodal masks": "the truth has none: only whether an object is occluded is scored",
        "score": "area ratio; ties together, no interpolation; chance = share of unoccluded objects",
        "interval": "95 %, bootstrap over photographs, 2000 draws, fixed seed",
    }
    files: dict[str, bytes] = dict(draw_indirect(parts[0]))
    content = {
        "protocol": protocol,
        "counts": dict(counts),
        "missing_annotation_ids": list(missing),
        "unoccluded": parts[0].to_json(),
        "unoccluded_by_truncation": {part.part: part.to_json() for part in parts[1:]},
    }
    files["report.json"] = (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()
    lines = ["# Evaluation: occluded or not", "", *_extents(counts, missing), ""]
    lines += [*(f"- {unoccluded_line(part)}" for part in parts), ""]
    lines += [f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in files if name.endswith(".png")]
    lines += ["", "## Protocol", "", *(f"- {key}: {value}" for key, value in protocol.items())]
    files["report.md"] = _encoded("\n".join(lines) + "\n")
    return _write_all(Path(folder), files)


def _encoded(text: str) -> bytes:
    """UTF-8; a byte of a file's name that is not UTF-8 is spelt out."""
    return text.encode("utf-8", "backslashreplace")


def _write_all(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = _AT_TIMES if (folder / "report.json").exists() else ()
        written = [write_bytes(folder / name, data) for name, data in sorted(files.items())]
        for name in earlier:
            if name not in files:
                (folder / name).unlink(missing_ok=True)
        return written
    except OSError as problem:
        raise AmodalError(
            f"the output folder cannot be written to ({problem.strerror})", file=folder, remedy="choose another folder"
        ) from problem


def markdown(report: Report, *, pictures: Sequence[str] = ()) -> str:
    """The report as Markdown: counts, tables, figures, pictures by file name, protocol."""
    lines = ["# Evaluation", "", *_extents(report.counts, report.missing), "", tables(report), ""]
    lines += [f"- {line}" for line in _figures(report)]
    if pictures:
        lines += ["", *(f"![{Path(name).stem.replace('_', ' ')}]({name})" for name in pictures)]
    lines += ["", "## Protocol", "", *(f"- {key}: {value}" for key, value in report.protocol.items())]
    return "\n".join(lines) + "\n"


def _extents(counts: Mapping[str, int], missing: Sequence[int]) -> list[str]:
    """How many objects were scored and left out, and which have no prediction, a line each."""
    lines = [f"- {name}: {count}" for name, count in counts.items()]
    if missing:
        shown = ", ".join(str(number) for number in missing[:20])
        more = len(missing) - 20
        lines.append(f"- annotations without a prediction: {shown}{f' and {more} more' if more > 0 else ''}")
    return lines


def tables(report: Report) -> str:
    """The tables alone, in percent: one per group, and where true modal masks are known one on those objects."""
    parts = []
    for group in report.groups:
        if group.count:
            parts.append(f"## {group.name}: {group.rule} ({_extent(group)})\n\n{_table(group.rows)}")
            known = group.known_modal_rows
            if known[0].count:
                title = f"### {group.name}, where the true modal mask is known ({counted(known[0].count, 'object')})"
                parts.append(f"{title}\n\n{_table(known)}")
        else:
            parts.append(f"## {group.name}: {group.rule} (no object)")
    return "\n\n".join(parts)


def figures(report: Report) -> str:
    """The figures that are no table, one a line."""
    return "\n".join(_figures(report))


def _figures(report: Report) -> list[str]:
    return [
        *(unoccluded_line(part) for part in report.unoccluded),
        f"hidden share (1 - area ratio), mean absolute error: {percent(report.hidden_frac_error)} points",
        f"occluded objects on which ours is better / worse than the predicted modal mask: {percent(report.better)} % / "
        f"{percent(report.worse)} %",
        *_order_lines(report.order),
    ]


def _order_lines(order: OrderScore | None) -> list[str]:
    if order is None:
        return []
    return [
        f"pairs of objects in their true order: {percent(order.accuracy)} % of {order.pairs} ({order.wrong} reversed, "
        f"{order.undecided} undecided); of those decided {percent(order.decided_accuracy)} % (chance 50.0)"
    ]


def unoccluded_line(part: Indirect) -> str:
    """The indirect evaluation of one part of the objects in one line."""
    what = "" if part.part == "all" else f", {part.part}"
    return (
        f"average precision of 'unoccluded' by area ratio{what}: {percent(part.average_precision)}"
        f"{_interval(part.interval)} (chance {percent(part.chance)}, {counted(part.count, 'object')})"
    )


def _interval(pair: tuple[float, float]) -> str:
    return f" [{percent(pair[0])}, {percent(pair[1])}]" if math.isfinite(pair[0]) else ""


def _extent(group: Group) -> str:
    return f"{counted(group.count, 'object')} in {counted(group.photographs, 'photograph')}"


def _table(rows: Sequence[Row]) -> str:
    cells = [list(_HEAD)]
    for row in rows:
        hidden = f"{percent(row.hidden_iou)} (n={row.hidden_count})" if row.hidden_count else "-"
        cells.append(
            [
                LABELS.get(row.answer, row.answer).replace("|", r"\|"),
                percent(row.mean_iou) + _interval(row.interval),
                percent(row.accuracy_50),
                percent(row.accuracy_70),
                hidden,
                percent(row.box_iou),
                percent(row.micro_iou),
                "" if row.answer == "ours" else percent(row.gain) + _interval(row.intervals["gain"]),
            ]
        )
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEAD))]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    aligned = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in cells
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in aligned)
