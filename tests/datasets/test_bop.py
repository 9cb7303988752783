from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.datasets.bop import _ranks
from amodal.datasets.bopmasks import hiding_pairs
from amodal.datasets.dialects import Reading, dialect_named, recognise
from amodal.datasets.mesh import read_ply

CORNERS = [[x, y, z] for x in (-10.0, 10.0) for y in (-10.0, 10.0) for z in (-5.0, 5.0)]
QUADS = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
K = [100.0, 0, 30, 0, 100, 20, 0, 0, 1]


def ply(kind: str = "ascii", faces: list[list[int]] = QUADS) -> bytes:
    """A box with normals and a colour, as BOP's models have them."""
    head = f"ply\nformat {kind} 1.0\ncomment made up\nelement vertex {len(CORNERS)}\n"
    head += "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx")) + "property uchar red\n"
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    if kind == "ascii":
        lines = [f"{x} {y} {z} 0 255" for x, y, z in CORNERS] + [f"{len(f)} {' '.join(map(str, f))}" for f in faces]
        return (head + "\n".join(lines) + "\n").encode()
    order = "<" if "little" in kind else ">"
    body = b"".join(struct.pack(order + "4fB", *corner, 0, 255) for corner in CORNERS)
    return head.encode() + body + b"".join(struct.pack(f"{order}B{len(f)}i", len(f), *f) for f in faces)


def pose(obj: int, x: float, y: float, z: float, **changes: Any) -> dict[str, Any]:
    return {"obj_id": obj, "cam_R_m2c": np.eye(3).ravel().tolist(), "cam_t_m2c": [x, y, z]} | changes


def make(root: Path, *poses: Any, camera: list[float] = K) -> Path:
    scene = root / "test/000002"
    (scene / "rgb").mkdir(parents=True)
    (root / "models").mkdir()
    for i, kind in ((1, "ascii"), (5, "binary_little_endian")):
        (root / f"models/obj_{i:06d}.ply").write_bytes(ply(kind))
    (scene / "scene_gt.json").write_text(json.dumps({"3": list(poses)}))
    (scene / "scene_camera.json").write_text(json.dumps({"3": {"cam_K": camera, "depth_scale": 1.0}}))
    Image.new("RGB", (64, 48)).save(scene / "rgb/000003.png")
    return root


def read(path: Path, **how: Any) -> Any:
    return dialect_named("bop").read(path, Reading(**how))


# Front faces at z = 100 and 200: u = 30 + 100 * x / z, v = 20 + 100 * y / z, so edges fall between pixels.
FRONT = Mask.from_box((20, 10, 40, 30), 64, 48)


def test_exact_masks_of_two_boxes(tmp_path: Path) -> None:
    root = make(tmp_path, pose(5, 30, 0, 205), pose(1, 0, 0, 105))
    assert recognise(root).name == "bop" and dialect_named("bop").write is None
    album = read(root)
    (record,) = album
    assert (record.id, record.file_name, record.width, record.height) == (3, "test/000002/rgb/000003.png", 64, 48)
    assert [(c.id, c.name) for c in album.categories] == [(1, "obj_000001"), (5, "obj_000005")]
    far, near = record.instances
    assert near.amodal_mask == near.modal_mask == FRONT and (near.category, near.occlude_rate) == (0, 0)
    assert far.amodal_mask == far.modal_mask == Mask.from_box((40, 15, 50, 25), 64, 48) and far.category == 1
    assert record.occlusions == () and (near.order, far.order) == (1, 2)  # they do not meet: the nearer first


def test_the_hidden_part_the_order_and_the_pair(tmp_path: Path) -> None:
    root = make(tmp_path, pose(5, 20, 0, 205), pose(1, 0, 0, 105))
    (record,) = read(root / "test/000002")  # one scene: the models are those of the data set around it
    assert record.file_name == "rgb/000003.png" and record.id == 3
    far, near = record.instances
    assert far.amodal_mask == Mask.from_box((35, 15, 45, 25), 64, 48) and far.amodal_box == (35, 15, 45, 25)
    assert far.modal_mask == Mask.from_box((40, 15, 45, 25), 64, 48) and far.modal_box == (40, 15, 45, 25)
    assert far.occlude_rate == 0.5 and near.modal_mask == near.amodal_mask == FRONT
    assert record.occlusions == ((near.id, far.id),) and (near.order, far.order) == (1, 2)


