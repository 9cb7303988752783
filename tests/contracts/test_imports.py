"""What an import may cost: the base install has no torch, and `--help` must be quick."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

LIGHT = [
    "amodal.annotate.server",
    "amodal.cli.annotate",
    "amodal.cli.main",
    "amodal.cli.predict",
    "amodal.cli.evaluate",
    "amodal.cli.export",
    "amodal.cli.render",
    "amodal.cli.reproduce",
    "amodal.cli.select",
    "amodal.cli.synthesize",
    "amodal.datasets.results",
    "amodal.datasets.detections",
    "amodal.inference.albums",
    "amodal.inference.bulk",
    "amodal.inference.detectors",
    "amodal.inference.onnx_networks",
    "amodal.inference.photos",
    "amodal.inference.predictor",
    "amodal.inference.supervision_bridge",
    "amodal.metrics.evaluate",
    "amodal.report.page",
    "amodal.report.scores",
    "amodal.reproduction.run",
    "amodal.synthesis.draw",
    "amodal.synthesis.gallery",
    "amodal.synthesis.rendered.write",
]
HEAVY = ("torch", "torchvision", "timm", "safetensors", "onnx", "onnxscript", "huggingface_hub")


def run_python(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=root)


def test_base_modules_load_where_there_is_no_torch(root: Path) -> None:
    """Each with nothing of the package loaded before it; one process, for what they stand on is slow to load."""
    code = (
        "import sys\nfrom importlib import import_module\nfrom traceback import print_exc\n"
        f"sys.modules |= dict.fromkeys({HEAVY})\n"
        f"for module in {LIGHT}:\n"
        "    for name in [name for name in sys.modules if name.partition('.')[0] == 'amodal']: del sys.modules[name]\n"
        "    try: import_module(module); print(module)\n"
        "    except Exception: print_exc()\n"
    )
    ran = run_python(root, code)
    assert ran.stdout.split() == LIGHT, ran.stderr


def test_importing_the_package_loads_nothing_else(root: Path) -> None:
    heavy = ("numpy", "PIL", "matplotlib", "onnxruntime", *HEAVY)
    ran = run_python(root, f"import sys, amodal; print([name for name in {heavy} if name in sys.modules])")
    assert ran.stdout.strip() == "[]", ran.stderr


def test_every_public_name_but_the_torch_one_is_there_without_torch(root: Path) -> None:
    code = (
        f"import sys\nfor name in {HEAVY}: sys.modules[name] = None\nimport amodal\n"
        "from amodal import *\nprint(sorted({*amodal.__all__, 'OcclusionDataset'}) == dir(amodal) and bool(Mask))\n"
        "try: amodal.OcclusionDataset\nexcept ModuleNotFoundError as problem: print(problem)"
    )
    ran = run_python(root, code)
    told = "amodal.OcclusionDataset needs torch, which the base install leaves out; run: pip install 'amodal[train]'"
    assert ran.stdout.splitlines() == ["True", told], ran.stderr


def test_help_is_quick_and_light(root: Path) -> None:
    code = (
        "import sys\nfrom amodal.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in ('matplotlib', 'onnxruntime', *{HEAVY}) if name in sys.modules])"
    )
    before = os.times()
    ran = run_python(root, code)
    after = os.times()
    assert ran.stdout.strip().endswith("[]"), ran.stdout + ran.stderr
    took = after.children_user - before.children_user + after.children_system - before.children_system
    assert took < 0.8  # seconds of CPU: 0.15 on a free machine; the clock would measure how busy it is


def test_a_command_that_needs_torch_says_how_to_get_it(root: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom amodal.cli.main import main\n"
        "sys.exit(main(['train', '--recipe', 'recipes/coco_compact.yaml']))"
    )
    ran = run_python(root, code)
    assert ran.returncode == 2, ran.stderr
    assert "Traceback" not in ran.stderr and "pip install 'amodal[train]'" in ran.stderr


def test_what_benchmarks_import_of_the_package_is_there(root: Path) -> None:
    found = 0
    for file in sorted((root / "benchmarks").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("amodal"):
                module = import_module(str(node.module))
                for name in (alias.name for alias in node.names):
                    assert hasattr(module, name) or find_spec(f"{node.module}.{name}"), f"{file.name}: {name}"
                    found += 1
    assert found > 50
