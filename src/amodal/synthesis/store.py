"""Decoded pictures and masks of one annotated set on disk, mapped into memory: decoded once, shared by all workers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album
from ..core.errors import AmodalError, ImageError
from .pictures import Cutout, Picture

DATA, PICTURES, CUTOUTS, ABOUT = "data.bin", "pictures.npy", "cutouts.npy", "about.json"
"""The files of a store: bytes of pictures and mattes; where each lies; what it was made from."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that cannot be used.

    Attributes:
        index: its place in the album.
        problem: what is wrong with it.
    """

    index: int
    problem: ImageError


class Store:
    """Pictures of an album as `store_build.open_store` wrote them.

    Its arrays are views of mapped files: they take no memory of a process's own, and all processes share one copy.

    Args:
        folder: of the store.
        album: the album it was made from.

    Attributes:
        left_out: pictures that could not be decoded when it was made.

    Raises:
        ValueError, EOFError, FileNotFoundError: a file of it is damaged, cut short or missing.
    """

    def __init__(self, folder: str | Path, album: Album) -> None:
        self.folder = Path(folder)
        self._album = album
        about: Any = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(about, dict) or "data_bytes" not in about or not _tells(about.get("left_out"), len(album)):
            raise ValueError(f"{self.folder / ABOUT} does not describe a store")
        self.left_out = tuple(LeftOut(index, ImageError(text)) for index, text in about["left_out"])
        self._data = _mapped(self.folder / DATA)
        # int64 (pictures, 3): offset of the pixels, -1 where none are held; number of the first cutout, and of the
        # first whole one, -1 where the picture has none
        self._pictures = _mapped(self.folder / PICTURES)
        # int64 (cutouts, 6): offset of the matte, x1, y1, x2, y2, area; area 0 where the mask is empty
        self._cutouts = _mapped(self.folder / CUTOUTS)
        if self._data.nbytes != about["data_bytes"] or self._pictures.shape != (len(album), 3):
            raise ValueError(f"{self.folder} does not hold what its {ABOUT} says")

    def __len__(self) -> int:
        """Number of pictures held."""
        return int(np.count_nonzero(self._pictures[:, 0] >= 0))

    def holds(self, index: int) -> bool:
        """Whether the picture at a place of the album is held."""
        return bool(self._pictures[index, 0] >= 0)

    @property
    def nbytes(self) -> int:
        """Bytes of all pictures and mattes."""
        return int(self._data.nbytes)

    def picture(self, index: int) -> Picture | None:
        """The picture at a place of the album; None where it is not held. Its arrays are read-only."""
        offset, first, first_whole = self._pictures[index].tolist()
        if offset < 0:
            return None
        record = self._album[index]
        pixels = self._part(offset, record.height, record.width * 3).reshape(record.height, record.width, 3)
        cutouts = self._cutouts_from(first, len(record.instances))
        if first_whole >= 0:
            wholes = self._cutouts_from(first_whole, len(record.instances))
            cutouts = [one and replace(one, whole=whole) for one, whole in zip(cutouts, wholes, strict=True)]
        return Picture(record, pixels, tuple(cutouts))

    def _cutouts_from(self, first: int, count: int) -> list[Cutout | None]:
        cutouts: list[Cutout | None] = []
        for offset, x1, y1, x2, y2, area in self._cutouts[first : first + count].tolist():
            matte = self._part(offset, y2 - y1, x2 - x1)
            cutouts.append(Cutout(matte, (x1, y1, x2, y2), area) if area else None)
        return cutouts

    def _part(self, offset: int, rows: int, columns: int) -> NDArray[np.uint8]:
        part: NDArray[np.uint8] = self._data[offset : offset + rows * columns].reshape(rows, columns)
        return part

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened_again, (self.folder, self._album)  # another process maps the files itself


def _opened_again(folder: Path, album: Album) -> Store:
    """A store that a run has opened already, in one of its workers.

    Raises:
        AmodalError: it is gone: another run has replaced it, or somebody has deleted it.
    """
    try:
        return Store(folder, album)
    except (ValueError, EOFError, OSError) as problem:
        raise AmodalError(
            f"a store of decoded pictures stays while a run uses it ({problem})",
            file=folder,
            remedy="start the run again; where the pictures change under a run, give other runs a --store of their own",
        ) from None


def _tells(left_out: Any, pictures: int) -> bool:
    """Whether a value of ``about.json`` is pairs of a picture's place and what is wrong with it."""
    return isinstance(left_out, list) and all(
        isinstance(pair, list) and [*map(type, pair)] == [int, str] and 0 <= pair[0] < pictures for pair in left_out
    )


def _mapped(path: Path) -> NDArray[Any]:
    if path.name == DATA:
        return np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray) if path.stat().st_size else np.empty(0, "u1")
    array: NDArray[Any] = np.load(path, mmap_mode="r" if path.stat().st_size > 4096 else None)
    return array.view(np.ndarray)
