"""A check's report for a terminal."""

from __future__ import annotations

from .findings import RULES
from .run import CheckReport


def report_text(report: CheckReport, *, shown: int = 5) -> str:
    """What was checked, the first findings of each rule, and a table of the rules broken.

    Args:
        report: what was found.
        shown: findings printed of each rule.
    """
    head = (
        f"{report.file}: {report.dialect}, {len(report.album)} pictures, {len(report.album.annotation_ids)} objects, "
        f"{len(report.album.categories)} categories"
    )
    counts = report.counts()
    if not counts:
        return f"{head}\nnothing found"
    lines = [head, ""]
    for name in counts:
        mine = [found for found in report.findings if found.rule == name]
        mine.sort(key=lambda found: found.severity)  # errors first
        lines += [f"{found.severity}: {found.told(report.file)}" for found in mine[:shown]]
        if shown and len(mine) > shown:
            lines.append(f"  ... and {len(mine) - shown} more of {name}")
    wide = max(len(name) for name in counts)
    lines += ["", f"{'rule':<{wide}}  errors  warnings  --fix"]
    for name, (errors, warnings) in counts.items():
        lines.append(f"{name:<{wide}}  {errors:>6}  {warnings:>8}  {RULES[name].fix or '-'}")
    warned = len(report.findings) - report.errors
    lines.append(f"{'total':<{wide}}  {report.errors:>6}  {warned:>8}")
    return "\n".join(lines)
