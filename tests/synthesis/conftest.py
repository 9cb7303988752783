"""A tiny made-up album: rectangles of one colour each on pictures of another, so that every pixel tells its story."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amodal.core.album import Album
from amodal.core.boxes import as_box
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import SynthesisSettings

SIZE = 120
# one picture a row: its objects as (box, category, colour)
SCENES = [
    [((30, 30, 80, 90), 0, (200, 0, 0)), ((80, 20, 110, 70), 1, (0, 200, 0))],
    [((20, 40, 100, 80), 1, (0, 0, 200))],
    [((50, 10, 90, 110), 2, (200, 200, 0)), ((5, 5, 45, 45), 2, (0, 200, 200))],
]
PAPER = (10, 20, 30)


def rectangle(number: int, box: tuple[int, int, int, int], category: int) -> Instance:
    return Instance(number, category, as_box(box), Mask.from_box(box, SIZE, SIZE))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i, objects in enumerate(SCENES):
        image = np.full((SIZE, SIZE, 3), PAPER, dtype=np.uint8)
        for (x1, y1, x2, y2), _, colour in objects:
            image[y1:y2, x1:x2] = colour
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def album() -> Album:
    records = [
        ImageRecord(
            100 + i,
            f"{i}.png",
            SIZE,
            SIZE,
            tuple(rectangle(10 * i + j, box, category) for j, (box, category, _) in enumerate(objects)),
        )
        for i, objects in enumerate(SCENES)
    ]
    return Album(records, [Category(7, "box"), Category(9, "tin"), Category(4, "jar")], source="made-up")


@pytest.fixture
def make_material(album: Album, folder: Path):  # type: ignore[no-untyped-def]
    """Material of the album under settings changed from the defaults (no mirroring unless asked for)."""

    def make(**changes: object) -> Material:
        settings = replace(SynthesisSettings(flip=False), **changes)  # type: ignore[arg-type]
        return Material([Source(album, folder)], settings)

    return make
