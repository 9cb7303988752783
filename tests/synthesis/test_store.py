"""The store of decoded pictures: the same examples, made once, whole or not there."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError, ImageError
from amodal.synthesis import store_build
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import ExampleShape, SynthesisSettings
from amodal.synthesis.sources import Keeping, Skipped, make_source
from amodal.synthesis.store import Store
from amodal.synthesis.store_build import open_store

resource = pytest.importorskip("resource")

SHAPE = ExampleShape(patch_px=16, modal_heat_px=8, amodal_heat_px=10)
ONE_PICTURE = 120 * 120 * 3


@pytest.fixture
def own_folder(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "pictures"))


def examples(source: Source, count: int = 8) -> list[bytes]:
    material = Material([source], SynthesisSettings())
    made = (draw_example(material, SHAPE, seed=1, epoch=0, index=i)[0] for i in range(count))
    return [e.modal_patch.tobytes() + e.amodal_patch.tobytes() + e.amodal_label.tobytes() for e in made]


def stores(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()]


def test_the_same_examples_with_and_without(album: Album, folder: Path, tmp_path: Path) -> None:
    done: list[int] = []
    store = open_store(album, folder, tmp_path / "stores", progress=done.append)
    assert len(store) == 3 == sum(done) and store.nbytes > 3 * ONE_PICTURE
    with_store = Source(album, folder, store=store)
    assert examples(with_store) == examples(Source(album, folder))
    assert examples(Source(album, folder, store=pickle.loads(pickle.dumps(store)))) == examples(with_store)
    material = Material([with_store])
    assert material.warm() == 0  # nothing is decoded again
    picture = material.picture(0, 1)
    assert picture.image.base is not None and not picture.image.flags.writeable


def test_made_once_and_made_anew_when_its_source_changes(album: Album, own_folder: Path, tmp_path: Path) -> None:
    done: list[int] = []
    first = open_store(album, own_folder, tmp_path / "s", progress=done.append)
    again = open_store(album, own_folder, tmp_path / "s", progress=done.append)
    assert first.folder == again.folder and len(done) == 3
    Image.fromarray(np.zeros((120, 120, 3), np.uint8)).save(own_folder / "1.png")
    changed = open_store(album, own_folder, tmp_path / "s", progress=done.append)
    assert len(done) == 6 and stores(tmp_path / "s") == [changed.folder] != [first.folder]
    picture = changed.picture(1)
    assert picture is not None and not picture.image.any()
    fewer = album.filter(lambda record: record if record.id != 102 else None)
    part = open_store(fewer, own_folder, tmp_path / "s")
    assert len(part) == 2 and len(stores(tmp_path / "s")) == 2  # another set of pictures has a store of its own


def test_other_pictures_of_one_source_leave_four_stores(album: Album, folder: Path, tmp_path: Path) -> None:
    """Another bound or another choice of pictures removes no store in use, but they do not pile up for ever."""
    place = tmp_path / "s"
    ids = [record.id for record in album]

    def opened(*kept: int, most_bytes: int = 10**7) -> Path:
        chosen = album.filter(lambda record: record if record.id in kept else None)
        return open_store(chosen, folder, place, most_bytes=most_bytes).folder

    first, second, third, fourth = opened(*ids), opened(*ids, most_bytes=10**8), opened(ids[0]), opened(ids[1])
    assert set(stores(place)) == {first, second, third, fourth} and len(stores(place)) == 4
    assert opened(*ids) == first  # in use: not the one to go
    fifth = opened(ids[2])
    assert set(stores(place)) == {first, third, fourth, fifth}
    elsewhere = open_store(album, Path(shutil.copytree(folder, tmp_path / "elsewhere")), place).folder
    assert set(stores(place)) == {first, third, fourth, fifth, elsewhere}


def test_what_does_not_fit_is_decoded_when_drawn(album: Album, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    big = album.filter(lambda record: record)
    for i in range(3):
        Image.fromarray(rng.integers(0, 255, (120, 120, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    from amodal.synthesis import store_build

    bound = 2 * ONE_PICTURE + 40_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_build, "_LEAST_BYTES", 1)
        store = open_store(big, tmp_path, tmp_path / "s", most_bytes=bound)
    assert 1 <= len(store) <= 2 and store.nbytes <= bound
    assert examples(Source(big, tmp_path, store=store)) == examples(Source(big, tmp_path))
    with pytest.raises(AmodalError, match="megabyte or more; found 1"):
        open_store(big, tmp_path, tmp_path / "s", most_bytes=1)


def test_a_full_disk_leaves_nothing_behind(album: Album, folder: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * ONE_PICTURE, hard))  # writing on fails, as on a full disk
    try:
        with pytest.raises(AmodalError, match=r"kept in a folder with room for them .*Free some space"):
            open_store(album, folder, tmp_path / "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.suffix for path in (tmp_path / "s").iterdir()] == [".lock"]
    assert len(open_store(album, folder, tmp_path / "s")) == 3


def test_a_folder_that_cannot_be_written(album: Album, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AmodalError, match="name a folder on another disk"):
        open_store(album, folder, tmp_path / "file" / "s")


def _open(album: Album, folder: Path, place: Path, made) -> None:  # type: ignore[no-untyped-def]
    count: list[int] = []
    store = open_store(album, folder, place, progress=count.append)
    made.put((len(count), len(store)))


def test_two_processes_make_it_once(album: Album, folder: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    made = context.Queue()
    both = [context.Process(target=_open, args=(album, folder, tmp_path / "s", made)) for _ in range(2)]
    for process in both:
        process.start()
    answers = sorted(made.get(timeout=60) for _ in both)
    for process in both:
        process.join()
    assert answers == [(0, 3), (3, 3)] and len(stores(tmp_path / "s")) == 1


def test_a_killed_build_is_cleared_away(album: Album, folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "s"

    def die(_: int) -> None:
        os._exit(9)

    context = multiprocessing.get_context("fork")
    process = context.Process(target=open_store, args=(album, folder, place), kwargs={"progress": die})
    process.start()
    process.join()
    assert process.exitcode == 9 and stores(place)[0].suffix == ".part"
    store = open_store(album, folder, place)
    assert len(store) == 3 and stores(place) == [store.folder]


def test_pictures_that_cannot_be_used(album: Album, own_folder: Path, tmp_path: Path) -> None:
    (own_folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"0\.png.*not a picture"):
        open_store(album, own_folder, tmp_path / "s")
    assert not stores(tmp_path / "s")
    for _ in range(2):  # made, then found
        told: list[ImageError] = []
        store = open_store(album, own_folder, tmp_path / "s", on_bad=told.append)
        assert [bad.index for bad in store.left_out] == [0] and len(store) == 2 and "0.png" in str(told[0])
    with pytest.raises(ImageError, match=r"0\.png"):
        open_store(album, own_folder, tmp_path / "s")
    source = Source(album, own_folder, store=store, left_out=frozenset({0}))
    assert len(Material([source])) == 3 and len(examples(source)) == 8


def test_pictures_beyond_the_bound_are_looked_at_too(
    album: Album, own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made under one rule for bad records, found under the other: the bad ones are known either way."""
    from amodal.synthesis import store_build

    monkeypatch.setattr(store_build, "_LEAST_BYTES", 1)
    (own_folder / "0.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"0\.png"):
        open_store(album, own_folder, tmp_path / "s", most_bytes=1)  # not one picture fits
    told: list[ImageError] = []
    store = open_store(album, own_folder, tmp_path / "s", most_bytes=1, on_bad=told.append)
    assert len(store) == 0 and len(told) == 1 and [bad.index for bad in store.left_out] == [0]
    shutil.copy(own_folder / "1.png", own_folder / "0.png")
    done: list[int] = []
    whole = open_store(album, own_folder, tmp_path / "s", most_bytes=1, progress=done.append)
    assert len(whole) == 0 and len(done) == len(album)


@pytest.mark.parametrize("part", ["about.json", "pictures.npy", "cutouts.npy", "data.bin"])
@pytest.mark.parametrize("left", [None, 0, 0.7])
def test_a_damaged_store_is_made_again(
    album: Album, folder: Path, tmp_path: Path, part: str, left: float | None
) -> None:
    store = open_store(album, folder, tmp_path / "s")
    expected = examples(Source(album, folder, store=store), 2)
    path = store.folder / part
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left)])
    done: list[int] = []
    again = open_store(album, folder, tmp_path / "s", progress=done.append)
    assert len(done) == 3 and stores(tmp_path / "s") == [again.folder] == [store.folder]
    assert examples(Source(album, folder, store=again), 2) == expected


