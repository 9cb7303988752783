"""JSON files: read with errors a person can act on, written beside and renamed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..core.errors import AnnotationError


def read_json(path: str | Path) -> Any:
    """Parse one JSON file.

    Raises:
        AnnotationError: missing, not UTF-8, or not JSON; the message gives line and column.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except (FileNotFoundError, IsADirectoryError, PermissionError) as problem:
        raise AnnotationError(
            f"the file cannot be read ({problem.strerror})", file=path, remedy="check the path"
        ) from None
    except (UnicodeDecodeError, RecursionError) as problem:
        raise AnnotationError(f"not a JSON file ({problem})", file=path, remedy="save it as UTF-8 JSON") from None
    except json.JSONDecodeError as problem:
        raise AnnotationError(
            f"not a JSON file: {problem.msg} at line {problem.lineno}, column {problem.colno}",
            file=path,
            remedy="write the file again; it may be cut short",
        ) from None


def write_json(path: str | Path, content: Any, *, indent: int | None = None) -> None:
    """Write one JSON file; a reader sees the old one or the whole new one, never a part."""
    write_text(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write one UTF-8 file beside its place and rename it there, so that no half-written file is ever seen."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
