"""Floor 1: files to records and back."""

from .read import read_annotations

__all__ = ["read_annotations"]
