"""docs/formats.md and docs/checks.md against the registry and the rules: their tables are made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from amodal.datasets.check import RULES
from amodal.datasets.dialects import Dialect, Holds, dialects


def columns() -> list[tuple[str, Dialect]]:
    """Dialects that hold the same as the one before in the same family share a column."""
    found: list[tuple[str, Dialect]] = []
    for dialect in dialects():
        family = dialect.name.split("-")[0]
        if found and found[-1][0].split("-")[0] == family and found[-1][1].holds == dialect.holds:
            found[-1] = (family, found[-1][1])
        else:
            found.append((dialect.name, dialect))
    return found


def holds_table() -> str:
    """A row for each thing that may be held, a column for each dialect; the last row says what is written."""
    heads = columns()
    lines = ["| | " + " | ".join(name for name, _ in heads) + " |", "|---|" + ":-:|" * len(heads)]
    for thing in Holds:
        marks = ("x" if thing in dialect.holds else "" for _, dialect in heads)
        lines.append(f"| {thing.value} | " + " | ".join(marks) + " |")
    written = ("x" if dialect.write is not None else "" for _, dialect in heads)
    lines.append("| **can be written** | " + " | ".join(written) + " |")
    return "\n".join(lines)


def rules_table() -> str:
    """A row for each rule of `amodal check`."""
    lines = ["| rule | severity | what must hold | `--fix` |", "|---|---|---|---|"]
    lines += [f"| `{r.name}` | {r.severity} | {r.holds} | {r.fix or '-'} |" for r in RULES.values()]
    return "\n".join(lines)


@pytest.mark.parametrize(("page", "table"), [("formats.md", holds_table), ("checks.md", rules_table)])
def test_the_tables_are_those_of_the_code(root: Path, page: str, table: object) -> None:
    assert callable(table)
    made, text = table(), (root / "docs" / page).read_text()
    assert made in text, f"docs/{page} needs this table:\n\n{made}"


@pytest.mark.parametrize("dialect", dialects(), ids=lambda dialect: dialect.name)
def test_every_dialect_is_described(root: Path, dialect: Dialect) -> None:
    assert f"`{dialect.name}`" in (root / "docs" / "formats.md").read_text()
