"""Detectors and a segmenter of Hugging Face transformers: RF-DETR, D-FINE, RT-DETR, DETR, ...; SAM 2 for masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ...core import boxes as bx
from ...core.errors import AmodalError, WeightsError
from ...core.masks import Mask
from ..asked import checked_picture
from .base import Detection, check_score, coco_spelling, named_categories


class TransformersDetector:
    """Any ``AutoModelForObjectDetection``: RF-DETR and D-FINE among them.

    Args:
        name: a folder written by ``save_pretrained``, or a repository of the hub, read from its cache or downloaded;
            with ``HF_HUB_OFFLINE=1`` from the cache alone. Only safetensors are read.
        device: where it runs.

    Raises:
        WeightsError: nothing of that name is here or can be fetched, or it is no detector.
    """

    def __init__(self, name: str, *, device: str = "cpu") -> None:
        library = _transformers()
        self._processor = load(library.AutoImageProcessor, name)
        self._model = load_model(library.AutoModelForObjectDetection, name).eval().to(device)
        self._device = device
        labels = self._model.config.id2label
        self._names = dict(zip(map(int, labels), coco_spelling([str(text) for text in labels.values()]), strict=True))
        self.categories = named_categories(list(self._names.values()))

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8], min_score: float = 0.3) -> list[Detection]:
        """See `Detector`."""
        check_score(min_score)
        checked_picture(image)
        height, width = image.shape[:2]
        inputs = self._processor(images=Image.fromarray(image), return_tensors="pt").to(self._device)
        outputs = self._model(**inputs)
        (found,) = self._processor.post_process_object_detection(
            outputs, threshold=min_score, target_sizes=[(height, width)]
        )
        scores, labels = found["scores"].cpu().numpy(), found["labels"].cpu().numpy()
        boxes = bx.clip(found["boxes"].cpu().numpy(), width, height)
        places = {category.name: place for place, category in enumerate(self.categories)}
        detections = []
        for i in np.argsort(-scores, kind="stable"):
            name = self._names.get(int(labels[i]))
            if name is None or scores[i] < min_score or (bx.sides(boxes[i]) < 1).any():
                continue
            detections.append(Detection(bx.as_box(boxes[i]), places[name], name, min(float(scores[i]), 1.0)))
        return detections


class Sam2Segmenter:
    """SAM 2 prompted with boxes: one visible mask for each.

    Args:
        name: folder or repository, as in `TransformersDetector`; for example ``facebook/sam2.1-hiera-tiny``.
        device: where it runs.
        batch_size: most boxes asked about at once.

    Raises:
        WeightsError: as `TransformersDetector`.
    """

    def __init__(self, name: str, *, device: str = "cpu", batch_size: int = 32) -> None:
        library = _transformers()
        self._processor = load(library.Sam2Processor, name)
        self._model = load_model(library.Sam2Model, name).eval().to(device)
        self._device, self._batch_size = device, batch_size

    @torch.inference_mode()
    def segment(self, image: NDArray[np.uint8], boxes: Sequence[bx.Box]) -> list[Mask]:
        """See `Segmenter`. What SAM 2 finds outside a box is cut off: the box is the user's word."""
        if not boxes:
            return []
        height, width = image.shape[:2]
        picture = Image.fromarray(image)
        first = self._processor(images=picture, return_tensors="pt").to(self._device)
        embeddings = self._model.get_image_embeddings(first["pixel_values"])  # once a picture, whatever the boxes
        masks: list[Mask] = []
        for start in range(0, len(boxes), self._batch_size):
            part = [list(box) for box in boxes[start : start + self._batch_size]]
            prompt = self._processor(images=picture, input_boxes=[part], return_tensors="pt").to(self._device)
            outputs = self._model(
                input_boxes=prompt["input_boxes"], image_embeddings=embeddings, multimask_output=False
            )
            (found,) = self._processor.post_process_masks(outputs.pred_masks.cpu(), [(height, width)])
            for mask, box in zip(found[:, 0].numpy(), part, strict=True):
                masks.append(Mask.from_array(mask) & Mask.from_box(bx.outward(box), width, height))
        return masks


def load(kind: Any, name: str, **words: Any) -> Any:
    """``kind.from_pretrained(name)``, its many exceptions as one.

    Raises:
        WeightsError: nothing of that name is here or can be fetched, or it is of another kind.
    """
    try:
        return kind.from_pretrained(name, **words)
    except Exception as problem:  # OSError, ValueError, KeyError, hub and safetensors errors, by version
        text = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise WeightsError(
            f"transformers cannot load this as {kind.__name__} ({text})",
            file=name,
            remedy="give a folder with config.json, preprocessor_config.json and model.safetensors; to get one, run "
            "`hf download REPOSITORY --local-dir FOLDER` on a machine that is online",
        ) from None


def load_model(kind: Any, name: str) -> Any:
    """A network of which every weight was in the files: transformers itself fills gaps with random numbers.

    Raises:
        WeightsError: as `load`, or weights are missing or of another shape.
    """
    model, info = load(kind, name, use_safetensors=True, output_loading_info=True)
    gaps = sorted(str(key) for what in ("missing_keys", "mismatched_keys") for key in info.get(what, ()))
    if gaps:
        raise WeightsError(
            f"the files hold every weight of {type(model).__name__}",
            file=name,
            value=f"{len(gaps)} missing, the first {gaps[0]}",
            remedy="give a model of the kind asked for",
        )
    return model


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as problem:
        raise AmodalError(
            f"this detector needs {problem.name}, which no install brings by itself",
            remedy="run: pip install 'amodal[transformers]'",
        ) from None
    return transformers
