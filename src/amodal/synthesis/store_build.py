"""The making of a store: once per content, beside and renamed, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.album import Album, image_path
from ..core.errors import AmodalError, AnnotationError, ImageError
from ..core.locks import HAS_LOCKS, take_lock
from .pictures import Cutout, read_picture
from .store import ABOUT, CUTOUTS, DATA, PICTURES, Store

_FORMAT = 3
"""Part of the key: a store of another format is made anew."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LEAST_BYTES = 1_000_000
_KEPT = 4
"""Stores of one annotation file and one folder of pictures: training and validation, and those of another run."""

OnBad = Callable[[ImageError], object]


def open_store(
    album: Album,
    folder: str | Path,
    stores: str | Path,
    *,
    most_bytes: int = 20_000_000_000,
    on_bad: OnBad | None = None,
    progress: Callable[[int], object] | None = None,
) -> Store:
    """The store of an album; made where there is none for its content, and then those it replaces are removed.

    The content is all records and, of every picture file, name, size and time of change. A store is complete or not
    there: it is written beside and renamed; one found damaged is made again. Where two processes want one, the second
    waits for the first. Every picture is looked at, also those beyond the bound.

    Replaced is a store of the same annotation file, folder, record ids and bound with other content; and of the other
    stores of that file and folder (other ids, another bound) all but the last ones opened, so that four remain.

    Args:
        album: annotated pictures.
        folder: of the pictures.
        stores: folder of all stores; may be deleted at any time.
        most_bytes: bound of this store. Pictures that do not fit are left to be decoded when they are drawn: the last
            ones, in an order shuffled once, so that none of the album's parts is favoured.
        on_bad: called with what is wrong with each picture that cannot be used, which is then left out; None raises it.
        progress: called with the number of pictures done, while the store is made.

    Raises:
        ImageError: a picture that cannot be used.
        AnnotationError: a file name that leads out of the folder.
        AmodalError: the disk is full or cannot be written to; nothing half-written is left.
    """
    if not most_bytes >= _LEAST_BYTES:  # nor what is no number
        raise AmodalError("a store may take a megabyte or more", value=most_bytes, remedy="raise the bound")
    source, part, key = _names(album, folder, most_bytes)
    place = Path(stores) / f"{source}-{part}-{key}"
    try:
        store = _found(place, album, remove_damaged=False)  # no lock: it may lie where nothing can be written
        if store is None:
            place.parent.mkdir(parents=True, exist_ok=True)
            with _alone(place.parent / f"{source}.lock"):
                store = _found(place, album, remove_damaged=True)
                if store is None:
                    _build(place, source, album, folder, most_bytes, on_bad, progress)
                    store = Store(place, album)
                    _remove_replaced(place, source, part)
        with contextlib.suppress(OSError):  # another user's, or a disk that is read only
            os.utime(place)  # opened last
    except OSError as problem:
        rule, remedy = "a folder with room for them", "free some space, lower the bound of the store or"
        if problem.errno not in _FULL:
            rule, remedy = "a folder that can be read and written to", "check the rights there, or"
        raise AmodalError(
            f"decoded pictures are kept in {rule} ({problem})",
            file=stores,
            remedy=f"{remedy} name a folder on another disk",
        ) from problem
    for left_out in store.left_out:
        if on_bad is None:
            raise left_out.problem
        on_bad(left_out.problem)
    return store


def _names(album: Album, folder: str | Path, most_bytes: int) -> tuple[str, str, str]:
    """Annotation file and folder; which of its pictures, and the bound; their content."""
    source, part, key = (hashlib.blake2b(digest_size=size) for size in (6, 6, 10))
    source.update(_bytes(f"{Path(album.source).resolve()}\n{Path(folder).resolve()}\n"))
    part.update(f"{most_bytes:.0f}\n".encode())  # 1e9 is the bound that 10**9 is
    key.update(f"{_FORMAT}\n{album.fingerprint}\n".encode())
    for record in album:
        part.update(f"{record.id},".encode())
        try:
            about = os.stat(image_path(folder, record.file_name, file=album.source))
            key.update(_bytes(f"{record.file_name}\0{about.st_size} {about.st_mtime_ns}\n"))
        except (OSError, ValueError, AnnotationError):  # not there, or a name of no file: the reading of it says so
            key.update(_bytes(f"{record.file_name}\0missing\n"))
    return source.hexdigest(), part.hexdigest(), key.hexdigest()


def _bytes(names: str) -> bytes:
    """Names of files as bytes, also those that are no UTF-8: Python reads them as lone surrogates."""
    return names.encode(errors="surrogatepass")


