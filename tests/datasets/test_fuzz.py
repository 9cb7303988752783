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

HERE = Path(__file__).parent
mutations = runpy.run_path(str(HERE / "mutations.py"))["mutations"]
BOP, PASCAL3D = (runpy.run_path(str(HERE / f"test_{name}.py")) for name in ("bop", "pascal3d"))

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
        noise(*size).save(folder / name)


def noise(width: int, height: int) -> Image.Image:
    """A picture of which every byte counts."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def make_corpus(corpus: Path) -> dict[str, list[bool]]:
    """One folder a case; by dialect, whether each of its cases is surely broken."""
    made: dict[str, list[bool]] = {}
    sound: dict[str, str] = {}
    Image.new("RGB", (40, 30)).save(corpus / "secret.png")
    for dialect in dialects():
        good = corpus / f"{dialect.name}-sound"
        case = write_sound(dialect, good)
        sound[dialect.name] = str(good)
        target = good / case["path"]
        expected = [one.text for one in check_file(target, good / case["images"], **of(dialect.name, good)).findings]
        files = [target] if target.is_file() else sorted(path for path in target.rglob("*") if path.is_file())
        written = dialect.write is not None  # its writer makes files of one suffix alike; elsewhere each is a kind
        for kind in {suffix_of(path) if written else path.name: path for path in files}.values():
            suffix = suffix_of(kind)
            for name, data, sure in chosen(list(mutations(suffix, kind.read_bytes()))):
                folder = corpus / f"{dialect.name}-{kind.stem}-{suffix[1:]}-{name}"
                write_case(folder, good, kind.relative_to(good), data, {**case, "sure": sure}, expected)
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


def write_sound(dialect: Dialect, folder: Path) -> dict[str, Any]:
    """A sound file of the dialect, ``set``, in a folder of its own with its pictures; how it is to be read."""
    case = {"path": "set", "images": "images", "dialect": dialect.name, "sure": False, "expected": []}
    make_images(folder / "images")
    if dialect.write is not None:
        dialect.write(sound_album(), folder / "set")
        dialect_named("coco-amodal").write(sound_album(), folder / "answers.json")  # type: ignore[misc]
    else:
        writers = {"bop": write_bop, "pascal3d": write_pascal3d, "voc-list": write_list, "labelme-file": write_one}
        case |= writers[dialect.name](folder / "set")
    (folder / "case.json").write_text(json.dumps(case))
    return case


def write_list(root: Path) -> dict[str, str]:
    """A list of VOC, in the folder it lists."""
    dialect_named("voc").write(sound_album(), root)  # type: ignore[misc]
    (path,) = (root / "ImageSets/Segmentation").iterdir()
    return {"path": path.relative_to(root.parent).as_posix()}


def write_one(path: Path) -> dict[str, str]:
    """One file of labelme."""
    dialect_named("labelme").write(sound_album(), path.parent / "all")  # type: ignore[misc]
    shutil.copy(path.parent / "all/a.json", path)
    return {}


def write_bop(root: Path) -> dict[str, str]:
    """Two pictures of two objects that meet, the second known by its size alone."""
    poses = [BOP["pose"](5, 20, 0, 205), BOP["pose"](1, 0, 0, 105)]
    scene = BOP["make"](root, *poses) / "test/000002"
    for name, more in (("scene_gt.json", poses), ("scene_camera.json", {"cam_K": BOP["K"], "depth_scale": 1.0})):
        content = json.loads((scene / name).read_text())
        (scene / name).write_text(json.dumps({**content, "4": more}))
    (scene / "scene_gt_info.json").write_text(json.dumps({"3": [{"visib_fract": 0.5, "px_count_all": 100}] * 2}))
    (root / "camera.json").write_text(json.dumps({"width": 64, "height": 48}))
    noise(64, 48).save(scene / "rgb/000003.png")
    return {"images": "set"}


def write_pascal3d(root: Path) -> dict[str, str]:
    """One picture of two objects, one of which nobody aligned."""
    PASCAL3D["make"](root, PASCAL3D["entry"](), PASCAL3D["entry"](viewpoint=np.empty((0, 0))))
    (root / "Images/car_pascal").mkdir(parents=True)
    noise(100, 80).save(root / "Images/car_pascal/2008_1.jpg")
    return {"images": "set/Images"}


def of(name: str, folder: Path) -> dict[str, Any]:
    """How the set of a folder is read."""
    return {"dialect": name, "answers": folder / "answers.json" if name == "results" else None}


def write_case(folder: Path, good: Path, place: Path, data: bytes, case: dict[str, Any], expected: list[str]) -> None:
    shutil.copytree(good, folder, copy_function=os.link)  # a thousand times the same
    for changed in (folder / place, folder / "case.json"):
        changed.unlink()
    (folder / place).write_bytes(data)
    told = [line.replace(str(good), str(folder)) for line in expected]
    (folder / "case.json").write_text(json.dumps({**case, "expected": told}))


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


def test_the_corpus_is_large_and_covers_every_dialect(ended: dict[str, Any]) -> None:
    made = ended["made"]
    assert sum(sum(cases) for cases in made.values()) >= 200
    assert set(made) == {dialect.name for dialect in dialects()}
    assert all(sum(cases) >= 5 for name, cases in made.items() if name != "voc-list"), made
    assert len(made["voc-list"]) >= 5  # any text may be a list of names


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
