"""The rules of section 3.2 on made-up shapes of every kind, and the report that holds examples against them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from amodal.core.album import Album
from amodal.core.masks import Mask
from amodal.core.records import Category, ImageRecord, Instance
from amodal.synthesis.make import make_composite
from amodal.synthesis.material import Material, Source
from amodal.synthesis.rules import Rule, report_rules, rules_text
from amodal.synthesis.settings import ExampleShape, SynthesisSettings

SHAPE = ExampleShape(patch_px=24, modal_heat_px=12, amodal_heat_px=16)
FREE = {"operations undone", "main objects given up", "examples rejected"}


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int, list[tuple[float, ...]]]:
    """A picture's size and one to three polygons that fill boxes of 24 pixels or more, concave ones among them."""
    width, height = draw(st.integers(40, 140)), draw(st.integers(40, 140))
    polygons = []
    for _ in range(draw(st.integers(1, 3))):
        w, h = draw(st.integers(33, width - 2)), draw(st.integers(33, height - 2))
        x, y = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
        corners = draw(st.integers(4, 12))
        radius = np.array(draw(st.lists(st.floats(0.35, 1.0), min_size=corners, max_size=corners)))
        angle = np.arange(corners) / corners * 2 * np.pi
        points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        points = (points - points.min(0)) / np.ptp(points, axis=0) * (w, h) + (x, y)
        polygons.append(tuple(points.ravel().tolist()))
    return width, height, polygons


def material_of(pictures: list[tuple[int, int, list[tuple[float, ...]]]], folder: Path, **changes: object) -> Material:
    records, number = [], 0
    for i, (width, height, polygons) in enumerate(pictures):
        Image.fromarray(np.full((height, width, 3), 40 * i, np.uint8)).save(folder / f"{i}.png")
        instances = []
        for polygon in polygons:
            mask = Mask.from_polygons([polygon], width, height)
            number += 1
            instances.append(Instance(number, 0, mask.box, mask))
        records.append(ImageRecord(i + 1, f"{i}.png", width, height, tuple(instances)))
    album = Album(records, [Category(1, "shape")], source="made-up")
    return Material([Source(album, folder)], SynthesisSettings(min_object_px=24, min_occluder_px=24, **changes))  # type: ignore[arg-type]


@given(pictures=st.lists(shapes(), min_size=2, max_size=3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_rule_holds_for_any_shape(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[tuple[int, int, list[tuple[float, ...]]]], seed: int
) -> None:
    material = material_of(pictures, tmp_path_factory.mktemp("shapes"))
    report = report_rules(material, SHAPE, 4, seed=seed)
    for name, rule in report.items():
        assert rule["broken"] == 0, (name, rule)
        assert name in FREE or rule["count"] >= 4 or name.startswith("shortest side")


@given(pictures=st.lists(shapes(), min_size=2, max_size=3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_masks_of_one_composite_agree(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[tuple[int, int, list[tuple[float, ...]]]], seed: int
) -> None:
    """Visible is part of own; what is hidden shows an occluder's colour; what nobody covers shows the picture."""
    material = material_of(pictures, tmp_path_factory.mktemp("shapes"), canvas_px=4096)
    rng = np.random.default_rng(seed)
    main = material.draw_main(rng)
    composite = make_composite(material, main, rng)
    if composite is None:
        return
    assert not (composite.visible & ~composite.own).any() and not (composite.own & composite.outside).any()
    own_colour = 40 * (composite.image_id - 1)
    inside = ~composite.outside
    hidden = composite.own & ~composite.visible
    occluders = {40 * (image - 1) for image, _ in composite.occluders}
    assert (composite.clean[inside] == own_colour).all()
    if hidden.any():
        assert (np.abs(composite.image[hidden].astype(int) - own_colour).min(axis=-1) >= 19).all() and occluders
    # every pixel of a flat picture is a mix of the main picture's colour and the occluders'
    low, high = min({own_colour, *occluders}), max({own_colour, *occluders})
    assert composite.image[inside].min() >= low and composite.image[inside].max() <= high


def test_broken_rules_are_counted() -> None:
    rule = Rule("x", 0.5, 1.0, [0.4, 0.5, 0.7, 1.0, 1.2])
    told = rule.to_json()
    assert rule.broken == told["broken"] == 2 and sum(told["counts"]) == told["count"] == 5
    assert Rule("n", 0, None, [0, 1, 1, 3]).to_json()["counts"] == [1, 2, 0, 1]
    assert Rule("none").to_json()["count"] == 0
    text = rules_text({"x": told, "none": Rule("none").to_json()})
    assert "x: 0.5 to 1; 2 of 5 out of it" in text and "none: none" in text


def test_settings_beyond_the_paper_keep_the_rules(make_material) -> None:  # type: ignore[no-untyped-def]
    changes = {"behind": 0.5, "same_image": 0.3, "border": 0.3, "occluder_at_edge": 0.5, "clear": 0.2, "flip": True}
    report = report_rules(make_material(**changes), SHAPE, 60)
    assert not any(rule["broken"] for rule in report.values())
    assert report["visible share of the object"]["count"] == 60
