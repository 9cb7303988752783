"""What tests share: the repository's root, and a tiny annotated set of two pictures."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

settings.register_profile("amodal", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("amodal")

# Two pictures; the second annotation is hidden by the first. Sizes differ, so a swap of width and height shows.
TINY_COCO: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 3, "file_name": "sub/b.png", "width": 20, "height": 24},
    ],
    "annotations": [
        {
            "id": 11,
            "image_id": 3,
            "category_id": 5,
            "bbox": [2, 3, 10, 12],
            "segmentation": [[2, 3, 12, 3, 12, 15, 2, 15]],
        },
        {
            "id": 12,
            "image_id": 7,
            "category_id": 9,
            "bbox": [10, 5, 20, 10],
            "segmentation": [[10, 5, 30, 5, 30, 15, 10, 15]],
        },
        {"id": 13, "image_id": 3, "category_id": 5, "bbox": [8, 8, 11, 14], "iscrowd": 0},
    ],
    "categories": [{"id": 9, "name": "cup"}, {"id": 5, "name": "dog"}],
}


@pytest.fixture
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def tiny_coco() -> dict[str, Any]:
    """A fresh copy of `TINY_COCO`, to be broken at will."""
    return copy.deepcopy(TINY_COCO)


@pytest.fixture
def write_file(tmp_path: Path) -> Callable[[object], Path]:
    """Writes what it is given as JSON (bytes as they are) and says where."""

    def write(content: object, name: str = "annotations.json") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


@pytest.fixture
def tiny_set(tmp_path: Path, tiny_coco: dict[str, Any]) -> tuple[Path, Path]:
    """`TINY_COCO` with its pictures: the folder of the pictures and the annotation file."""
    rng = np.random.default_rng(0)
    for image in tiny_coco["images"]:
        path = tmp_path / "images" / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (image["height"], image["width"], 3), dtype=np.uint8)).save(path)
    annotations = tmp_path / "annotations.json"
    annotations.write_text(json.dumps(tiny_coco))
    return tmp_path / "images", annotations
