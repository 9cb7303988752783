"""What all ways of `amodal predict` end with: a page, and a word on what was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.album import Album
from ..core.records import Prediction

CUTOUTS = "cutouts"
"""Folder that --cutouts makes in --output."""


def write_page(page: str, album: Album, images_dir: str | Path, predictions: Sequence[Prediction], title: str) -> None:
    """Write the page --page asks for, and say where."""
    from ..report import page as report

    path = page_path(page)
    sizes = {record.id: (record.width, record.height) for record in album}
    shown = [prediction.in_picture(*sizes[prediction.image_id]) for prediction in predictions]
    report.write_page(path, album, images_dir, shown, title=title)
    print(f"page: {path}")


def page_path(page: str) -> Path:
    """The file --page names: itself, or index.html in the folder."""
    return Path(page) if page.lower().endswith((".html", ".htm")) else Path(page) / "index.html"


def tell(predictions: Sequence[Prediction], path: Path) -> None:
    """Say what was written."""
    print(f"{len(predictions)} objects: {path}")
