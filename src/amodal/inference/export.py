"""From trained networks to a weights folder that runs without torch."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxscript import optimizer
from torch import Tensor, nn

from ..core.errors import WeightsError
from ..core.files import write_bytes
from ..models.config import ModelConfig
from ..models.weights import ROLES, Role, config_dict, load_network, packed, save_network, sha256_of
from .calibration import read_calibrations
from .folder import CONFIG_FILE, FORMAT, beside, move_in, read_config
from .settings import PredictionSettings

PARITY = 1e-4
"""Largest difference allowed between a network in torch and in onnxruntime, in heat."""

_WORTH_HALVING = 256  # numbers

_WRITTEN = ("format", "networks", "prediction", "categories", "notes", "sha256")


class _Heat(nn.Module):
    """The graph that is exported: logits become heat."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, image: Tensor, heat: Tensor, category: Tensor | None = None, others: Tensor | None = None
    ) -> Tensor:
        told = () if others is None else (others,)
        return torch.sigmoid(self.network(image, heat, category, *told))


def export_weights(
    folder: str | Path,
    networks: dict[Role, nn.Module],
    settings: PredictionSettings,
    *,
    categories: tuple[str, ...] = (),
    notes: dict[str, Any] | None = None,
    calibrations: dict[str, Any] | None = None,
) -> Path:
    """Write a weights folder: safetensors (float16), ONNX (float32), config.json with sha256 of each.

    The ONNX is made from the float16 weights, read back, so that both files hold the same network; on disk its weights
    are float16, too (`halved`).

    Args:
        folder: made if missing; all files are written and checked beside it and moved in at the end.
        networks: "modal" and "amodal", trained.
        settings: how they are to be used, thresholds included.
        categories: names in the order of the networks' channels; empty for category-agnostic ones.
        notes: kept in config.json under "notes"; of a path of this machine, its name alone.
        calibrations: of the probability of occlusion, "box" and "mask", each as `calibration.fit_calibration` returns
            it; None or {}: none.

    Raises:
        WeightsError: a weight is not finite in half precision, torch and onnxruntime differ by more than `PARITY`, or
            the calibrations are none; what lay in the folder is left as it was.
    """
    folder = Path(folder)
    read_calibrations(calibrations or {}, file=folder / CONFIG_FILE)
    more = {"calibration": dict(calibrations)} if calibrations else {}
    _move_in_all(folder, networks, settings, categories, notes or {}, more)
    return folder


def export_folder(source: str | Path, folder: str | Path) -> dict[Role, float]:
    """Write a weights folder anew from the safetensors and the config of another (or the same) one.

    Settings, categories, calibration and notes are kept, but for what was noted of int8 files, and so is what this
    version does not know of config.json.

    Returns:
        The largest difference in heat between torch and onnxruntime on random input, for each network.

    Raises:
        WeightsError: the source is incomplete, its calibration is none, or as `export_weights`.
    """
    source, folder = Path(source), Path(folder)
    config = read_config(source)
    settings = PredictionSettings.from_mapping(config.get("prediction", {}), file=source / CONFIG_FILE)
    read_calibrations(config.get("calibration", {}), file=source / CONFIG_FILE)
    networks = {role: load_network(source, role) for role in ROLES}
    kept = {key: value for key, value in config.items() if key not in _WRITTEN}
    notes = {name: note for name, note in (config.get("notes") or {}).items() if name != "int8"}
    _move_in_all(folder, networks, settings, tuple(config.get("categories", [])), notes, kept)
    return {role: parity(folder, role) for role in ROLES}


def parity(folder: Path, role: Role) -> float:
    """The largest difference in heat between a folder's safetensors in torch and its ONNX, on random input."""
    network = load_network(folder, role)
    inputs = _random_inputs(network.config, 3)  # type: ignore[arg-type]
    return _difference(_Heat(network.cpu().eval()), folder / f"{role}.onnx", inputs)


def _move_in_all(
    folder: Path,
    networks: dict[Role, nn.Module],
    settings: PredictionSettings,
    categories: tuple[str, ...],
    notes: dict[str, Any],
    more: dict[str, Any],
) -> None:
    """Write a weights folder beside its place, with ``more`` in config.json, and move it in when it is complete."""
    for role in ROLES:
        packed(networks[role].state_dict(), folder / f"{role}.safetensors")  # refused under its own name
    config: dict[str, Any] = {
        "format": FORMAT,
        "networks": {role: config_dict(networks[role].config) for role in ROLES},  # type: ignore[arg-type]
        "prediction": asdict(settings),
        "categories": list(categories),
        "notes": _without_machine(notes),
    }
    with beside(folder) as made:
        _write_all(Path(made), networks, config, more)
        move_in(Path(made), folder)


