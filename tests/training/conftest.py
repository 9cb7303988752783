"""A made-up album of drawn shapes on disk, and a recipe that trains on it in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch")

from amodal.models.config import ModelConfig
from amodal.synthesis.settings import SynthesisSettings
from amodal.training.config import DataSource, Recipe, StageSettings

NETWORK = ModelConfig(backbone="test_efficientnet", patch_px=32, heat_px=16, widths=(4, 6, 8, 8, 12), grid=3)
SIDE = 72


def draw_album(folder: Path, count: int = 8) -> None:
    """``images/*.jpg|png`` and ``annotations.json``: two shapes a picture, one ellipse and one box."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i in range(count):
        picture = Image.fromarray(rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8))
        pen = ImageDraw.Draw(picture)
        for j in range(2):
            x, y = (int(v) for v in rng.integers(2, 10, 2) + np.array([34 * j, 6 * j]))
            w, h = (int(v) for v in rng.integers(24, 30, 2))
            colour = tuple(int(v) for v in rng.integers(120, 256, 3))
            if j:
                pen.rectangle((x, y, x + w - 1, y + h - 1), fill=colour)
                polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
            else:
                pen.ellipse((x, y, x + w, y + h), fill=colour)
                turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
                points = np.stack([x + w / 2 * (1 + np.cos(turn)), y + h / 2 * (1 + np.sin(turn))], 1)
                polygon = [round(float(v), 2) for v in points.ravel()]
            annotations.append(
                {"id": 10 * i + j + 1, "image_id": i + 1, "category_id": j + 1, "segmentation": [polygon]}
                | {"bbox": [x, y, w, h]}
            )
        name = f"{i}.{'png' if i % 2 else 'jpg'}"
        picture.save(folder / "images" / name, quality=95)
        images.append({"id": i + 1, "file_name": name, "width": SIDE, "height": SIDE})
    categories = [{"id": 1, "name": "disc"}, {"id": 2, "name": "box"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    (folder / "validation.txt").write_text(f"# kept\n{count - 1}\n{count}\n")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `draw_album`."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_album(folder)
    return folder


@pytest.fixture
def make_recipe(drawn: Path, tmp_path: Path) -> Callable[..., Recipe]:
    """A tiny recipe; ``modal`` and ``amodal`` are dictionaries of changes to the stages, the rest changes of fields."""

    def make(modal: dict[str, Any] | None = None, amodal: dict[str, Any] | None = None, **changes: Any) -> Recipe:
        stage = StageSettings(
            network=NETWORK, steps=6, batch_size=4, lr=0.01, backbone_lr=0.01, warmup_steps=2, ema_decay=0.5
        )
        wider = replace(stage, network=replace(NETWORK, heat_px=20, margin=0.125))
        source = DataSource(str(drawn / "images"), str(drawn / "annotations.json"), 1.0, str(drawn / "validation.txt"))
        settings = {
            "output": str(tmp_path / "run"),
            "data": (source,),
            "modal": replace(stage, **(modal or {})),
            "amodal": replace(wider, **(amodal or {})),
            "synthesis": SynthesisSettings(
                min_object_px=16, min_occluder_px=16, min_hidden=0.05, weight_reference_px=24
            ),
            "workers": 0,
            "threads": 1,
            "device": "cpu",
            "checkpoint_every": 3,
            "validate_every": 2,
            "validation_examples": 8,
            "calibration_examples": 12,
        }
        return Recipe(**(settings | changes))

    return make
