"""How likely an object is occluded: a monotone logistic of what the soft heats say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.errors import AmodalError, WeightsError
from ..core.records import Prediction
from ..core.resample import move_heat

FEATURES = ("hidden_heat", "hidden_cells", "sure_hidden_cells", "outside_box", "strip")
"""What the probability is made of, each 0-1 and larger where more seems hidden (see `heat_features`)."""

_RIDGE = 1e-3
"""Keeps the fit finite where the features tell the examples apart perfectly, in units of one example."""


def heat_features(
    modal_heat: NDArray[np.float32],
    modal_box: ArrayLike,
    amodal_heat: NDArray[np.float32],
    frame: ArrayLike,
    strips: ArrayLike,
) -> NDArray[np.float64]:
    """The features of one object, from its heats before any threshold.

    Args:
        modal_heat: ``(m, m)`` over ``modal_box``; 0 outside.
        modal_box, frame: xyxy.
        amodal_heat: ``(s, s)`` over ``frame``, the last of the expansion.
        strips: the four strip means of the first iteration, beside the modal box.

    Returns:
        float64 ``(5,)``: the share of the amodal heat that the modal heat does not explain; the square root of the
        share of cells of the whole (heat > 1/2) that are not visible (heat <= 1/2), and the same for surer ones
        (> 0.8 and < 0.2): a root, for what tells a clear object from one a twentieth hidden lies near 0; the share of
        amodal heat outside the modal box; the hottest strip.
    """
    seen = move_heat(modal_heat, modal_box, frame, amodal_heat.shape[-1])
    whole = np.asarray(amodal_heat, np.float32)
    total = float(whole.sum(dtype=np.float64))
    heat = max(total, 1e-9)
    sure, likely = whole > 0.8, whole > 0.5
    unseen, surely_unseen = likely & (seen <= 0.5), sure & (seen < 0.2)
    rows, columns = _samples_inside(modal_box, frame, amodal_heat.shape[-1])
    return np.array(
        [
            float((whole * (1 - seen)).sum(dtype=np.float64)) / heat,
            _root_share(unseen, likely),
            _root_share(surely_unseen, sure),
            (total - float(whole[rows, columns].sum(dtype=np.float64))) / heat,
            float(np.max(np.asarray(strips, np.float64), initial=0.0)),
        ]
    ).clip(0, 1)


def _root_share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return math.sqrt(int(np.count_nonzero(part)) / max(int(np.count_nonzero(whole)), 1))


def _samples_inside(box: ArrayLike, frame: ArrayLike, size: int) -> tuple[slice, slice]:
    """The rows and columns of a square map over a frame whose samples lie inside a box."""
    (x1, y1, x2, y2), (left, top, right, bottom) = bx.as_box(box), bx.as_box(frame)
    ends = (y1 - top) / (bottom - top), (y2 - top) / (bottom - top), (x1 - left) / (right - left)
    low, high, first, last = (share * size - 0.5 for share in (*ends, (x2 - left) / (right - left)))
    return _between(low, high), _between(first, last)


def _between(low: float, high: float) -> slice:
    return slice(max(math.ceil(low), 0), max(math.floor(high) + 1, 0))


def prediction_features(prediction: Prediction) -> NDArray[np.float64]:
    """`heat_features` of a prediction that kept its heat.

    Raises:
        AmodalError: it did not.
    """
    last = prediction.trace[-1] if prediction.trace else None
    if prediction.modal_heat is None or last is None or last.heat is None:
        raise AmodalError("features are read from heat", remedy="predict with keep_heat=True")
    return heat_features(prediction.modal_heat, prediction.modal_box, last.heat, last.frame, prediction.trace[0].strips)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted logistic: ``1 / (1 + exp(-(bias + weights @ features)))``.

    Attributes:
        weights: one a feature, none below 0: more hidden heat never means less likely occluded.
        bias: the log odds where all features are 0.
    """

    weights: tuple[float, ...]
    bias: float

    def probability(self, features: ArrayLike) -> float:
        """The probability that more than 5 % of the object is hidden, 0-1."""
        odds = self.bias + float(np.dot(self.weights, np.asarray(features, np.float64)))
        return 1 / (1 + math.exp(-min(max(odds, -700.0), 700.0)))

    @classmethod
    def from_mapping(cls, values: Any, *, file: object = "", record: str = "calibration") -> Calibration:
        """From what `fit_calibration` returned, as read from JSON.

        Raises:
            WeightsError: other features than this version's, or no finite numbers, or a weight below 0.
        """
        known = isinstance(values, Mapping) and list(values.get("features", [])) == list(FEATURES)
        weights = values.get("weights") if known else None
        numbers = [*weights, values.get("bias")] if isinstance(weights, list) else []
        if (
            len(numbers) != len(FEATURES) + 1
            or not all(isinstance(v, int | float) and math.isfinite(v) for v in numbers)
            or min(numbers[:-1]) < 0
        ):
            raise WeightsError(
                f'a calibration has "features" {list(FEATURES)}, a "weights" number >= 0 for each, and a "bias"',
                file=file,
                record=record,
                value=values,
                remedy="fit it again, or remove it from the file: probabilities are then left out",
            )
        return cls(tuple(float(v) for v in numbers[:-1]), float(numbers[-1]))


