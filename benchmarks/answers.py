"""By what the answers of the amodal network can be put right: its heat beside all else that is known of an object.

    python benchmarks/answers.py [--weights DIR] [--scenes 220] [--rendered FOLDER ...] [--steps 600]

Of scenes of a recipe's validation photographs (and of rendered ones: folders with ``images`` and
``annotations.json``, as `amodal render` writes them), boxes given, told of the others, five maps over the last frame of
the expansion: the heat, that of IIS, the highest of the other objects, what of the given box lies there, and the share
of each cell that is the object. Cells beyond the picture count nowhere, for prediction cuts them off. On the first half
of the pictures of each set a correction is fitted, on the second it is scored, and then the other way round. A row a
correction: one cut-off; a logistic function of each cell's heats; small convolutions. IoU is that of cells, in the row
"as predicted" that of pixels; cut-offs are those of the half that is fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from validation import scene_parser, validation_material  # the file beside this one

from amodal.core import boxes as bx
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.core.resample import move_heat
from amodal.datasets import read_annotations
from amodal.inference.patches import mask_heat
from amodal.inference.predictor import Predictor
from amodal.synthesis.material import Material
from amodal.synthesis.scenes import make_scenes, scene_settings

_SEED = 501  # neither the scenes of the thresholds nor those of the other benchmarks
_LEAST_PX = 30  # of a laid object to be asked about
_OCCLUDED = 0.05
_CUTOFFS = tuple(round(0.3 + 0.05 * i, 2) for i in range(9))
_BATCH = 24


class Case(NamedTuple):
    """One object: maps float32 ``(s, s)`` over the last frame, the last of them the share of each cell in the picture.

    Then its true area in cells, the IoU of its predicted mask, whether it is occluded, the number of its picture.
    """

    heat: NDArray[np.float32]
    modal: NDArray[np.float32]
    others: NDArray[np.float32]
    boxed: NDArray[np.float32]
    truth: NDArray[np.float32]
    inside: NDArray[np.float32]
    area: float
    iou: float
    occluded: bool
    picture: int


class Maps(NamedTuple):
    """The objects of all sets; `source` numbers the set of each, `second` tells the second half of each set."""

    heat: Tensor
    modal: Tensor
    others: Tensor
    boxed: Tensor
    truth: Tensor
    inside: Tensor
    area: Tensor
    iou: NDArray[np.float64]
    occluded: NDArray[np.bool_]
    source: NDArray[np.int64]
    second: NDArray[np.bool_]


def main() -> None:
    """Print the table."""
    options = scene_parser(__doc__, 220)
    options.add_argument("--rendered", type=Path, nargs="*", default=[], metavar="FOLDER")
    options.add_argument("--steps", type=int, default=600, help="of the convolutions, in batches of 24 objects")
    args = options.parse_args()
    predictor = Predictor.from_pretrained(args.weights)
    sets: dict[str, list[Case]] = {}
    validation = validation_material(args.recipe)
    settings = replace(scene_settings(validation.settings), behind=0.2, clear=0.35)
    for source in validation.sources:
        scenes = make_scenes(Material([source], settings), args.scenes, seed=_SEED)
        sets[str(source.folder)] = [
            case
            for k, scene in enumerate(scenes)
            for case in _cases(
                predictor, k, scene.image, _visible(scene.visible, scene.laid), [Mask.from_array(scene.own)]
            )
        ]
    for folder in args.rendered:
        sets[str(folder)] = list(_rendered(predictor, folder))
    maps = _stacked(list(sets.values()))
    names = [f"{name} {which}" for name in sets for which in ("occluded", "clear")]
    print(f"\n| put right by | {' | '.join(names)} | mean, occluded | mean, clear |\n|{'---|' * (len(names) + 3)}")
    for half in (False, True):
        fitted = maps.second == half
        print(f"| **scored on the {'first' if half else 'second'} half** |{' |' * (len(names) + 2)}")
        print(_row("as predicted", maps.iou, maps, ~fitted))
        for name, answer in _answers(maps, fitted, args.steps):
            print(_line(name, answer, maps, fitted), flush=True)


def _answers(maps: Maps, fitted: NDArray[np.bool_], steps: int) -> Iterator[tuple[str, Tensor]]:
    """What each correction makes of all objects, fitted on some."""
    yield "nothing", maps.heat
    yield "the visible mask instead", maps.modal
    yield "logistic: heat, IIS, box", _logistic(maps, fitted, told=False)
    yield "and others", _logistic(maps, fitted, told=True)
    yield "convolutions", _convolved(maps, fitted, steps)


def _visible(visible: NDArray[np.bool_], laid: NDArray[np.uint8] | None) -> list[Mask]:
    """The main object's visible mask and those of the objects laid on the scene."""
    numbers = [] if laid is None else range(1, int(laid.max()) + 1)
    masks = [Mask.from_array(laid == number) for number in numbers]
    return [Mask.from_array(visible), *(mask for mask in masks if mask.area >= _LEAST_PX)]