def test_an_empty_mask_and_a_grey_picture(album: Album, tmp_path: Path) -> None:
    for i in range(3):
        Image.new("L", (120, 120), 90).save(tmp_path / f"{i}.png")
    store = open_store(album, tmp_path, tmp_path / "s")
    assert isinstance(store, Store)
    for index, record in enumerate(album):
        picture = store.picture(index)
        assert picture is not None and picture.record == record and (picture.image == 90).all()
        for cutout, instance in zip(picture.cutouts, record.instances, strict=True):
            assert cutout is not None and instance.modal_mask is not None
            assert cutout.area_px == instance.modal_mask.area and cutout.box == instance.modal_mask.box


def test_a_whole_store_is_used_where_nothing_can_be_written(
    album: Album, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = open_store(album, folder, tmp_path / "s")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "mkdir"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(store_build, "take_lock", refuse)
    assert open_store(album, folder, tmp_path / "s").folder == made.folder
    with pytest.raises(AmodalError, match=r"can be read and written to .*Read-only.*Check the rights there"):
        open_store(album, folder, tmp_path / "s", most_bytes=10**8)


def test_a_store_that_is_replaced_under_a_run_is_told_of(album: Album, own_folder: Path, tmp_path: Path) -> None:
    to_a_worker = pickle.dumps(open_store(album, own_folder, tmp_path / "s"))
    os.utime(own_folder / "1.png", (1, 1))
    open_store(album, own_folder, tmp_path / "s")
    with pytest.raises(AmodalError, match=r"stays while a run uses it .*about\.json.*Start the run again"):
        pickle.loads(to_a_worker)


@pytest.mark.parametrize("left_out", [5, [7], [["a", "b"]], [[0]], [[9, "x"]], [[True, "x"]], {"0": "x"}])
def test_an_about_file_of_another_kind_is_no_store(
    album: Album, folder: Path, tmp_path: Path, left_out: object
) -> None:
    about = open_store(album, folder, tmp_path / "s").folder / "about.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"left_out": left_out}))
    assert open_store(album, folder, tmp_path / "s").left_out == ()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_utf8(album: Album, folder: Path, tmp_path: Path) -> None:
    """Of an old archive, say: Python reads them as lone surrogates."""
    place, name = tmp_path / os.fsdecode(b"\xe9t\xe9"), os.fsdecode(b"\xe9.png")
    shutil.copytree(folder, place)
    (place / "0.png").rename(place / name)
    other = album.filter(lambda record: replace(record, file_name=name) if record.id == 100 else record)
    store = open_store(other, place, tmp_path / "s")
    assert len(store) == 3 and open_store(other, place, tmp_path / "s").folder == store.folder


def test_a_name_that_no_file_can_have(album: Album, folder: Path, tmp_path: Path) -> None:
    wrong = album.filter(lambda record: replace(record, file_name="a\0.png") if record.id == 100 else record)
    with pytest.raises(ImageError, match=r"not a picture that can be read \(embedded null byte\)"):
        open_store(wrong, folder, tmp_path / "s")
    told: list[ImageError] = []
    assert len(open_store(wrong, folder, tmp_path / "s", on_bad=told.append)) == 2 and len(told) == 1


def test_a_name_that_leads_out_of_the_folder(album: Album, folder: Path, tmp_path: Path) -> None:
    wrong = album.filter(lambda record: replace(record, file_name="../a.png") if record.id == 100 else record)
    with pytest.raises(AnnotationError, match=r"inside the folder of the pictures; found '\.\./a\.png'"):
        open_store(wrong, folder, tmp_path / "s")
    for stored in ("", str(tmp_path / "s")):
        told: list[str] = []
        source = make_source(wrong, folder, Keeping(stored, bad_records="skip"), Skipped(told.append))
        assert source.left_out == {0} and len(told) == 1 and "../a.png" in told[0]


def test_a_bound_is_a_number(album: Album, folder: Path, tmp_path: Path) -> None:
    store = open_store(album, folder, tmp_path / "s", most_bytes=10**9)
    assert open_store(album, folder, tmp_path / "s", most_bytes=1e9).folder == store.folder  # type: ignore[arg-type]
    with pytest.raises(AmodalError, match="megabyte or more; found nan"):
        open_store(album, folder, tmp_path / "s", most_bytes=float("nan"))  # type: ignore[arg-type]
