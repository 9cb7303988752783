"""Networks whose answers are known: the object is what is red, and goes on beyond the patch as it meets its edge.

`ToyNetwork` is that rule in numpy; `write_weights` writes it as a weights folder of real ONNX graphs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amodal.core.resample import resample_matrix

PATCH_PX, HEAT_PX, MARGIN = 32, 40, 0.125


class ToyNetwork:
    """Heat = 0.9 red + 0.1 hypothesis, read over the frame; remembers what it was asked."""

    def __init__(self, patch_px: int = PATCH_PX, heat_px: int = HEAT_PX, margin: float = MARGIN) -> None:
        self.patch_px, self.heat_px, self.margin = patch_px, heat_px, margin
        self.calls: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]] = []

    def __call__(
        self, patches: NDArray[np.uint8], heat: NDArray[np.float32], category: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        assert patches.dtype == np.uint8 and patches.shape == (len(patches), 3, self.patch_px, self.patch_px)
        assert heat.dtype == np.float32 and heat.shape == (len(patches), self.patch_px, self.patch_px)
        self.calls.append((patches, heat.copy(), category))
        seen = 0.9 * patches[:, 0].astype(np.float32) / 255 + 0.1 * heat
        matrix = resample_matrix(self.patch_px, self.heat_px, -self.margin, 1 + self.margin)
        return np.clip(matrix @ seen @ matrix.T, 0, 1).astype(np.float32)


def write_onnx(
    path: Path, patch_px: int, heat_px: int, margin: float, *, categories: bool = False, **changes: Any
) -> None:
    """`ToyNetwork` as an ONNX file. ``changes``: heat_name, image_type, batch, to make a graph that does not fit."""
    import onnx
    from onnx import TensorProto as T
    from onnx import helper as h

    matrix = resample_matrix(patch_px, heat_px, -margin, 1 + margin)
    batch = changes.get("batch", "n")
    constants = {
        "red": np.array([0], np.int64),
        "rows": matrix,
        "columns": np.ascontiguousarray(matrix.T),
        "colour_share": np.array(0.9 / 255, np.float32),
        "heat_share": np.array(0.1, np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(1, np.float32),
        "nothing": np.array(0, np.float32),
        "last": np.array([1, 2], np.int64),
    }
    heat_name = changes.get("heat_name", "heat")
    nodes = [
        h.make_node("Cast", ["image"], ["colours"], to=T.FLOAT),
        h.make_node("Gather", ["colours", "red"], ["red_1"], axis=1),
        h.make_node("Squeeze", ["red_1", "red_axis"], ["red_2"]),
        h.make_node("Mul", ["red_2", "colour_share"], ["a"]),
        h.make_node("Mul", [heat_name, "heat_share"], ["b"]),
        h.make_node("Add", ["a", "b"], ["seen"]),
        h.make_node("MatMul", ["rows", "seen"], ["half"]),
        h.make_node("MatMul", ["half", "columns"], ["whole"]),
        h.make_node("Clip", ["whole", "low", "high"], ["clipped" if categories else "heat_out"]),
    ]
    inputs = [
        h.make_tensor_value_info("image", changes.get("image_type", T.UINT8), [batch, 3, patch_px, patch_px]),
        h.make_tensor_value_info(heat_name, T.FLOAT, [batch, patch_px, patch_px]),
    ]
    constants["red_axis"] = np.array([1], np.int64)
    if categories:
        inputs.append(h.make_tensor_value_info("category", T.INT64, [batch]))
        nodes += [
            h.make_node("Cast", ["category"], ["number"], to=T.FLOAT),
            h.make_node("Mul", ["number", "nothing"], ["zeros"]),
            h.make_node("Unsqueeze", ["zeros", "last"], ["zeros_3"]),
            h.make_node("Add", ["clipped", "zeros_3"], ["heat_out"]),
        ]
    output = h.make_tensor_value_info("heat_out", T.FLOAT, [batch, heat_px, heat_px])
    used = {name for node in nodes for name in node.input}
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items() if name in used]
    graph = h.make_graph(nodes, "toy", inputs, [output], tensors)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_weights(folder: Path, categories: tuple[str, ...] = ()) -> Path:
    """A whole weights folder of two toy networks, as `load_networks` wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "format": 1,
        "networks": {},
        "prediction": {},
        "categories": list(categories),
        "sha256": {},
    }
    for name, margin in (("modal", 0.0), ("amodal", MARGIN)):
        write_onnx(folder / f"{name}.onnx", PATCH_PX, HEAT_PX, margin, categories=bool(categories))
        config["networks"][name] = {"patch_px": PATCH_PX, "heat_px": HEAT_PX, "margin": margin, "backbone": "none"}
        config["sha256"][f"{name}.onnx"] = hashlib.sha256((folder / f"{name}.onnx").read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def red_picture(width: int, height: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A black picture with a red rectangle."""
    image = np.zeros((height, width, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2], 0] = 255
    return image
