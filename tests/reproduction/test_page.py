from __future__ import annotations

from pathlib import Path

from amodal.reproduction.page import write_page
from amodal.reproduction.section import Section


def test_figures_of_a_former_run_do_not_stay(tmp_path: Path) -> None:
    def files() -> set[str]:
        return {path.name for path in tmp_path.iterdir()}

    written = {"index.html", "report.md", "numbers.json"}
    (tmp_path / "mine.html").write_text("somebody's own")
    seen = Section(
        "a", "A", pictures={"fig9b_accuracy.png": b"p"}, pages={"fig5.html": ("5", ""), "fig6.html": ("6", "")}
    )
    write_page(tmp_path, [seen], title="t", protocol={})
    assert files() == {*written, "mine.html", "fig9b_accuracy.png", "fig5.html", "fig6.html"}
    write_page(tmp_path, [Section("a", "A", pages={"fig6.html": ("6", "new")})], title="t", protocol={})
    assert files() == {*written, "mine.html", "fig6.html"}
    assert (tmp_path / "fig6.html").read_text() == "new"


def test_a_link_ends_before_the_mark_behind_it(tmp_path: Path) -> None:
    missing = ("see https://a.org/x.html; or (https://b.org/?a=1&b=2).",)
    write_page(tmp_path, [Section("a", "A", missing=missing)], title="t", protocol={})
    page = (tmp_path / "index.html").read_text()
    assert '<a href="https://a.org/x.html">https://a.org/x.html</a>;' in page
