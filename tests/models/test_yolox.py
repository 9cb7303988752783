"""YOLOX-nano in torch against its ONNX file, and networks that look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from amodal.core.errors import RecipeError, WeightsError
from amodal.inference.detectors.base import package_folder
from amodal.models.config import ModelConfig
from amodal.models.hypercolumn import Hypercolumn
from amodal.models.yolox import CHANNELS, YoloxNano, load_yolox

FILE = package_folder() / "yolox" / "yolox_nano.onnx"
ENDS = {  # names of the maps in the file; before the sigmoid
    4: ("input.67",),
    8: ("input.471", "onnx::Concat_1062", "onnx::Sigmoid_1063", "onnx::Sigmoid_1045"),
    16: ("input.531", "onnx::Concat_1104", "onnx::Sigmoid_1105", "onnx::Sigmoid_1087"),
    32: ("input.591", "onnx::Concat_1146", "onnx::Sigmoid_1147", "onnx::Sigmoid_1129"),
}


def test_the_maps_are_those_of_the_file() -> None:
    model = onnx.load(FILE)
    names = [name for ends in ENDS.values() for name in ends]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)
    expected = [session.run(list(ends), {"images": picture[:, ::-1]}) for ends in ENDS.values()]  # BGR
    network = YoloxNano()
    load_yolox(network, FILE)
    with torch.no_grad():
        found = network(torch.from_numpy(picture))
    assert list(found) == list(ENDS) == list(CHANNELS)
    for stride, parts in zip(found, expected, strict=True):
        value = np.concatenate(parts, axis=1)
        assert found[stride].shape == (1, CHANNELS[stride], 416 // stride, 416 // stride)
        np.testing.assert_allclose(found[stride].numpy(), value, atol=1e-3, rtol=1e-4)
        assert np.abs(np.asarray(value)).max() > 1


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(WeightsError, match=r"a\.onnx: an ONNX file that can be read"):
        load_yolox(YoloxNano(), tmp_path / "a.onnx")
    with pytest.raises(WeightsError, match=r"b\.onnx: an ONNX file that can be read"):
        load_yolox(YoloxNano(), tmp_path / "b.onnx")
    for part in ("node", "initializer"):
        model = onnx.load(FILE)
        del getattr(model.graph, part)[8:40]
        onnx.save(model, tmp_path / "c.onnx")
        with pytest.raises(WeightsError, match=r"c\.onnx: the convolutions of YOLOX-nano"):
            load_yolox(YoloxNano(), tmp_path / "c.onnx")


def test_a_network_looks_at_all_its_maps_and_leaves_them_as_they_are(tiny_config: Callable[..., ModelConfig]) -> None:
    torch.manual_seed(0)
    config = tiny_config(detector="yolox_nano")
    network = Hypercolumn(config).eval()
    assert network.detector is not None and not any(value.requires_grad for value in network.detector.parameters())
    side = config.patch_px
    image, heat = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8), torch.rand(2, side, side)
    before = network(image, heat).detach()
    levels = [level for level in network.levels if level.detected is not None]
    assert len(levels) == len(CHANNELS)
    for level in levels:
        weight = level.detected[1].weight  # type: ignore[index,union-attr]
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.zero_()
            assert (network(image, heat) - before).abs().max() > 1e-6
            weight.copy_(kept)
    network.train()(image, heat).sum().backward()
    assert all(value.grad is None for value in network.detector.parameters())
    assert all(level.detected[1].weight.grad.abs().max() > 0 for level in levels)  # type: ignore[index,union-attr]


def test_which_detectors_there_are() -> None:
    with pytest.raises(RecipeError, match="patch_px is a multiple of 32 for a detector; found 48"):
        ModelConfig(detector="yolox_nano", patch_px=48)
    for changes in ({"detector": "yolox"}, {"detector": "yolox_nano", "architecture": "onet", "backbone": "vgg16"}):
        with pytest.raises(RecipeError, match='detector is "yolox_nano" or ""'):
            ModelConfig(**changes)  # type: ignore[arg-type]
