"""What `amodal reproduce` is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..inference.networks import Backend
from .sources import VOC_LIST


@dataclass(frozen=True, slots=True)
class Options:
    """The command's words.

    Attributes:
        output: folder of the run; one that holds a part of it is gone on with.
        voc: folder of VOC 2012.
        sbd: folder of SBD: what the paper's networks are trained on; the evaluation does not read it.
        pascal3d: folder of PASCAL 3D+.
        truth: whole masks: of objects of VOC, or (without ``voc``) annotations of any pictures.
        images: folder of the pictures, where ``voc`` is not given.
        detections: a detector's boxes, COCO results for the run's ``data/val.json``.
        detector, detector_weights: a detector to run instead, as `amodal predict` has it.
        weights: the networks; None: those of the package.
        backend: what runs the networks, as in `load_networks`: "torch" where a GPU is at hand.
        ablations: folder of the ablations' weights, see `find_ablations`.
        voc_list: which pictures of VOC.
        quick: take what is not given from a miniature.
        threads: CPU threads; 0: all cores.
    """

    output: str
    voc: str | None = None
    sbd: str | None = None
    pascal3d: str | None = None
    truth: str | None = None
    images: str | None = None
    detections: str | None = None
    detector: str | None = None
    detector_weights: str | None = None
    weights: str | None = None
    backend: Backend = "onnx"
    ablations: str | None = None
    voc_list: str = VOC_LIST
    quick: bool = False
    threads: int = 0
