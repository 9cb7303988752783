"""The export without training; `tests/training/test_ship.py` has a whole folder through both back ends."""

from __future__ import annotations

import copy
import errno
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from amodal.core.errors import WeightsError  # noqa: E402
from amodal.inference import export  # noqa: E402
from amodal.inference.calibration import FEATURES  # noqa: E402
from amodal.inference.export import export_onnx, export_weights  # noqa: E402
from amodal.inference.folder import clear_unfinished, move_in  # noqa: E402
from amodal.inference.onnx_networks import OnnxNetwork  # noqa: E402
from amodal.inference.settings import PredictionSettings  # noqa: E402
from amodal.inference.torch_networks import TorchNetwork  # noqa: E402
from amodal.models.config import ModelConfig  # noqa: E402
from amodal.models.weights import build_network  # noqa: E402

TINY = ModelConfig(backbone="test_resnet", patch_px=32, heat_px=20, widths=(4, 4, 6, 6, 8), grid=2, num_categories=3)
SETTINGS = PredictionSettings(modal_threshold=0.45, amodal_threshold=0.55, max_steps=4)
NAMES = ("cat", "dog", "cup")
RNG = np.random.default_rng(3)
PATCHES = RNG.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
HEAT = RNG.random((6, 32, 32), dtype=np.float32)


