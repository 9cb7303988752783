"""BOP: 6D poses of objects whose meshes are known, rendered to exact amodal and visible masks. Read only.

Where there are no meshes, its own masks are read (``bopmasks``); of what is said below, poses and cameras are then not
needed, and what is not annotated hides as it does in these masks.

A scene is a folder with ``scene_gt.json`` (``obj_id``, ``cam_R_m2c`` row by row, ``cam_t_m2c`` by picture) and
``scene_camera.json`` (``cam_K``); the meshes are ``models/obj_000001.ply`` in the data set's folder. The path given
is a scene, a split (a folder of scenes) or the data set's folder; where it has no ``models``, the one of the data set
around it is taken. Amodal masks are what the mesh covers of the picture, visible masks what no OTHER ANNOTATED object
covers: hands and clutter without a pose hide nothing. An object that shows no pixel is left out. ``order`` is there
where the pairs that hide each other can be ranked. Picture ids are the file's, plus a million times the scene's where
there are several scenes; where two would have the same, the later one has another million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from ..core.masks import Mask
from ..core.records import Category, ImageRecord, Instance
from .bopmasks import has_masks, hiding_pairs, masks_size, read_masks
from .dialects import Dialect, Holds, Reading
from .folders import PICTURES, find
from .jsonfile import read_json
from .mesh import Mesh, read_ply
from .render import draw_depth, visible_masks

_SCENES = ("scene_gt.json", "*/scene_gt.json", "*/*/scene_gt.json")
_REMEDY = "correct it, or take the object out"
_SCENE_ID = 1_000_000
_MOST_PX = 200_000_000
"""Of all objects of a picture together: 1.6 GB; the data sets' own stay below two thirds of it."""
_INFO = ("px_count_all", "px_count_visib", "visib_fract")


@dataclass
class _Models:
    """The meshes, each read when it is first met."""

    folder: Path
    read: dict[int, Mesh] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Mesh:
        if number not in self.read:
            self.read[number] = read_ply(self.folder / f"obj_{number:06d}.ply")
        return self.read[number]


class _PictureIds:
    """Ids of the pictures of several scenes, by each scene's place among them and the picture's number.

    A scene has a million of them: that of its number, or of its place where its name is no number; where another scene
    has that, one beyond all that are taken. A number of a million or more lies in a further one, found alike.
    """

    def __init__(self, names: list[str]) -> None:
        self._several = len(names) > 1
        self._millions: dict[tuple[int, int], int] = {}
        self._taken: set[int] = set()
        numbers = {i: int(name) for i, name in enumerate(names) if name.isdecimal() and len(name) < 10}
        for i in sorted(range(len(names)), key=lambda i: i not in numbers):
            self._take((i, 0), numbers.get(i, i))

    def __call__(self, place: int, number: int) -> int:
        if not self._several:
            return number
        million, rest = divmod(number, _SCENE_ID)
        if (place, million) not in self._millions:
            self._take((place, million), self._millions[place, 0] + million)
        return self._millions[place, million] * _SCENE_ID + rest

    def _take(self, key: tuple[int, int], wanted: int) -> None:
        self._millions[key] = wanted if wanted not in self._taken else max(self._taken) + 1
        self._taken.add(self._millions[key])


def _recognise(path: Path) -> bool:
    return any(find(path, pattern, most=1) for pattern in _SCENES)


def _read(path: Path, how: Reading) -> Album:
    scenes = [file.parent for pattern in _SCENES for file in find(path, pattern)]
    models, sizes = _meshes(path, scenes)
    records: list[ImageRecord] = []
    kinds: set[int] = set()
    next_id = 1
    ids = _PictureIds([scene.name for scene in scenes])
    for place, scene in enumerate(scenes):
        for image in _scene(path, scene, partial(ids, place), sizes, models, how):
            numbered = tuple(replace(instance, id=instance.id + next_id) for instance in image.instances)
            pairs = tuple((front + next_id, behind + next_id) for front, behind in image.occlusions)
            records.append(ImageRecord(image.id, image.file_name, image.width, image.height, numbered, pairs))
            kinds.update(instance.category for instance in numbered)
            next_id += len(numbered)
    places = {number: place for place, number in enumerate(sorted(kinds))}
    final = (
        replace(record, instances=tuple(replace(i, category=places[i.category]) for i in record.instances))
        for record in records
    )
    return Album(final, tuple(Category(number, f"obj_{number:06d}") for number in places), source=path)