@pytest.mark.parametrize(
    ("pairs", "ranks"),
    [([], [3, 1, 2]), ([(0, 1)], [2, 3, 1]), ([(0, 2), (2, 1)], [1, 3, 2]), ([(0, 1), (1, 2), (2, 0)], None)],
)
def test_ranks(pairs: list[tuple[int, int]], ranks: list[int] | None) -> None:
    assert _ranks([0.1, 0.3, 0.2], pairs) == ranks


def test_what_shows_no_pixel_is_left_out(tmp_path: Path) -> None:
    root = make(tmp_path, pose(1, 0, 0, 105), pose(5, 0, 0, 300), pose(5, 900, 0, 300), pose(5, 0, 0, -300))
    (record,) = read(root)
    assert [i.id for i in record.instances] == [1] and record.occlusions == ()


def test_info_of_the_data_set_and_several_scenes(tmp_path: Path) -> None:
    root = make(tmp_path, pose(1, 0, 0, 105))
    scene = root / "test/000002"
    (scene / "scene_gt_info.json").write_text(json.dumps({"3": [{"visib_fract": 0.9, "bbox_obj": [1, 2, 3, 4]}]}))
    other = root / "test/000007"
    other.mkdir()
    for name in ("scene_gt.json", "scene_camera.json"):
        (other / name).write_text((scene / name).read_text())
    with pytest.raises(AnnotationError, match="picture's size is known"):
        read(root)
    (root / "camera.json").write_text(json.dumps({"width": 64, "height": 48}))
    first, second = read(root)
    assert (first.id, second.id) == (2_000_003, 7_000_003)
    assert first.instances[0].extra == {"gt_index": 0, "visib_fract": 0.9} and second.instances[0].id == 2
    assert first.instances[0].modal_mask == second.instances[0].modal_mask


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"obj_id": 1}, "a pose is cam_R_m2c"),
        (pose(1, 0, 0, 105, cam_R_m2c=[1.0] * 9), "is a rotation"),
        (pose(1, 0, 0, float("nan")), "cam_t_m2c (3)"),
        (pose(1, 1e300, 0, 105), "object 1: an object can be drawn; it falls nowhere"),
        (pose(1, 0, 0, 105, obj_id="../../1"), "obj_id is the number"),
        (pose(9, 0, 0, 105), "obj_000009.ply: the mesh cannot be read"),
        (7, "obj_id is the number"),
    ],
)
def test_broken_poses(tmp_path: Path, bad: Any, message: str) -> None:
    root = make(tmp_path, pose(1, 0, 0, 105), bad)
    with pytest.raises(AmodalError) as caught:
        read(root)
    assert message in str(caught.value)
    found: list[AmodalError] = []
    (record,) = read(root, on_bad=found.append)
    assert len(found) == 1 and len(record.instances) == 1


def test_a_picture_too_large_to_draw(tmp_path: Path) -> None:
    root = make(tmp_path, *[pose(1, 0, 0, 105)] * 2)
    (root / "test/000002/rgb/000003.png").unlink()
    (root / "camera.json").write_text(json.dumps({"width": 19_999, "height": 19_999}))
    with pytest.raises(AnnotationError, match="found '19999 x 19999 x 2'"):
        read(root)


def test_broken_files(tmp_path: Path) -> None:
    root = make(tmp_path, camera=[1.0] * 9)
    with pytest.raises(AnnotationError, match="cam_K is fx"):
        read(root)
    (root / "test/000002/scene_gt.json").write_text('{"../3": []}')
    with pytest.raises(AnnotationError, match="by picture number"):
        read(root)
    for file in (root / "models").iterdir():
        file.unlink()
    (root / "models").rmdir()
    with pytest.raises(AnnotationError, match="the meshes are in models/"):
        read(root)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("faces", [QUADS, [[0, 1, 2]], [[0, 1, 2], [0, 1, 3, 2], [0, 1, 2, 3, 4]]])