def _rendered(predictor: Predictor, folder: Path) -> Iterator[Case]:
    for k, record in enumerate(read_annotations(folder / "annotations.json")):
        pairs = [(one.modal_mask, one.amodal_mask) for one in record.instances]
        known = [(seen, whole) for seen, whole in pairs if seen is not None and whole is not None and not seen.is_empty]
        picture = folder / "images" / record.file_name
        yield from _cases(predictor, k, picture, [seen for seen, _ in known], [whole for _, whole in known])


def _cases(
    predictor: Predictor, number: int, image: NDArray[np.uint8] | Path, visible: Sequence[Mask], whole: Sequence[Mask]
) -> Iterator[Case]:
    """The first objects of a picture, those whose whole mask is given; all of them are asked about together."""
    predictor.set_image(image)
    found = predictor.predict(boxes=[mask.box for mask in visible], keep_heat=True)
    for i, truth in enumerate(whole):
        occluded = 1 - visible[i].area / truth.area > _OCCLUDED
        yield _case(found[i], found[:i] + found[i + 1 :], truth, occluded, number)


def _case(found: Prediction, others: Sequence[Prediction], truth: Mask, occluded: bool, number: int) -> Case:
    last = found.trace[-1]
    assert last.heat is not None
    side = len(last.heat)

    def moved(one: Prediction, heat: NDArray[np.float32]) -> NDArray[np.float32]:
        return move_heat(heat, one.modal_box, last.frame, side)

    heats = [one.modal_heat for one in (found, *others)]
    modal, *rest = [moved(one, h) for one, h in zip((found, *others), heats, strict=True) if h is not None]
    boxed = moved(found, np.ones_like(modal))
    told = np.max(rest, axis=0) if rest else np.zeros_like(modal)
    area = truth.area / (bx.area(np.array(last.frame)) / side**2)
    picture = Mask.from_array(np.ones((truth.height, truth.width), np.bool_))
    own, inside = (mask_heat(mask, last.frame, side) for mask in (truth, picture))
    iou = found.amodal_mask.iou(truth)
    return Case(last.heat, modal, told, boxed, own, inside, float(area), iou, occluded, number)


