"""Rules about the pictures themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...core.album import image_path
from ...core.errors import AnnotationError, ImageError
from ...core.images import read_image, read_size
from ...core.records import ImageRecord
from .findings import Finding, finding


def check_path(record: ImageRecord, file: str) -> Iterator[Finding]:
    """A ``file_name`` that leads out of the folder of the pictures, whatever that folder is."""
    try:
        image_path(".", record.file_name)
    except AnnotationError:
        yield finding("picture-path", file, record, value=record.file_name)


def check_picture(record: ImageRecord, images: Path, file: str, *, decode: bool = True) -> Iterator[Finding]:
    """A picture that is missing, cannot be decoded, or is of another size than its record.

    Args:
        record: the picture.
        images: folder its ``file_name`` is relative to; a name that leads out of it is not opened.
        file: named in findings.
        decode: decode all of it; False reads the header alone.
    """
    try:
        path = image_path(images, record.file_name)
    except AnnotationError:
        return  # told by `check_path`
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name too long for the disk, or with a zero byte
        there = False
    if not there:
        yield finding("picture-missing", file, record, value=str(path))
        return
    try:
        size = read_image(path).shape[1::-1] if decode else read_size(path)
    except ImageError as problem:
        yield finding("picture-broken", file, record, value=problem.rule)
        return
    if size != (record.width, record.height):
        value = f"{size[0]} x {size[1]}, the record says {record.width} x {record.height}"
        yield finding("picture-size", file, record, value=value)
