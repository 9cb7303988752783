"""PASCAL 3D+: boxes of objects, each with a CAD model and the viewpoint it is seen from. Read only.

``Annotations/CLASS_SOURCE/NAME.mat`` has ``record.objects``; the picture is ``Images/CLASS_SOURCE/NAME``. The model
``CAD/CLASS.mat`` of ``cad_index`` is seen from ``azimuth``, ``elevation`` and ``distance`` (degrees; model units),
turned by ``theta``, scaled by ``focal`` times ``viewport``, and put at ``px``, ``py``. Its filled projection is the
amodal mask: APPROXIMATE, for the model is a similar object, not the one in the picture. ``distance`` 0 means that
nobody aligned a model: the object keeps its box alone. Boxes are modal; they and px, py count pixels from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .folders import Drafts, find
from .matfile import read_mat
from .mesh import Mesh, check_mesh
from .render import draw_depth

_VIEW = ("azimuth", "elevation", "theta", "distance", "focal", "px", "py", "viewport")
_PLAINLY = Reading()
_REMEDY = "copy the file again, or take the object out"
_MOST_PX = 25_000_000


def project(vertices: NDArray[np.float64], view: dict[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The model before the camera: vertices ``(v, 3)`` in camera coordinates as `draw_depth` wants them, and K.

    Args:
        vertices: of the CAD model, z up.
        view: azimuth, elevation, theta (degrees), distance, focal, px, py, viewport, as the data set gives them.
    """
    a, e, turn = (np.deg2rad(view[key]) for key in ("azimuth", "elevation", "theta"))
    camera = view["distance"] * np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    about_z = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = e - np.pi / 2
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    in_plane = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    # the data set's camera looks along -z with y up; ours along z with y down
    seen = (vertices - camera) @ (np.diag([1.0, -1.0, -1.0]) @ in_plane @ about_x @ about_z).T
    scale = view["focal"] * view["viewport"]
    # px, py: the first pixel's middle is 1, here 0.5
    return seen, np.array([[scale, 0, view["px"] - 0.5], [0, scale, view["py"] - 0.5], [0, 0, 1]])


def _recognise(path: Path) -> bool:
    return (path / "CAD").is_dir() and bool(find(path / "Annotations", "*/*.mat", most=1))


def _read(path: Path, how: Reading) -> Album:
    return read_pictures(path, lambda _: True, how)


def read_pictures(path: Path, wanted: Callable[[Path], bool], how: Reading = _PLAINLY) -> Album:
    """The pictures of some files of the folder: all 30,000 of them take minutes to project.

    Args:
        path: with Annotations and CAD.
        wanted: of a file ``Annotations/CLASS_SOURCE/NAME.mat``, whether it is read.
        how: as for any dialect.

    Raises:
        AmodalError: as `read_annotations`.
    """
    drafts = Drafts()
    models: dict[str, list[Mesh]] = {}
    for number, file in enumerate(filter(wanted, find(path / "Annotations", "*/*.mat")), 1):
        try:
            drafts.records.append(_image(path, file, number, drafts, models, how))
        except AmodalError as problem:
            how.bad(problem)
    return drafts.album(path)


def _image(
    path: Path, file: Path, number: int, drafts: Drafts, models: dict[str, list[Mesh]], how: Reading
) -> ImageRecord:
    content = read_mat(file).get("record")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        raise AnnotationError("a PASCAL 3D+ file has one struct record", file=file, remedy="copy it again")
    record = content[0]
    name = record.get("filename")
    name = f"{file.parent.name}/{name if isinstance(name, str) and name else file.stem + '.jpg'}"
    picture = image_path(how.images or path / "Images", name, file=file)
    size = record.get("imgsize")
    if isinstance(size, np.ndarray) and size.size >= 2 and np.isfinite(size).all():
        width, height = (int(v) for v in size.ravel()[:2])
    else:
        width, height = read_size(picture)
    if width <= 0 or height <= 0 or width * height > _MOST_PX:
        rule = f"record.imgsize is width, height, depth, of {_MOST_PX} pixels at the most"
        raise AnnotationError(rule, file=file, value=(width, height), remedy="correct the size")
    objects = record.get("objects")
    instances = []
    for i, entry in enumerate(objects if isinstance(objects, list) else [], 1):
        try:
            if not isinstance(entry, dict):
                raise AnnotationError(
                    "record.objects is a list of structs",
                    file=file,
                    record=f"object {i}",
                    value=entry,
                    remedy=_REMEDY,
                )
            instances.append(_instance(path, entry, (width, height), drafts, models, file, f"object {i}"))
        except AmodalError as problem:
            how.bad(problem)
    return ImageRecord(number, name, width, height, tuple(instances))


