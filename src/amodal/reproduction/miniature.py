"""Small copies of the paper's data sets in their true formats, made from drawn shapes: what ``--quick`` runs on.

Every file is of the format the real data set has (VOC's XML and index PNGs, SBD's and PASCAL 3D+'s MATLAB files, COCO
results), so everything runs; the pictures show coloured shapes, so the numbers mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core import boxes as bx
from ..core.album import Album
from ..core.masks import Mask
from ..core.random import generator
from ..core.records import Category, ImageRecord, Instance
from ..datasets.dialects import dialect_named
from ..datasets.folders import VOC_NAMES
from ..datasets.jsonfile import write_json
from ..datasets.matfile import write_mat
from ..metrics.occlusion import OCCLUDED_ABOVE, hidden_frac
from .select import select_objects
from .sources import open_voc

W, H = 180, 140
KINDS = ("bus", "car", "dog", "person")
"""The categories drawn; the first two also get CAD models."""
_RIGID = KINDS[:2]
_COLOURS = {"bus": (205, 60, 50), "car": (60, 110, 210), "dog": (190, 140, 60), "person": (70, 170, 90)}
_BEYOND = 40
"""How far shapes may lie outside a picture: some are truncated."""


@dataclass(frozen=True, slots=True)
class Miniature:
    """Where the copies lie.

    Attributes:
        voc, sbd, pascal3d: folders as the real data sets have them.
        drawn: COCO file of the objects `select_objects` chooses, with their whole masks.
        detections: COCO results of a made-up detector for the VOC pictures.
    """

    voc: Path
    sbd: Path
    pascal3d: Path
    drawn: Path
    detections: Path


def make_miniature(folder: Path, *, pictures: int = 8, seed: int = 0) -> Miniature:
    """Make the copies; the same arguments give the same bytes. A folder that is complete already is taken as it is.

    Args:
        folder: made where it does not exist.
        pictures: how many the VOC copy has, 4 objects each.
        seed: of what is drawn.
    """
    made = Miniature(
        folder / "VOC2012", folder / "SBD", folder / "PASCAL3D", folder / "drawn.json", folder / "detections.json"
    )
    if made.detections.exists():  # written last
        return made
    album, photos = _draw(pictures, seed)
    _write_folder("voc", album, made.voc, made.voc / "JPEGImages", photos)
    stems = "".join(f"{Path(record.file_name).stem}\n" for record in album)
    (made.voc / "ImageSets/Segmentation/val.txt").write_text(stems, "utf-8")
    training, training_photos = _draw(max(pictures // 2, 4), seed + 1)
    _write_folder("sbd", training, made.sbd, made.sbd / "img", training_photos)
    _write_pascal3d(made.pascal3d, album, photos)
    chosen = select_objects(album)
    write = dialect_named("coco-amodal").write
    assert write is not None
    write(chosen, made.drawn)
    write_json(made.detections, _detections(open_voc(made.voc).album, seed))
    return made


def _draw(pictures: int, seed: int) -> tuple[Album, list[NDArray[np.uint8]]]:
    records, photos = [], []
    for number in range(1, pictures + 1):
        rng = generator(seed, 1, number)
        photo = _background(rng)
        wholes: list[Mask] = []
        order = rng.permutation(len(KINDS)).tolist()
        for kind in order:
            shape = _shape(rng, KINDS[kind])
            stripes = (np.add.outer(np.arange(H), np.arange(W)) // 5 % 2)[..., None] * 24
            colour = np.clip(np.array(_COLOURS[KINDS[kind]]) - stripes + rng.normal(0, 6, (H, W, 3)), 0, 255)
            photo[shape] = colour[shape].astype(np.uint8)
            wholes.append(Mask.from_array(shape))
        instances = []
        for place, kind in enumerate(order):  # later ones lie in front
            seen = wholes[place]
            for front in wholes[place + 1 :]:
                seen = seen - front
            if seen.area < 60:
                continue
            x1, y1, x2, y2 = wholes[place].box
            instances.append(
                Instance(
                    number * 10 + place,
                    VOC_NAMES.index(KINDS[kind]),
                    seen.box,
                    seen,
                    wholes[place].box,
                    wholes[place],
                    is_occluded=hidden_frac(seen, wholes[place]) > OCCLUDED_ABOVE,
                    is_truncated=x1 <= 0 or y1 <= 0 or x2 >= W or y2 >= H,
                    is_difficult=False,
                )
            )
        records.append(ImageRecord(number, f"2008_{seed:02d}{number:04d}.jpg", W, H, tuple(instances)))
        photos.append(photo)
    return Album(records, [Category(i, name) for i, name in enumerate(VOC_NAMES, 1)], source="miniature"), photos


def _background(rng: np.random.Generator) -> NDArray[np.uint8]:
    ramp = np.linspace(90, 190, H)[:, None, None] * np.array([0.9, 1.0, 0.95])
    return np.asarray(np.clip(ramp + rng.normal(0, 8, (H, W, 3)), 0, 255), dtype=np.uint8)


def _shape(rng: np.random.Generator, kind: str) -> NDArray[np.bool_]:
    """A rectangle for a rigid kind, an ellipse for another; bool ``(H, W)``."""
    width, height = rng.uniform(50, 100), rng.uniform(40, 80)
    x, y = rng.uniform(width / 2 - _BEYOND / 2, W - width / 2), rng.uniform(height / 2 - _BEYOND / 2, H - height / 2)
    columns = (np.arange(W) + 0.5 - x)[None, :] / (width / 2)
    rows = (np.arange(H) + 0.5 - y)[:, None] / (height / 2)
    if kind in _RIGID:
        return np.asarray((np.abs(columns) <= 1) & (np.abs(rows) <= 1))
    return np.asarray(columns**2 + rows**2 <= 1)


def _write_folder(dialect: str, album: Album, folder: Path, images: Path, photos: Sequence[NDArray[np.uint8]]) -> None:
    write = dialect_named(dialect).write
    assert write is not None
    modal = album.filter(
        lambda record: replace(
            record, instances=tuple(replace(o, amodal_mask=None, amodal_box=None) for o in record.instances)
        )
    )
    if not folder.exists():
        write(modal, folder)
    _save_photos(album, images, photos)


def _save_photos(album: Album, folder: Path, photos: Sequence[NDArray[np.uint8]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for record, photo in zip(album, photos, strict=True):
        Image.fromarray(photo).save(folder / record.file_name, quality=92)


def _write_pascal3d(root: Path, album: Album, photos: Sequence[NDArray[np.uint8]]) -> None:
    """A thin box seen from the front for each rigid object, as large as the object: its projection is its rectangle."""
    (root / "CAD").mkdir(parents=True, exist_ok=True)
    models: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _RIGID}
    for record, photo in zip(album, photos, strict=True):
        names = [album.categories[one.category].name for one in record.instances]
        for kind in sorted(set(names) & set(_RIGID)):
            entries = []
            for one, name in zip(record.instances, names, strict=True):
                entry = _box_entry(one, name)
                if name == kind:
                    models[kind].append(_box_model(one))
                    entry |= _pose(one, len(models[kind]))
                entries.append(entry)
            folder = root / "Images" / f"{kind}_pascal"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo).save(folder / record.file_name, quality=92)
            file = root / "Annotations" / f"{kind}_pascal" / f"{Path(record.file_name).stem}.mat"
            file.parent.mkdir(parents=True, exist_ok=True)
            size = np.array([[W, H, 3.0]])
            write_mat(file, {"record": [{"filename": record.file_name, "imgsize": size, "objects": entries}]})
    for kind, meshes in models.items():
        write_mat(root / "CAD" / f"{kind}.mat", {kind: meshes})


def _box_entry(one: Instance, name: str) -> dict[str, Any]:
    flags = {"occluded": one.is_occluded, "truncated": one.is_truncated, "difficult": one.is_difficult}
    nothing = np.zeros((0, 0))
    return {
        "class": name,
        "bbox": np.array([one.modal_box]) + np.array([1, 1, 0, 0]),
        **{key: _number(bool(value)) for key, value in flags.items()},
        "viewpoint": nothing,
        "cad_index": nothing,
    }


def _box_model(one: Instance) -> dict[str, Any]:
    assert one.amodal_box is not None
    x1, y1, x2, y2 = one.amodal_box
    half = (x2 - x1) / (y2 - y1) / 2
    corners = np.array([[x, y, z] for x in (-half, half) for y in (-0.001, 0.001) for z in (-0.5, 0.5)])
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))], dtype=np.float64)
    return {"vertices": corners, "faces": triangles + 1}


def _pose(one: Instance, index: int) -> dict[str, Any]:
    assert one.amodal_box is not None
    x1, y1, x2, y2 = one.amodal_box
    view = {"azimuth": 0, "elevation": 0, "theta": 0, "focal": 1, "viewport": 3000, "distance": 3000 / (y2 - y1)}
    view |= {"px": (x1 + x2) / 2 + 0.5, "py": (y1 + y2) / 2 + 0.5}
    return {"viewpoint": [{key: _number(value) for key, value in view.items()}], "cad_index": _number(index)}


def _number(value: float) -> NDArray[np.float64]:
    return np.array([[float(value)]])


def _detections(voc: Album, seed: int) -> list[dict[str, Any]]:
    """Nine objects of ten, their boxes jittered, and one false alarm a picture."""
    entries = []
    for record in voc:
        rng = generator(seed, 2, record.id)
        for one in record.instances:
            if rng.random() < 0.9:
                entries.append(_entry(record, voc, one.category, bx.jitter(one.modal_box, rng), rng.uniform(0.4, 1)))
        width, height = rng.uniform(20, 50, 2)
        x, y = rng.uniform(0, W - width), rng.uniform(0, H - height)
        kind = VOC_NAMES.index(KINDS[int(rng.integers(len(KINDS)))])
        entries.append(_entry(record, voc, kind, (x, y, x + width, y + height), rng.uniform(0, 0.6)))
    return entries


def _entry(record: ImageRecord, voc: Album, category: int, box: bx.Box, score: float) -> dict[str, Any]:
    inside = bx.to_xywh(bx.clip(box, record.width, record.height)).round(2).tolist()
    ids = {"image_id": record.id, "category_id": voc.categories[category].id}
    return {**ids, "bbox": inside, "score": round(float(score), 4)}
