"""A decoded picture and the tight masks of its objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import image_path
from ..core.errors import ImageError
from ..core.images import read_image
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance

WholeBox = tuple[int, int, int, int]
"""A box of whole pixels, xyxy."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """One object's mask, tight.

    Attributes:
        matte: uint8 ``(h, w)``, 255 on the object, 0 elsewhere.
        box: whole pixels of the picture the matte covers, xyxy.
        area_px: pixels of the object.
        whole: the same of the whole object, what the picture hides of it included; None where that is not known. Of
            an object known to be hidden by nothing it has the same matte.
    """

    matte: NDArray[np.uint8]
    box: WholeBox
    area_px: int
    whole: Cutout | None = None

    @property
    def truth(self) -> Cutout:
        """The object as far as it is known."""
        return self.whole or self

    @property
    def nbytes(self) -> int:
        """Bytes of its mattes; one that both share counts once."""
        return self.matte.nbytes + (0 if self.truth.matte is self.matte else self.truth.nbytes)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture with the masks of all its objects.

    Attributes:
        record: its record.
        image: uint8 ``(H, W, 3)`` RGB.
        cutouts: one for each of ``record.instances``; None where the mask is empty.
    """

    record: ImageRecord
    image: NDArray[np.uint8]
    cutouts: tuple[Cutout | None, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.image.nbytes + sum(cutout.nbytes for cutout in self.cutouts if cutout)


def read_picture(record: ImageRecord, folder: str | Path, *, file: object = "") -> Picture:
    """Decode a picture and the masks of its objects.

    Args:
        record: its record.
        folder: where its ``file_name`` lies.
        file: the annotation file, named in errors.

    Raises:
        AnnotationError: a file name that leads out of the folder.
        ImageError: missing, undecodable, or of another size than its record.
    """
    path = image_path(folder, record.file_name, file=file)
    image = read_image(path)
    if image.shape[:2] != (record.height, record.width):
        raise ImageError(
            f"a picture has the size its record says, {record.width} x {record.height}",
            file=path,
            value=(image.shape[1], image.shape[0]),
            remedy="correct the annotation file or give the pictures it was made for",
        )
    return Picture(record, image, tuple(_cutout(instance, record) for instance in record.instances))


def _cutout(instance: Instance, record: ImageRecord) -> Cutout | None:
    """The object's mask; its whole box where only the box is known: any of its pixels may be another object's."""
    seen, whole = instance.modal_mask, instance.amodal_mask
    cutout = _tight(seen, instance.modal_box, record)
    if cutout is None or seen is None or whole is None or whole.is_empty:
        return cutout
    # annotators draw the two apart: what is seen of an object belongs to it
    whole = whole | seen
    return replace(cutout, whole=cutout if whole == seen else _tight(whole, instance.modal_box, record))


def _tight(mask: Mask | None, box: bx.Box, record: ImageRecord) -> Cutout | None:
    outer = bx.outward(bx.clip(box if mask is None else mask.box, record.width, record.height))
    x1, y1, x2, y2 = outer.tolist()
    if x1 >= x2 or y1 >= y2:
        return None
    if mask is None:
        matte = np.full((y2 - y1, x2 - x1), 255, dtype=np.uint8)
    else:
        matte = np.ascontiguousarray(mask.crop(outer)).view(np.uint8) * np.uint8(255)
    return Cutout(matte, (x1, y1, x2, y2), int(np.count_nonzero(matte)))
