"""Broken files of every dialect end in a clear error or a reported record: in time, in memory, inside their folder."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets.check import check_file
from amodal.datasets.dialects import Dialect, dialect_named, dialects

mutations = runpy.run_path(str(Path(__file__).with_name("mutations.py")))["mutations"]

MEMORY_MB, PEAK_MB, SECONDS = 1500, 400, 5
MOST_SURE, MOST_MAYBE = 60, 15
"""Cases of one file that are surely broken, and that may be; spread evenly over all mutations."""


def sound_album() -> Album:
    """Two pictures; in the first an object of two outlines stands behind another."""
    behind = Mask.from_polygons([[4, 4, 24, 4, 24, 24, 4, 24], [28, 4, 34, 4, 34, 20, 28, 20]], 40, 30)
    front = Mask.from_polygons([[14, 2, 30, 2, 30, 28, 14, 28]], 40, 30)
    seen = behind - front
    hidden = Instance(1, 0, seen.box, seen, behind.box, behind, round(1 - seen.area / behind.area, 6), order=2)
    clear = Instance(2, 1, front.box, front, front.box, front, 0.0, order=1)
    alone = Mask.from_polygons([[3, 3, 17, 3, 10, 20]], 20, 24)
    third = Instance(3, 0, alone.box, alone, alone.box, alone, 0.0, order=1)
    pictures = [
        ImageRecord(1, "a.png", 40, 30, (hidden, clear), ((2, 1),)),
        ImageRecord(2, "b.png", 20, 24, (third,)),
    ]
    return Album(pictures, [Category(1, "cup"), Category(2, "dog")])


def make_images(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in (("a.png", (40, 30)), ("b.png", (20, 24))):
        noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)


def make_corpus(corpus: Path) -> dict[str, list[bool]]:
    """One folder a case; by dialect, whether each of its cases is surely broken."""
    made: dict[str, list[bool]] = {}
    sound: dict[str, str] = {}
    Image.new("RGB", (40, 30)).save(corpus / "secret.png")
    for dialect in dialects():
        good = corpus / f"{dialect.name}-sound"
        if not write_sound(dialect, good):
            continue
        sound[dialect.name] = str(good)
        target = good / "set"
        expected = [one.text for one in check_file(target, good / "images", **of(dialect.name, good)).findings]
        files = [target] if target.is_file() else sorted(path for path in target.rglob("*") if path.is_file())
        for suffix, kind in {suffix_of(path): path for path in files}.items():  # one file of each kind
            for name, data, sure in chosen(list(mutations(suffix, kind.read_bytes()))):
                folder = corpus / f"{dialect.name}-{suffix[1:]}-{name}"
                write_case(folder, good, kind.relative_to(good), data, dialect.name, sure, expected)
                made.setdefault(dialect.name, []).append(sure)
    (corpus / "sound.json").write_text(json.dumps(sound))
    return made


def chosen(cases: list[tuple[str, bytes, bool]]) -> list[tuple[str, bytes, bool]]:
    """Some of the cases, so that the test stays short."""
    sure, maybe = ([case for case in cases if case[2] is kind] for kind in (True, False))
    return sure[:: 1 + len(sure) // MOST_SURE] + maybe[:: 1 + len(maybe) // MOST_MAYBE]


def suffix_of(path: Path) -> str:
    """The suffix, or what it should be: the sound file of a dialect of one file has none."""
    first = path.read_bytes()[:1]
    return path.suffix or {b"{": ".json", b"[": ".json", b"<": ".xml"}[first]


def write_sound(dialect: Dialect, folder: Path) -> bool:
    """A sound file of the dialect, ``set``, in a folder of its own with its pictures; False where nothing writes it."""
    if dialect.write is None:
        return False
    make_images(folder / "images")
    dialect.write(sound_album(), folder / "set")
    dialect_named("coco-amodal").write(sound_album(), folder / "answers.json")  # type: ignore[misc]
    case = {"path": "set", "dialect": dialect.name, "sure": False, "expected": []}
    (folder / "case.json").write_text(json.dumps(case))
    return True


def of(name: str, folder: Path) -> dict[str, Any]:
    """How the set of a folder is read."""
    return {"dialect": name, "answers": folder / "answers.json" if name == "results" else None}


def write_case(
    folder: Path, good: Path, place: Path, data: bytes, dialect: str, sure: bool, expected: list[str]
) -> None:
    shutil.copytree(good, folder)
    (folder / place).write_bytes(data)
    told = [line.replace(str(good), str(folder)) for line in expected]
    case: dict[str, Any] = {"path": "set", "dialect": dialect, "sure": sure, "expected": told}
    (folder / "case.json").write_text(json.dumps(case))


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The corpus, handled in one go by one process within its bounds."""
    corpus = tmp_path_factory.mktemp("corpus")
    made = make_corpus(corpus)
    output = corpus / "ended.json"
    script = Path(__file__).with_name("fuzz_run.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2] / "src")
    words = [sys.executable, str(script), str(corpus), str(output), str(MEMORY_MB), str(SECONDS)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    sure = {path.parent.name: json.loads(path.read_text())["sure"] for path in corpus.glob("*/case.json")}
    return {**json.loads(output.read_text()), "made": made, "sure": sure, "told": done.stderr}


def test_the_corpus_is_large_and_covers_every_dialect_that_is_written(ended: dict[str, Any]) -> None:
    made = ended["made"]
    assert sum(sum(cases) for cases in made.values()) >= 200
    assert set(made) == {dialect.name for dialect in dialects() if dialect.write is not None}
    assert all(sum(cases) >= 5 for cases in made.values()), {name: sum(cases) for name, cases in made.items()}


def test_every_broken_file_is_refused_or_reported(ended: dict[str, Any]) -> None:
    strange = [(name, end) for name, end, _, _ in ended["ended"] if end not in ("refused", "reported", "clean")]
    assert strange == []
    passed = [name for name, end, _, _ in ended["ended"] if end == "clean" and ended["sure"][name]]
    assert passed == []


def test_sound_files_are_clean(ended: dict[str, Any]) -> None:
    ends = {name: end for name, end, _, _ in ended["ended"] if name.endswith("-sound")}
    assert len(ends) == len(ended["made"])


def test_no_file_outside_the_folder_is_opened(ended: dict[str, Any]) -> None:
    assert [(name, outside) for name, _, _, outside in ended["ended"] if outside] == []


def test_time_and_memory_are_bounded(ended: dict[str, Any]) -> None:
    assert max(taken for _, _, taken, _ in ended["ended"]) < SECONDS
    assert ended["peak_mb"] < PEAK_MB
    assert "Traceback" not in ended["told"]
