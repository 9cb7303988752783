from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from amodal.models.config import ModelConfig
from amodal.models.weights import build_network
from amodal.training.config import Recipe, StageSettings
from amodal.training.data import Batch, make_streams
from amodal.training.evidence import align, found_others, resize_heat
from amodal.training.stages import AmodalStage, ModalStage
from amodal.training.validate import validate


@pytest.fixture
def batch(make_recipe: Callable[..., Recipe]) -> Batch:
    return next(iter(DataLoader(make_streams(make_recipe())[0], batch_size=6, sampler=range(6))))


class Spy(nn.Module):
    """A network that answers zero and remembers what it was asked."""

    def __init__(self, heat_px: int = 16, num_categories: int = 0) -> None:
        super().__init__()
        self.config = ModelConfig(patch_px=32, heat_px=heat_px, num_categories=num_categories)
        self.asked: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def forward(self, image: Tensor, heat: Tensor, category: Tensor | None = None) -> Tensor:
        self.asked.append((image, heat, category))
        return torch.zeros(len(image), self.config.heat_px, self.config.heat_px)


def test_the_modal_stage_trains_on_each_kind_of_hypothesis(batch: Batch) -> None:
    stage = ModalStage(StageSettings(hypothesis_passes=(0.5, 0.3, 0.2)))
    rng = np.random.default_rng(0)
    passes = []
    for _ in range(300):
        network = Spy()
        logits, label = stage(network, batch, stage.draw(rng, 0, 6))
        passes.append(len(network.asked) - 1)
        assert network.asked[-1][0] is batch["modal_patch"] and label is batch["modal_label"]
        assert logits.shape == label.shape
    np.testing.assert_allclose(np.bincount(passes) / 300, [0.5, 0.3, 0.2], atol=0.08)


def test_validation_draws_nothing(batch: Batch) -> None:
    network = Spy()
    ModalStage(StageSettings(hypothesis_passes=(0.0, 1.0)))(network, batch, None)
    assert len(network.asked) == 1 and (network.asked[0][1] == 0.5).all()
    modal = Spy()
    network = Spy(20)
    AmodalStage(StageSettings(true_mask_share=1.0), modal)(network, batch, None)
    expected = align(torch.full((6, 16, 16), 0.5), batch["modal_box"], batch["seen_box"], 32)
    torch.testing.assert_close(network.asked[0][1], expected)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_amodal_stage_is_told_predicted_heat_or_the_true_mask(batch: Batch, share: float) -> None:
    modal, network = Spy(), Spy(20)
    stage = AmodalStage(StageSettings(true_mask_share=share), modal)
    rng = np.random.default_rng(1)
    true = align(batch["visible_mask"], batch["modal_box"], batch["seen_box"], 32)
    predicted = align(torch.full((6, 16, 16), 0.5), batch["modal_box"], batch["seen_box"], 32)
    told_true = 0
    for _ in range(50):
        _, label = stage(network, batch, stage.draw(rng, 0, 6))
        image, heat, _ = network.asked[-1]
        assert image is batch["amodal_patch"] and label is batch["amodal_label"]
        for i in range(6):
            is_true = torch.equal(heat[i], true[i])
            assert is_true or torch.allclose(heat[i], predicted[i])
            told_true += is_true
    assert told_true / 300 == pytest.approx(share, abs=0.1)
    assert all((heat == 0.5).all() and image is batch["modal_patch"] for image, heat, _ in modal.asked)


@pytest.mark.parametrize("num_categories", [0, 2])
def test_the_category_goes_to_networks_that_know_it(batch: Batch, num_categories: int) -> None:
    modal, network = Spy(num_categories=num_categories), Spy(20, num_categories)
    for stage, asked in ((AmodalStage(StageSettings(), modal), network), (ModalStage(StageSettings()), modal)):
        stage(asked, batch, stage.draw(np.random.default_rng(0), 0, 6))
    assert modal.asked and network.asked
    for _, _, category in modal.asked + network.asked:
        assert category is (batch["category"] if num_categories else None)


class Knows(nn.Module):
    """Answers with the label: heat 0.72 on the object, 0.28 elsewhere, noise where unknown."""

    def __init__(self, label: Tensor) -> None:
        super().__init__()
        self.config = ModelConfig(patch_px=32, heat_px=16)
        self.label = label

    def forward(self, image: Tensor, heat: Tensor, category: Tensor | None = None) -> Tensor:
        known = torch.where(self.label == 1, torch.logit(torch.tensor(0.72)), torch.logit(torch.tensor(0.28)))
        return torch.where(self.label == -1, torch.randn(known.shape), known)


def test_scores_of_a_network_that_knows(batch: Batch) -> None:
    batch = batch | {"modal_label": batch["modal_label"].clone()}
    batch["modal_label"][:, :3] = -1
    network = Knows(batch["modal_label"]).train()
    stage = ModalStage(StageSettings())
    scores = validate(stage, network, [batch])
    assert network.training and scores["iou"] == 1.0
    assert scores["loss"] == pytest.approx(-np.log(0.72) * (batch["modal_label"] != -1).float().mean().item(), rel=1e-4)
    occluded = (batch["hidden_share"] > 0.05).float().mean().item()
    assert ("iou_occluded" in scores) == (occluded > 0) and ("iou_clear" in scores) == (occluded < 1)


