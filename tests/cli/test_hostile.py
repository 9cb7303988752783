"""Convert, check and show in the hands of somebody who means no good: one error, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amodal.cli.main import main
from amodal.datasets import read_annotations

Write = Callable[..., Path]


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("amodal: error: ") and said.count("\n") == 1
    return said


def test_nothing_read_is_written_over(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, file = tiny_set
    folder, answers = tmp_path / "labelme", tmp_path / "mended.json.changes.json"
    assert main(["convert", str(file), str(folder), "--to", "labelme", "--drop"]) == 0
    answers.write_bytes(file.read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = "nothing is written over what is read"
    for words in (
        ["convert", str(file), str(file), "--to", "lvis"],
        ["convert", str(folder), str(folder / "coco.json"), "--to", "coco"],
        ["convert", str(folder), str(folder), "--to", "voc"],
        ["convert", str(file), str(answers), "--to", "lvis", "--answers", str(answers)],
        ["check", str(file), "--report", str(file)],
        ["check", str(file), "--fix", str(file)],
        ["check", str(answers), "--fix", str(answers).removesuffix(".changes.json")],
        ["check", str(folder), "--fix", str(folder / "mended")],
        ["check", str(folder), "--report", str(folder / "report.json")],
    ):
        assert told in refused(words, capsys), words
    twice = ["check", str(file), "--report", str(tmp_path / "x.json"), "--fix", str(tmp_path / "x.json")]
    assert "two files" in refused(twice, capsys)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "FILE", "LOOP", "--to", "lvis"],
        ["convert", "FILE", "LOOP/inside.json", "--to", "lvis"],
        ["convert", "FILE", "LOOP", "--to", "labelme", "--drop"],
        ["check", "FILE", "--report", "LOOP"],
        ["predict", "--images", "IMAGES", "--annotations", "FILE", "--output", "LOOP"],
        ["predict", "PHOTO", "--output", "LOOP"],
        ["evaluate", "--truth", "FILE", "--predictions", "FILE", "--output", "LOOP"],
        ["show", "FILE", "--images", "IMAGES", "--output", "LOOP"],
    ],
)
def test_a_link_that_leads_round_is_one_error(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    images, file = tiny_set
    (tmp_path / "loop").symlink_to("loop")
    photo = next(images.iterdir())
    named = {"FILE": file, "LOOP": tmp_path / "loop", "IMAGES": images, "PHOTO": photo}
    named["LOOP/inside.json"] = tmp_path / "loop" / "inside.json"
    assert "link" in refused([str(named.get(word, word)) for word in words], capsys)
    assert (tmp_path / "loop").is_symlink()


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="a system without devices")
@pytest.mark.parametrize("target", ["pipe", "folder", os.devnull])
def test_a_device_or_folder_is_not_replaced_by_a_file(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    file = write_file(tiny_coco)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    path = tmp_path / target
    kind = path.stat().st_mode
    for words in (["convert", str(file), str(path), "--to", "lvis"], ["check", str(file), "--fix", str(path)]):
        assert "cannot be that place" in refused(words, capsys)
    assert path.stat().st_mode == kind


@pytest.mark.parametrize("to", ["lvis", "labelme", "voc", "yolo", "cvat"])
def test_letters_that_a_file_cannot_have(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str
) -> None:
    tiny_coco["categories"][0]["name"] = "cu\x00p\x1b\ufffe"
    tiny_coco["annotations"][0]["\ud83d"] = "\ud83d"
    file, out = write_file(tiny_coco), tmp_path / "out"
    assert main(["convert", str(file), str(out), "--to", to, "--drop"]) == 0
    if to != "yolo":  # which leaves sizes to pictures
        names = {category.name for category in read_annotations(out).categories}
        assert "dog" in names and len(names) == 2
    for name in ("\ud83d.png", "a\x00.png", "a" * 300 + ".png"):
        tiny_coco["images"][0]["file_name"] = name
        assert main(["check", str(write_file(tiny_coco))]) in (0, 1)
        words = ["convert", str(write_file(tiny_coco)), str(tmp_path / "more"), "--to", to, "--drop"]
        if to in ("lvis", "cvat"):
            assert main(words) == 0 and len(read_annotations(tmp_path / "more")) == 2
        else:
            capsys.readouterr()
            refused(words, capsys)
            assert not (tmp_path / "more").exists()
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("where", ["annotations", "images", "info"])
def test_nesting_without_end(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    deep: Any = []
    for _ in range(800):
        deep = [deep]
    place = tiny_coco.setdefault(where, {})
    (place[0] if isinstance(place, list) else place)["deep"] = deep
    file, out = write_file(tiny_coco), tmp_path / "out.json"
    if main(["convert", str(file), str(out), "--to", "lvis"]) == 0:
        assert json.loads(out.read_text())  # the whole of it, or nothing
    else:
        assert "lie in each other" in capsys.readouterr().err and not out.exists()
    assert main(["check", str(file), "--fix", str(tmp_path / "fixed.json")]) in (0, 2)


def test_a_number_that_json_cannot_hold_is_not_mended_away(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_coco["annotations"][0]["weight"] = float("inf")
    words = ["check", str(write_file(tiny_coco)), "--fix", str(tmp_path / "fixed.json")]
    assert "JSON holds no NaN and no infinity" in refused(words, capsys)
    assert not (tmp_path / "fixed.json").exists()


def test_ids_at_the_ends_of_what_64_bits_hold(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path) -> None:
    far = {7: 2**63 - 1, 3: -(2**63) + 1}
    for image in tiny_coco["images"]:
        image["id"] = far[image["id"]]
    for i, one in enumerate(tiny_coco["annotations"]):
        one.update(id=2**63 - 1 - i if i else -(2**63) + 1, image_id=far[one["image_id"]])
    file = write_file(tiny_coco)
    assert main(["convert", str(file), str(tmp_path / "k.json"), "--to", "kins-2020"]) == 0
    assert main(["convert", str(tmp_path / "k.json"), str(tmp_path / "back.json"), "--to", "coco"]) == 0
    assert list(read_annotations(tmp_path / "back.json")) == list(read_annotations(file))
    tiny_coco["annotations"][0]["id"] = 2**63
    assert main(["convert", str(write_file(tiny_coco)), str(tmp_path / "no.json"), "--to", "lvis"]) == 2


@pytest.mark.parametrize("command", ["convert", "check", "show"])
@pytest.mark.parametrize("output", ["closed", "full"])
@pytest.mark.parametrize("unbuffered", ["", "1"])  # as containers have it
def test_an_output_that_takes_nothing(
    tiny_set: tuple[Path, Path], tmp_path: Path, command: str, output: str, unbuffered: str
) -> None:
    images, file = tiny_set
    if output == "full" and not Path("/dev/full").is_char_device():
        pytest.skip("a system without /dev/full")
    more = {
        "convert": [str(tmp_path / "out.json"), "--to", "lvis"],
        "check": ["--images", str(images)],
        "show": ["--images", str(images), "--output", str(tmp_path / "page")],
    }[command]
    line = '"$@" >&- 2>&-' if output == "closed" else '"$@" >/dev/full'
    words = [sys.executable, "-m", "amodal", command, str(file), *more]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["sh", "-c", line, "sh", *words], capture_output=True, text=True, env=environment)
    assert done.returncode == (0 if output == "closed" else 2) and "Traceback" not in done.stderr
    told = "what is printed, or a file, cannot" if unbuffered else "what is printed cannot"
    assert output == "closed" or f"{told} be written (No space left on device)" in done.stderr
    if command == "convert":
        assert len(json.loads((tmp_path / "out.json").read_text())["annotations"]) == 3


def test_a_name_that_leads_out_of_its_folder_is_not_passed_on(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_coco["images"][0]["file_name"] = "../../secret.png"
    file = write_file(tiny_coco)
    for to in ("cvat", "labelme", "voc"):
        assert main(["convert", str(file), str(tmp_path / "out"), "--to", to, "--drop"]) == 2
        assert "a path inside the folder" in capsys.readouterr().err and os.listdir(tmp_path) == [file.name]


def test_what_can_be_read_once_only_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for words in (["check", str(pipe)], ["convert", str(pipe), str(tmp_path / "out.json"), "--to", "lvis"]):
        assert "write them to a file first" in refused(words, capsys).lower()
        assert "write them to a file first" in refused([*words, "--from", "coco"], capsys).lower()


@pytest.mark.parametrize(
    ("group", "text", "told"),
    [
        ("synthesis", "min_hidden: null", "synthesis.min_hidden: has no value. Give one, or remove the line."),
        ("shape", "patch_px: null", "shape.patch_px: has no value. Give one, or remove the line."),
    ],
)
def test_settings_of_a_file_have_values(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], group: str, text: str, told: str
) -> None:
    images, file = tiny_set
    (tmp_path / "s.yaml").write_text(text)
    words = ["synthesize", "--images", str(images), "--annotations", str(file), "--output", str(tmp_path / "out")]
    said = refused([*words, f"--{group}", str(tmp_path / "s.yaml")], capsys)
    assert told in said and str(tmp_path / "s.yaml") in said and not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="a system without /dev/full")
def test_a_disk_that_is_full_is_told_from_a_full_output(tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    """A file that may not grow stands for the full disk; what fails then is Pillow, which names no file."""
    images, file = tiny_set
    code = (
        "import resource, signal, sys\nfrom amodal.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = ["synthesize", "--images", str(images), "--annotations", str(file), "--output", str(tmp_path / "out")]
    words += ["--count", "2", "--synthesis.min_object_px", "8", "--synthesis.min_occluder_px", "8"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "what is printed" not in done.stderr and "cannot be written (File too large)" in done.stderr
