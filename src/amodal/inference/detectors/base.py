"""What every source of boxes and masks gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...core import boxes as bx
from ...core.errors import AmodalError
from ...core.masks import Mask
from ...core.records import Category

FIRST_OWN_ID = 91
"""Categories that COCO does not have get ids from here on: COCO's own end at 90."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object a detector found.

    Attributes:
        box: modal box, xyxy, inside the picture.
        category: place in the detector's `Detector.categories`.
        name: the category's name.
        score: confidence, 0-1.
        mask: its visible pixels, of the picture's size; None from a detector of boxes.
    """

    box: bx.Box
    category: int
    name: str
    score: float
    mask: Mask | None = None


class Detector(Protocol):
    """Finds the objects of one picture.

    Attributes:
        categories: the kinds of object it tells apart.
    """

    @property
    def categories(self) -> tuple[Category, ...]: ...

    def detect(self, image: NDArray[np.uint8], min_score: float = 0.3) -> list[Detection]:
        """Objects of one picture, the surest first.

        Args:
            image: uint8 ``(H, W, 3)``, RGB.
            min_score: objects below it are left out, 0-1.

        Raises:
            AmodalError: ``min_score`` is not a number from 0 to 1.
            ImageError: the picture is no such array.
        """
        ...


class Segmenter(Protocol):
    """Finds the visible pixels inside boxes."""

    def segment(self, image: NDArray[np.uint8], boxes: Sequence[bx.Box]) -> list[Mask]:
        """One mask of the picture's size for each box xyxy; one without a pixel where nothing was found."""
        ...


@cache
def coco_categories() -> tuple[Category, ...]:
    """COCO's 80 categories with COCO's own ids, in the order of their ids.

    >>> coco_categories()[2].id, coco_categories()[2].name
    (3, 'car')
    """
    path = package_folder() / "yolox" / "coco_categories.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Category(entry["id"], entry["name"]) for entry in entries)


def named_categories(names: Sequence[str]) -> tuple[Category, ...]:
    """Categories of these names: COCO's ids for COCO's names, ids from 91 on for the others.

    >>> [(c.id, c.name) for c in named_categories(["mug", "dog"])]
    [(91, 'mug'), (18, 'dog')]
    """
    coco = {category.name: category for category in coco_categories()}
    own = [name for name in dict.fromkeys(names) if name not in coco]
    return tuple(coco.get(name) or Category(FIRST_OWN_ID + own.index(name), name) for name in dict.fromkeys(names))


_DARKNET = {"aeroplane": "airplane", "motorbike": "motorcycle", "sofa": "couch", "tvmonitor": "tv"}
_DARKNET |= {"diningtable": "dining table", "pottedplant": "potted plant"}


def coco_spelling(names: Sequence[str]) -> list[str]:
    """The names with those of COCO's 80 kinds as COCO spells them, where all 80 are among them.

    RT-DETR and others spell six of them as darknet's list does.
    """
    spelt = [_DARKNET.get(name, name) for name in names]
    return spelt if {category.name for category in coco_categories()} <= set(spelt) else list(names)


def check_score(min_score: float) -> None:
    """Refuse a least score that is not a number from 0 to 1."""
    if not 0 <= min_score <= 1:
        raise AmodalError("a score is a number from 0 to 1", value=min_score)


def package_folder() -> Path:
    """``amodal/inference`` of this installation."""
    return Path(str(resources.files("amodal"))) / "inference"