def test_a_real_network_in_both_stages(make_recipe: Callable[..., Recipe], batch: Batch) -> None:
    recipe = make_recipe()
    modal, amodal = build_network(recipe.modal.network).eval(), build_network(recipe.amodal.network).eval()
    rng = np.random.default_rng(0)
    for stage, network in (
        (ModalStage(recipe.modal), modal),
        (AmodalStage(recipe.amodal, modal), amodal),
    ):
        logits, label = stage(network, batch, stage.draw(rng, 0, 6))
        assert logits.shape == label.shape and logits.requires_grad


class ToldSpy(Spy):
    """One that is told of other objects."""

    def __init__(self, heat_px: int = 16) -> None:
        super().__init__(heat_px)
        self.config = replace(self.config, others=True)
        self.others: list[Tensor | None] = []

    def forward(
        self, image: Tensor, heat: Tensor, category: Tensor | None = None, others: Tensor | None = None
    ) -> Tensor:
        self.others.append(others)
        return super().forward(image, heat, category)


def told_batch(make_recipe: Callable[..., Recipe]) -> Batch:
    recipe = make_recipe()
    recipe = replace(recipe, synthesis=replace(recipe.synthesis, others_told=1.0))
    return next(iter(DataLoader(make_streams(recipe)[0], batch_size=6, sampler=range(6))))


def covered(batch: Batch, over: str, side: int) -> Tensor:
    """Where a box holds any of the boxes of others."""
    boxes = batch["other_boxes"]
    return found_others(torch.ones(*boxes.shape[:2], 8, 8), boxes, batch[over], side)


def test_the_modal_network_is_told_from_its_second_pass_on(make_recipe: Callable[..., Recipe]) -> None:
    batch = told_batch(make_recipe)
    assert batch["modal_others"].any()
    side, there = (
        batch["modal_patch"].shape[-1],
        int((batch["other_boxes"][..., 2] > batch["other_boxes"][..., 0]).sum()),
    )
    stage = ModalStage(StageSettings(hypothesis_passes=(1, 0)))
    first = ToldSpy()
    stage(first, batch, stage.draw(np.random.default_rng(0), 0, 6))
    assert first.others == [None]
    third = ToldSpy()
    chosen = torch.tensor([True, True, False, False, True, False])
    stage(third, batch, {"passes": torch.full((6,), 2), "found": chosen})
    looked, one, two, last = third.others
    assert len(third.asked[0][0]) == there and looked is None and one is None  # the first passes know of nothing yet
    assert two is not None and last is not None and torch.equal(two, last)
    given = resize_heat(batch["modal_others"].float() / 255, side)
    found = covered(batch, "modal_box", side) / 2  # it answers zero: heat 1/2
    torch.testing.assert_close(last, torch.where(chosen.view(-1, 1, 1), found, given))
    assert not torch.equal(found, given)


def test_validation_is_told_what_is_found(make_recipe: Callable[..., Recipe]) -> None:
    batch, network = told_batch(make_recipe), ToldSpy()
    ModalStage(StageSettings())(network, batch, None)
    last = network.others[-1]
    assert last is not None and len(network.others) == 3
    torch.testing.assert_close(last, covered(batch, "modal_box", 32) / 2)


def test_the_amodal_network_is_told_as_it_is_told_of_its_object(make_recipe: Callable[..., Recipe]) -> None:
    batch, modal, amodal = told_batch(make_recipe), ToldSpy(), ToldSpy(20)
    stage = AmodalStage(StageSettings(), modal)
    stage(amodal, batch, None)
    looked, first, second = modal.others
    assert looked is None and first is None and second is not None
    torch.testing.assert_close(second, covered(batch, "modal_box", 32) / 2)
    given = torch.tensor([True, False, True, False, False, False])
    stage(amodal, batch, {"told": given})
    found = covered(batch, "seen_box", 32) / 2
    told = resize_heat(batch["given_others"].float() / 255, 32)
    assert not torch.equal(found[given], told[given])
    first, second = amodal.others
    assert first is not None and second is not None
    torch.testing.assert_close(first, found)
    torch.testing.assert_close(second, torch.where(given.view(-1, 1, 1), told, found))


def test_a_network_told_of_nothing_may_stand_before_one_that_is(make_recipe: Callable[..., Recipe]) -> None:
    batch, modal, amodal = told_batch(make_recipe), Spy(), ToldSpy(20)
    AmodalStage(StageSettings(), modal)(amodal, batch, None)
    (told,) = amodal.others
    assert told is not None and told.any() and len(modal.asked) == 2  # the other boxes, and the object's own


def test_no_other_object_is_found_where_none_has_a_box() -> None:
    heats, boxes = torch.ones(2, 2, 8, 8), torch.zeros(2, 2, 4)
    boxes[1, 0] = torch.tensor([0.0, 0.0, 4.0, 8.0])
    found = found_others(heats, boxes, torch.tensor([[0.0, 0.0, 8.0, 8.0]] * 2), 8)
    assert not found[0].any()
    assert (found[1, :, :4] == 1).all() and not found[1, :, 4:].any()


def test_networks_that_could_be_told_train_on_examples_that_tell_of_nothing(batch: Batch) -> None:
    """As where trained weights with ``others`` go on with a recipe that leaves ``others_told`` at 0."""
    assert batch["other_patches"].shape[1] == 0
    modal, amodal = ToldSpy(), ToldSpy(20)
    stage = ModalStage(StageSettings(hypothesis_passes=(0, 1)))
    for draws in (None, stage.draw(np.random.default_rng(0), 0, 6)):
        stage(modal, batch, draws)
    AmodalStage(StageSettings(), modal)(amodal, batch, None)
    assert not any(told.any() for told in modal.others + amodal.others if told is not None)
