"""The pictures of a session, as they are served, and where their objects are seen."""

from __future__ import annotations

import threading
from collections import OrderedDict
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.album import Album, image_path
from ..core.errors import ImageError
from ..core.images import read_image
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance
from ..inference.albums import check_size
from .output import seen_of

_KEPT = 3
"""Decoded pictures and their files kept: the one drawn on, the one before and the next."""
_QUALITY = 95
_EXACT_PX = 1_000_000
"""Pictures up to that size are served without loss."""
_LONGEST_PX = 65_500
"""Of a side: what JPEG can hold, and browsers draw on."""


class Pictures:
    """Reads the pictures of an album. Its methods may be called by any thread.

    Args:
        album: its records.
        images: folder of the pictures; nothing outside it is read.
    """

    def __init__(self, album: Album, images: Path) -> None:
        self._album, self._images = album, images
        self._reading, self._counting = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[int, tuple[NDArray[np.uint8], bytes]] = OrderedDict()
        self._counted: tuple[int, NDArray[np.unsignedinteger]] | None = None  # of the latest picture asked about

    def of(self, record: ImageRecord) -> tuple[NDArray[np.uint8], bytes]:
        """A picture, upright: its pixels, and the PNG or JPEG of them; raises ImageError where it cannot be used."""
        with self._reading:
            found = self._kept.get(record.id)
            if found is None:
                image = self._read(record)
                found = self._kept[record.id] = image, _encoded(image, record)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(record.id)
            return found

    def others(self, record: ImageRecord, instance: Instance) -> Mask:
        """Where the objects of a picture but one are seen.

        Args:
            record: the picture and its objects.
            instance: the one left out.
        """
        with self._counting:
            if self._counted is None or self._counted[0] != record.id:
                self._counted = record.id, _counts(record)
            counts = self._counted[1]
        rest = counts > 0
        mine = seen_of(instance)
        if mine is not None:
            x1, y1, x2, y2 = map(int, mine.box)
            rest[y1:y2, x1:x2] = counts[y1:y2, x1:x2] > mine.crop(mine.box)
        return Mask.from_array(rest)

    def _read(self, record: ImageRecord) -> NDArray[np.uint8]:
        path = image_path(self._images, record.file_name, file=self._album.source)
        if not path.resolve().is_relative_to(self._images.resolve()):
            raise ImageError(
                "a picture that is served lies in the folder given, and is no link out of it",
                file=path,
                remedy="name the folder that the link leads to as --images",
            )
        image = read_image(path)
        check_size(path, (image.shape[1], image.shape[0]), record, self._album)
        return image


def _counts(record: ImageRecord) -> NDArray[np.unsignedinteger]:
    """How many objects are seen at each pixel; unsigned ``(H, W)``. Many objects cost no more than their own pixels."""
    counts = np.zeros((record.height, record.width), np.min_scalar_type(len(record.instances)))
    for mask in filter(None, map(seen_of, record.instances)):
        x1, y1, x2, y2 = map(int, mask.box)
        counts[y1:y2, x1:x2] += mask.crop(mask.box)
    return counts


def _encoded(image: NDArray[np.uint8], record: ImageRecord) -> bytes:
    if max(image.shape) > _LONGEST_PX:
        raise ImageError(
            f"a picture that is drawn on has at the most {_LONGEST_PX:,} pixels a side",
            file=record.file_name,
            value=f"{record.width} x {record.height}",
        )
    out = BytesIO()
    if image.shape[0] * image.shape[1] <= _EXACT_PX:
        Image.fromarray(image).save(out, "PNG", compress_level=1)
    else:  # colours at full resolution: edges are what is drawn along
        Image.fromarray(image).save(out, "JPEG", quality=_QUALITY, subsampling=0)
    return out.getvalue()