def networks() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {
        "modal": build_network(TINY).eval(),
        "amodal": build_network(replace(TINY, heat_px=24, margin=0.125)).eval(),
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module, float]:
    """One real export (5 s): its file, its network, the difference it reports."""
    path = tmp_path_factory.mktemp("export") / "amodal.onnx"
    network = networks()["amodal"]
    return path, network, export_onnx(network, path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[torch.nn.Module]:
    """`export_onnx` that only writes a name; the networks it was given."""
    given: list[torch.nn.Module] = []

    def write(network: torch.nn.Module, path: Path) -> float:
        given.append(network)
        path.write_text(path.name)
        return 0.0

    monkeypatch.setattr(export, "export_onnx", write)
    return given


@pytest.mark.parametrize("count", [1, 6])
def test_onnx_equals_torch_for_every_category_and_batch(
    exported: tuple[Path, torch.nn.Module, float], count: int
) -> None:
    path, module, difference = exported
    assert 0 < difference < 1e-4
    onnx = OnnxNetwork(path, patch_px=32, heat_px=24, margin=0.125, takes_category=True)
    expected = TorchNetwork(module)
    found = []
    for category in range(3):
        inputs = PATCHES[:count], HEAT[:count], np.full(count, category)
        found.append(onnx(*inputs))
        assert found[-1].shape == (count, 24, 24)
        np.testing.assert_allclose(found[-1], expected(*inputs), atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 1e-3
    mixed = onnx(PATCHES[:count], HEAT[:count], np.arange(count) % 3)
    for i in range(count):
        np.testing.assert_allclose(mixed[i], found[i % 3][i], atol=1e-5)


def test_a_graph_that_differs_is_not_kept(
    exported: tuple[Path, torch.nn.Module, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        """The graph of a network with other weights."""

        model_proto = onnx.load(exported[0])

    monkeypatch.setattr(torch.onnx, "export", lambda *args, **options: Other())
    assert export_onnx(exported[1], tmp_path / "same.onnx") == exported[2]
    torch.manual_seed(9)
    other = build_network(replace(TINY, heat_px=24, margin=0.125))
    with pytest.raises(WeightsError, match=r"x\.onnx: a network gives the same heat in torch and in onnxruntime"):
        export_onnx(other, tmp_path / "x.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["same.onnx"]


def test_the_file_has_the_weights_of_the_other_and_their_size(
    exported: tuple[Path, torch.nn.Module, float], tmp_path: Path
) -> None:
    """Weights that are float16 numbers are kept as such and computed with as float32; others stay float32."""
    network = exported[1]
    inputs = {"image": PATCHES, "heat": HEAT, "category": np.zeros(len(PATCHES), np.int64)}
    rounded = copy.deepcopy(network)
    for value in rounded.parameters():
        value.data = value.data.half().float()
    export_onnx(rounded, tmp_path / "half.onnx")
    answers, sizes = [], []
    for other, path, exact in ((network, exported[0], False), (rounded, tmp_path / "half.onnx", True)):
        model = onnx.load(path)
        sizes.append(path.stat().st_size)
        half = {value.name for value in model.graph.initializer if value.data_type == onnx.TensorProto.FLOAT16}
        assert any("weight" in name for name in half) == exact  # resampling is exact either way
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        answers.append(np.asarray(session.run(None, inputs)[0]))
        with torch.no_grad():
            expected = torch.sigmoid(other(*(torch.from_numpy(value) for value in inputs.values()))).numpy()
        np.testing.assert_allclose(answers[-1], expected, atol=1e-6)
    assert sizes[1] < 0.8 * sizes[0] and np.abs(answers[0] - answers[1]).max() > 0


def test_the_folder(tmp_path: Path, quick: list[torch.nn.Module]) -> None:
    pair = networks()
    folder = tmp_path / "new" / "weights"
    assert export_weights(folder, pair, SETTINGS, categories=NAMES, notes={"seen": 7}) == folder  # type: ignore[arg-type]
    config = json.loads((folder / "config.json").read_text())
    assert config["format"] == 1 and config["categories"] == list(NAMES) and config["notes"] == {"seen": 7}
    assert config["prediction"]["amodal_threshold"] == 0.55 and config["prediction"]["max_steps"] == 4
    assert config["networks"]["amodal"]["margin"] == 0.125 and config["networks"]["modal"]["backbone"] == "test_resnet"
    files = {f"{role}.{ending}" for role in pair for ending in ("onnx", "safetensors")}
    assert set(config["sha256"]) == files and {p.name for p in folder.iterdir()} == files | {"config.json"}
    assert list(folder.parent.iterdir()) == [folder]
    # the graphs are made from the half-precision weights, so that both files hold one network
    for network, exact in zip(quick, pair.values(), strict=True):
        for name, tensor in network.state_dict().items():
            wanted = exact.state_dict()[name]
            half = wanted.is_floating_point() and "running_" not in name
            assert torch.equal(tensor, wanted.half().float() if half else wanted), name


def test_a_calibration_is_written_with_the_rest(tmp_path: Path, quick: list[torch.nn.Module]) -> None:
    fit = {"features": list(FEATURES), "weights": [0.1] * 5, "bias": -1.0}
    folder = export_weights(tmp_path / "w", networks(), SETTINGS, calibrations={"box": fit})  # type: ignore[arg-type]
    assert json.loads((folder / "config.json").read_text())["calibration"] == {"box": fit}
    with pytest.raises(WeightsError, match=r'config\.json: "calibration" is an object'):
        export_weights(tmp_path / "x", networks(), SETTINGS, calibrations={"heat": fit})  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_a_copy_that_is_killed_has_its_calibration(
    tmp_path: Path, quick: list[torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = {"features": list(FEATURES), "weights": [0.1] * 5, "bias": -1.0}
    source = export_weights(tmp_path / "w", networks(), SETTINGS, calibrations={"box": fit})  # type: ignore[arg-type]
    config = json.loads((source / "config.json").read_text()) | {"ours": 3}  # of a later version
    (source / "config.json").write_text(json.dumps(config))

    def killed(made: Path, folder: Path) -> None:
        move_in(made, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "move_in", killed)
    with pytest.raises(KeyboardInterrupt):
        export.export_folder(source, tmp_path / "copy")
    assert json.loads((tmp_path / "copy" / "config.json").read_text()) == config
    (source / "config.json").write_text(json.dumps(config | {"calibration": {"box": 3}}))
    with pytest.raises(WeightsError, match=rf"{source}/config\.json: calibration\.box: a calibration has"):
        export.export_folder(source, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_link_to_another_disk_is_written_through(
    tmp_path: Path, quick: list[torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, run = tmp_path / "disk", tmp_path / "run"
    disk.mkdir(), run.mkdir()
    (run / "weights").symlink_to(disk / "w")
    replace_file = Path.replace

    def within_a_disk(self: Path, target: Path) -> Path:
        there = target.resolve()
        if (disk in self.resolve().parents) != (disk in there.parents):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", within_a_disk)
    for _ in range(2):  # the link leads to nothing yet; to a folder
        assert export_weights(run / "weights", networks(), SETTINGS) == run / "weights"  # type: ignore[arg-type]
        assert (run / "weights").is_symlink() and (disk / "w" / "config.json").is_file()
        assert [path.name for path in (*run.iterdir(), *disk.iterdir())] == ["weights", "w"]


def test_what_a_killed_export_left_is_cleared(tmp_path: Path) -> None:
    left = tempfile.mkdtemp(dir=tmp_path, prefix=".weights.amodal-")
    (Path(left) / "modal.onnx").write_text("half")
    others = [".weights.backup", ".weights.original", ".weights", "weights", ".other.abcdefgh", "weights.abcdefgh"]
    for name in others:
        (tmp_path / name).mkdir()
    clear_unfinished(tmp_path / "weights")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_a_failed_export_leaves_the_folder_as_it_was(
    tmp_path: Path, quick: list[torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export_weights(tmp_path / "w", networks(), SETTINGS)  # type: ignore[arg-type]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(network: object, path: Path) -> float:
        path.write_bytes(b"half")
        raise WeightsError("a network gives the same heat", file=path)

    monkeypatch.setattr(export, "export_onnx", fail)
    with pytest.raises(WeightsError, match="same heat"):
        export_weights(folder, networks(), PredictionSettings())  # type: ignore[arg-type]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    pair = networks()
    with torch.no_grad():
        pair["amodal"].score.bias[0] = float("nan")
    with pytest.raises(WeightsError, match=rf"^{tmp_path}/w/amodal\.safetensors: score\.bias: weights are finite"):
        export_weights(tmp_path / "w", pair, PredictionSettings())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_no_path_of_a_machine_is_shipped(exported: tuple[Path, torch.nn.Module, float], root: Path) -> None:
    for path in (exported[0], root / "weights" / "modal.onnx", root / "weights" / "amodal.onnx"):
        content = path.read_bytes()
        assert b"site-packages" not in content and b"stack_trace" not in content
    assert '"/' not in (root / "weights" / "config.json").read_text()  # no absolute path in the recipe it notes


def test_a_network_that_is_told_of_others_and_looks_at_a_detector(tmp_path: Path) -> None:
    torch.manual_seed(3)
    module = build_network(replace(TINY, num_categories=0, others=True, detector="yolox_nano")).eval()
    path = tmp_path / "modal.onnx"
    assert 0 < export_onnx(module, path) < 1e-4
    sizes = {"patch_px": TINY.patch_px, "heat_px": TINY.heat_px, "margin": TINY.margin}
    network, expected = OnnxNetwork(path, **sizes, takes_others=True), TorchNetwork(module)
    assert expected.takes_others
    others = np.random.default_rng(0).random(HEAT.shape, np.float32)
    found = network(PATCHES, HEAT, None, others)
    np.testing.assert_allclose(found, expected(PATCHES, HEAT, None, others), atol=1e-4)
    alone = network(PATCHES, HEAT, None)
    np.testing.assert_allclose(alone, expected(PATCHES, HEAT), atol=1e-4)
    assert np.abs(found - alone).max() > 1e-4
    with pytest.raises(WeightsError, match="by its config the network's inputs are"):
        OnnxNetwork(path, **sizes)
