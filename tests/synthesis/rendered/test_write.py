"""Rendered scenes as files: read back, the same with any number of workers, nothing left of failures; photographs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AmodalError, AnnotationError, ImageError, RecipeError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.check.run import check_album
from amodal.metrics.ordering import true_pairs
from amodal.synthesis.rendered.files import find_photographs
from amodal.synthesis.rendered.kinds.table import KINDS
from amodal.synthesis.rendered.pictures import MadePictures, Photographs
from amodal.synthesis.rendered.scene import make_scene
from amodal.synthesis.rendered.write import Plan, _scenes, _take, is_listed, write_rendered

PLAN = Plan(count=3, seed=2, size=(80, 60))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Four pictures of one colour each, whose names are not in the order they were made in."""
    folder = tmp_path / "photographs"
    for name, grey in (("000000000139.jpg", 40), ("b.png", 90), ("sub/000000000007.jpg", 150), ("a.png", 200)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (50, 40), (grey, grey, grey)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    done: list[int] = []
    folder = write_rendered(tmp_path / "scenes", PLAN, MadePictures(), workers=1, progress=done.append)
    assert done == [1, 1, 1] and [path.name for path in tmp_path.iterdir()] == ["scenes"]
    album = read_annotations(folder / "annotations.json")
    assert [category.name for category in album.categories] == ["thing"] and len(album) == 3
    for number, record in enumerate(album):
        scene = make_scene(2, number, MadePictures(), (80, 60))
        assert (record.id, record.file_name, record.width, record.height) == (number + 1, f"{number:06d}.jpg", 80, 60)
        image = np.asarray(Image.open(folder / "images" / record.file_name), np.int64)
        assert np.abs(image - scene.image).mean() < 12  # JPEG
        for instance in record.instances:
            seen = scene.objects[instance.id - 100 * (number + 1)]
            assert instance.amodal_mask is not None and instance.modal_mask is not None
            assert np.array_equal(instance.amodal_mask.to_array(), seen.whole)
            assert np.array_equal(instance.modal_mask.to_array(), seen.visible)
            assert instance.occlude_rate == pytest.approx(1 - seen.visible.sum() / seen.whole.sum(), abs=1e-6)
            assert instance.modal_box == instance.modal_mask.box and instance.amodal_box == instance.amodal_mask.box
        assert set(true_pairs(record)) == set(record.occlusions)
    assert any(record.occlusions for record in album)
    assert check_album(album, folder / "images", processes=1) == []


def test_of_too_small_a_part_there_is_no_record(tmp_path: Path) -> None:
    write_rendered(tmp_path / "scenes", PLAN, MadePictures(), workers=1)
    album = read_annotations(tmp_path / "scenes" / "annotations.json")
    for number, record in enumerate(album):
        visible = [seen.visible for seen in make_scene(2, number, MadePictures(), (80, 60)).objects]
        sides = [min(np.ptp(places) + 1 for places in np.nonzero(mask)) if mask.any() else 0 for mask in visible]
        kept = [i for i, mask in enumerate(visible) if mask.sum() >= 60 and sides[i] >= 6]
        assert [instance.id for instance in record.instances] == [100 * (number + 1) + i for i in kept]
        assert len(kept) < len(visible)


@pytest.mark.parametrize(
    ("width", "height", "listed"), [(10, 6, True), (6, 10, True), (59, 1, False), (5, 12, False), (12, 5, False)]
)
def test_how_much_must_be_seen(width: int, height: int, listed: bool) -> None:
    assert is_listed(Mask.from_box((3, 2, 3 + width, 2 + height), 80, 60)) == listed
    assert not is_listed(Mask.from_box((3, 2, 10, 10), 80, 60) - Mask.from_box((3, 2, 9, 3), 80, 60))  # 50 pixels


def test_the_same_bytes_with_any_number_of_workers(tmp_path: Path, photographs: Path) -> None:
    textures = Photographs(find_photographs(photographs))
    one, two = (write_rendered(tmp_path / str(n), PLAN, textures, workers=n) for n in (1, 2))
    assert files(one) == files(two) and len(files(one)) == 4
    fewer = write_rendered(tmp_path / "fewer", Plan(2, 2, (80, 60)), textures, workers=1)
    assert files(fewer)["images/000001.jpg"] == files(one)["images/000001.jpg"]


def test_kinds_are_those_named(tmp_path: Path) -> None:
    named, again, every = (
        write_rendered(tmp_path / str(i), Plan(1, 2, (80, 60), kinds), MadePictures(), workers=1)
        for i, kinds in enumerate((("mug", "can"), ("can", "mug"), ()))
    )
    assert files(named) == files(again) and files(named) != files(every)
    scene = make_scene(2, 0, MadePictures(), (80, 60), (KINDS["can"], KINDS["mug"]))
    masks = {i.amodal_mask for record in read_annotations(named / "annotations.json") for i in record.instances}
    assert masks and masks <= {Mask.from_array(seen.whole) for seen in scene.objects}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_unreadable_photograph_is_named_and_nothing_is_left(tmp_path: Path, photographs: Path, workers: int) -> None:
    (photographs / "b.png").write_bytes(b"no picture")
    textures = Photographs([photographs / "b.png"])
    with pytest.raises(ImageError, match=r"b\.png"):
        write_rendered(tmp_path / "scenes", PLAN, textures, workers=workers)
    assert [path.name for path in tmp_path.iterdir()] == ["photographs"]


def test_a_process_that_is_killed_is_told_of() -> None:
    with pytest.raises(RecipeError, match=r"ended from outside.*Give fewer workers"):
        list(_scenes(os._exit, 2, workers=2))  # type: ignore[arg-type]


def test_who_stops_waits_for_a_few_scenes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands handed to the pool at once would all be rendered before a command that is ended does end."""
    handed: list[int] = []
    submit = ProcessPoolExecutor.submit

    def counted(self, function, number):  # type: ignore[no-untyped-def]
        handed.append(number)
        return submit(self, function, number)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", counted)
    scenes = _scenes(lambda number: ({"id": number}, []), 500, workers=2)
    assert next(scenes) == ({"id": 0}, []) and len(handed) < 20
    scenes.close()
    assert len(handed) < 20
    every = [image["id"] for image, _ in _scenes(lambda number: ({"id": number}, []), 30, workers=2)]
    assert every == list(range(30))


def test_a_worker_leaves_signals_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout` and a terminal that is closed signal the whole group: the command ends its workers itself."""
    ignored: list[object] = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: ignored.append((number, handler)))
    monkeypatch.setattr(threading.Thread, "start", lambda self: None)
    _take(lambda number: ({}, []))
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    assert ignored == [(getattr(signal, name), signal.SIG_IGN) for name in names]


