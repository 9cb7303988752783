from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError
from amodal.datasets.dialects import Reading, dialect_named, recognise
from amodal.datasets.matfile import write_mat
from amodal.datasets.pascal3d import project

VIEW = {"azimuth": 30.0, "elevation": 20.0, "theta": 10.0, "distance": 5.0, "focal": 1.0, "px": 51.0, "py": 40.0}
VIEW |= {"viewport": 200.0}
BOX = np.array([[x, y, z] for x in (-0.3, 0.3) for y in (-0.8, 0.8) for z in (-0.2, 0.2)])
FACES = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
TRIANGLES = np.array([t for a, b, c, d in FACES for t in ((a, b, c), (a, c, d))]) + 1  # MATLAB counts from 1


def devkit(points: np.ndarray, view: dict[str, float]) -> np.ndarray:
    """The data set's project_3d, step by step: where points fall, counted from 1."""
    a, e, d, t = (
        np.deg2rad(view[k]) if k != "distance" else view[k] for k in ("azimuth", "elevation", "distance", "theta")
    )
    centre = np.array([d * np.cos(e) * np.sin(a), -d * np.cos(e) * np.cos(a), d * np.sin(e)])[:, None]
    a, e = -a, -(np.pi / 2 - e)
    rz = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    rx = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    r = rx @ rz
    m = view["viewport"]
    p = np.array([[m * view["focal"], 0, 0], [0, m * view["focal"], 0], [0, 0, -1]]) @ np.hstack([r, -r @ centre])
    x = p @ np.hstack([points, np.ones((len(points), 1))]).T
    x = x[:2] / x[2]
    x = (np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) @ x).T
    x[:, 1] *= -1
    return np.asarray(x + np.array([view["px"], view["py"]]))


@pytest.mark.parametrize("seed", range(5))
def test_points_fall_where_the_data_sets_own_code_puts_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = VIEW | {"azimuth": rng.uniform(0, 360), "elevation": rng.uniform(-80, 80), "theta": rng.uniform(-90, 90)}
    points = rng.uniform(-0.5, 0.5, (20, 3))
    seen, camera = project(points, view)
    assert (seen[:, 2] > 0).all()
    at = seen @ camera.T
    assert np.allclose(at[:, :2] / at[:, 2:], devkit(points, view) - 0.5)


def number(value: float) -> np.ndarray:
    return np.array([[float(value)]])


def entry(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"class": "car", "bbox": np.array([[10.0, 20, 60, 55]]), "cad_index": number(2)}
    base |= {"occluded": number(1), "truncated": number(0), "difficult": number(0)}
    return base | {"viewpoint": [{k: number(v) for k, v in VIEW.items()}]} | changes


def make(root: Path, *objects: dict[str, Any], **record: Any) -> Path:
    (root / "Annotations/car_pascal").mkdir(parents=True)
    (root / "CAD").mkdir()
    models = [{"vertices": BOX * k, "faces": TRIANGLES.astype(np.float64)} for k in (9.0, 1.0)]
    write_mat(root / "CAD/car.mat", {"car": models})
    base = {"filename": "2008_1.jpg", "imgsize": np.array([[100.0, 80, 3]]), "objects": list(objects)}
    write_mat(root / "Annotations/car_pascal/2008_1.mat", {"record": [base | record]})
    return root


def test_an_object_and_its_projection(tmp_path: Path) -> None:
    root = make(tmp_path, entry(), entry(viewpoint=[{k: number(0 if k == "distance" else v) for k, v in VIEW.items()}]))
    assert recognise(root).name == "pascal3d" and dialect_named("pascal3d").write is None
    album = dialect_named("pascal3d").read(root, Reading())
    (record,) = album
    assert (record.file_name, record.width, record.height) == ("car_pascal/2008_1.jpg", 100, 80)
    posed, alone = record.instances
    assert album.categories[posed.category].name == "car"
    assert posed.modal_box == (9, 19, 60, 55) and posed.modal_mask is None
    assert (posed.is_occluded, posed.is_truncated) == (True, False)
    assert posed.amodal_mask is not None and posed.amodal_box == posed.amodal_mask.box
    corners = devkit(BOX, VIEW) - 0.5
    assert np.abs(np.array(posed.amodal_box) - [*corners.min(axis=0), *corners.max(axis=0)]).max() <= 1
    # its silhouette is the hull of the corners: their convex polygon has about as many pixels
    hull = hull_area(corners)
    assert abs(posed.amodal_mask.area - hull) < 0.03 * hull
    assert alone.amodal_mask is None and alone.modal_box == (9, 19, 60, 55)  # distance 0: nobody aligned a model


def hull_area(points: np.ndarray) -> float:
    points = points[np.lexsort((points[:, 1], points[:, 0]))]

    def half(order: np.ndarray) -> list[np.ndarray]:
        chain: list[np.ndarray] = []
        for p in order:
            while len(chain) > 1 and np.linalg.det([chain[-1] - chain[-2], p - chain[-2]]) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    x, y = np.array(half(points) + half(points[::-1])).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class": "../car"}, "the class has models"),
        ({"class": np.zeros((0, 0))}, "has a class"),
        ({"cad_index": number(3)}, "one of the 2 models"),
        ({"bbox": number(1)}, "bbox of four numbers"),
        (
            {"viewpoint": [{k: number(v) for k, v in (VIEW | {"px": 1e300}).items()}]},
            "an object can be drawn; it falls nowhere",
        ),
        ({"bbox": np.array([[10.0, 20, 5, 55]])}, "x1 < x2 and y1 < y2; found [10.0, 20.0, 5.0, 55.0]"),
    ],
)
def test_broken_objects(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    root = make(tmp_path, entry(), entry(**changes))
    with pytest.raises(AmodalError) as caught:
        dialect_named("pascal3d").read(root, Reading())
    assert message in str(caught.value) and "2008_1.mat: object 2" in str(caught.value)
    found: list[AmodalError] = []
    (record,) = dialect_named("pascal3d").read(root, Reading(on_bad=found.append))
    assert len(found) == 1 and len(record.instances) == 1


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"filename": "../../a.jpg"}, "inside the folder"),
        ({"imgsize": np.array([[1e9, 8]])}, "width, height, depth"),
        ({"imgsize": np.array([[19_999, 19_999.0]])}, "25000000 pixels at the most"),
    ],
)
def test_broken_records(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(AmodalError, match=message):
        dialect_named("pascal3d").read(make(tmp_path, entry(), **record), Reading())


def test_a_model_of_faces_that_are_not_there(tmp_path: Path) -> None:
    root = make(tmp_path, entry())
    write_mat(root / "CAD/car.mat", {"car": [{"vertices": BOX, "faces": TRIANGLES * 2.0}] * 2})
    with pytest.raises(AmodalError, match="model 1: a mesh has finite vertices"):
        dialect_named("pascal3d").read(root, Reading())
