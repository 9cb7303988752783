"""Where boxes and visible masks come from when none are given."""

from .base import Detection, Detector, Segmenter, coco_categories, named_categories
from .choose import open_detector, open_segmenter
from .yolox import YoloxNano

__all__ = [
    "Detection",
    "Detector",
    "Segmenter",
    "YoloxNano",
    "coco_categories",
    "named_categories",
    "open_detector",
    "open_segmenter",
]