def _meshes(path: Path, scenes: list[Path]) -> tuple[_Models | None, tuple[int, int] | None]:
    """The meshes, None where the scenes' own masks are to be read; the pictures' size where the data set has one.

    ``models`` is that of the path given, or of the data set it is a scene or split of.
    """
    around = [path, *path.resolve().parents[:2]]
    found = next((folder for folder in around if (folder / "models").is_dir()), None)
    if found is not None:
        return _Models(found / "models"), _camera_size(found)
    for scene in scenes:
        if not has_masks(scene):
            raise AnnotationError(
                "the meshes are in models/ of the data set, or each scene has its masks in mask/ and mask_visib/",
                file=path,
                value=f"neither for {scene.name}",
                remedy="unpack the data set's models beside its splits, or the masks into the scenes",
            )
    return None, next((size for folder in around if (size := _camera_size(folder)) is not None), None)


def _camera_size(dataset: Path) -> tuple[int, int] | None:
    """Size of the pictures by ``camera.json`` of the data set, for scenes whose pictures are not there."""
    file = dataset / "camera.json"
    content = read_json(file) if file.is_file() else {}
    size = [content.get(key) for key in ("width", "height")] if isinstance(content, dict) else []
    known = [v for v in size if type(v) is int and 0 < v < 20_000]
    return (known[0], known[1]) if len(known) == 2 else None


def _scene(
    path: Path,
    scene: Path,
    number: Callable[[int], int],
    size: tuple[int, int] | None,
    models: _Models | None,
    how: Reading,
) -> Iterator[ImageRecord]:
    truth = _by_image(scene / "scene_gt.json")
    cameras = {} if models is None else _by_image(scene / "scene_camera.json")
    info = _by_image(scene / "scene_gt_info.json") if (scene / "scene_gt_info.json").is_file() else {}
    pictures = {
        int(file.stem): file
        for room in ("gray", "rgb")
        for file in find(scene / room, "*")
        if file.suffix.lower() in PICTURES and file.stem.isdecimal() and file.stem.isascii()
    }
    for key in sorted(truth, key=int):
        record, picture_id = f"image {key}", number(int(key))
        try:
            picture = pictures.get(int(key))
            found = read_size(picture) if picture is not None else size
            if found is None and models is None:
                found = masks_size(scene, int(key))
            if found is None:
                rule, remedy = "the picture's size is known", "add its picture in rgb/, or camera.json with the size"
                raise AnnotationError(rule, file=scene / "scene_gt.json", record=record, remedy=remedy)
            entries = _entries(truth[key], scene, record)
            if models is None:
                instances, pairs = _masked(entries, info.get(key), int(key), found, scene, record, how)
            else:
                camera = _camera(cameras.get(key), scene / "scene_camera.json", record)
                instances, pairs = _drawn(entries, info.get(key), camera, found, models, scene, record, how)
        except AmodalError as problem:
            how.bad(problem)
            continue
        name = (picture or scene / "rgb" / f"{int(key):06d}.png").relative_to(path).as_posix()
        yield ImageRecord(picture_id, name, *found, instances, pairs)


def _by_image(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict) or not all(k.isdecimal() and k.isascii() and len(k) < 10 for k in content):
        raise AnnotationError("a BOP file is an object by picture number", file=file, remedy="copy it again")
    if len({int(key) for key in content}) < len(content):
        raise AnnotationError(
            "a BOP file names each picture once, with or without zeros", file=file, remedy="correct it"
        )
    return content


