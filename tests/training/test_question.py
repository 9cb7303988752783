"""What a trial asks of a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from amodal.inference.settings import PredictionSettings
from amodal.models.weights import build_network
from amodal.training.config import Recipe
from amodal.training.data import make_streams
from amodal.training.question import Question
from amodal.training.thresholds import STRIPS, _ious, measure_curves
from amodal.training.trial import trial

Make = Callable[..., Recipe]


def test_every_second_scene_asks_about_all_its_objects(make_recipe: Make) -> None:
    recipe = make_recipe()
    told = [replace(stage.network, others=True) for stage in (recipe.modal, recipe.amodal)]
    settings = PredictionSettings(0.3, 0.3, max_steps=2)
    counts: dict[bool, list[int]] = {}
    for others, configs in ((True, told), (False, [recipe.modal.network, recipe.amodal.network])):
        predictor, scenes = trial(make_streams(recipe)[1], *(build_network(c) for c in configs), settings, 12)
        questions = [Question.of(scene, i, predictor.networks) for i, scene in enumerate(scenes)]
        counts[others] = [len(question.visible) for question in questions]
        for question in questions:
            assert question.visible[0] is question.scene.visible
            for mask in question.visible[1:]:
                assert not (mask & question.scene.visible).any() and mask.sum() >= 30
            assert question.by_box(predictor).modal_heat is not None
            assert question.by_mask(predictor).modal_mask.area == question.scene.visible.sum()
    assert counts[False] == [1] * 12
    assert counts[True][::2] == [1] * 6 and max(counts[True][1::2]) > 1


def test_the_curves_are_those_of_prediction_told_of_others(make_recipe: Make) -> None:
    recipe = make_recipe()
    networks = [build_network(replace(s.network, others=True)) for s in (recipe.modal, recipe.amodal)]
    predictor, scenes = trial(make_streams(recipe)[1], *networks, PredictionSettings(0.3, 0.3, max_steps=2), 6)
    kept = list(scenes)
    curves = measure_curves(predictor, kept)
    modal, amodal = [], []
    for i, scene in enumerate(kept):
        found = Question.of(scene, i, predictor.networks).by_box(predictor)
        modal.append(_ious(found.modal_heat, found.modal_box, scene.visible))
        amodal.append(_ious(found.trace[-1].heat, found.trace[-1].frame, scene.own))
    np.testing.assert_allclose(curves.modal, np.mean(modal, axis=0), atol=1e-6)
    assert predictor.settings.strip_threshold == STRIPS[0]
    np.testing.assert_allclose(curves.amodal[0], np.mean(amodal, axis=0), atol=1e-6)
