"""Picture and boxes in, whole objects out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.errors import AmodalError, AnnotationError, BoxError, ImageError
from ..core.images import read_image
from ..core.masks import Mask
from ..core.records import Prediction
from ..core.resample import move_heat
from .expansion import Expansion, expand
from .networks import Backend, NetworkPair, load_networks
from .patches import cut_patches, mask_heat, paste_heat
from .refine import refine
from .settings import PredictionSettings

Category = NDArray[np.int64] | None


class Predictor:
    """Finds the whole of objects whose visible part is given (paper section 4.1).

    Args:
        networks: the two networks; any callables of their form will do.
        settings: thresholds and caps; None takes those of ``networks``.
    """

    def __init__(self, networks: NetworkPair, settings: PredictionSettings | None = None) -> None:
        self.networks = networks
        self.settings = networks.settings if settings is None else settings
        self._image: NDArray[np.uint8] | None = None
        self._image_id = 0

    @classmethod
    def from_pretrained(
        cls, folder: str | Path | None = None, backend: Backend = "onnx", *, threads: int = 0
    ) -> Predictor:
        """A predictor from a weights folder; arguments and errors as `load_networks`."""
        return cls(load_networks(folder, backend, threads=threads))

    def set_image(self, image: NDArray[np.uint8] | str | Path, *, image_id: int = 0) -> None:
        """Take the picture that the next calls of `predict` are about.

        Args:
            image: uint8 ``(H, W, 3)``, RGB; or the path of a picture.
            image_id: goes into the predictions.

        Raises:
            ImageError: the file cannot be read, or the array is not such an array.
        """
        if isinstance(image, str | Path):
            image = read_image(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ImageError(
                "a picture is a uint8 array (height, width, 3), RGB",
                value=(image.dtype.name, image.shape),
                remedy="convert it, or give the path of its file",
            )
        self._image, self._image_id = image, image_id

    def predict(
        self,
        boxes: ArrayLike | Sequence[ArrayLike] | None = None,
        categories: Sequence[str] | Sequence[int] | None = None,
        masks: Sequence[Mask | NDArray[np.bool_]] | None = None,
        scores: Sequence[float] | None = None,
        ids: Sequence[int] | None = None,
        keep_heat: bool = False,
    ) -> list[Prediction]:
        """The whole objects, one for each box or mask, in their order.

        With boxes, IIS finds the visible part in each. With masks, IIS is skipped: the mask is the modal heat, is
        returned as the modal mask, and is part of the amodal mask. Where an amodal mask has no pixel, `stop_reason` is
        "empty" and `amodal_box` the box the expansion ended with.

        Args:
            boxes: modal boxes, xyxy pixels ``(n, 4)``; cut to the picture.
            categories: names, or numbers; networks that tell categories apart know them by name, or by their place in
                ``networks.categories``. Networks that do not need none.
            masks: modal masks instead of boxes: `Mask` or bool ``(H, W)`` of the picture's size.
            scores: confidence of each box or mask, 0-1; 1 where not given. It is multiplied by the mean amodal heat
                inside the amodal mask.
            ids: `Prediction.annotation_id`; 0, 1, ... where not given.
            keep_heat: keep modal heat and every step of the expansion.

        Raises:
            AmodalError: no picture set, neither or both of boxes and masks, or lists of different lengths.
            BoxError: a box that is not finite, is inverted, or misses the picture.
            AnnotationError: a mask that is empty or of another size; a category the networks do not know; a bad score.
        """
        if self._image is None:
            raise AmodalError("a picture comes before its boxes", remedy="call set_image first")
        if (boxes is None) == (masks is None):
            raise AmodalError("predict takes either boxes or masks")
        height, width = self._image.shape[:2]
        rows = list(_box_rows(boxes) if masks is None else masks)
        for name, values in (("categories", categories), ("scores", scores), ("ids", ids)):
            if values is not None and len(values) != len(rows):
                raise AmodalError(f"one of {name} for each of the {len(rows)} objects", value=len(values))
        what = "box" if masks is None else "mask"
        records = [f"{what} {i}" for i in range(len(rows))] if ids is None else [f"annotation {i}" for i in ids]
        given = None if masks is None else [_mask(m, width, height, r) for m, r in zip(masks, records, strict=True)]
        checked = (
            [m.box for m in given]
            if given is not None
            else [bx.check(row, width, height, record=r) for row, r in zip(rows, records, strict=True)]
        )
        weights = [_score(s, r) for s, r in zip(scores or [1.0] * len(rows), records, strict=True)]
        places, category = self._categories(categories, records)
        modal_boxes = np.array(checked, dtype=np.float64).reshape(-1, 4)
        modal_heat = self._modal_heat(self._image, modal_boxes, category, given)
        found = self._expand(self._image, modal_boxes, modal_heat, category, keep_heat)
        return [
            self._finish(
                checked[i],
                modal_heat[i],
                found[i],
                None if given is None else given[i],
                annotation_id=i if ids is None else int(ids[i]),
                category=places[i],
                score=weights[i],
                keep_heat=keep_heat,
            )
            for i in range(len(rows))
        ]

    def _modal_heat(
        self, image: NDArray[np.uint8], boxes: bx.BoxArray, category: Category, given: list[Mask] | None
    ) -> NDArray[np.float32]:
        network, passes = self.networks.modal, self.settings.iis_passes
        heat = np.empty((len(boxes), network.heat_px, network.heat_px), np.float32)
        if given is not None:
            for i, mask in enumerate(given):
                heat[i] = mask_heat(mask, boxes[i], network.heat_px)
            return heat
        for part in self._batches(len(boxes)):
            patches = cut_patches(image, boxes[part], network.patch_px)
            heat[part] = refine(network, patches, None if category is None else category[part], passes)
        return heat

    def _expand(
        self,
        image: NDArray[np.uint8],
        modal_boxes: bx.BoxArray,
        modal_heat: NDArray[np.float32],
        category: Category,
        keep_heat: bool,
    ) -> list[Expansion]:
        network, settings = self.networks.amodal, self.settings
        height, width = image.shape[:2]

        def heat_of(indices: NDArray[np.intp], boxes: bx.BoxArray) -> NDArray[np.float32]:
            heat = np.empty((len(indices), network.heat_px, network.heat_px), np.float32)
            for part in self._batches(len(indices)):
                who = indices[part]
                patches = cut_patches(image, boxes[part], network.patch_px)
                aligned = move_heat(modal_heat[who], modal_boxes[who], boxes[part], network.patch_px)
                heat[part] = network(patches, aligned, None if category is None else category[who])
            return heat

        beyond = 0.0 if settings.stop_at_border else settings.beyond_border
        return expand(
            heat_of,
            modal_boxes,
            bx.as_box(bx.grow([0, 0, width, height], beyond)),
            margin=network.margin,
            threshold=settings.strip_threshold,
            max_steps=settings.max_steps,
            keep_heat=keep_heat,
        )

    def _finish(
        self,
        modal_box: bx.Box,
        modal_heat: NDArray[np.float32],
        found: Expansion,
        given: Mask | None,
        *,
        annotation_id: int,
        category: int,
        score: float,
        keep_heat: bool,
    ) -> Prediction:
        assert self._image is not None
        height, width = self._image.shape[:2]
        modal_mask = given
        if modal_mask is None:
            heat, left, top = paste_heat(modal_heat, modal_box, width, height)
            modal_mask = Mask.from_crop(heat > self.settings.modal_threshold, left, top, width, height)
        heat, left, top = paste_heat(found.heat, found.frame, width, height)
        inside = heat > self.settings.amodal_threshold
        if given is not None:
            inside |= given.crop((left, top, left + inside.shape[1], top + inside.shape[0]))
        amodal_mask = Mask.from_crop(inside, left, top, width, height)
        if given is not None:
            amodal_mask |= given
        empty = amodal_mask.is_empty
        # given pixels outside the last frame count with heat 0
        mean_heat = 0.0 if empty else float(heat[inside].sum(dtype=np.float64)) / amodal_mask.area
        return Prediction(
            image_id=self._image_id,
            annotation_id=annotation_id,
            category=category,
            score=score * min(max(mean_heat, 0.0), 1.0),
            modal_box=modal_box,
            modal_mask=modal_mask,
            amodal_mask=amodal_mask,
            amodal_box=found.box if empty else _around(amodal_mask.box, modal_box),
            steps=len(found.steps),
            stop_reason="empty" if empty else found.stop_reason,
            modal_heat=modal_heat.copy() if keep_heat else None,
            trace=tuple(found.steps) if keep_heat else (),
        )

    def _categories(
        self, categories: Sequence[str] | Sequence[int] | None, records: list[str]
    ) -> tuple[list[int], Category]:
        """Each object's number for the record, and what the networks are told."""
        known = self.networks.categories
        if categories is None:
            if known and records:
                raise AnnotationError(
                    "these networks need the category of every object", remedy=f"give one of {', '.join(known)}"
                )
            return [0] * len(records), None
        names = known or tuple(dict.fromkeys(str(c) for c in categories if isinstance(c, str)))
        places = []
        for category, record in zip(categories, records, strict=True):
            place = -1 if isinstance(category, bool) else category
            if isinstance(category, str):
                place = names.index(category) if category in names else -1
            if not isinstance(place, int | np.integer) or place < 0 or (known and place >= len(known)):
                raise AnnotationError(
                    "a category is one the networks know" if known else "a category is a name or a number from 0 on",
                    record=record,
                    value=category,
                    remedy=f"give one of {', '.join(known)}" if known else "correct it",
                )
            places.append(int(place))
        return places, np.array(places, dtype=np.int64) if known else None

    def _batches(self, count: int) -> list[slice]:
        size = self.settings.batch_size
        return [slice(start, start + size) for start in range(0, count, size)]


def _box_rows(boxes: Any) -> list[Any]:
    try:
        return list(boxes)
    except TypeError:
        raise BoxError("boxes are a list of x1, y1, x2, y2", value=boxes) from None


def _mask(value: Mask | NDArray[np.bool_], width: int, height: int, record: str) -> Mask:
    mask = value if isinstance(value, Mask) else Mask.from_array(np.asarray(value) != 0)
    if (mask.width, mask.height) != (width, height):
        raise AnnotationError(
            f"a mask has the size of its picture, {width} x {height}", record=record, value=(mask.width, mask.height)
        )
    if mask.is_empty:
        raise AnnotationError("a given mask has at least one pixel", record=record, remedy="give its box instead")
    return mask


def _score(value: Any, record: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        raise AnnotationError("a score is a number from 0 to 1", record=record, value=value)
    if not 0 <= value <= 1:
        raise AnnotationError("a score is a number from 0 to 1", record=record, value=value)
    return float(value)


def _around(a: bx.Box, b: bx.Box) -> bx.Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