def test_meshes(tmp_path: Path, kind: str, faces: list[list[int]]) -> None:
    (tmp_path / "a.ply").write_bytes(ply(kind, faces))
    mesh = read_ply(tmp_path / "a.ply")
    assert mesh.vertices.tolist() == CORNERS
    assert mesh.faces.tolist() == [[f[0], f[i], f[i + 1]] for f in faces for i in range(1, len(f) - 1)]


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_broken_meshes(tmp_path: Path, kind: str) -> None:
    good = ply(kind)
    bad = [good[:40], good[:-30], good.replace(b"vertex 8", b"vertex 800000000"), b"", b"ply\nend_header", good[3:]]
    bad += [ply(kind, [[0, 1]]), ply(kind, [[0, 1, 99]]), good.replace(b"float x", b"word x"), ply(kind, [])]
    bad += [good.replace(b"vertex_indices", b"vertex_nothing")]
    for i, data in enumerate(bad):
        (tmp_path / f"{i}.ply").write_bytes(data)
        with pytest.raises(AnnotationError, match=rf"{i}\.ply"):
            read_ply(tmp_path / f"{i}.ply")


def several(root: Path, scenes: dict[str, tuple[int, ...]]) -> list[int]:
    """Ids of the pictures of a made-up set of these scenes, with the pictures of these numbers."""
    make(root, pose(1, 0, 0, 105))
    shutil.rmtree(root / "test")
    (root / "camera.json").write_text(json.dumps({"width": 64, "height": 48}))
    for scene, numbers in scenes.items():
        (root / scene).mkdir(parents=True)
        (root / scene / "scene_gt.json").write_text(json.dumps({str(n): [pose(1, 0, 0, 105)] for n in numbers}))
        (root / scene / "scene_camera.json").write_text(json.dumps({str(n): {"cam_K": K} for n in numbers}))
    return [record.id for record in read(root)]


@pytest.mark.parametrize(
    ("scenes", "ids"),
    [
        ({"test/000001": (0, 7), "test/000003": (1,)}, [1_000_000, 1_000_007, 3_000_001]),
        ({"test/a": (0,), "test/b": (2,)}, [0, 1_000_002]),
        ({"test/000001": (0,), "train/000001": (0,)}, [1_000_000, 2_000_000]),
        ({"test/000001": (0, 1_000_005), "test/000002": (0,)}, [1_000_000, 3_000_005, 2_000_000]),
        ({"test/000001": (0, 2_000_005), "test/000002": (0,)}, [1_000_000, 3_000_005, 2_000_000]),
        ({"test/000001": (0,), "test/foo": (0,)}, [1_000_000, 2_000_000]),
        ({"test/000002": (0,), "train/000000": (0,), "train/000002": (0,)}, [2_000_000, 0, 3_000_000]),
        ({"test/000002": (5, 3_000_000)}, [5, 3_000_000]),
    ],
)
def test_each_picture_has_an_id_of_its_own(tmp_path: Path, scenes: dict[str, tuple[int, ...]], ids: list[int]) -> None:
    assert several(tmp_path, scenes) == ids


def test_a_picture_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    root = make(tmp_path, pose(1, 0, 0, 105))
    (root / "test/000002/scene_gt.json").write_text(json.dumps({"3": [], "03": []}))
    with pytest.raises(AnnotationError, match="names each picture once"):
        read(root)


def test_blank_lines_and_comments_of_a_mesh(tmp_path: Path) -> None:
    head, body = ply().split(b"end_header\n")
    lines = body.replace(b"\n", b"\n\n \r\n")
    (tmp_path / "a.ply").write_bytes(head.replace(b"made up", b"before end_header") + b"end_header\r\n\n" + lines)
    mesh = read_ply(tmp_path / "a.ply")
    assert mesh.vertices.tolist() == CORNERS and len(mesh.faces) == 12


