"""Recipes: everything a training run depends on, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.errors import RecipeError
from ..models.config import ModelConfig
from ..synthesis.settings import SynthesisSettings

Precision = Literal["fp32", "bf16"]
_SHARED: tuple[str, ...] = ("architecture", "backbone", "patch_px", "widths", "blocks", "grid", "num_categories")
_SHARED += ("others", "detector", "tap_scales")
_CHOICES = {"optimizer": ("adamw", "sgd"), "schedule": ("cosine", "constant"), "loss": ("mean", "sum")}
_CHOICES |= {"weight_by": ("patch", "seen"), "target": ("visible", "whole")}
_LEAST = {"seed": 0, "workers": 0, "threads": 0, "calibration_examples": 0}
_LEAST |= {"checkpoint_every": 1, "validate_every": 1, "validation_examples": 1}


@dataclass(frozen=True)
class DataSource:
    """One annotated set of photographs.

    Attributes:
        images: folder of the pictures.
        annotations: annotation file (any dialect that is read).
        weight: share of the main objects drawn from it, relative to the other sources.
        validation: text file of image ids or names, one a line, kept for validation; "" for none.
        validation_share: without such a list, the share that is kept of the photographs with objects large enough,
            four at the least, or half of them where there are fewer than eight: always the same ones, by a hash of
            their names. 0 for none.
        exclude: text file of images never used; "" for none.
        only: text file of the images trained on, as VOC's ImageSets/Main/train.txt; "" for all.
    """

    images: str
    annotations: str
    weight: float = 1.0
    validation: str = ""
    validation_share: float = 0.0
    exclude: str = ""
    only: str = ""

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise RecipeError("a source's weight is over 0", value=self.weight, remedy="remove the source instead")
        if not 0 <= self.validation_share < 1:
            raise RecipeError("validation_share is 0 or more, below 1", value=self.validation_share)
        if self.validation and self.validation_share:
            raise RecipeError("validation_share is for a source without a validation list", value=self.validation_share)

    @property
    def validated(self) -> bool:
        """Whether photographs of it are kept for validation."""
        return bool(self.validation) or self.validation_share > 0


def wherever_it_lies(source: dict[str, Any], output: str) -> dict[str, Any]:
    """A source as JSON, its lists named from the run's folder where they lie in it: that folder may be moved."""

    def named(path: str) -> str:
        try:
            return f"(output)/{Path(path).resolve().relative_to(Path(output).resolve()).as_posix()}"
        except ValueError:
            return path

    lists = {key: named(source[key]) for key in ("validation", "exclude", "only") if source.get(key)}
    return source | lists


