from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.datasets.convert import losses
from amodal.datasets.dialects import Reading, dialect_named, recognise
from amodal.datasets.matfile import read_mat, write_mat
from amodal.datasets.reduce import LEFT_OUT

io = pytest.importorskip("scipy.io", reason="the reference reader and writer")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_another_writer(tmp_path: Path, packed: bool) -> None:
    sparse = __import__("scipy.sparse", fromlist=["x"]).csc_matrix(np.eye(3, dtype=bool))
    cell = np.empty(2, dtype=object)
    cell[:] = [np.array([1.5]), sparse]
    content = {
        "GTinst": {"Segmentation": np.arange(6, dtype=np.uint8).reshape(2, 3), "Categories": [[7], [15]], "B": cell},
        "name": "héllo",
        "many": np.array([(1, "a"), (2, "b")], dtype=[("x", object), ("y", object)]),
        "cube": np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    }
    io.savemat(tmp_path / "a.mat", content, do_compression=packed)
    read = read_mat(tmp_path / "a.mat")
    assert read["name"] == "héllo" and (read["cube"] == content["cube"]).all() and read["cube"].dtype == np.int16
    (truth,) = read["GTinst"]
    assert truth["Segmentation"].tolist() == [[0, 1, 2], [3, 4, 5]] and truth["Segmentation"].dtype == np.uint8
    assert truth["Categories"].ravel().tolist() == [7, 15] and truth["B"][1] is None
    assert [(int(e["x"][0, 0]), e["y"]) for e in read["many"]] == [(1, "a"), (2, "b")]


def test_the_reference_reads_what_we_write(tmp_path: Path) -> None:
    write_mat(tmp_path / "a.mat", {"s": [{"n": np.array([[1.5, 2]]), "t": "word", "c": [np.eye(2), "x"]}]})
    read = io.loadmat(tmp_path / "a.mat", simplify_cells=True)["s"]
    assert read["n"].tolist() == [1.5, 2] and read["t"] == "word"
    assert read["c"][0].tolist() == [[1, 0], [0, 1]] and read["c"][1] == "x"


@pytest.mark.parametrize("seed", range(40))
def test_damage_ends_in_an_error(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth: dict[str, Any] = {"GTinst": {"Segmentation": np.eye(9, dtype=np.uint8), "Categories": [[7]], "c": "text"}}
    io.savemat(tmp_path / "a.mat", truth, do_compression=bool(seed % 2))
    data = bytearray((tmp_path / "a.mat").read_bytes())
    if seed % 4 < 2:
        data = data[: rng.integers(0, len(data))]
    for at in rng.integers(0, max(len(data), 1), 6) if data else ():
        data[at] = rng.integers(0, 256)
    (tmp_path / "inst").mkdir()
    (tmp_path / "inst/a.mat").write_bytes(data)
    try:
        dialect_named("sbd").read(tmp_path, Reading())
    except AmodalError as problem:
        assert "a.mat" in str(problem)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amodal.datasets.matfile._MAX_BYTES", 10_000)
    io.savemat(tmp_path / "a.mat", {"a": np.zeros((400, 400))}, do_compression=True)
    with pytest.raises(AnnotationError, match="over 10000 bytes unpacked"):
        read_mat(tmp_path / "a.mat")


def test_version_7_3_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform".ljust(600))
    with pytest.raises(AnnotationError, match="-v7"):
        read_mat(tmp_path / "a.mat")


def test_the_downloads_own_form(tmp_path: Path) -> None:
    inst = tmp_path / "benchmark/dataset/inst"
    inst.mkdir(parents=True)
    numbers = np.zeros((5, 7), np.uint8)
    numbers[1:3, 1:4], numbers[3:, 5:] = 1, 2
    io.savemat(inst / "2008_000002.mat", {"GTinst": {"Segmentation": numbers, "Categories": [[20], [12]]}})
    path = tmp_path / "benchmark"
    assert recognise(path).name == "sbd"
    (record,) = dialect_named("sbd").read(path, Reading())
    assert (record.file_name, record.width, record.height) == ("2008_000002.jpg", 7, 5)
    assert [(i.category, i.modal_box) for i in record.instances] == [(19, (1, 1, 4, 3)), (11, (5, 3, 7, 5))]
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (7, 5)).save(tmp_path / "pictures/2008_000002.png")
    (record,) = dialect_named("sbd").read(path, Reading(images=tmp_path / "pictures"))
    assert record.file_name == "2008_000002.png"


def test_voc_keeps_its_numbers_and_others_their_names(tmp_path: Path) -> None:
    mask = Mask.from_box((1, 1, 4, 4), 9, 9)
    for name, number in (("dog", 12), ("teapot", 1)):
        album = Album([ImageRecord(1, "a.jpg", 9, 9, (Instance(1, 0, mask.box, mask),))], [Category(1, name)])
        dialect = dialect_named("sbd")
        assert dialect.write is not None
        dialect.write(album, tmp_path / name)
        truth = io.loadmat(tmp_path / name / "inst/a.mat", simplify_cells=True)["GTinst"]
        assert truth["Categories"] == number and truth["Segmentation"].sum() == 9
        assert io.loadmat(tmp_path / name / "cls/a.mat", simplify_cells=True)["GTcls"]["Segmentation"].max() == number
        again = dialect.read(tmp_path / name, Reading())
        assert again.categories[again[0].instances[0].category].name == name


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({"Segmentation": np.eye(3), "Categories": []}, "object 1: each object of GTinst.Segmentation"),
        ({"Segmentation": np.eye(3), "Categories": [[21]]}, "number from 1 to 20"),
        ({"Segmentation": np.eye(3) / 2, "Categories": [[1]]}, "array of whole numbers"),
        ({"Segmentation": "none", "Categories": [[1]]}, "array of whole numbers"),
        ({"Segmentation": np.full((3, 3), 1e12), "Categories": [[1]]}, "counts objects"),
        ({"Segmentation": np.zeros((0, 3)), "Categories": [[1]]}, "one number a pixel"),
    ],
)
def test_broken(tmp_path: Path, truth: dict[str, Any], message: str) -> None:
    (tmp_path / "inst").mkdir()
    io.savemat(tmp_path / "inst/a.mat", {"GTinst": truth})
    with pytest.raises(AnnotationError, match=r"a\.mat") as caught:
        dialect_named("sbd").read(tmp_path, Reading())
    assert message in str(caught.value)


def test_objects_without_a_pixel_of_their_own_are_left_out_by_name(tmp_path: Path) -> None:
    small, large = Mask.from_box((2, 2, 4, 4), 9, 9), Mask.from_box((1, 1, 6, 6), 9, 9)
    front, behind = Instance(1, 0, large.box, large, order=1), Instance(2, 0, small.box, small, order=2)
    album = Album([ImageRecord(1, "a.jpg", 9, 9, (behind, front))], [Category(1, "a  cup ")], source="a.json")
    dialect = dialect_named("sbd")
    found = {loss.what: loss for loss in losses(album, dialect)}
    covered = found["objects wholly covered by others"]
    assert (covered.count, covered.examples) == (1, ["annotation 2"]) and covered.what in LEFT_OUT
    squeezed = found["names of categories with blanks around or several together, or of several lines"]
    assert squeezed.examples[0] == "'a  cup '"
    assert dialect.write is not None
    dialect.write(album, tmp_path / "out")
    again = dialect.read(tmp_path / "out", Reading())
    assert len(again.annotation_ids) == 2 - covered.count and again.categories[0].name == "a cup"
    named = {loss.what for loss in losses(again, dialect, source=dialect)}
    assert not [what for what in named if "covered" in what or "blanks" in what]
