"""Whole-number networks: int8 where the accuracy on validation holds."""

from __future__ import annotations

import hashlib
import json
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.masks import Mask
from ..core.records import Prediction
from .albums import predict_album
from .folder import CONFIG_FILE, beside, move_in, read_config
from .networks import NetworkName, load_networks
from .pair import Network, ask, takes_others
from .predictor import Predictor

MAX_LOSS = 0.3
"""Most points of mean IoU (of 100) that int8 may cost."""

CALIBRATION_PATCHES = 128
"""Patches of each network that its ranges are measured on."""


FLOAT_FIRST = 12
"""Convolutions next to the picture that stay float32: without this int8 cost 28 points (docs/performance.md).

So many of the backbone and so many of a detector."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean amodal IoU (0-1, per object) of float32 and int8 networks on the same objects."""

    objects: int
    float32: float
    int8: float

    @property
    def loss(self) -> float:
        """Points of 100 that int8 costs; negative where it gains."""
        return 100 * (self.float32 - self.int8)


class _Recorder:
    """A network that remembers what it was asked: the patches of real use, hypotheses and expansion steps included."""

    def __init__(self, network: Network) -> None:
        self.network, self.asked = network, list[dict[str, NDArray[Any]]]()
        self.patch_px, self.heat_px, self.margin = network.patch_px, network.heat_px, network.margin
        self.takes_others = takes_others(network)

    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None,
        others: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        for i in range(len(patches)):
            one: dict[str, NDArray[Any]] = {"image": patches[i : i + 1].copy(), "heat": heat[i : i + 1].copy()}
            for name, value in (("category", category), ("others", others)):
                if value is not None:
                    one[name] = value[i : i + 1].copy()
            self.asked.append(one)
        return ask(self.network, patches, heat, category, others)


def quantize_weights(
    folder: str | Path, album: Album, images_dir: str | Path, *, max_loss: float = MAX_LOSS, force: bool = False
) -> Comparison:
    """Replace the ONNX of a weights folder by int8, if the accuracy on validation holds.

    Every second picture with objects gives the patches that ranges are measured on; the others are what both are scored
    on. Convolutions become int8 (QDQ, a scale for each channel), but for the first `FLOAT_FIRST` and the last one,
    whose output is the heat.

    Args:
        folder: a weights folder with float32 ONNX; its safetensors stay.
        album: validation pictures with amodal masks.
        images_dir: folder of the pictures.
        max_loss: most points of mean IoU (of 100) that int8 may cost.
        force: write it anyway.

    Returns:
        what was measured.

    Raises:
        AmodalError: int8 costs more and ``force`` is not set; the folder is left as it was.
        AnnotationError: as `halves`.
    """
    folder = Path(folder)
    calibration, validation = halves(album)
    asked = calibration_inputs(folder, calibration, images_dir)
    with beside(folder) as temporary:
        made = Path(temporary)
        config = read_config(folder)
        digests = dict(config.get("sha256", {}))
        for name in get_args(NetworkName):
            target = made / f"{name}.onnx"
            quantize_network(folder / target.name, target, asked[name])
            digests[target.name] = hashlib.sha256(target.read_bytes()).hexdigest()
        (made / CONFIG_FILE).write_text(json.dumps(config | {"sha256": digests}, indent=2) + "\n", encoding="utf-8")
        found = compare(folder, made, validation, images_dir)
        if found.loss > max_loss and not force:
            raise AmodalError(
                f"int8 costs at the most {max_loss} points of mean IoU on validation "
                f"({100 * found.float32:.2f} in float32, {100 * found.int8:.2f} in int8, {found.objects} objects)",
                file=album.source,
                value=round(found.loss, 2),
                remedy="keep float32, or take it anyway with --force",
            )
        notes = dict(config.get("notes") or {}) | {
            "int8": {"objects": found.objects, "float32": round(found.float32, 4), "int8": round(found.int8, 4)}
        }
        text = json.dumps(config | {"notes": notes, "sha256": digests}, indent=2) + "\n"
        (made / CONFIG_FILE).write_text(text, encoding="utf-8")
        move_in(made, folder)
    return found


