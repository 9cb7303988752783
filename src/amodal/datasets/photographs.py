"""Photographs of which nothing is known yet, as an album."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..core.album import Album, image_path
from ..core.errors import AnnotationError
from ..core.images import read_size
from ..core.records import Category, ImageRecord
from .folders import PICTURES, find


def album_of_photographs(
    folder: str | Path, categories: Sequence[str], *, progress: Callable[[Iterable[Path]], Iterable[Path]] = iter
) -> Album:
    """All pictures below a folder in the order of their names, without objects; hidden files are left out.

    Args:
        folder: what lies in it is named relative to it; ids are 1, 2, ... in that order.
        categories: names of the kinds of object there are to be, one or more, each once.
        progress: wraps the files as they are gone through.

    Raises:
        ImageError: a picture whose size cannot be read.
        AnnotationError: there is no picture, or no category; or one is named twice, or empty; or a picture has a name
            that no annotation file can have.
    """
    root = Path(folder)
    files = [path for path in find(root, "**/*") if path.suffix.lower() in PICTURES and not _is_hidden(path, root)]
    if not files:
        endings = ", ".join(sorted(PICTURES))
        raise AnnotationError(f"a folder of photographs holds some ({endings})", file=root, remedy="name another one")
    if not categories or len(set(categories)) < len(categories) or not all(name.strip() for name in categories):
        raise AnnotationError("categories have a name each, another one", value=list(categories), remedy="name them so")
    records = (_record(number, path, root) for number, path in enumerate(progress(files), 1))
    named = [Category(i, name) for i, name in enumerate(categories, 1)]
    return Album(records, named, source=root if root.name else root.resolve())


def _record(number: int, path: Path, root: Path) -> ImageRecord:
    name = path.relative_to(root).as_posix()
    image_path(root, name, file=root)  # one that could not be opened later is refused now
    return ImageRecord(number, name, *read_size(path))


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)
