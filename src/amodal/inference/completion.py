"""Mask-only completion: a network that sees masks and no picture (PCNet-M's kind), the baseline of docs/metrics.md.

A folder holds ``completion.onnx`` and ``config.json``: ``{"format": 1, "kind": "completion", "size_px": 256, "context":
2.0, "threshold": 0.5, "others": false, "sha256": {"completion.onnx": ...}}``. Input ``masks`` is float32
``(n, 2, s, s)``, 0 or 1: the object's visible mask and, with ``others``, the union of the other objects' (else 0);
output ``heat_out`` float32 ``(n, s, s)`` in [0, 1]: the whole object. Training cuts with `completion_frame` and
`mask_patch`, so a network meets here what it met there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.errors import WeightsError
from ..core.masks import Mask
from ..core.records import Prediction
from .folder import CONFIG_FILE, check_file, read_config
from .onnx_networks import open_session
from .patches import mask_heat, paste_heat

FILE = "completion.onnx"
KIND = "completion"
_BATCH = 8


def completion_frame(box: bx.Box, context: float) -> bx.Box:
    """The square around a visible box: its side is ``context`` times the box's longer one.

    >>> completion_frame((0, 0, 10, 20), 2.0)
    (-15.0, -10.0, 25.0, 30.0)
    """
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = context * max(box[2] - box[0], box[3] - box[1]) / 2
    return (x - half, y - half, x + half, y + half)


def mask_patch(mask: Mask, frame: bx.Box, size_px: int) -> NDArray[np.float32]:
    """A mask inside a frame, nothing beyond the picture; float32 ``(size_px, size_px)``, 0 or 1 (half covered is 1)."""
    return (mask_heat(mask, frame, size_px) >= 0.5).astype(np.float32)


class Completion:
    """A completion network and how it is used.

    Args:
        session: an onnxruntime session, or anything with its ``run``.
        size_px, context, threshold: as in the folder's config.json.
        others: whether the network is told of the other objects, as it must have been in training.
    """

    def __init__(self, session: Any, *, size_px: int, context: float, threshold: float, others: bool = False) -> None:
        self._session = session
        self.size_px, self.context, self.threshold, self.others = size_px, context, threshold, others

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, threads: int = 0) -> Completion:
        """From a folder.

        Raises:
            WeightsError: a file missing or damaged, a config of another kind, a graph of other inputs and outputs.
        """
        folder = Path(folder)
        config = read_config(folder)
        path, remedy = folder / CONFIG_FILE, "write it with benchmarks/unet.py"
        if config.get("kind") != KIND:
            raise WeightsError(f'a completion network has "kind": "{KIND}"', file=path, value=config.get("kind"))
        size = config.get("size_px")
        if type(size) is not int or not 1 <= size <= 4096:
            raise WeightsError('"size_px" is a whole number from 1 to 4096', file=path, value=size, remedy=remedy)
        numbers: dict[str, float] = {}
        for key, low, high in (("context", 1.0, 10.0), ("threshold", 0.0, 1.0)):
            value = config.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                rule = f'"{key}" is a number from {low:g} to {high:g}'
                raise WeightsError(rule, file=path, value=value, remedy=remedy)
            numbers[key] = float(value)
        others = config.get("others", False)
        if not isinstance(others, bool):
            raise WeightsError('"others" is true or false', file=path, value=others, remedy=remedy)
        check_file(folder / FILE, config.get("sha256", {}).get(FILE))
        session = open_session(folder / FILE, threads)
        shapes = [
            (v.name, list(v.shape)[1:]) for values in (session.get_inputs(), session.get_outputs()) for v in values
        ]
        if shapes != [("masks", [2, size, size]), ("heat_out", [size, size])]:
            rule = f"the graph takes masks (n, 2, {size}, {size}) and returns heat_out (n, {size}, {size})"
            raise WeightsError(rule, file=folder / FILE, value=shapes, remedy=remedy)
        return cls(session, size_px=size, context=numbers["context"], threshold=numbers["threshold"], others=others)

    def complete(self, predictions: Sequence[Prediction]) -> dict[int, Mask]:
        """The whole of every object, from visible masks alone.

        Args:
            predictions: masks of the size of their picture. Their amodal masks are not looked at.

        Returns:
            by annotation id: what the network says, with the visible mask; an object without a visible pixel is empty.
        """
        seen: dict[int, list[Prediction]] = {}
        for prediction in predictions:
            seen.setdefault(prediction.image_id, []).append(prediction)
        whole: dict[int, Mask] = {}
        for together in seen.values():
            asked = [one for one in together if not one.modal_mask.is_empty]
            whole.update((one.annotation_id, one.modal_mask) for one in together)
            for start in range(0, len(asked), _BATCH):
                whole.update(self._batch(asked[start : start + _BATCH], together))
        return whole

    def _batch(self, asked: Sequence[Prediction], together: Sequence[Prediction]) -> dict[int, Mask]:
        frames = [completion_frame(one.modal_mask.box, self.context) for one in asked]
        masks = np.stack([self._patches(one, together, frame) for one, frame in zip(asked, frames, strict=True)])
        heats = self._session.run(["heat_out"], {"masks": masks})[0]
        found: dict[int, Mask] = {}
        for one, frame, heat in zip(asked, frames, heats, strict=True):
            width, height = one.modal_mask.width, one.modal_mask.height
            part = paste_heat(heat, frame, width, height)
            whole = Mask.from_crop(part.heat > self.threshold, part.left, part.top, width, height)
            found[one.annotation_id] = whole | one.modal_mask
        return found

    def _patches(self, one: Prediction, together: Sequence[Prediction], frame: bx.Box) -> NDArray[np.float32]:
        own = mask_patch(one.modal_mask, frame, self.size_px)
        others = np.zeros_like(own)
        for other in together if self.others else ():
            if other is one or other.modal_mask.is_empty:
                continue
            if bx.area(bx.intersect(other.modal_mask.box, frame)) > 0:
                others = np.maximum(others, mask_patch(other.modal_mask, frame, self.size_px))
        return np.stack([own, others * (1 - own)])