def _camera(entry: Any, file: Path, record: str) -> NDArray[np.float64]:
    camera = _floats(entry.get("cam_K") if isinstance(entry, dict) else None, 9)
    if camera is None or camera[8] != 1 or camera[0] <= 0 or camera[4] <= 0 or camera[6:8].any():
        rule = "cam_K is fx, s, cx, 0, fy, cy, 0, 0, 1"
        raise AnnotationError(rule, file=file, record=record, value=entry, remedy="add it, row by row")
    return camera.reshape(3, 3)


def _floats(value: Any, count: int) -> NDArray[np.float64] | None:
    if not isinstance(value, list) or len(value) != count or not all(type(v) in (int, float) for v in value):
        return None
    try:
        numbers = np.array(value, dtype=np.float64)
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None


_Objects = tuple[tuple[Instance, ...], tuple[tuple[int, int], ...]]
"""Objects of a picture with ids 0, 1, ..., category the model's number, and (front, behind) ids."""


def _entries(entries: Any, scene: Path, record: str) -> list[Any]:
    if not isinstance(entries, list):
        raise AnnotationError(
            "a picture has a list of poses",
            file=scene / "scene_gt.json",
            record=record,
            value=entries,
            remedy="write [] where there are none",
        )
    return entries


def _drawn(
    entries: list[Any],
    info: Any,
    camera: NDArray[np.float64],
    size: tuple[int, int],
    models: _Models,
    scene: Path,
    record: str,
    how: Reading,
) -> _Objects:
    """From the meshes."""
    if len(entries) * size[0] * size[1] > _MOST_PX:
        rule = (
            f"width x height x objects of a picture is {_MOST_PX} at the most: all are drawn before they are compared"
        )
        drawn = f"{size[0]} x {size[1]} x {len(entries)}"
        raise AnnotationError(rule, file=scene / "scene_gt.json", record=record, value=drawn, remedy="make it smaller")
    layers, told = [], []
    for i, entry in enumerate(entries):
        try:
            layers.append(_draw(entry, camera, size, models, scene / "scene_gt.json", f"{record}, object {i}"))
        except AmodalError as problem:
            how.bad(problem)
            continue
        told.append(_told(entry["obj_id"], i, info))
    shown = visible_masks(layers)
    seen = [i for i, mask in enumerate(shown) if mask.any()]
    masks = [(Mask.from_array(layers[i] > 0), Mask.from_array(shown[i])) for i in seen]
    pairs = _pairs([layers[i] for i in seen])
    return _objects(masks, [told[i] for i in seen], pairs, [float(layers[i].max()) for i in seen])


def _masked(
    entries: list[Any], info: Any, picture: int, size: tuple[int, int], scene: Path, record: str, how: Reading
) -> _Objects:
    """From the scene's own masks."""
    masks, told, nearness = [], [], []
    for i, entry in enumerate(entries):
        name = f"{record}, object {i}"
        try:
            number = _number(entry, scene / "scene_gt.json", name)
            whole, seen = read_masks(scene, picture, i, size, name)
        except AmodalError as problem:
            how.bad(problem)
            continue
        if seen.is_empty:
            continue
        shift = _floats(entry.get("cam_t_m2c"), 3)
        masks.append((whole | seen, seen))  # what is seen is part of it
        told.append(_told(number, i, info))
        nearness.append(-np.inf if shift is None else -float(shift[2]))
    return _objects(masks, told, hiding_pairs(masks), nearness)


def _told(number: int, place: int, info: Any) -> tuple[int, dict[str, Any]]:
    """An object's model, and its further fields."""
    more = info[place] if isinstance(info, list) and place < len(info) and isinstance(info[place], dict) else {}
    return number, {"gt_index": place, **{key: more[key] for key in _INFO if key in more}}