def _write_all(folder: Path, networks: dict[Role, nn.Module], config: dict[str, Any], more: dict[str, Any]) -> None:
    for role in ROLES:
        save_network(folder, role, networks[role].state_dict())
    _write_config(folder, config)  # `load_network` reads it
    for role in ROLES:
        export_onnx(load_network(folder, role), folder / f"{role}.onnx")
    files = [f"{role}.{ending}" for role in ROLES for ending in ("onnx", "safetensors")]
    _write_config(folder, config | {"sha256": {name: sha256_of(folder / name) for name in files}} | more)


def export_onnx(network: nn.Module, path: str | Path) -> float:
    """Write one network as ONNX with a dynamic batch, computed in float32 (`halved`), and check it against torch.

    Returns:
        The largest difference in heat on random input.

    Raises:
        WeightsError: that difference is over `PARITY`; the file is not written.
    """
    path = Path(path)
    config: ModelConfig = network.config  # type: ignore[assignment]
    graph = _Heat(network.cpu().eval())
    inputs = _random_inputs(config, 2)  # traced with two: one would be baked in
    batch = torch.export.Dim("batch", min=1, max=4096)
    part = path.with_name(f".{path.name}.part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            kwargs=inputs,
            dynamo=True,
            input_names=list(inputs),
            output_names=["heat_out"],
            dynamic_shapes={name: {0: batch} for name in inputs},
            verbose=False,
            optimize=False,  # it would fold normalisation into weights, which float16 then no longer holds exactly
        )
    assert program is not None
    model = program.model_proto
    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)
    onnx.save(halved(without_traces(model)), str(part))
    difference = _difference(graph, part, _random_inputs(config, 3))
    if difference > PARITY:
        part.unlink()
        raise WeightsError(
            f"a network gives the same heat in torch and in onnxruntime, to {PARITY}", file=path, value=difference
        )
    part.replace(path)
    return difference


def without_traces(model: Any) -> Any:
    """The graph without the exporter's notes: stack traces, which name the paths of the machine it was made on."""
    graph = model.graph
    for item in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    return model


def halved(model: Any) -> Any:
    """The same graph in half the bytes: weights that float16 holds exactly are kept so, and cast when it is loaded.

    What is computed, and the numbers it is computed with, stay float32; onnxruntime casts once, not at every run.

    Args:
        model: an onnx.ModelProto; changed in place and returned.
    """
    graph = model.graph
    casts = []
    for place, kept in enumerate(graph.initializer):
        if kept.data_type != onnx.TensorProto.FLOAT or math.prod(kept.dims) < _WORTH_HALVING:
            continue
        value = onnx.numpy_helper.to_array(kept)
        half = value.astype(np.float16)
        if (half == value).all():
            name = kept.name
            graph.initializer[place].CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _difference(graph: nn.Module, path: Path, inputs: dict[str, Tensor]) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = graph(**inputs).numpy()
    found = session.run(["heat_out"], {name: value.numpy() for name, value in inputs.items()})[0]
    return float(np.abs(np.asarray(found) - expected).max())


def _random_inputs(config: ModelConfig, count: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    side = config.patch_px
    inputs = {"image": torch.randint(0, 256, (count, 3, side, side), generator=rng, dtype=torch.uint8)}
    inputs["heat"] = torch.rand(count, side, side, generator=rng)
    if config.num_categories:
        inputs["category"] = torch.arange(count) % config.num_categories
    if config.others:
        inputs["others"] = torch.rand(count, side, side, generator=rng)
    return inputs


def _without_machine(value: Any) -> Any:
    """JSON values with the name alone of each absolute path in them: where things lie here is nobody else's business.

    >>> _without_machine({"output": "/home/me/runs/first", "data": [{"images": "../coco/images"}]})
    {'output': 'first', 'data': [{'images': '../coco/images'}]}
    """
    if isinstance(value, dict):
        return {key: _without_machine(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_machine(part) for part in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    write_bytes(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())
