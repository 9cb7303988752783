"""One way in: the dialect of an annotation file is recognised from its content."""

from __future__ import annotations

from pathlib import Path

from ..core.album import Album
from ..core.errors import AnnotationError
from .coco import read_coco
from .cocoa import is_cocoa, read_cocoa
from .jsonfile import read_json


def read_annotations(path: str | Path) -> Album:
    """Read COCO instances, its flat amodal extension, or COCOA.

    Raises:
        AnnotationError, BoxError: naming the file, the record, the value and the rule it breaks.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise AnnotationError(
            'an annotation file is an object with "images", "annotations" and "categories"',
            file=path,
            value=type(content).__name__,
            remedy="COCO results (a bare list) go to --predictions",
        )
    return read_cocoa(content, path) if is_cocoa(content) else read_coco(content, path)