def halves(album: Album) -> tuple[Album, Album]:
    """Validation pictures as two albums: those that ranges are measured on, and those that are scored.

    Raises:
        AnnotationError: fewer than two pictures with objects, or none of the scored ones has an amodal mask.
    """
    known = [record for record in album if record.instances]
    if len(known) < 2:
        raise AnnotationError(
            "validation needs two pictures with objects: one to measure ranges on, one to score",
            file=album.source,
            value=len(known),
            remedy="give more pictures",
        )
    measured, scored = (Album(known[i::2], album.categories, source=album.source) for i in (0, 1))
    _whole_masks(scored)
    return measured, scored


def calibration_inputs(
    folder: Path, album: Album, images_dir: str | Path, count: int = CALIBRATION_PATCHES
) -> dict[str, list[dict[str, NDArray[Any]]]]:
    """What each network of a folder is asked when it predicts an album: up to ``count`` inputs, spread over it."""
    pair = load_networks(folder)
    recorders = {"modal": _Recorder(pair.modal), "amodal": _Recorder(pair.amodal)}
    predictor = Predictor(replace(pair, modal=recorders["modal"], amodal=recorders["amodal"]))
    for record in album:
        if all(len(recorder.asked) >= 8 * count for recorder in recorders.values()):
            break
        predict_album(predictor, Album([record], album.categories, source=album.source), images_dir)
    spread = np.random.default_rng(0)
    return {
        name: [recorder.asked[i] for i in sorted(spread.permutation(len(recorder.asked))[:count].tolist())]
        for name, recorder in recorders.items()
    }


def quantize_network(source: Path, target: Path, asked: Sequence[dict[str, NDArray[Any]]]) -> None:
    """One ONNX file as int8.

    Args:
        source: float32.
        target: written.
        asked: inputs to measure the ranges of its values on.
    """
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(q.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest: Iterator[dict[str, NDArray[Any]]] = iter(asked)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            return next(self.rest, None)

    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = Path(temporary) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(str(prepared)).graph.node
        convolutions = [(node.name, node.input[1]) for node in nodes if node.op_type == "Conv"]
        q.quantize_static(
            str(prepared),
            str(target),
            Reader(),
            quant_format=q.QuantFormat.QDQ,
            per_channel=True,
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=stay_float(convolutions),
            calibrate_method=q.CalibrationMethod.MinMax,
        )


def stay_float(convolutions: Sequence[tuple[str, str]]) -> list[str]:
    """Which convolutions stay float32, of those of a graph in their order: (name, name of the weight).

    >>> len(stay_float([(f"{i}", f"network.{'detector' if i % 2 else 'backbone'}.{i}") for i in range(40)]))
    25
    """
    branches = [[name for name, weight in convolutions if (".detector." in weight) == of_it] for of_it in (False, True)]
    return [name for branch in branches for name in branch[:FLOAT_FIRST]] + [convolutions[-1][0]]


def compare(float32: Path, int8: Path, album: Album, images_dir: str | Path) -> Comparison:
    """Mean amodal IoU of two weights folders on the objects of an album that have an amodal mask.

    Raises:
        AnnotationError: none has.
    """
    truth = _whole_masks(album)

    def mean_iou(folder: Path) -> float:
        found: list[Prediction] = predict_album(Predictor.from_pretrained(folder), album, images_dir)
        sizes = {record.id: (record.width, record.height) for record in album}
        whole = {p.annotation_id: p.in_picture(*sizes[p.image_id]).amodal_mask for p in found}
        return float(np.mean([whole[number].iou(mask) for number, mask in truth.items()]))

    return Comparison(len(truth), mean_iou(float32), mean_iou(int8))


def _whole_masks(album: Album) -> dict[int, Mask]:
    """The amodal masks that are scored, by the ids of their objects."""
    found = {
        o.id: o.amodal_mask
        for record in album
        for o in record.instances
        if o.amodal_mask is not None and not (o.amodal_mask.is_empty or o.is_crowd or o.is_stuff)
    }
    if not found:
        raise AnnotationError(
            "validation needs amodal masks: no object to score has one", file=album.source, remedy="give such a file"
        )
    return found
