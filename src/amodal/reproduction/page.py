"""The page of a run: index.html, report.md and numbers.json from its sections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..core.errors import AmodalError
from ..core.files import write_bytes
from ..datasets.jsonfile import write_json, write_text
from ..report.html import document
from ..report.words import percent
from .output import FIGURES, NUMBERS
from .section import Figure, Section, Table

_STYLE = """<style>table.numbers th, table.numbers td { padding: .25rem .8rem; border-bottom: 1px solid var(--line);
text-align: right; } table.numbers th:first-child, table.numbers td:first-child { text-align: left; }
td.paper { color: var(--soft); } .plots { display: flex; flex-wrap: wrap; gap: 1rem; } .plots img { max-width: 520px;
background: white; } .missing { border-left: 4px solid var(--hot); padding-left: .8rem; }</style>"""


def write_page(folder: Path, sections: Sequence[Section], *, title: str, protocol: dict[str, str]) -> Path:
    """Write everything of a run that is looked at; what a former run wrote is replaced or removed.

    Args:
        folder: of the run.
        sections: in their order.
        title: heading.
        protocol: what was run on what, plain words by key.

    Returns:
        ``index.html``.

    Raises:
        AmodalError: the folder cannot be written to.
    """
    figures = {name for section in sections for name in (*section.pictures, *section.pages)}
    assert figures <= set(FIGURES), figures
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for section in sections:
            for name, data in section.pictures.items():
                write_bytes(folder / name, data)
            for name, (_, html) in section.pages.items():
                write_text(folder / name, html)
        numbers = {"protocol": protocol, "sections": {section.name: section.to_json() for section in sections}}
        write_json(folder / NUMBERS, numbers, indent=1)
        write_text(folder / "report.md", markdown(sections, title, protocol))
        page = folder / "index.html"
        write_text(page, _html(sections, title, protocol))
        for name in set(FIGURES) - figures:
            (folder / name).unlink(missing_ok=True)
    except OSError as problem:
        raise AmodalError(
            f"the output folder cannot be written to ({problem.strerror})", file=folder, remedy="choose another folder"
        ) from problem
    return page


def markdown(sections: Sequence[Section], title: str, protocol: dict[str, str]) -> str:
    """The run as Markdown; percent, ours beside the paper's."""
    lines = [f"# {title}", "", *(f"- {key}: {value}" for key, value in protocol.items())]
    for section in sections:
        lines += ["", f"## {section.title}"]
        lines += ["", *(f"**Missing.** {text}" for text in section.missing)] if section.missing else []
        for table in section.tables:
            lines += ["", f"### {table.title}", "", markdown_table(table)]
        lines += ["", *(f"![{Path(name).stem}]({name})" for name in section.pictures)] if section.pictures else []
        lines += ["", *(f"- [{text}]({name})" for name, (text, _) in section.pages.items())] if section.pages else []
        lines += ["", *(f"- {note}" for note in section.notes)] if section.notes else []
    return "\n".join(lines) + "\n"


def markdown_table(table: Table) -> str:
    """One table, in percent: "ours [95 %] (paper's)" in each cell."""
    rows = [f"| | {' | '.join(table.columns)} |", f"|---|{'---|' * len(table.columns)}"]
    rows += [f"| {name} | {' | '.join(map(_cell, cells))} |" for name, cells in table.rows]
    return "\n".join(rows)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return _ours(figure) + ("" if figure.paper is None else f" (paper {percent(figure.paper)})")


def _ours(figure: Figure) -> str:
    pair = figure.interval
    bounds = f" [{percent(pair[0])}, {percent(pair[1])}]" if pair is not None and math.isfinite(pair[0]) else ""
    return percent(figure.ours) + bounds


def _html(sections: Sequence[Section], title: str, protocol: dict[str, str]) -> str:
    facts = "".join(f"<li>{escape(key)}: {escape(value)}</li>" for key, value in protocol.items())
    missing = [f"<li>{escape(s.title)}: {_linked(text)}</li>" for s in sections for text in s.missing]
    told = f'<div class="missing"><h2>Missing</h2><ul>{"".join(missing)}</ul></div>' if missing else ""
    body = "".join(map(_section, sections))
    links = [(section.name, section.title.partition(" (")[0]) for section in sections]
    header = f"<header><h1>{escape(title)}</h1><ul>{facts}</ul>{told}</header>"
    return document(title, links, f"{_STYLE}{header}<main>{body}</main>")


def _section(section: Section) -> str:
    tables = "".join(map(_table, section.tables))
    plots = "".join(f'<img alt="{escape(name)}" src="{escape(name)}">' for name in section.pictures)
    pages = "".join(f'<li><a href="{escape(n)}">{escape(text)}</a></li>' for n, (text, _) in section.pages.items())
    notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
    missing = "".join(f'<p class="missing">Missing: {_linked(text)}</p>' for text in section.missing)
    return (
        f'<section id="{escape(section.name)}"><h2>{escape(section.title)}</h2>{missing}{tables}'
        f'<div class="plots">{plots}</div><ul>{pages}</ul><ul class="soft">{notes}</ul></section>\n'
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th><th>paper</th>" for column in table.columns)
    rows = "".join(f"<tr><td>{escape(name)}</td>{''.join(map(_cells, cells))}</tr>" for name, cells in table.rows)
    return f'<h3>{escape(table.title)}</h3><table class="numbers"><tr><th></th>{head}</tr>{rows}</table>'


def _cells(figure: Figure | None) -> str:
    ours = "" if figure is None else _ours(figure)
    paper = "" if figure is None or figure.paper is None else percent(figure.paper)
    return f'<td>{ours}</td><td class="paper">{paper}</td>'


def _linked(text: str) -> str:
    """Escaped, with addresses as links."""
    words: list[Any] = []
    for word in text.split(" "):
        address = word.rstrip(".,;:)")
        safe, rest = escape(address), escape(word[len(address) :])
        is_address = address.startswith(("http://", "https://"))
        words.append((f'<a href="{safe}">{safe}</a>' if is_address else safe) + rest)
    return " ".join(words)
