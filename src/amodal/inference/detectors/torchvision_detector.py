"""Faster R-CNN and Mask R-CNN of torchvision, trained on COCO."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models import detection as zoo

from ...core import boxes as bx
from ...core.errors import WeightsError
from ...core.masks import Mask
from ..asked import checked_picture
from .base import Detection, check_score, coco_categories

Kind = Literal["faster", "mask"]

MASK_ABOVE = 0.5
"""A pixel belongs to the visible mask where Mask R-CNN's probability exceeds this."""

_FILES: dict[Kind, Any] = {
    "faster": zoo.FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    "mask": zoo.MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
}
_BUILDERS = {
    ("faster", "v1"): zoo.fasterrcnn_resnet50_fpn,
    ("faster", "v2"): zoo.fasterrcnn_resnet50_fpn_v2,
    ("mask", "v1"): zoo.maskrcnn_resnet50_fpn,
    ("mask", "v2"): zoo.maskrcnn_resnet50_fpn_v2,
}
_CLASSES = 91  # COCO's ids, 0 for the background


class TorchvisionDetector:
    """Faster R-CNN or Mask R-CNN with a ResNet-50 and a feature pyramid.

    Args:
        kind: "faster" gives boxes, "mask" boxes and visible masks.
        weights: a state in a ``.safetensors`` or ``.pth`` file (read with ``weights_only``: no pickled code is run), of
            either version of the ResNet-50 models; None: torchvision's own file, from torch's cache or downloaded.
        device: where it runs.

    Raises:
        WeightsError: the file is missing, unreadable or of another network; or nothing is in the cache and there is
            no connection.
    """

    def __init__(self, kind: Kind = "mask", weights: str | Path | None = None, *, device: str = "cpu") -> None:
        if kind not in _FILES:
            raise WeightsError("torchvision's detectors here are faster and mask", value=kind)
        self.categories = coco_categories()
        self._places = {category.id: place for place, category in enumerate(self.categories)}
        state = _downloaded(kind) if weights is None else read_state(Path(weights))
        self._model = build(kind, state, weights or _FILES[kind].url).to(device)
        self._device = device

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8], min_score: float = 0.3) -> list[Detection]:
        """See `Detector`."""
        check_score(min_score)
        checked_picture(image)
        self._model.roi_heads.score_thresh = min_score  # type: ignore[union-attr]  # torchvision's own is 0.05
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
        found = {name: value.cpu().numpy() for name, value in self._model([pixels])[0].items()}
        height, width = image.shape[:2]
        boxes = bx.clip(found["boxes"], width, height)
        detections: list[Detection] = []
        for i in np.argsort(-found["scores"], kind="stable"):
            place = self._places.get(int(found["labels"][i]))  # some of the 91 numbers name nothing
            if place is None or found["scores"][i] < min_score or (bx.sides(boxes[i]) < 1).any():
                continue
            mask = Mask.from_array(found["masks"][i, 0] > MASK_ABOVE) if "masks" in found else None
            if mask is not None and mask.is_empty:
                continue
            name, score = self.categories[place].name, min(float(found["scores"][i]), 1.0)
            detections.append(Detection(bx.as_box(boxes[i]), place, name, score, mask))
        return detections


def build(kind: Kind, state: dict[str, torch.Tensor], source: object) -> torch.nn.Module:
    """The network a state belongs to, loaded, in evaluation mode.

    Args:
        kind: as in `TorchvisionDetector`.
        state: of a torchvision model; its version is seen from its names.
        source: the state's file, named in errors.

    Raises:
        WeightsError: the state is of another network or another set of classes.
    """
    version = "v1" if "roi_heads.box_head.fc6.weight" in state else "v2"
    model: torch.nn.Module = _BUILDERS[kind, version](weights=None, weights_backbone=None, num_classes=_CLASSES)
    own = model.state_dict()
    for name in sorted(own.keys() | state.keys()):
        want = tuple(own[name].shape) if name in own else None
        have = tuple(state[name].shape) if name in state else None
        if want != have and not name.endswith("num_batches_tracked"):
            raise WeightsError(
                f"torchvision's {kind}rcnn_resnet50_fpn ({version}, {_CLASSES} classes) has {name} of shape {want}",
                file=source,
                value=have,
                remedy="give weights of that model: torchvision:faster and torchvision:mask take different files",
            )
    model.load_state_dict(state, strict=False)
    return model.eval()


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name from a ``.safetensors`` or torch file, without running any code of the file.

    Raises:
        WeightsError: missing, damaged, or more than tensors.
    """
    remedy = "give a state of tensors, as torchvision publishes it"
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError("the detector's weights do not exist", file=path, remedy="check the path") from None
    except Exception as problem:  # safetensors, zip and the unpickler each have their own classes
        text = str(problem).splitlines()[0][:160] if str(problem) else type(problem).__name__
        raise WeightsError(f"not a file of tensors ({text})", file=path, remedy=remedy) from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError("a file of weights holds tensors by name", file=path, remedy=remedy)
    return state


def _downloaded(kind: Kind) -> dict[str, torch.Tensor]:
    url = str(_FILES[kind].url)
    place = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    try:
        return dict(torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True))
    except (URLError, OSError, RuntimeError) as problem:
        raise WeightsError(
            f"the weights of torchvision:{kind} are not here and cannot be downloaded ({problem})",
            file=place,
            remedy=f"fetch {url} on a machine that is online and put it there, or name it with --detector-weights",
        ) from None