def read_calibrations(values: Any, *, file: object = "") -> dict[str, Calibration]:
    """The calibrations of a config.json: an object with a fit under "box", under "mask", or under both.

    Raises:
        WeightsError: other names, or a fit that is none.
    """
    if not isinstance(values, Mapping) or not values.keys() <= {"box", "mask"}:
        raise WeightsError('"calibration" is an object with "box" and "mask"', file=file, value=values)
    return {
        name: Calibration.from_mapping(value, file=file, record=f"calibration.{name}") for name, value in values.items()
    }


def fit_calibration(features: ArrayLike, occluded: ArrayLike) -> dict[str, Any]:
    """Fit the logistic by Newton's method; a weight that would fall below 0 is held at 0.

    Args:
        features: ``(n, 5)``, see `heat_features`.
        occluded: bool ``(n,)``.

    Returns:
        ``features`` (their names), ``weights``, ``bias``, ``examples`` (n), ``occluded_share`` and ``log_loss`` on
        these examples: JSON values, the form `Calibration.from_mapping` reads.

    Raises:
        AmodalError: shapes that do not fit, features that are not finite, or examples all of one kind.
    """
    x, y = np.asarray(features, np.float64), np.asarray(occluded, np.float64)
    if x.ndim != 2 or x.shape[1] != len(FEATURES) or y.shape != (len(x),) or not np.isfinite(x).all():
        raise AmodalError(f"features are finite numbers (n, {len(FEATURES)})", value=(x.shape, y.shape))
    if len(y) == 0 or y.min() == y.max():
        raise AmodalError("a calibration needs objects that are occluded and objects that are not", value=len(y))
    free = np.ones(len(FEATURES), dtype=np.bool_)
    weights, bias = _newton(x, y, free)
    while (weights < 0).any():
        free[int(np.argmin(weights))] = False
        weights, bias = _newton(x, y, free)
    odds = x @ weights + bias
    loss = float(np.mean(np.logaddexp(0, odds) - y * odds))
    return {
        "features": list(FEATURES),
        "weights": [round(float(w), 6) for w in weights],
        "bias": round(bias, 6),
        "examples": len(y),
        "occluded_share": round(float(y.mean()), 6),
        "log_loss": round(loss, 6),
    }


def _newton(
    x: NDArray[np.float64], y: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Logistic regression on the free features: weights of all of them (0 where not free) and the bias."""
    design = np.concatenate([x[:, free], np.ones((len(x), 1))], axis=1)
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[-1] = 0.0

    def loss(beta: NDArray[np.float64]) -> float:
        odds = design @ beta
        return float((np.logaddexp(0, odds) - y * odds).sum() + 0.5 * (ridge * beta**2).sum())

    beta = np.zeros(design.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -700, 700)))
        slope = design.T @ (p - y) + ridge * beta
        curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge + 1e-9)
        step, size = np.linalg.solve(curve, slope), 1.0
        while loss(beta - size * step) > loss(beta) and size > 1e-6:  # a full step may overshoot
            size /= 2
        beta = beta - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    weights = np.zeros(x.shape[1])
    weights[free] = beta[:-1]
    return weights, float(beta[-1])
