from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amodal.cli.main import main

SMALL = ["--count", "2", "--size", "64", "48", "--workers", "1"]


def test_writes_scenes_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--output", str(tmp_path / "out"), *SMALL]) == 0
    assert f"2 scenes in {tmp_path / 'out'}" in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["000000.jpg", "000001.jpg"]
    assert all((tmp_path / "out" / "images" / image["file_name"]).is_file() for image in content["images"])
    assert {"segmentation", "visible_mask", "visible_bbox", "occlude_rate"} <= set(content["annotations"][0])


def test_photographs_and_the_seed_change_the_pictures(tmp_path: Path, tiny_set: tuple[Path, Path]) -> None:
    images, annotations = map(str, tiny_set)
    (tmp_path / "a.txt").write_text("a.png\n")
    found = []
    for name, more in (
        ("made", []),
        ("seed", ["--seed", "1"]),
        ("photos", ["--images", images]),
        ("again", ["--images", images]),
        ("kinds", ["--kinds", "mug", "ring"]),
        ("order", ["--images", images, "--annotations", annotations, "--exclude", str(tmp_path / "a.txt")]),
    ):
        assert main(["render", "--output", str(tmp_path / name), *SMALL, "--count=1", *more]) == 0
        found.append((tmp_path / name / "images" / "000000.jpg").read_bytes())
    assert found[2] == found[3] and len(set(found)) == 5


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--count=0"], "count is 1 to 1000000; found 0"),
        (["--size", "400", "20"], "size is a width and a height of 32 to 1600 pixels; found (400, 20)"),
        (["--seed=-1"], "seed is 0 or more"),
        (["--workers=0"], "workers is 1 or more"),
        (["--exclude=ids.txt"], "--exclude chooses among photographs. Name their folder: --images DIR."),
        (["--annotations=a.json"], "--annotations chooses among photographs"),
        (["--kinds", "mug", "house"], "no such kind of thing; found 'house'. Name some of carton, can, "),
        (["--images=absent"], "absent: a folder of pictures holds some"),
    ],
)
def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str) -> None:
    assert main(["render", "--output", str(tmp_path / "out"), *SMALL, *more]) == 2
    error = capsys.readouterr().err
    assert text in error and "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_and_a_broken_picture_are_refused(
    tmp_path: Path, tiny_set: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["render", "--output", str(tmp_path / "out"), *SMALL, "--images", str(tiny_set[0])]
    for name in ("a.png", "sub/b.png"):
        (tiny_set[0] / name).write_bytes(b"no picture")
    assert main(words) == 2
    assert ".png: not a picture that can be read" in capsys.readouterr().err
    assert not list(tmp_path.glob("*out*"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("")
    assert main(words) == 2
    assert "out: a new folder is written" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["render", "--help"])
    assert ended.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for word in (
        "exact visible and whole masks",
        "--images",
        "--exclude",
        "--size W H",
        "one a core",
        "by default all: carton, can, ",
        "annotations.json",
    ):
        assert word in told


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="SIGTERM ends a process at once there")
@pytest.mark.parametrize(
    ("name", "whole_group"), [("SIGTERM", False), ("SIGHUP", True)], ids=["kill", "closed terminal"]
)
def test_a_signal_that_ends_it_leaves_nothing(tmp_path: Path, name: str, whole_group: bool) -> None:
    number = getattr(signal, name)
    words = ["render", f"--output={tmp_path / 'out'}", "--count=9999", "--size", "64", "48", "--workers=2"]
    command = [sys.executable, "-m", "amodal", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            ends = time.monotonic() + 60
            while not list(tmp_path.glob(".out.*/images/*")):
                assert time.monotonic() < ends
                time.sleep(0.05)
            if whole_group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            _, told = process.communicate(timeout=60)  # its workers, too, have let go of what it prints to
            assert process.returncode == 128 + number and not list(tmp_path.iterdir()) and b"Traceback" not in told
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
