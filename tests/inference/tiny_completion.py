"""A completion network whose answer is known: an object goes on behind everything else (the union of both masks)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

SIZE_PX = 64


def write_completion(folder: Path, graph_px: int = SIZE_PX, **changes: Any) -> Path:
    """A folder as `Completion.from_pretrained` wants it; ``changes`` of its config."""
    import onnx
    from onnx import TensorProto as T
    from onnx import helper as h

    folder.mkdir(parents=True, exist_ok=True)
    axis = h.make_tensor("axis", T.INT64, [1], np.array([1], np.int64))
    graph = h.make_graph(
        [h.make_node("ReduceMax", ["masks", "axis"], ["heat_out"], keepdims=0)],
        "completion",
        [h.make_tensor_value_info("masks", T.FLOAT, ["n", 2, graph_px, graph_px])],
        [h.make_tensor_value_info("heat_out", T.FLOAT, ["n", graph_px, graph_px])],
        [axis],
    )
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=10), folder / "completion.onnx")
    sha = hashlib.sha256((folder / "completion.onnx").read_bytes()).hexdigest()
    config = {"format": 1, "kind": "completion", "size_px": graph_px, "context": 2.0, "threshold": 0.5, "others": True}
    (folder / "config.json").write_text(json.dumps({**config, "sha256": {"completion.onnx": sha}, **changes}))
    return folder