def masked(root: Path, **shapes: tuple[Mask, Mask]) -> Path:
    """As BlenderProc writes it: no models; (whole, visible) of each object."""
    entries = [{"obj_id": int(name[1:]), "cam_t_m2c": [0, 0, 500 - i]} for i, name in enumerate(shapes)]
    scene = make(root, *entries) / "test/000002"
    shutil.rmtree(root / "models")
    (scene / "scene_camera.json").unlink()
    for folder, k in (("mask", 0), ("mask_visib", 1)):
        (scene / folder).mkdir()
        for i, pair in enumerate(shapes.values()):
            Image.fromarray(pair[k].to_array().astype(np.uint8) * 255).save(scene / folder / f"000003_{i:06d}.png")
    return root


BACK = Mask.from_box((10, 10, 30, 30), 64, 48)
NONE = Mask.from_array(np.zeros((48, 64), bool))


def test_without_models_the_masks_of_the_scene_are_read(tmp_path: Path) -> None:
    root = masked(tmp_path, o7=(BACK, BACK - FRONT), o3=(FRONT, FRONT), o4=(FRONT, NONE))
    assert recognise(root).name == "bop"
    (record,) = album = read(root)
    assert [(c.id, c.name) for c in album.categories] == [(3, "obj_000003"), (7, "obj_000007")]
    far, near = record.instances  # what is not seen is left out
    assert (far.amodal_mask, far.modal_mask, far.category, far.occlude_rate) == (BACK, BACK - FRONT, 1, 0.5)
    assert (near.amodal_mask, near.modal_mask, near.category, near.occlude_rate) == (FRONT, FRONT, 0, 0)
    assert record.occlusions == ((near.id, far.id),) and (near.order, far.order) == (1, 2)
    assert far.extra == {"gt_index": 0}
    (root / "test/000002/rgb/000003.png").unlink()  # the masks have the size, too
    assert (read(root)[0].width, read(root)[0].height) == (64, 48)
    (root / "models").mkdir()  # first choice
    with pytest.raises(AnnotationError, match=r"scene_camera\.json"):
        read(root)


def test_an_object_without_its_distance_is_the_farthest(tmp_path: Path) -> None:
    apart = Mask.from_box((40, 30, 50, 40), 64, 48)
    root = masked(tmp_path, o7=(BACK, BACK), o3=(apart, apart))
    file = root / "test/000002/scene_gt.json"
    truth = json.loads(file.read_text())
    del truth["3"][0]["cam_t_m2c"]
    file.write_text(json.dumps(truth))
    assert [one.order for one in read(root)[0].instances] == [2, 1]


def test_a_missing_or_wrong_mask_is_told_of_its_object(tmp_path: Path) -> None:
    root = masked(tmp_path, o7=(BACK, BACK), o3=(FRONT, FRONT), o4=(FRONT, FRONT))
    scene = root / "test/000002"
    (scene / "mask_visib/000003_000001.png").unlink()
    Image.new("L", (9, 9)).save(scene / "mask/000003_000002.png")
    found: list[AmodalError] = []
    (record,) = read(root, on_bad=found.append)
    assert [o.extra["gt_index"] for o in record.instances] == [0]
    assert "object 1: where there are no models, every object has its PNG" in str(found[0])
    assert "000003_000002.png: the mask PNG is 64 x 48 pixels" in str(found[1]) and len(found) == 2
    shutil.rmtree(scene / "mask_visib")
    with pytest.raises(AnnotationError, match=r"has its masks in mask/ and mask_visib/; found 'neither for 000002'"):
        read(root)


def test_one_that_is_seen_over_the_other_is_in_front() -> None:
    left, right = Mask.from_box((0, 0, 20, 20), 64, 48), Mask.from_box((10, 0, 40, 20), 64, 48)
    split = Mask.from_box((10, 0, 20, 12), 64, 48)  # the left one wins 120 pixels of both, the right one 80
    both = [(left, left - (right & left) | split), (right, right - split)]
    assert hiding_pairs(both) == [(0, 1)] and hiding_pairs(both[::-1]) == [(1, 0)]
    assert hiding_pairs([(left, left), (BACK, BACK), (FRONT, FRONT)]) == []  # nobody hides where all is seen
