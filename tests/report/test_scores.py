from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, ImageError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance, Prediction
from amodal.metrics.evaluate import evaluate
from amodal.report.plots import _label, draw_direct, draw_plots
from amodal.report.scores import markdown, tables, write_indirect, write_scores

W, H = 40, 20
PLOTS = {"accuracy.png", "area_ratio.png", "modal_amodal_iou.png", "precision_recall.png"}


@pytest.fixture
def real_plots() -> None:
    """For a test that wants plots drawn."""


@pytest.fixture(autouse=True)
def quick_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing plots takes most of the time of `write_scores`."""
    if "real_plots" not in request.fixturenames:
        monkeypatch.setattr("amodal.report.scores.draw_plots", lambda report: dict.fromkeys(PLOTS, b""))


def columns(start: int, stop: int) -> Mask:
    return Mask.from_box((start, 0, stop, H), W, H)


def make(count: int, *, hidden: int = 10, seen: bool = True) -> tuple[Album, list[Prediction]]:
    """``count`` pictures of one object each, 20 columns wide, ``hidden`` of them hidden, found better and better."""
    records, found = [], []
    for i in range(1, count + 1):
        modal, amodal = columns(0, 20 - hidden), columns(0, 20)
        instance = Instance(i, i % 2, modal.box, modal if seen else None, amodal.box, amodal)
        records.append(ImageRecord(i, f"{i}.png", W, H, (instance,)))
        guess = columns(0, 1 + 19 * i // count)
        found.append(Prediction(i, i, i % 2, 1.0, modal.box, modal & guess, guess, guess.box, 1, "converged"))
    return Album(records, [Category(1, "a<b>"), Category(2, "_c$d$")], source="truth.json"), found


def save_images(folder: Path, count: int) -> None:
    for i in range(1, count + 1):
        Image.new("RGB", (W, H), (i, 90, 90)).save(folder / f"{i}.png")


@pytest.mark.usefixtures("real_plots")
def test_files_and_their_content(tmp_path: Path) -> None:
    truth, found = make(25)
    save_images(tmp_path, 25)
    report = evaluate(truth, found)
    out = tmp_path / "a" / "b"
    written = write_scores(out, report, truth=truth, predictions=found, images_dir=tmp_path)
    assert {path.name for path in written} == PLOTS | {"report.json", "report.md", "objects.csv", "objects.html"}
    assert sorted(written) == sorted(out.iterdir())  # and nothing half-written beside them
    assert json.loads((out / "report.json").read_text()) == report.to_json()
    for name in PLOTS:
        with Image.open(out / name) as picture:
            assert picture.size[0] > 400
        assert f"]({name})" in (out / "report.md").read_text()
    page = (out / "objects.html").read_text()
    assert page.count("<article>") == 12 + 6
    assert "a&lt;b&gt;" in page
    assert "a<b>" not in page
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert 'alt="a&lt;b&gt;, annotation 2: difference"' in page and page.count('alt="') == 4 * 18
    assert page.index("annotation 1<") < page.index("annotation 2<") < page.index("annotation 25<")


@pytest.mark.parametrize(("count", "articles"), [(1, 1), (2, 2), (5, 5), (18, 18), (19, 18)])
def test_no_object_is_both_worst_and_best(tmp_path: Path, count: int, articles: int) -> None:
    truth, found = make(count)
    save_images(tmp_path, count)
    write_scores(tmp_path / "out", evaluate(truth, found), truth=truth, predictions=found, images_dir=tmp_path)
    page = (tmp_path / "out" / "objects.html").read_text()
    shown = re.findall(r"annotation (\d+)<", page)
    assert len(shown) == len(set(shown)) == articles
    assert ("best</h2>" in page) == ('href="#best"' in page) == (count > 1)  # no heading over nothing


def test_predictions_beyond_the_picture_are_drawn_as_they_are_scored(tmp_path: Path) -> None:
    truth, found = make(2)
    save_images(tmp_path, 2)
    pages = []
    for px in (0, 6):
        canvas = (-px, -px, W + 2 * px, H + 2 * px)
        padded = [[Mask.from_array(np.pad(m.to_array(), px)) for m in (p.modal_mask, p.amodal_mask)] for p in found]
        larger = [
            replace(p, modal_mask=modal, amodal_mask=amodal, canvas=canvas)
            for p, (modal, amodal) in zip(found, padded, strict=True)
        ]
        report = evaluate(truth, larger)
        write_scores(tmp_path / str(px), report, truth=truth, predictions=larger, images_dir=tmp_path)
        pages.append((tmp_path / str(px) / "objects.html").read_text())
    assert pages[0] == pages[1]


@pytest.mark.usefixtures("real_plots")
def test_names_of_baselines_are_shown_as_they_are(tmp_path: Path) -> None:
    truth, found = make(2)
    masks = {p.annotation_id: p.amodal_mask for p in found}
    report = evaluate(truth, found, baselines={"$x_{$ | _mine": masks})
    write_scores(tmp_path / "out", report)
    assert r"| $x_{$ \| _mine" in (tmp_path / "out" / "report.md").read_text()
    assert _label("_$5$") == r"\$5\$"


def test_every_object_is_a_row_of_the_table(tmp_path: Path) -> None:
    truth, found = make(3)
    records = [replace(truth[0], instances=(replace(truth[0].instances[0], modal_mask=None, is_truncated=True),))]
    truth = Album([*records, *list(truth)[1:]], truth.categories)
    report = evaluate(truth, found[:2], baselines={'a,"b"': {3: columns(0, 20)}})
    write_scores(tmp_path, report)
    rows = list(csv.DictReader((tmp_path / "objects.csv").read_text(encoding="utf-8").splitlines()))
    listed = report.to_json()["objects"]
    assert [int(row["annotation_id"]) for row in rows] == [one["annotation_id"] for one in listed] == [1, 2, 3]
    for row, one, score in zip(rows, listed, report.objects, strict=True):
        for name in ("answered", "occluded", "truncated", "true_hidden_frac", "area_ratio"):
            assert json.loads(row[name] or "null") == one[name], name
        assert (row["category"], int(row["image_id"])) == (one["category"], one["image_id"])
        for answer, fit in score.fits.items():
            for what, value in (("iou", fit.iou), ("box_iou", fit.box_iou), ("hidden_part_iou", fit.hidden_iou)):
                cell = row[f"{what}.{answer}"]
                assert (float(cell) if cell else None) == (None if value is None else pytest.approx(value, abs=1e-6))
    assert rows[0]["iou.true_modal"] == "" and rows[1]["iou.true_modal"] == "0.500000"
    assert rows[2]['iou.a,"b"'] == "1.000000" and rows[2]["answered"] == "false"
    write_indirect(tmp_path, report.unoccluded, counts={}, missing=(), truth="t", predictions="p")
    assert not (tmp_path / "objects.csv").exists()


def test_long_names_of_baselines_leave_the_plot_its_room() -> None:
    truth, found = make(2)
    masks = {p.annotation_id: p.amodal_mask for p in found}
    name = "a method with quite a long name, of nineteen"
    report = evaluate(truth, found, baselines={f"{name} {year}": masks for year in (96, 97)})
    label = _label(f"{name} 96")
    assert len(label) <= 36 and label.startswith("a method with") and label.endswith("of nineteen 96")
    assert _label(name[:36]) == name[:36]
    drawn = []
    for one in (report, evaluate(truth, found)):
        with Image.open(io.BytesIO(draw_direct(list(one.objects), "2 objects")["accuracy.png"])) as picture:
            dark = np.asarray(picture.convert("L")) < 60
        drawn.append(np.flatnonzero(dark.mean(axis=0) > 0.5).tolist())  # the left axis
    assert drawn[0] == drawn[1] != []


def test_titles_of_plots_count_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("amodal.report.plots.draw_direct", lambda objects, what: told.append(what) or {})
    monkeypatch.setattr("amodal.report.plots.draw_indirect", lambda found: {})
    for count, hidden in ((1, 10), (2, 10), (1, 0)):
        draw_plots(evaluate(*make(count, hidden=hidden)))
    assert told == ["1 occluded object", "2 occluded objects", "1 object"]


def test_a_file_name_that_is_no_text_is_spelt_out(tmp_path: Path) -> None:
    report = evaluate(*make(1), given="as in \udcff.json")
    write_scores(tmp_path, report)
    write_indirect(tmp_path / "flags", report.unoccluded, counts={}, missing=(), truth="\udcff", predictions="p")
    for folder in (tmp_path, tmp_path / "flags"):
        assert "\\udcff" in (folder / "report.md").read_text(encoding="utf-8")


def test_missing_predictions_are_listed_and_shown(tmp_path: Path) -> None:
    truth, found = make(3)
    save_images(tmp_path, 3)
    report = evaluate(truth, found[1:])
    assert "annotations without a prediction: 1\n" in markdown(report)
    write_scores(tmp_path / "out", report, truth=truth, predictions=found[1:], images_dir=tmp_path)
    assert "no prediction" in (tmp_path / "out" / "objects.html").read_text()


def test_a_table_by_hand() -> None:
    truth, _ = make(2)
    masks = [columns(0, 16), columns(0, 12)]  # IoU 0.8 and 0.6; hidden IoU 0.6 and 0.2; modal 0.5
    found = [
        Prediction(i, i, 0, 1.0, (0, 0, 10, H), columns(0, 10), mask, mask.box, 1, "converged")
        for i, mask in enumerate(masks, start=1)
    ]
    text = tables(evaluate(truth, found))
    ours = next(line for line in text.splitlines() if line.startswith("| ours"))
    cells = [cell.strip() for cell in ours.strip("|").split("|")]
    assert cells == ["ours", "70.0 [60.0, 80.0]", "100.0", "50.0", "40.0 (n=2)", "70.0", "70.0", ""]
    assert "## occluded: more than 5% of the object hidden (2 objects in 2 photographs)" in text
    assert "## clear: at the most 5% of the object hidden (no object)" in text
    assert "nan" not in text


@pytest.mark.usefixtures("real_plots")
@pytest.mark.parametrize("kwargs", [{"hidden": 0}, {"seen": False}, {}])
def test_reports_with_undefined_figures_are_written(tmp_path: Path, kwargs: dict[str, int]) -> None:
    """All clear; hidden share unknown; all occluded: each leaves some figure undefined."""
    truth, found = make(2, **kwargs)  # type: ignore[arg-type]
    write_scores(tmp_path, evaluate(truth, found))
    text = (tmp_path / "report.md").read_text()
    assert "nan" not in text.lower()
    assert not (tmp_path / "objects.html").exists()


def test_a_missing_photograph_leaves_nothing(tmp_path: Path) -> None:
    truth, found = make(2)
    with pytest.raises(ImageError, match=r"1\.png|2\.png"):
        write_scores(tmp_path / "out", evaluate(truth, found), truth=truth, predictions=found, images_dir=tmp_path)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    truth, found = make(1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AmodalError, match="cannot be written"):
        write_scores(tmp_path / "file", evaluate(truth, found))


def test_base_room_loads_no_matplotlib() -> None:
    import subprocess
    import sys

    code = "import sys, amodal.report.scores; sys.exit('matplotlib' in sys.modules or 'torch' in sys.modules)"
    path = str(Path(__file__).parents[2] / "src")
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, check=False).returncode == 0


def test_accuracy_plot_draws_the_curve() -> None:
    from matplotlib.figure import Figure

    from amodal.report.plots import _accuracy

    truth, found = make(4)
    report = evaluate(truth, found)
    axes = Figure().add_subplot()
    _accuracy(axes, list(report.objects), "4 objects")
    line = axes.get_lines()[0]
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert y[0] == 1.0
    assert y[-1] == 0.0
    assert np.trapezoid(y, x) == pytest.approx(report.group("all").row("ours").mean_iou, abs=0.01)
