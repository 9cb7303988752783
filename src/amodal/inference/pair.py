"""A network is a callable: patches, heat, category -> heat. Two of them, and how they are used, are a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AmodalError, WeightsError
from ..core.given import is_whole
from .calibration import Calibration
from .settings import PredictionSettings

_REMEDY = "take networks that `amodal train` made: a modal and an amodal one"


class Network(Protocol):
    """What inference needs of a network.

    One that also takes ``others``, where other objects are seen, has an attribute ``takes_others`` that is True and a
    fourth argument: float32 ``(n, patch_px, patch_px)`` in [0, 1] over the patch, 0 where no other object is known to
    be seen (see `ask`).

    Attributes:
        patch_px: side of the square patch it sees.
        heat_px: side of the square heat it returns.
        margin: the frame of the heat is the patch's box grown by this share of its side, on each side.
    """

    @property
    def patch_px(self) -> int: ...
    @property
    def heat_px(self) -> int: ...
    @property
    def margin(self) -> float: ...

    def __call__(
        self, patches: NDArray[np.uint8], heat: NDArray[np.float32], category: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Heat of ``n`` objects.

        Args:
            patches: uint8 ``(n, 3, patch_px, patch_px)``, RGB.
            heat: float32 ``(n, patch_px, patch_px)`` in [0, 1] over the patch.
            category: int64 ``(n,)``; None for a network that takes none.

        Returns:
            float32 ``(n, heat_px, heat_px)`` in [0, 1] over the frame.
        """
        ...


def takes_others(network: Network) -> bool:
    """Whether a network is told where other objects are seen."""
    return bool(getattr(network, "takes_others", False))


def ask(
    network: Network,
    patches: NDArray[np.uint8],
    heat: NDArray[np.float32],
    category: NDArray[np.int64] | None,
    others: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """Call a network; ``others`` goes to those that take it, and is 0 where it is None."""
    if not takes_others(network):
        return network(patches, heat, category)
    told: Any = network
    answer: NDArray[np.float32] = told(patches, heat, category, np.zeros_like(heat) if others is None else others)
    return answer


def ask_mirrored(
    network: Network,
    patches: NDArray[np.uint8],
    heat: NDArray[np.float32],
    category: NDArray[np.int64] | None,
    others: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """What `ask` answers of the mirror images, left and right exchanged back."""
    turned = None if others is None else _turned(others)
    return ask(network, _turned(patches), _turned(heat), category, turned)[..., ::-1]


def _turned(maps: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(maps[..., ::-1])


@dataclass(frozen=True)
class NetworkPair:
    """The two networks of the paper and how they are used.

    Attributes:
        modal: IIS (section 4.1): image and hypothesis -> heat of the visible part over the same box.
        amodal: image and modal heat -> heat of the whole object over a larger frame.
        settings: thresholds and caps the pair was tuned with.
        categories: names the networks tell apart, in their order; empty: they take no category.
        calibrations: how likely an object is occluded, by what is given of it: "box", "mask"; either may be missing.
        lanes: how many threads find objects at once; 1, the caller's own, for networks that use the machine, or a GPU,
            by themselves. Twice as many may call the networks where objects of one picture are told of each other.

    Raises:
        WeightsError: a modal network with a margin, or an amodal one without: expansion needs strips beside the box.
        AmodalError: fewer than one lane, or no whole number of them.
    """

    modal: Network
    amodal: Network
    settings: PredictionSettings = field(default_factory=PredictionSettings)
    categories: tuple[str, ...] = ()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    lanes: int = 1

    def __post_init__(self) -> None:
        if self.modal.margin != 0:
            raise WeightsError("the modal network's margin is 0", value=self.modal.margin, remedy=_REMEDY)
        if not is_whole(self.lanes) or self.lanes < 1:
            raise AmodalError("prediction takes one thread or more, a whole number of them", value=self.lanes)
        object.__setattr__(self, "lanes", int(self.lanes))
        if not self.amodal.margin > 0:
            raise WeightsError("the amodal network's margin is above 0", value=self.amodal.margin, remedy=_REMEDY)

    @property
    def told_px(self) -> int:
        """Side of the maps of other objects before they are spread over a patch: as in training, the modal heat's."""
        return self.modal.heat_px
