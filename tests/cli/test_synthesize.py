from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from amodal.cli.main import main

SMALL = ["--synthesis.min_object_px", "8", "--synthesis.min_occluder_px", "8", "--shape.patch_px", "16"]


@pytest.fixture
def words(tiny_set: tuple[Path, Path], tmp_path: Path) -> list[str]:
    images, annotations = tiny_set
    return ["synthesize", f"--images={images}", f"--annotations={annotations}", f"--output={tmp_path / 'out'}"]


def test_writes_examples_and_says_where(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--count=3", *SMALL]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "examples.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and all(line["annotation_id"] in (11, 12) for line in lines)
    assert "contact_sheet.png" in capsys.readouterr().out


def test_the_seed_decides(words: list[str], tmp_path: Path) -> None:
    def read() -> bytes:
        return (tmp_path / "out" / "examples.jsonl").read_bytes()

    found = []
    for seed in (0, 0, 1):
        assert main([*words, "--count=2", f"--seed={seed}", *SMALL]) == 0
        found.append(read())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--count=0"], "--count is 1 or more"),
        (["--seed=-1"], "--seed is 0 or more"),
        (["--count=1"], "min_object_px"),
        (["--count=1", *SMALL, "--synthesis.trim=0.7"], "trim is 0 to 0.45"),
        (["--count=1", *SMALL, "--shape.patch_px=2"], "patch_px is 8 to 1024"),
    ],
)
def test_refusals(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    assert main([*words, *more]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("first", [True, False])
def test_words_win_over_a_file_of_settings(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], first: bool
) -> None:
    (tmp_path / "s.yaml").write_text("trim: 0.2\nmin_visible: 7\n")
    file, own = ["--synthesis", str(tmp_path / "s.yaml")], ["--synthesis.trim=0.7", "--synthesis.min_visible=0.3"]
    assert main([*words, "--count=1", *(own + file if first else file + own)]) == 2
    assert "trim is 0 to 0.45; found 0.7" in capsys.readouterr().err


def test_a_broken_picture_is_named(
    words: list[str], tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_set[0] / "a.png").write_bytes(np.arange(50, dtype=np.uint8).tobytes())
    assert main([*words, "--count=20", *SMALL]) == 2
    error = capsys.readouterr().err
    assert "a.png" in error and "Traceback" not in error
    assert not list(tmp_path.glob("*out*"))


def test_only_takes_names_too(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "names.txt").write_text("a.png\nb\nz.png\n")
    assert main([*words, "--count=2", *SMALL, "--only", str(tmp_path / "names.txt")]) == 0
    assert "names.txt: 1 of 3 lines name no photograph of " in capsys.readouterr().out
    assert (tmp_path / "out" / "examples.jsonl").is_file()


def test_bad_records_are_left_out_when_asked(
    words: list[str], tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(tiny_set[1].read_text())
    content["annotations"].append({**content["annotations"][0], "id": 99, "segmentation": [[1, 2]]})
    tiny_set[1].write_text(json.dumps(content))
    more = ["--count=2", *SMALL, f"--store={tmp_path / 'store'}"]
    assert main([*words, *more]) == 2
    assert "annotation 99" in capsys.readouterr().err
    assert main([*words, *more, "--bad-records=skip"]) == 0
    assert "1 bad record left out" in capsys.readouterr().out
    assert main([*words, *more, "--bad-records=skip", "--store-gb=0"]) == 2


def test_the_report(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--count=5", *SMALL, "--report"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["visible share of the object"]["count"] == 5
    assert "0 values out of their bounds" in capsys.readouterr().out
    assert "visible share of the object: 0.3 to 1; 0 of 5" in (tmp_path / "out" / "report.txt").read_text()


def test_a_report_is_not_written_over_that_of_an_evaluation(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.txt").write_text("of another kind")
    more = ["--count=2", *SMALL, "--report"]
    for other in ("scores", '{"mean_iou": 0.7}', "[]"):
        (tmp_path / "out" / "report.json").write_text(other)
        assert main([*words, *more]) == 2
        assert "report.json: a report goes where no other one is" in capsys.readouterr().err
        assert (tmp_path / "out" / "report.json").read_text() == other
    for _ in range(2):  # one of its own is replaced
        assert main([*words, *more, f"--output={tmp_path / 'more'}"]) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_a_command_that_is_ended_leaves_nothing(
    words: list[str], tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object, **__: object) -> None:
        assert list(tmp_path.glob(".out.*.part"))
        handler = signal.getsignal(number)
        assert callable(handler)  # the default one would end this process at once
        signal.raise_signal(number)

    monkeypatch.setattr("amodal.synthesis.draw.draw_example", ended)
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as problem:
        main([*words, "--count=3", *SMALL])
    assert problem.value.code == 128 + number and not list(tmp_path.glob("*out*"))
    assert signal.getsignal(number) == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no terminals that hang up")
def test_nohup_stays_so(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main([*words, "--count=1", *SMALL]) == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("names", [["000000_10.png", "000001_10.png"], ["000000_composite.png"]])
def test_a_folder_of_other_pictures_is_left_alone(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str]
) -> None:
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "out" / name).write_text("mine")
    assert main([*words, "--count=1", *SMALL]) == 2
    assert "a new folder, an empty one, or one of earlier examples" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_a_folder_without_a_name_and_a_link(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main([*words, "--count=1", *SMALL, "--output=."]) == 2
    assert "a name of its own" in capsys.readouterr().err
    (tmp_path / "link").symlink_to("here")
    for _ in range(2):
        assert main([*words, "--count=1", *SMALL, f"--output={tmp_path / 'link'}"]) == 0
    assert (tmp_path / "link").is_symlink() and (tmp_path / "here" / "examples.jsonl").exists()
    assert main([*words, "--count=1", *SMALL, "--scenes", "--report"]) == 2
    assert "not of --scenes" in capsys.readouterr().err


def test_scenes_tell_of_settings_without_effect(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--count=1", "--scenes", *SMALL[:4]]
    assert main([*words, *more]) == 0
    assert "without effect" not in capsys.readouterr().err
    more += [
        f"--output={tmp_path / 'more'}",
        "--synthesis.trim=0.2",
        "--synthesis.canvas_px=100",
        "--shape.patch_px=16",
    ]
    assert main([*words, *more]) == 0
    assert "--scenes: without effect on whole scenes: trim, canvas_px, shape\n" in capsys.readouterr().err
    assert (tmp_path / "more" / "images" / "000001.jpg").read_bytes() == (
        tmp_path / "out" / "images" / "000001.jpg"
    ).read_bytes()