def _stacked(sets: Sequence[Sequence[Case]]) -> Maps:
    cases = [case for one in sets for case in one]
    planes = [torch.from_numpy(np.stack([case[k] for case in cases])) for k in range(6)]
    return Maps(
        *planes,
        torch.tensor([case.area for case in cases]),
        np.array([case.iou for case in cases]),
        np.array([case.occluded for case in cases]),
        np.repeat(np.arange(len(sets)), [len(one) for one in sets]),
        np.concatenate([[case.picture > one[-1].picture // 2 for case in one] for one in sets]),
    )


def _logit(heat: Tensor) -> Tensor:
    return torch.logit(heat.clamp(0.005, 0.995))


def _shares(maps: Maps, fitted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much each object counts: every set alike, 0 where it is not fitted."""
    counts = np.bincount(maps.source[fitted], minlength=maps.source.max() + 1)
    shares = np.where(fitted, 1 / np.maximum(counts[maps.source], 1), 0)
    return np.asarray(shares / shares.sum())


def _logistic(maps: Maps, fitted: NDArray[np.bool_], *, told: bool) -> Tensor:
    heat, modal = _logit(maps.heat), _logit(maps.modal) * maps.boxed
    features = [heat, modal, maps.boxed]
    if told:
        features += [maps.others, maps.others * modal, maps.others * heat]
    x = torch.stack(features, -1)
    weights = torch.from_numpy(_shares(maps, fitted)).float() / maps.area.clamp(min=50)
    factors = torch.zeros(len(features) + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([factors], max_iter=30, line_search_fn="strong_wolfe")
    which = torch.from_numpy(fitted)

    def closure() -> Tensor:
        optimizer.zero_grad()
        scores = x[which] @ factors[:-1] + factors[-1]
        nll = nn.functional.binary_cross_entropy_with_logits(scores, maps.truth[which], reduction="none")
        loss: Tensor = ((nll * maps.inside[which]).sum((1, 2)) * weights[which]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call,arg-type]
    with torch.no_grad():
        return torch.sigmoid(x @ factors[:-1] + factors[-1])


class _Corrector(nn.Module):
    """Three convolutions over all maps, told the mean and the highest of each; begins as the heat it is given."""

    def __init__(self, maps: int, width: int = 12) -> None:
        super().__init__()
        self.first = nn.Conv2d(maps, width, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in (2, 4))
        self.whole = nn.Linear(2 * maps, width)
        self.last = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.whole(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        h = torch.relu(self.first(x) + whole[:, :, None, None])
        for convolution in self.rest:
            h = h + torch.relu(convolution(h))
        out: Tensor = 3 * x[:, 0] + self.last(h)[:, 0]
        return out


def _convolved(maps: Maps, fitted: NDArray[np.bool_], steps: int) -> Tensor:
    modal = _logit(maps.modal) * maps.boxed
    x = torch.stack([_logit(maps.heat) / 3, modal / 3, maps.boxed, maps.others, maps.heat, maps.modal], 1)
    torch.manual_seed(0)
    rng, shares = np.random.default_rng(0), _shares(maps, fitted)
    network = _Corrector(x.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        rows = rng.choice(len(shares), _BATCH, p=shares)
        turned = [axis for axis in (-1, -2) if rng.random() < 0.5]
        scores = network(x[rows].flip(turned))
        nll = nn.functional.binary_cross_entropy_with_logits(scores, maps.truth[rows].flip(turned), reduction="none")
        known = maps.inside[rows].flip(turned)
        loss = ((nll * known).sum((1, 2)) / maps.area[rows].clamp(min=50)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return torch.sigmoid(torch.cat([network(part) for part in x.split(64)]))


def _line(name: str, answer: Tensor, maps: Maps, fitted: NDArray[np.bool_]) -> str:
    scores = {cutoff: _iou(answer > cutoff, maps) for cutoff in _CUTOFFS}
    shares = _shares(maps, fitted)
    cutoff = max(_CUTOFFS, key=lambda one: float(scores[one] @ shares))
    return _row(f"{name}, over {cutoff}", scores[cutoff], maps, ~fitted)


def _row(name: str, scores: NDArray[np.float64], maps: Maps, scored: NDArray[np.bool_]) -> str:
    """Percent, of each set's occluded and clear objects, and the means of the sets."""
    groups = [
        scores[(maps.source == s) & (maps.occluded == occluded) & scored]
        for s in np.unique(maps.source)
        for occluded in (True, False)
    ]
    means = [100 * float(group.mean()) if len(group) else np.nan for group in groups]
    both = [float(np.mean(means[k::2])) for k in (0, 1)]
    return f"| {name} | {' | '.join(f'{mean:.1f}' for mean in [*means, *both])} |"


def _iou(found: Tensor, maps: Maps) -> NDArray[np.float64]:
    shares = found * maps.inside
    common = (shares * maps.truth).sum((1, 2))
    return np.asarray((common / (shares.sum((1, 2)) + maps.area - common)).numpy(), dtype=np.float64)


if __name__ == "__main__":
    main()