@dataclass(frozen=True)
class StageSettings:
    """How one network is trained.

    Attributes:
        network: its shape.
        steps: optimiser steps.
        start_px: side of the patches of the first steps, smaller than the network's for speed: what is learnt there
            serves the full size too. A multiple of the backbone's coarsest stride. 0 = full size throughout.
        start_steps: how many steps that is.
        batch_size: examples a step, all processes together.
        accumulate: parts a process computes its share of a batch in, gradients summed: the memory of a smaller batch.
        optimizer: "sgd" is the paper's (momentum 0.9); "adamw" the default.
        lr: learning rate of the new layers.
        backbone_lr: learning rate of the pretrained backbone.
        weight_decay: on convolution and linear weights only.
        momentum: of SGD.
        schedule: "constant" is the paper's; "cosine" falls to 0 after the warm-up.
        warmup_steps: steps over which the rate rises from 0. More than ``steps`` never reach the full one: told.
        clip_norm: largest norm of the gradient; 0 = not clipped.
        ema_decay: decay of the running average of the weights, which is what is validated and kept; 0 = none.
        loss: "mean" or "sum" (see `training.loss.masked_nll`).
        weight_by: what makes an example's weight, min(its area in the picture / ``synthesis.weight_reference_px``
            squared, 1): "patch", the whole patch, for both networks; or "seen", what the network sees of it, which is
            what is upsampled: the modal box, and the patch without its trimmed rim. The paper's is "seen"; a patch
            that ``synthesis.canvas_px`` shrinks counts as it is then.
        hypothesis_passes: modal network: the probabilities that a step trains on the constant 1/2, on the network's own
            first prediction, on its second one, ...
        phases: modal network: the steps of IIS's training stages, together ``steps``. In stage t an example starts from
            the constant 1/2 or from what the networks of the earlier stages, as they stood at their ends, make of it
            one after the other; how many of them is uniform over 0 to t - 1. () = ``hypothesis_passes`` instead.
        target: modal network: "visible", its task; "whole" learns the amodal mask inside the modal box directly, which
            is the supplement's model without modal segmentation prediction.
        true_mask_share: amodal network: share of examples whose evidence is the true visible mask, not predicted heat.
    """

    network: ModelConfig = field(default_factory=ModelConfig)
    steps: int = 1000
    start_px: int = 0
    start_steps: int = 0
    batch_size: int = 32
    accumulate: int = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    backbone_lr: float = 3e-4
    weight_decay: float = 1e-2
    momentum: float = 0.9
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 100
    clip_norm: float = 5.0
    ema_decay: float = 0.999
    loss: Literal["mean", "sum"] = "mean"
    weight_by: Literal["patch", "seen"] = "patch"
    hypothesis_passes: tuple[float, ...] = (0.6, 0.3, 0.1)
    phases: tuple[int, ...] = ()
    target: Literal["visible", "whole"] = "visible"
    true_mask_share: float = 0.25

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is 1 or more", value=getattr(self, name))
        if self.batch_size % self.accumulate:
            raise RecipeError("accumulate divides batch_size", value=self.accumulate)
        self._check_start()
        for name in ("lr", "backbone_lr"):
            if not 0 <= getattr(self, name) < 1e3:
                raise RecipeError(f"{name} is a learning rate, 0 or more", value=getattr(self, name))
        for name in ("weight_decay", "warmup_steps", "clip_norm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise RecipeError(f"{name} is 0 or more", value=getattr(self, name))
        for name in ("ema_decay", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(f"{name} lies in [0, 1)", value=getattr(self, name))
        if not 0 <= self.true_mask_share <= 1:
            raise RecipeError("true_mask_share lies in [0, 1]", value=self.true_mask_share)
        chances = self.hypothesis_passes
        if not chances or not all(0 <= p < math.inf for p in chances) or not sum(chances) > 0:
            raise RecipeError("hypothesis_passes are probabilities, 0 or more, one of them over 0", value=chances)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise RecipeError(f"{name} is {' or '.join(choices)}", value=getattr(self, name))
        if self.phases and (min(self.phases) < 1 or sum(self.phases) != self.steps):
            raise RecipeError(f"phases are steps that add up to those of the stage, {self.steps}", value=self.phases)
        if self.phases and self.network.others:
            raise RecipeError(
                "phases are for a network that is told of no others",
                value=self.phases,
                remedy="give hypothesis_passes instead, or network.others false",
            )

    def _check_start(self) -> None:
        side, full, heat = self.start_px, self.network.patch_px, self.network.heat_px
        if not 0 <= self.start_steps <= self.steps:
            raise RecipeError("start_steps is 0 to steps", value=self.start_steps)
        if side % 32 and self.network.detector:
            raise RecipeError("start_px is a multiple of 32 for a detector", value=side)
        if side and self.network.architecture == "onet":
            raise RecipeError("start_px is 0 for onet: its fc6 fits one size of patch", value=side)
        if (side > 0) != (self.start_steps > 0):
            raise RecipeError(
                "start_px and start_steps are both 0 or both over 0", value=(self.start_px, self.start_steps)
            )
        if side and (not 8 <= side < full or heat * side % full):
            raise RecipeError(
                f"start_px is 8 or more, below patch_px ({full}), and heat_px * start_px / patch_px is whole",
                value=side,
            )


@dataclass(frozen=True)
class Recipe:
    """One training run: the modal network (IIS), then the amodal one on its predictions.

    Attributes:
        output: folder of the run: logs, checkpoints and, at the end, ``weights/``.
        data: annotated sets of photographs.
        modal: how the modal network is trained.
        modal_from: folder of a finished run whose modal network is taken, not trained; "" for none. With `start_from`
            the amodal network alone starts from those weights.
        start_from: folder of weights both networks start from, as `amodal train` writes it, to go on with other
            settings or on other photographs. For the command also "shipped", the package's own, or a recipe, which is
            trained first where it has not been. "" for none.
        stages: ["modal", "amodal"], or ["modal"] to train IIS alone, for runs that take it by ``modal_from``.
        amodal: how the amodal network is trained.
        synthesis: how occlusion is made.
        photometric: strength, 0-1, of the changes of colour, sharpness and noise; 0 = none, the paper's.
        backbone_weights: "" for random, "timm" for timm's download, else a safetensors file.
        seed: of everything random.
        workers: processes that make examples; 0 = none beside the trainer.
        threads: torch threads; 0 = all cores.
        device: "cpu", "cuda" or "auto".
        precision: "fp32", or "bf16": forward passes under bfloat16 autocast (docs/training.md says where it pays).
        channels_last: lay tensors out with the channels innermost: the faster layout on CPUs and on recent GPUs.
        checkpoint_every: steps between checkpoints; what a killed run loses at the most.
        validate_every: steps between validations.
        validation_examples: examples a validation looks at, the same ones every time.
        keep: of each network "best", its weights where validation was best, "last", as the paper's, or "mean": half way
            from those of ``start_from`` to the last, number by number (Wortsman et al., "Robust fine-tuning of
            zero-shot models", CVPR 2022), which learns the new and forgets less of the old.
        calibration_examples: validation scenes the probability of occlusion is fitted on; 0 = none.
        store: folder where decoded pictures are kept, shared by all workers and later runs; "" decodes them in memory.
        store_gb: bound of the store of each source, for training and for validation each.
        bad_records: "stop" at the first record or picture that cannot be used; "skip" looks at all of them before the
            run, tells and counts those that cannot be used, and goes on without them.
        thresholds: of the exported weights: "validation" chooses those with the best mean IoU there, "paper" keeps 0.8
            (modal), 0.7 (amodal) and 0.1 (strips).
        tensorboard: also write the log for TensorBoard (the extra "tensorboard").
    """

    output: str = "runs/run"
    data: tuple[DataSource, ...] = ()
    modal: StageSettings = field(default_factory=StageSettings)
    modal_from: str = ""
    start_from: str = ""
    stages: tuple[str, ...] = ("modal", "amodal")
    amodal: StageSettings = field(default_factory=lambda: StageSettings(network=ModelConfig(heat_px=80, margin=0.125)))
    synthesis: SynthesisSettings = field(default_factory=SynthesisSettings)
    photometric: float = 0.0
    backbone_weights: str = ""
    seed: int = 0
    workers: int = 1
    threads: int = 0
    device: str = "auto"
    precision: Precision = "fp32"
    channels_last: bool = True
    checkpoint_every: int = 250
    validate_every: int = 500
    validation_examples: int = 256
    keep: Literal["best", "last", "mean"] = "best"
    calibration_examples: int = 600
    store: str = ""
    store_gb: float = 20.0
    bad_records: Literal["stop", "skip"] = "stop"
    thresholds: Literal["validation", "paper"] = "validation"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", tuple(self.data))
        object.__setattr__(self, "stages", tuple(self.stages))
        if self.stages not in (("modal",), ("modal", "amodal")):
            raise RecipeError("stages are [modal, amodal] or [modal]", value=self.stages)
        if self.modal_from and self.stages == ("modal",):
            raise RecipeError("modal_from leaves nothing to train where stages is [modal]", value=self.modal_from)
        if self.modal.target == "whole" and self.amodal.true_mask_share:
            raise RecipeError(
                "amodal.true_mask_share is 0 where modal.target is whole: the visible mask is not what it is told",
                value=self.amodal.true_mask_share,
            )
        if not self.data:
            raise RecipeError(
                'a recipe names at least one source under "data"',
                remedy="name images and annotations, see docs/training.md",
            )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise RecipeError(f"{name} is {least} or more", value=getattr(self, name))
        if not 0 <= self.photometric <= 1:
            raise RecipeError("photometric lies in [0, 1]", value=self.photometric)
        if self.precision not in ("fp32", "bf16"):
            raise RecipeError("precision is fp32 or bf16", value=self.precision)
        if not 0.001 <= self.store_gb < math.inf:
            raise RecipeError("store_gb is 0.001 or more", value=self.store_gb)
        if self.keep not in ("best", "last", "mean"):
            raise RecipeError("keep is best, last or mean", value=self.keep)
        if self.keep == "mean" and not self.start_from:
            raise RecipeError(
                "keep is mean where there are weights to start from: it is half way from those to the last",
                value=self.keep,
                remedy="give start_from, or keep best or last",
            )
        if self.bad_records not in ("stop", "skip"):
            raise RecipeError("bad_records is stop or skip", value=self.bad_records)
        if self.thresholds not in ("validation", "paper"):
            raise RecipeError("thresholds is validation or paper", value=self.thresholds)
        self._check_networks()

    def _check_networks(self) -> None:
        modal, amodal, trim = self.modal.network, self.amodal.network, self.synthesis.trim
        if modal.margin != 0:
            raise RecipeError("modal.network.margin is 0: it answers over the box it sees", value=modal.margin)
        margin = trim / (1 - 2 * trim)
        if not amodal.margin > 0 or abs(amodal.margin - margin) > 1e-4:
            raise RecipeError(
                f"amodal.network.margin is over 0 and what synthesis.trim leaves, {trim:g} / (1 - 2 * {trim:g}) = "
                f"{margin:.6g}: the network is trained to answer over the whole patch",
                value=amodal.margin,
                remedy="set the margin to that, or change the trim",
            )
        for name in _SHARED:
            if name == "detector" and self.start_from:
                continue  # each network starts from its own weights there
            if getattr(modal, name) != getattr(amodal, name):
                raise RecipeError(
                    f"the amodal network starts from the weights of the modal one: {name} is the same for both",
                    value=(getattr(modal, name), getattr(amodal, name)),
                    remedy="give both networks one value" + (", or start_from" if name == "detector" else ""),
                )