def _instance(
    path: Path,
    entry: dict[str, Any],
    size: tuple[int, int],
    drafts: Drafts,
    models: dict[str, list[Mesh]],
    file: Path,
    record: str,
) -> Instance:
    name, box = entry.get("class"), entry.get("bbox")
    if not isinstance(name, str) or not name:
        raise AnnotationError("an object has a class", file=file, record=record, value=name, remedy=_REMEDY)
    if not isinstance(box, np.ndarray) or box.size != 4:
        rule = "an object has a bbox of four numbers"
        raise AnnotationError(rule, file=file, record=record, value=box, remedy=_REMEDY)
    edges = box.ravel()
    modal_box = bx.check(edges - [1, 1, 0, 0], *size, file=file, record=record, stated=edges.tolist())
    flags = [
        None if (v := _number(entry.get(key))) is None else v > 0 for key in ("occluded", "truncated", "difficult")
    ]
    view = _view(entry.get("viewpoint"))
    amodal: Mask | None = None
    extra: dict[str, Any] = {}
    if view is not None:
        index = _number(entry.get("cad_index"))
        meshes = models[name] if name in models else models.setdefault(name, _models(path, name, file, record))
        if index is None or not 1 <= index <= len(meshes):
            rule = f"cad_index is the number of one of the {len(meshes)} models of {name}"
            raise AnnotationError(rule, file=file, record=record, value=index, remedy=_REMEDY)
        mesh = meshes[int(index) - 1]
        seen, camera = project(mesh.vertices, view)
        try:
            amodal = Mask.from_array(draw_depth(seen, mesh.faces, camera, *size) > 0)
        except ValueError as problem:
            raise AnnotationError(
                f"an object can be drawn; {problem}", file=file, record=record, value=view, remedy="correct it"
            ) from None
        extra = {"viewpoint": view, "cad_index": int(index)}
    if amodal is not None and amodal.is_empty:
        amodal = None
    return Instance(
        id=0,
        category=drafts.place(name),
        modal_box=modal_box,
        amodal_box=None if amodal is None else amodal.box,
        amodal_mask=amodal,
        is_occluded=flags[0],
        is_truncated=flags[1],
        is_difficult=flags[2],
        extra=extra,
    )


def _view(value: Any) -> dict[str, float] | None:
    """The viewpoint; None where no model was aligned (distance 0) or none of it is known."""
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        return None
    found = {key: _number(value[0].get(key)) for key in _VIEW}
    view = {key: number for key, number in found.items() if number is not None}
    return view if len(view) == len(_VIEW) and view["distance"] > 0 else None


def _number(value: Any) -> float | None:
    if not isinstance(value, np.ndarray) or value.size != 1 or not np.isfinite(value).all():
        return None
    return float(value.ravel()[0])


def _models(path: Path, name: str, file: Path, record: str) -> list[Mesh]:
    """The CAD models of one class; the class is looked for among the files that are there."""
    place = next((found for found in find(path / "CAD", "*.mat") if found.stem == name), None)
    if place is None:
        remedy = "unpack the whole data set"
        raise AnnotationError(f"the class has models, CAD/{name}.mat", file=file, record=record, remedy=remedy)
    entries = read_mat(place).get(name)
    if not isinstance(entries, list):
        raise AnnotationError(f"the file has a list of models, {name}", file=place, remedy="copy it again")
    meshes = []
    for i, entry in enumerate(entries, 1):
        vertices, faces = (entry.get(key) if isinstance(entry, dict) else None for key in ("vertices", "faces"))
        if not all(isinstance(v, np.ndarray) and v.ndim == 2 and v.shape[1] == 3 for v in (vertices, faces)):
            rule = "a model has vertices (v, 3) and faces (f, 3)"
            raise AnnotationError(rule, file=place, record=f"model {i}", remedy="copy it again")
        assert vertices is not None and faces is not None
        mesh = Mesh(vertices.astype(np.float64), np.clip(faces, 0, 2**31).astype(np.int64) - 1)
        meshes.append(check_mesh(mesh, place, f"model {i}"))
    return meshes


DIALECT = Dialect(
    "pascal3d",
    "PASCAL 3D+ (folder)",
    "folder",
    frozenset(
        {
            *(Holds.MODAL_BOX, Holds.AMODAL_MASK, Holds.PIXELS, Holds.OVERLAP, Holds.EMPTY_IMAGES),
            *(Holds.OCCLUDED, Holds.TRUNCATED, Holds.DIFFICULT),
        }
    ),
    _recognise,
    _read,
    boxes="pixels",
)