def _objects(
    masks: list[tuple[Mask, Mask]],
    told: list[tuple[int, dict[str, Any]]],
    pairs: list[tuple[int, int]],
    nearness: list[float],
) -> _Objects:
    orders = _ranks(nearness, pairs)
    instances = [
        Instance(
            id=place,
            category=number,
            modal_box=visible.box,
            modal_mask=visible,
            amodal_box=whole.box,
            amodal_mask=whole,
            occlude_rate=1 - visible.area / whole.area,
            order=orders[place] if orders else None,
            extra=extra,
        )
        for place, ((whole, visible), (number, extra)) in enumerate(zip(masks, told, strict=True))
    ]
    return tuple(instances), tuple(pairs)


def _number(entry: Any, file: Path, record: str) -> int:
    number = entry.get("obj_id") if isinstance(entry, dict) else None
    if type(number) is not int or not 0 <= number < 10**6:
        rule = "obj_id is the number of a model"
        raise AnnotationError(rule, file=file, record=record, value=number, remedy=_REMEDY)
    return number


def _draw(
    entry: Any, camera: NDArray[np.float64], size: tuple[int, int], models: _Models, file: Path, record: str
) -> NDArray[np.float64]:
    number = _number(entry, file, record)
    turn, shift = _floats(entry.get("cam_R_m2c"), 9), _floats(entry.get("cam_t_m2c"), 3)
    if turn is None or shift is None:
        raise AnnotationError(
            "a pose is cam_R_m2c (9 numbers) and cam_t_m2c (3)",
            file=file,
            record=record,
            value=entry,
            remedy=_REMEDY,
        )
    turn = turn.reshape(3, 3)
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-2):
        rule = "cam_R_m2c is a rotation"
        raise AnnotationError(rule, file=file, record=record, value=turn.tolist(), remedy=_REMEDY)
    mesh = models[number]
    try:
        return draw_depth(mesh.vertices @ turn.T + shift, mesh.faces, camera, *size)
    except ValueError as problem:
        remedy = "give millimetres and pixels"
        raise AnnotationError(
            f"an object can be drawn; {problem}", file=file, record=record, value=shift.tolist(), remedy=remedy
        ) from None


def _pairs(layers: list[NDArray[np.float64]]) -> list[tuple[int, int]]:
    """(front, behind) of each two that meet: the front one is the nearer on most of the pixels both cover."""
    pairs = []
    for i in range(len(layers)):
        for j in range(i + 1, len(layers)):
            both = (layers[i] > 0) & (layers[j] > 0)
            if both.any():
                nearer = int((layers[i] > layers[j])[both].sum()) * 2 >= int(both.sum())
                pairs.append((i, j) if nearer else (j, i))
    return pairs


def _ranks(nearness: list[float], pairs: list[tuple[int, int]]) -> list[int] | None:
    """Depth ranks, 1 = front: an object comes after all that hide it, of those that may come next the nearest first.

    None where some hide each other in a ring.
    """
    before = {i: {front for front, behind in pairs if behind == i} for i in range(len(nearness))}
    ranks = [0] * len(nearness)
    rank = 1
    while before:
        may_come = [i for i, fronts in before.items() if not fronts & before.keys()]
        free = max(may_come, key=lambda i: nearness[i], default=None)
        if free is None:
            return None
        ranks[free] = rank
        rank += 1
        del before[free]
    return ranks


DIALECT = Dialect(
    "bop",
    "BOP (poses and meshes, rendered)",
    "folder",
    frozenset(
        {
            *(Holds.MODAL_MASK, Holds.AMODAL_MASK, Holds.PIXELS, Holds.OVERLAP, Holds.EMPTY_IMAGES),
            *(Holds.ORDER, Holds.OCCLUSIONS, Holds.OCCLUDE_RATE, Holds.IMAGE_IDS, Holds.CATEGORY_IDS),
        }
    ),
    _recognise,
    _read,
)