def _found(place: Path, album: Album, *, remove_damaged: bool) -> Store | None:
    """The store at a place; None where there is none, or a damaged one, which may be removed to be made again."""
    if not place.exists():
        return None
    try:
        return Store(place, album)
    except (ValueError, EOFError, FileNotFoundError):
        if remove_damaged:
            shutil.rmtree(place)
        return None


def _remove_replaced(place: Path, source: str, part: str) -> None:
    others = [path for path in place.parent.glob(f"{source}-*") if path != place]
    outdated = [path for path in others if path.name.startswith(f"{source}-{part}-")]
    last_first = sorted(set(others) - set(outdated), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in outdated + last_first[_KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file. Where there are no locks two processes may both make the store, the first to finish wins."""
    with path.open("ab") as file:
        take_lock(file, wait=True)
        yield


def _build(
    place: Path,
    source: str,
    album: Album,
    folder: str | Path,
    most_bytes: int,
    on_bad: OnBad | None,
    progress: Callable[[int], object] | None,
) -> None:
    for old in place.parent.glob(f".{source}-*.part"):
        if HAS_LOCKS:  # this one is ours: what is there was left by a process that died
            shutil.rmtree(old, ignore_errors=True)
    beside = place.parent / f".{place.name}.{os.getpid()}.part"
    beside.mkdir()
    try:
        with (beside / DATA).open("wb") as file:
            left_out = _write(file, beside, album, folder, most_bytes, stop=on_bad is None, progress=progress)
            data_bytes = file.tell()
        about = {
            "format": _FORMAT,
            "annotations": album.source,
            "images": str(folder),
            "most_bytes": most_bytes,
            "data_bytes": data_bytes,
            "left_out": left_out,
        }
        (beside / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
        for part in (DATA, PICTURES, CUTOUTS, ABOUT):  # on the disk before the rename is: a power cut leaves no half
            with (beside / part).open("rb+") as file:
                os.fsync(file.fileno())
        try:
            beside.rename(place)
        except OSError:
            if not place.exists():  # else another process, on a system without locks, was first
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(
    file: BinaryIO,
    beside: Path,
    album: Album,
    folder: str | Path,
    most_bytes: int,
    *,
    stop: bool,
    progress: Callable[[int], object] | None,
) -> list[tuple[int, str]]:
    """Write pixels, mattes and where they lie; the places of the pictures that cannot be used, and why."""
    pictures = np.full((len(album), 3), -1, dtype=np.int64)
    cutouts: list[tuple[int, ...]] = []
    left_out: list[tuple[int, str]] = []
    full = False
    for index in np.random.default_rng(0).permutation(len(album)).tolist():
        try:
            picture = read_picture(album[index], folder, file=album.source)
        except (ImageError, AnnotationError) as problem:
            if stop:
                raise
            left_out.append((index, str(problem)))
        else:
            full = full or file.tell() + picture.nbytes > most_bytes
            if not full:
                pictures[index, :2] = file.tell(), len(cutouts)
                file.write(np.ascontiguousarray(picture.image).data)
                cutouts += _put(file, picture.cutouts)
                if any(cutout and cutout.whole for cutout in picture.cutouts):
                    pictures[index, 2] = len(cutouts)
                    cutouts += _put_wholes(file, picture.cutouts, cutouts[pictures[index, 1] :])
        if progress is not None:
            progress(1)
    np.save(beside / PICTURES, pictures)
    np.save(beside / CUTOUTS, np.array(cutouts, dtype=np.int64).reshape(-1, 6))
    return sorted(left_out)


def _put_wholes(file: BinaryIO, cutouts: Sequence[Cutout | None], rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The same of whole objects; one that nothing hides has the row of what is seen of it."""
    shared = [cutout is not None and cutout.truth.matte is cutout.matte for cutout in cutouts]
    wholes = [cutout and cutout.whole for cutout in cutouts]
    written = _put(file, [None if same else whole for whole, same in zip(wholes, shared, strict=True)])
    unknown = (0,) * 6
    return [
        (row if same else other) if whole else unknown
        for whole, same, row, other in zip(wholes, shared, rows, written, strict=True)
    ]


def _put(file: BinaryIO, cutouts: Sequence[Cutout | None]) -> list[tuple[int, ...]]:
    """Append mattes; a row of the cutouts' table for each."""
    rows: list[tuple[int, ...]] = []
    for cutout in cutouts:
        rows.append((file.tell(), *cutout.box, cutout.area_px) if cutout else (file.tell(), 0, 0, 0, 0, 0))
        if cutout:
            file.write(cutout.matte.data)
    return rows
