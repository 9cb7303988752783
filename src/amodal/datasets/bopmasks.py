"""BOP's own masks, for data sets that come without meshes (as BlenderProc writes them).

``mask/000003_000001.png`` is all of object 1 of picture 3, hidden parts included; ``mask_visib`` has what is seen.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..core.errors import AnnotationError
from ..core.masks import Mask
from .folders import find, read_index_png

WHOLE, SEEN = "mask", "mask_visib"


def has_masks(scene: Path) -> bool:
    """Whether a scene has both folders."""
    return (scene / WHOLE).is_dir() and (scene / SEEN).is_dir()


def masks_size(scene: Path, picture: int) -> tuple[int, int] | None:
    """(width, height) of the masks of a picture, from the head of the first; None where it has none."""
    for file in find(scene / WHOLE, f"{picture:06d}_*.png", most=1):
        try:
            with Image.open(file, formats=["PNG"]) as image:
                return image.size
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return None  # reading it says why
    return None


def read_masks(scene: Path, picture: int, place: int, size: tuple[int, int], record: str) -> tuple[Mask, Mask]:
    """The whole and the visible mask of the object at a place of a picture's list.

    Raises:
        AnnotationError: one is missing, cannot be read, or has another size than the picture.
    """
    found = []
    for folder in (WHOLE, SEEN):
        file = scene / folder / f"{picture:06d}_{place:06d}.png"
        if not file.is_file():
            raise AnnotationError(
                "where there are no models, every object has its PNG in mask/ and in mask_visib/",
                file=file,
                record=record,
                remedy="copy it again, or take the object out",
            )
        found.append(Mask.from_array(read_index_png(file, size=size) > 0))
    return found[0], found[1]


def hiding_pairs(masks: list[tuple[Mask, Mask]]) -> list[tuple[int, int]]:
    """(front, behind) of each two, of (whole, visible) masks: the front one is seen where the other is hidden.

    Where each is seen over the other, the one that is so on more pixels; none where that is as many.
    """
    hidden = [whole - seen for whole, seen in masks]
    boxes = [whole.box for whole, _ in masks]
    pairs = []
    for i in range(len(masks)):
        for j in range(i + 1, len(masks)):
            (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = boxes[i], boxes[j]
            if min(ax2, bx2) <= max(ax1, bx1) or min(ay2, by2) <= max(ay1, by1):
                continue
            over, under = (masks[i][1] & hidden[j]).area, (masks[j][1] & hidden[i]).area
            if over != under:
                pairs.append((i, j) if over > under else (j, i))
    return pairs
