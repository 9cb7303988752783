"""Which photographs textures come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ...core.album import Album, image_path
from ...core.errors import ImageError
from ...core.records import ImageRecord
from ...datasets import read_annotations
from ...datasets.folders import PICTURES, find
from ...datasets.idlist import listed_ids


def find_photographs(
    folder: str | Path,
    annotations: str | Path = "",
    exclude: Iterable[str | Path] = (),
    tell: Callable[[str], object] | None = None,
) -> list[Path]:
    """The pictures below a folder in the order of their names, or those an annotation file names, in its order.

    Args:
        folder: of the pictures.
        annotations: a file of any dialect that is read; "" takes every picture.
        exclude: lists of pictures left out, as `listed_ids`; without an annotation file, the id of a picture is its
            name where that is a number (139 of 000000000139.jpg).
        tell: as `listed_ids`.

    Raises:
        ImageError: no picture is there, or left.
        AnnotationError: an annotation file or a list that cannot be used.
    """
    album = read_annotations(annotations, images=folder) if annotations else _of_folder(Path(folder))
    left_out = frozenset().union(*(listed_ids(album, path, tell) for path in exclude))
    files = [image_path(folder, record.file_name) for record in album if record.id not in left_out]
    if not files:
        raise ImageError("no picture is left for textures", file=folder, remedy="exclude fewer")
    return files


def _of_folder(folder: Path) -> Album:
    names = [path.relative_to(folder) for path in find(folder, "**/*") if path.suffix.lower() in PICTURES]
    if not names:
        endings = ", ".join(sorted(PICTURES))
        raise ImageError(f"a folder of pictures holds some ({endings})", file=folder, remedy="name another --images")
    records = (ImageRecord(_id(name.stem, place), name.as_posix(), 0, 0) for place, name in enumerate(names, 1))
    return Album(records, (), source=folder)


def _id(stem: str, place: int) -> int:
    """Negative for names that are no number: no list means those."""
    return int(stem) if stem.isascii() and stem.isdigit() else -place
