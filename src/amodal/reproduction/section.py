"""A part of the page: tables in which each of the paper's numbers stands beside ours, plots, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: a share in [0, 1].

    Attributes:
        ours: NaN where it could not be measured.
        paper: None where the paper has no such number.
        interval: 95 % interval of ours, where there is one.
    """

    ours: float
    paper: float | None = None
    interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; None where undefined."""
        pair = self.interval if self.interval is not None and math.isfinite(self.interval[0]) else None
        ours = round(self.ours, 6) if math.isfinite(self.ours) else None
        return {"ours": ours, "paper": self.paper, "ours_95": None if pair is None else [round(v, 6) for v in pair]}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures.

    Attributes:
        title: what the table is, with its number in the paper.
        columns: names of the figures.
        rows: name of each row and its figures, one a column; None leaves a cell empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Figure | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the paper's evaluation.

    Attributes:
        name: a word, unique in a run.
        title: heading.
        tables: see `Table`.
        pictures: PNG by file name.
        pages: HTML by file name, with the text of the link.
        notes: sentences on the protocol: what was given, counted, left out.
        missing: what is needed for this part, or for the rest of it, and where to get it.
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    pictures: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The numbers as plain JSON values."""
        return {
            "title": self.title,
            "tables": [
                {
                    "title": table.title,
                    "rows": [
                        {
                            "name": name,
                            **{
                                column: None if cell is None else cell.to_json()
                                for column, cell in zip(table.columns, cells, strict=True)
                            },
                        }
                        for name, cells in table.rows
                    ],
                }
                for table in self.tables
            ],
            "notes": list(self.notes),
            "missing": list(self.missing),
        }


def other_data(is_voc: bool) -> tuple[str, ...]:
    """The note that belongs below numbers of another data set than the paper's."""
    if is_voc:
        return ()
    return ("The paper's numbers are those of VOC 2012 val: these are another data set's, so they do not compare.",)


def spread(values: Sequence[float], paper: float | None = None) -> Figure:
    """Several runs (seeds) as one figure: their mean, and from the least to the greatest where there are several."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Figure(math.nan, paper)
    return Figure(sum(known) / len(known), paper, (min(known), max(known)) if len(known) > 1 else None)
