from __future__ import annotations

from pathlib import Path

import pytest

from amodal.cli.main import main
from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets.dialects import dialect_named
from amodal.report import browse

Set = tuple[Path, Path]


@pytest.mark.parametrize("named", [True, False])
def test_the_page_and_its_pictures_are_written(
    tiny_set: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    images, annotations = tiny_set
    words = ["--annotations", str(annotations)] if named else [str(annotations)]
    assert main(["show", *words, "--images", str(images), "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"page: {tmp_path / 'out' / 'index.html'}\n"
    assert sorted(path.name for path in (tmp_path / "out" / "pictures").iterdir()) == ["000000.jpg", "000001.jpg"]


def test_pictures_that_are_not_there_are_told_of(
    tiny_set: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    words = ["show", str(annotations), "--images", str(images), "--output", str(tmp_path / "out")]
    first, second = sorted(path for path in images.rglob("*") if path.is_file())
    first.unlink()
    assert main(words) == 0
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("amodal: warning:")]
    assert "1 picture drawn on grey" in told and first.name in told
    second.unlink()
    assert main(words) == 2
    assert "none does" in capsys.readouterr().err


def test_predictions_are_shown_beside_the_annotations(tmp_path: Path, tiny_set: Set) -> None:
    images, _ = tiny_set
    whole = tmp_path / "whole.json"
    mask = Mask.from_box((10, 5, 30, 15), 40, 30)
    one = Instance(12, 0, mask.box, mask, mask.box, mask, occlude_rate=0.0)
    album = Album([ImageRecord(7, "a.png", 40, 30, (one,))], [Category(9, "cup")])
    for name, path in (("coco-amodal", whole), ("results", tmp_path / "results.json")):
        write = dialect_named(name).write
        assert write is not None
        write(album, path)
    words = ["show", str(whole), "--images", str(images), "--output", str(tmp_path / "out")]
    assert main([*words, "--predictions", str(tmp_path / "results.json")]) == 0
    assert '"iou":1.0' in (tmp_path / "out" / "index.html").read_text()
    assert (tmp_path / "out" / "pictures" / "000000_given.jpg").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--images", "{images}"], "give one annotation file"),
        (["{file}", "--images", "{file}"], "--images is the folder"),
        (["{file}", "--images", "{images}", "--size", "5"], "--size is 100 to 4000"),
        (["{file}", "--images", "{images}", "--predictions", "{file}"], "list of objects"),
    ],
)
def test_words_that_do_not_fit_end_with_2(
    tiny_set: Set, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    words = [word.format(images=tiny_set[0], file=tiny_set[1]) for word in words]
    assert main(["show", *words, "--output", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_photographs_and_pages_of_others_are_left_alone(
    tmp_path: Path, tiny_set: Set, capsys: pytest.CaptureFixture[str]
) -> None:
    images, annotations = tiny_set
    words = ["show", str(annotations), "--images", str(images), "--output"]
    mine = tmp_path / "mine" / "pictures" / "000000.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("a photograph")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<main>home</main>")
    for folder in ("mine", "site"):
        assert main([*words, str(tmp_path / folder)]) == 2
        assert "which no earlier page left there" in capsys.readouterr().err
    assert mine.read_text() == "a photograph" and (tmp_path / "site" / "index.html").read_text() == "<main>home</main>"
    assert main([*words, str(tmp_path / "out")]) == main([*words, str(tmp_path / "out")]) == 0


def test_a_page_that_was_stopped_is_drawn_again(tmp_path: Path, tiny_set: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    images, annotations = tiny_set
    words = ["show", str(annotations), "--images", str(images), "--output", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(browse, "browse_page", stopped)
        assert main(words) == 130
    assert any((tmp_path / "out" / "pictures").iterdir())
    assert main(words) == 0


def stopped(*_: object) -> str:
    raise KeyboardInterrupt