def test_refusals(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "kept.txt").write_text("")
    with pytest.raises(AnnotationError, match="over nothing"):
        write_rendered(tmp_path / "scenes", PLAN, MadePictures())
    with pytest.raises(RecipeError, match="workers is 1 or more; found 0"):
        write_rendered(tmp_path / "other", PLAN, MadePictures(), workers=0)
    assert [path.name for path in tmp_path.rglob("*")] == ["scenes", "kept.txt"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"count": 0}, "count is 1 to 1000000; found 0"),
        ({"count": 1_000_001}, "count is 1 to 1000000"),
        ({"seed": -1}, "seed is 0 or more; found -1"),
        ({"size": (400, 31)}, "size is a width and a height of 32 to 1600 pixels"),
        ({"size": (1601, 300)}, "size is a width and a height of 32 to 1600 pixels"),
        ({"kinds": ("mug", "house")}, "no such kind of thing; found 'house'"),
    ],
)
def test_plans_out_of_range(values: dict[str, int], text: str) -> None:
    with pytest.raises(RecipeError, match=text):
        Plan(**values)  # type: ignore[arg-type]


def test_photographs_come_in_the_order_of_their_names_or_of_a_file(photographs: Path, tmp_path: Path) -> None:
    def names(*words: object) -> list[str]:
        return [path.relative_to(photographs).as_posix() for path in find_photographs(photographs, *words)]  # type: ignore[arg-type]

    assert names() == ["000000000139.jpg", "a.png", "b.png", "sub/000000000007.jpg"]
    (tmp_path / "by_id.txt").write_text("139\n7\n")
    (tmp_path / "by_name.txt").write_text("b\na.png\n000000000139\nabsent\n")
    assert names("", [tmp_path / "by_id.txt"]) == ["a.png", "b.png"]
    told: list[str] = []
    assert names("", [tmp_path / "by_name.txt"], told.append) == ["sub/000000000007.jpg"]
    assert len(told) == 1 and "absent" in told[0]
    images = [{"id": i, "file_name": name, "width": 50, "height": 40} for i, name in ((5, "b.png"), (139, "a.png"))]
    (tmp_path / "some.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    assert names(tmp_path / "some.json") == ["b.png", "a.png"]
    (tmp_path / "five.txt").write_text("5\n")
    assert names(tmp_path / "some.json", [tmp_path / "five.txt"]) == ["a.png"]


def test_no_photographs(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("139\n7\na\nb\n")
    (tmp_path / "others.txt").write_text("8\n")
    (tmp_path / "empty").mkdir()
    for words, text in (
        ((photographs, "", [tmp_path / "all.txt"]), "no picture is left"),
        ((photographs, "", [tmp_path / "others.txt"]), r"others\.txt"),
        ((tmp_path / "empty",), "a folder of pictures holds some"),
        ((tmp_path / "absent",), "a folder of pictures holds some"),
    ):
        with pytest.raises(AmodalError, match=text):
            find_photographs(*words)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="one photograph or more"):
        Photographs([])


def test_textures_are_parts_of_photographs_and_backgrounds_whole_ones(photographs: Path) -> None:
    textures, rng = Photographs(find_photographs(photographs)), np.random.default_rng(0)
    greys = set()
    for _ in range(40):
        part = textures.part(rng)
        assert 8 <= part.shape[0] <= 32 and 10 <= part.shape[1] <= 40 and part.dtype == np.uint8
        greys.add(round(float(part.mean())))
    assert greys == {40, 90, 150, 200}
    background = textures.background(rng, 30, 20)
    assert background.shape == (20, 30, 3) and background.dtype == np.float32
    assert round(float(background.mean()) * 255) in greys


def test_a_tiny_photograph_has_a_part(tmp_path: Path) -> None:
    Image.new("RGB", (1, 2)).save(tmp_path / "dot.png")
    assert min(Photographs([tmp_path / "dot.png"]).part(np.random.default_rng(0)).shape) >= 1


def test_made_textures_and_backgrounds_have_two_colours() -> None:
    rng = np.random.default_rng(0)
    part, background = MadePictures().part(rng), MadePictures().background(rng, 40, 30)
    assert part.dtype == np.uint8 and len(np.unique(part.reshape(-1, 3), axis=0)) > 20
    assert background.shape == (30, 40, 3) and background.dtype == np.float32
    assert background.min() >= 0 and background.max() <= 1
    assert np.abs(np.diff(background, axis=0)).max() < 0.1 and np.ptp(background) > 0.05


_WAIT = """
import os, time
from amodal.synthesis.rendered.write import _scenes
def work(number):
    os.write(1, b"x")
    time.sleep(600)
list(_scenes(work, 3, 3))
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="what a parent forked holds its pipe")
def test_workers_end_with_a_parent_that_is_killed() -> None:
    """They hold their parent's output open until they end."""
    with subprocess.Popen([sys.executable, "-c", _WAIT], stdout=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.read(3) == b"xxx"
            parent.kill()
            assert parent.communicate(timeout=60) == (b"", None)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
