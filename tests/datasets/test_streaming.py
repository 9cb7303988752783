"""A conversion that keeps its objects on the disk writes what one that keeps them in memory writes, byte by byte."""

from __future__ import annotations

import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.core.masks import Mask
from amodal.datasets import jsonparse, read_annotations, scratch
from amodal.datasets.convert import convert, traced
from amodal.datasets.dialects import Dialect, dialect_named
from amodal.datasets.reduce import Reduced
from amodal.datasets.spilled import SpilledAlbum

Write = Callable[..., Path]
MADE = runpy.run_path(str(Path(__file__).with_name("test_dialects.py")))
albums, view, only_both, share = (MADE[name] for name in ("albums", "view", "only_both", "share_objects"))
FILES = [d for d in MADE["WRITABLE"] if d.kind == "file" and d.name not in ("labelme-file", "voc-list")]
TABLES = [d for d in FILES if d.name not in ("cvat", "results")]
PAIRS = [pytest.param(a, b, id=f"{a.name}-{b.name}") for a in (*TABLES, dialect_named("results")) for b in FILES]
FEW = {"phases": (Phase.explicit, Phase.generate), "suppress_health_check": list(HealthCheck), "max_examples": 5}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few letters and blocks of a few objects, so that small files meet every border."""
    monkeypatch.setattr(jsonparse, "_CHUNK", 97)
    monkeypatch.setattr(scratch, "_BLOCK", 512)


def write(dialect: Dialect, album: Album, path: Path) -> Path:
    assert dialect.write is not None
    dialect.write(album, path)
    return path


def sources(album: Album, first: Dialect, folder: Path) -> tuple[Path, Path | None]:
    """A file of the first dialect, and of what it answers where that is results."""
    answers = None
    if first.name in ("results", "cocoa"):
        album = Album(map(only_both, album), album.categories, extra=album.extra)
    if first.name == "results":
        answers = write(dialect_named("coco-amodal"), album, folder / "answers.json")
    return write(first, album, folder / "in.json"), answers


@pytest.mark.parametrize(("first", "second"), PAIRS)
@settings(**FEW)
@given(album=albums(rich=True))
def test_the_same_bytes_as_in_memory(first: Dialect, second: Dialect, album: Album) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, answers = sources(album, first, folder)
        truth = None if answers is None else read_annotations(answers)
        read = read_annotations(source, first.name, answers=truth)
        assert not isinstance(read, SpilledAlbum)
        before = write(second, read, folder / "before")
        convert(source, folder / "after", second.name, dialect=first.name, answers=answers, drop=True)
        assert (folder / "after").read_bytes() == before.read_bytes()


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(a, b, id=f"{a.name}-{b.name}") for a, b in itertools.permutations(TABLES, 2) if share(a, b)],
)
@settings(**FEW)
@given(album=albums(rich=False))
def test_there_and_back_again(first: Dialect, second: Dialect, album: Album) -> None:
    holds = first.holds & second.holds
    if "cocoa" in (first.name, second.name):
        album = Album(map(only_both, album), album.categories, extra=album.extra)
    kept = Reduced(album, holds).album()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = write(first, kept, folder / "a.json")
        convert(start, folder / "b.json", second.name, dialect=first.name, drop=True)
        convert(folder / "b.json", folder / "c.json", first.name, dialect=second.name, drop=True)
        one, two = (read_annotations(path, first.name) for path in (start, folder / "c.json"))
        assert view(two, holds) == view(one, holds) == view(kept, holds)


@given(album=albums(rich=True))
@settings(**FEW)
def test_an_album_on_the_disk_is_the_one_in_memory(album: Album) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write(dialect_named("coco-amodal"), album, folder / "a.json")
        kept, spilled = read_annotations(path), read_annotations(path, scratch=folder)
        assert isinstance(spilled, SpilledAlbum) and os.listdir(folder) == ["a.json"]  # the objects' file has no name
        assert list(spilled) == list(kept) and len(spilled) == len(kept) and spilled[-1] == kept[-1]
        assert spilled.annotation_ids.tolist() == kept.annotation_ids.tolist()
        assert (spilled.categories, spilled.extra) == (kept.categories, kept.extra)
        assert [one.id for _, one in spilled.objects()] == kept.annotation_ids.tolist()
        assert all(bare.instances == () for bare in spilled.pictures)
        again = read_annotations(path, scratch=folder)
        assert spilled.fingerprint == again.fingerprint != Album([], []).fingerprint
        (drawn, told), (spilled_drawn, spilled_told) = traced(kept), traced(spilled)
        assert list(spilled_drawn) == list(drawn)
        told.mean_iou = spilled_told.mean_iou = round(told.mean_iou, 12)  # the order of a sum
        assert spilled_told == told


def test_the_tracing_of_pixels_streams(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path) -> None:
    tiny_coco["annotations"][0]["segmentation"] = Mask.from_box((2, 3, 8, 15), 20, 24).to_rle()
    source = write_file(tiny_coco)
    done = convert(source, tmp_path / "after", "coco", polygons=True)
    made, told = traced(read_annotations(source))
    assert done.tracing == told and told.masks == 1
    assert (tmp_path / "after").read_bytes() == write(dialect_named("coco"), made, tmp_path / "before").read_bytes()


@pytest.mark.parametrize("order", ["annotations first", "categories first"])
def test_lists_may_stand_in_any_order(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, order: str) -> None:
    keys = sorted(tiny_coco) if order == "annotations first" else ["categories", "images", "annotations"]
    source = write_file({key: tiny_coco[key] for key in keys})
    convert(source, tmp_path / "after", "lvis")
    before = write(dialect_named("lvis"), read_annotations(source), tmp_path / "before")
    assert (tmp_path / "after").read_bytes() == before.read_bytes()
    assert [one["id"] for one in json.loads(before.read_text())["annotations"]] == [11, 12, 13]


def test_a_bad_record_is_refused_as_in_memory(write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path) -> None:
    tiny_coco["annotations"].append(tiny_coco["annotations"][0])
    source = write_file(tiny_coco)
    with pytest.raises(AnnotationError) as kept:
        read_annotations(source)
    with pytest.raises(AnnotationError) as spilled:
        convert(source, tmp_path / "out.json", "lvis")
    assert str(spilled.value) == str(kept.value) and "annotation 11: each annotation id is used once" in str(kept.value)
    assert os.listdir(tmp_path) == [source.name]


# ---- bounds ---------------------------------------------------------------------------------------------------------


def heavy(path: Path, points: int, images: int = 100, each: int = 5) -> Path:
    """Objects of long outlines, not sorted by picture: bytes are nearly all of masks."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    outline = (320 + 300 * np.stack([np.cos(angle), np.sin(angle)], axis=1)).round(9).ravel().tolist()
    objects = [
        {"id": i + 1, "image_id": i % images, "category_id": 1, "segmentation": [outline], "bbox": [20, 20, 600, 600]}
        for i in range(images * each)
    ]
    objects[0]["iscrowd"] = 1  # so that something is lost to LVIS
    pictures = [{"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 640} for i in range(images)]
    with path.open("w") as file:
        file.write(f'{{"images": {json.dumps(pictures)}, "categories": [{{"id": 1, "name": "cup"}}], "annotations": ')
        file.writelines(("[" if i == 0 else ",\n") + json.dumps(one) for i, one in enumerate(objects))
        file.write("]}")
    return path


PEAK = """
import sys
from pathlib import Path
from amodal.datasets.convert import convert
convert(*sys.argv[1:], drop=True)
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_masks(tmp_path: Path) -> None:
    peaks = []
    for points in (50, 1000):
        source = heavy(tmp_path / f"{points}.json", points, images=120)
        words = [sys.executable, "-c", PEAK, str(source), str(tmp_path / f"{points}.out"), "lvis"]
        peaks.append(int(subprocess.run(words, check=True, capture_output=True, text=True).stdout) / 1024)
    assert source.stat().st_size > 15e6
    assert peaks[1] - peaks[0] < 12, peaks  # windows and blocks of a few MB


LIMITED = """
import resource, sys
from amodal.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(["convert", sys.argv[2], sys.argv[3], "--to", sys.argv[4], "--drop"]))
"""


@pytest.mark.parametrize(
    ("to", "room"), [("lvis", 700_000), ("lvis", 3_000), ("cvat", 3_000), ("labelme", 3_000)]
)  # the objects do not fit, whatever is to be written; or the output does not
def test_a_disk_without_room_ends_in_one_error(
    write_file: Write, tiny_coco: dict[str, Any], tmp_path: Path, to: str, room: int
) -> None:
    if room > 100_000:
        source = heavy(tmp_path / "in.json", 400, images=40)
    else:  # the objects wait in memory, the output is too long
        tiny_coco["annotations"][1]["note"] = "x" * 5000
        tiny_coco["images"][0]["note"] = "x" * 5000
        source = write_file(tiny_coco)
    out = tmp_path / "new" / "out"
    words = [sys.executable, "-c", LIMITED, str(room), str(source), str(out), to]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "cannot be written (File too large)" in done.stderr and "Make room" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [source]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="a system whose files all have names")
@pytest.mark.parametrize("stage", ["reading", "writing"])
def test_a_process_that_is_killed_leaves_nothing_half_written(tmp_path: Path, stage: str) -> None:
    source, out = heavy(tmp_path / "in.json", 400, images=60), tmp_path / "out.json"
    out.write_text("the file of before")
    words = [sys.executable, "-u", "-m", "amodal", "convert", str(source), str(out), "--to", "lvis", "--drop"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if stage == "writing":  # it is told what is lost, then written
            assert process.stdout is not None and b"cannot hold" in process.stdout.readline()
        deadline = time.monotonic() + 60
        while not kept_on_disk(process.pid) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert out.read_text() == "the file of before"
    assert sorted(os.listdir(tmp_path)) == ["in.json", "out.json"]


def kept_on_disk(process: int) -> bool:
    """Whether a process has written to a file without a name."""
    try:
        open_files = list(Path(f"/proc/{process}/fd").iterdir())
        return any("(deleted)" in os.readlink(file) and file.stat().st_size > 1_000_000 for file in open_files)
    except OSError:
        return False


def test_what_is_kept_on_the_disk_comes_back(tmp_path: Path) -> None:
    kept = scratch.Scratch(tmp_path)
    parts = [bytes([i % 256]) * (i % 37) for i in range(300)]
    for i, part in enumerate(parts):
        kept.append(part)
        assert kept[i] == part and kept[i // 2] == parts[i // 2]
    assert [bytes(part) for part in kept] == parts and len(kept) == 300 and kept[-1] == parts[-1]
    assert [bytes(part) for part in kept.some(20, 90)] == parts[20:90]
    assert os.listdir(tmp_path) == []
    with pytest.raises(IndexError):
        kept[300]
