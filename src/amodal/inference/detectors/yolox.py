"""The detector that ships with the package."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...core import boxes as bx
from ...core.errors import WeightsError
from ..asked import checked_picture
from ..onnx_networks import open_session
from .base import Detection, check_score, coco_categories, package_folder

INPUT_PX = 416
STRIDES = (8, 16, 32)
PADDING = 114
MAX_DETECTIONS = 100


class YoloxNano:
    """YOLOX-nano (Ge et al., 2021; Apache-2.0, see yolox/NOTICE) on onnxruntime: small enough to ship.

    It was trained on COCO's boxes, never on masks. A stronger detector, its boxes given, is better.

    Args:
        path: another ``.onnx`` file of the same form; None: the one of the package.
        threads: CPU threads; 0 takes all cores.

    Raises:
        WeightsError: the file cannot be loaded or has another form.
    """

    def __init__(self, path: str | Path | None = None, *, threads: int = 0) -> None:
        file = package_folder() / "yolox" / "yolox_nano.onnx" if path is None else Path(path)
        self.categories = coco_categories()
        self._opened = file.absolute(), threads
        self._session = open_session(file, threads)
        self._input = self._session.get_inputs()[0].name
        cells = sum((INPUT_PX // stride) ** 2 for stride in STRIDES)
        shapes = [list(value.shape) for value in (*self._session.get_inputs(), *self._session.get_outputs())]
        if shapes != [[1, 3, INPUT_PX, INPUT_PX], [1, cells, 5 + len(coco_categories())]]:
            raise WeightsError(
                "not the YOLOX-nano for COCO", file=file, value=shapes, remedy="install the package again"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        file, threads = self._opened  # the file is opened again where it is unpickled or copied
        return partial(type(self), threads=threads), (file,)

    def detect(self, image: NDArray[np.uint8], min_score: float = 0.3, *, max_iou: float = 0.5) -> list[Detection]:
        """Objects of one picture, the surest first, 100 at the most.

        Args:
            image: uint8 ``(H, W, 3)``, RGB.
            min_score: objects below it are left out, 0-1.
            max_iou: of two boxes of one category that overlap more, the surer stays.

        Raises:
            AmodalError: ``min_score`` is not a number from 0 to 1.
            ImageError: the picture is no such array.
        """
        check_score(min_score)
        checked_picture(image)
        blob, scale = letterbox(image)
        raw = self._session.run(None, {self._input: blob})[0][0]
        boxes, objectness, classes = decode(raw)
        category = classes.argmax(axis=1)
        scores = objectness * classes[np.arange(len(classes)), category]
        boxes = bx.clip(boxes / scale, image.shape[1], image.shape[0])
        kept = np.flatnonzero((scores >= min_score) & (bx.sides(boxes) >= 1).all(axis=1))
        kept = kept[suppress(boxes[kept], scores[kept], category[kept], max_iou)][:MAX_DETECTIONS]
        known = coco_categories()
        return [
            Detection(bx.as_box(boxes[i]), int(category[i]), known[category[i]].name, min(float(scores[i]), 1.0))
            for i in kept
        ]


def letterbox(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """A picture as the detector wants it: shrunk or stretched to fit the top left of a square, the rest grey.

    Args:
        image: uint8 ``(H, W, 3)``, RGB.

    Returns:
        float32 ``(1, 3, 416, 416)``, BGR, 0-255; and the scale from picture to square.
    """
    height, width = image.shape[:2]
    scale = min(INPUT_PX / height, INPUT_PX / width)
    size = (max(int(width * scale), 1), max(int(height * scale), 1))
    square = np.full((INPUT_PX, INPUT_PX, 3), PADDING, np.uint8)
    square[: size[1], : size[0]] = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return np.ascontiguousarray(square[:, :, ::-1].transpose(2, 0, 1)[None], dtype=np.float32), scale


def decode(raw: NDArray[np.float32]) -> tuple[bx.BoxArray, NDArray[np.float32], NDArray[np.float32]]:
    """The detector's output as boxes.

    Args:
        raw: float32 ``(cells, 85)``: centre x, y and log width, height relative to the cell of strides 8, 16, 32,
            objectness, 80 class scores.

    Returns:
        boxes xyxy ``(cells, 4)`` in the square's pixels, objectness ``(cells,)``, class scores ``(cells, 80)``.
    """
    cells, strides = [], []
    for stride in STRIDES:
        side = INPUT_PX // stride
        rows, columns = np.divmod(np.arange(side * side), side)
        cells.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((side * side, 1), stride))
    cell, stride_px = np.concatenate(cells), np.concatenate(strides)
    centre = (raw[:, :2].astype(np.float64) + cell) * stride_px
    half = np.exp(np.minimum(raw[:, 2:4].astype(np.float64), 10)) * stride_px / 2
    return np.concatenate([centre - half, centre + half], axis=1), raw[:, 4], raw[:, 5:]


def suppress(
    boxes: bx.BoxArray, scores: NDArray[np.float32], category: NDArray[np.int64], max_iou: float
) -> NDArray[np.intp]:
    """Non-maximum suppression within each category: places of the boxes that stay, the surest first."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        drop = (category[rest] == category[best]) & (bx.iou(boxes[best], boxes[rest]) > max_iou)
        order = rest[~drop]
    return np.array(kept, dtype=np.intp)
