"""Nothing is written over what a run reads, nor over what no run left."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from amodal.core.errors import AmodalError
from amodal.reproduction.miniature import Miniature
from amodal.reproduction.options import Options
from amodal.reproduction.output import begin, check_output
from amodal.reproduction.run import reproduce


@pytest.mark.parametrize("name", ["index.html", "report.md", "numbers.json", "fig5.html", "data/val.json"])
def test_files_of_somebody_else_stay(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"mine": 1}')
    with pytest.raises(AmodalError, match=rf"{name}: a file would be replaced .*another --output"):
        reproduce(Options(output=str(tmp_path), quick=True, threads=1))
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path] and path.read_text() == '{"mine": 1}'


def test_what_was_drawn_by_hand_is_not_written_over(tmp_path: Path, miniature: Miniature) -> None:
    (tmp_path / "data").mkdir()
    drawn = tmp_path / "data" / "val.json"
    shutil.copyfile(miniature.drawn, drawn)
    options = Options(output=str(tmp_path), truth=str(drawn), images=str(miniature.voc / "JPEGImages"), threads=1)
    begin(tmp_path)  # a run's folder, too
    with pytest.raises(
        AmodalError, match=r"val\.json: a run writes a file of that name, and nothing over what it reads"
    ):
        reproduce(options)
    assert drawn.read_bytes() == miniature.drawn.read_bytes()
    kept = drawn.rename(tmp_path / "data" / "mine.json")
    check_output(replace(options, truth=str(kept), detections=str(tmp_path / "data" / "boxes.json")))


def test_a_run_that_is_killed_before_its_first_prediction_is_gone_on_with(
    tmp_path: Path, miniature: Miniature, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(job: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("amodal.reproduction.predictions.ShardPredictor", killed)
    options = Options(output=str(tmp_path / "out"), voc=str(miniature.voc), weights=str(toy), threads=1)
    for _ in range(2):  # the second time it is no other error
        with pytest.raises(KeyboardInterrupt):
            reproduce(options)
        assert [path.name for path in (tmp_path / "out").glob("*/*")] == ["val.json"]


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (("data/val.json", "predictions/val/manifest.json"), True),
        (("data/ablation_both_1.json", "predictions/ablation_both_1/manifest.json", "data/val.json"), True),
        (("data/val.json", "predictions/val.json"), False),
        (("data/val.json", "predictions/mine/manifest.json"), False),  # of `amodal predict --shards`
        (("data/pascal3d.json", "predictions/val/manifest.json"), False),
        (("data/val.json", "predictions/val/manifest.json", "numbers.json"), False),
    ],
)
def test_an_earlier_state_wrote_its_numbers_last(tmp_path: Path, files: tuple[str, ...], taken: bool) -> None:
    """A run of it that was killed is known by the album it was asked about and the manifest of the predictions."""
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    options = Options(output=str(tmp_path))
    if taken:
        return check_output(options)
    with pytest.raises(AmodalError, match="a file would be replaced"):
        check_output(options)


def test_a_run_that_was_killed_early_is_gone_on_with(tmp_path: Path) -> None:
    options = Options(output=str(tmp_path / "out"))
    check_output(options)
    begin(tmp_path / "out")
    (tmp_path / "out" / "fig5.html").write_text("half of a page")
    check_output(options)
    numbers = tmp_path / "out" / "numbers.json"
    numbers.write_text(json.dumps({"protocol": {"a": "b"}, "sections": {}}))
    begin(tmp_path / "out")  # leaves what is there
    assert json.loads(numbers.read_text())["protocol"] == {"a": "b"}
