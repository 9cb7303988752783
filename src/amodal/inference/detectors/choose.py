"""The word after ``--detector`` and ``--segmenter`` as an object."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import AmodalError
from .base import Detector, Segmenter
from .yolox import YoloxNano

FORMS = "yolox, torchvision, torchvision:faster, torchvision:mask or transformers:NAME (a folder or a hub repository)"


def open_detector(word: str = "yolox", weights: str | Path | None = None, *, threads: int = 0) -> Detector:
    """A detector by its word; see `FORMS`.

    Args:
        word: ``torchvision`` alone is ``torchvision:mask``.
        weights: a local file: ``.onnx`` for yolox, ``.safetensors`` or ``.pth`` for torchvision.
        threads: CPU threads of yolox; 0 takes all cores.

    Raises:
        AmodalError: another word, a library that is not installed, a file given to a detector that takes none.
        WeightsError: weights that are missing or do not fit.
    """
    kind, _, rest = word.partition(":")
    if word == "yolox":
        return YoloxNano(weights, threads=threads)
    if kind == "torchvision" and rest in ("", "faster", "mask"):
        try:
            from .torchvision_detector import TorchvisionDetector
        except ModuleNotFoundError as problem:
            raise _missing(problem, "train") from None
        return TorchvisionDetector("faster" if rest == "faster" else "mask", weights)
    if kind == "transformers" and rest:
        if weights is not None:
            raise AmodalError("transformers:NAME names its own weights", value=str(weights), remedy="leave one out")
        try:
            from .transformers_detector import TransformersDetector
        except ModuleNotFoundError as problem:
            raise _missing(problem, "transformers") from None
        return TransformersDetector(rest)
    raise AmodalError(f"a detector is {FORMS}", value=word)


def open_segmenter(word: str) -> Segmenter:
    """``sam2:NAME``, a folder or a hub repository; raises as `open_detector`."""
    kind, _, name = word.partition(":")
    if kind != "sam2" or not name:
        raise AmodalError(
            "a segmenter is sam2:NAME (a folder or a hub repository)",
            value=word,
            remedy="for example sam2:facebook/sam2.1-hiera-tiny",
        )
    try:
        from .transformers_detector import Sam2Segmenter
    except ModuleNotFoundError as problem:
        raise _missing(problem, "transformers") from None
    return Sam2Segmenter(name)


def _missing(problem: ModuleNotFoundError, extra: str) -> AmodalError:
    return AmodalError(
        f"this detector needs {problem.name}, which the base install leaves out",
        remedy=f"run: pip install 'amodal[{extra}]'",
    )
