"""What README and docs tell people to type: the words parse, the files exist, the Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from amodal.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

LINKED = [*PAGES, ROOT / "weights" / "README.md", ROOT / "examples" / "ATTRIBUTION.md"]


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [text for name, text in found if name == language]


def commands(page: Path) -> list[str]:
    lines = "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith(("amodal ", "make "))]


README_COMMANDS = commands(ROOT / "README.md")


def test_the_readme_names_the_two_commands() -> None:
    assert "make demo" in README_COMMANDS and "make test" in README_COMMANDS


@pytest.mark.parametrize("command", [c for c in README_COMMANDS if c.startswith("amodal ")])
def test_every_command_of_the_readme_parses(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)[1:]
    args = build_parser(words).parse_args(words)
    assert args.command == words[0]
    for word in words:
        if word.startswith(("examples/", "recipes/", "weights")):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_knows_every_goal(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands(page):
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, flags=re.M), command


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for target, sign, anchor in (link.partition("#") for link in links if "://" not in link):
        to = page.parent / target if target else page
        assert to.exists(), target
        assert not sign or anchor in anchors(to), f"{target}#{anchor}"


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks(ROOT / "README.md", "python")
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all("hidden" in line for line in lines)
