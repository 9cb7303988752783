"""A network run by onnxruntime on the CPU."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..core.errors import WeightsError

OUTPUT = "heat_out"
CHUNK = 4
"""Most patches in one run of the graph: what they need fits the caches. 8 at once take 4 % longer, 16 13 %."""

_REMEDY = "export the network again with the config beside it"


def open_session(path: Path, threads: int = 0) -> Any:
    """An onnxruntime session on the CPU.

    Args:
        path: ``.onnx`` file.
        threads: CPU threads inside one operator; 0 takes all cores.

    Raises:
        WeightsError: missing, or not a graph onnxruntime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # threads that wait by spinning take the cores that others need: on a busy machine a patch costs twice as much
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only: its warnings name nothing a user could mend
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime has a class of exception for every status, none of them public
        text = str(problem).splitlines()[0][:200]
        raise WeightsError(
            f"onnxruntime cannot load the network ({text})", file=path, remedy="copy or export the file again"
        ) from problem


class OnnxNetwork:
    """A `Network` from an ONNX file.

    It runs in the thread that calls it, and any number of threads may call it at once (`NetworkPair.lanes`): that
    scales with the cores, where threads inside one operator wait for each other at every operator. Pickled, it is its
    path and its sizes: the file is opened again where it is unpickled or copied.

    Its inputs are ``image`` uint8 ``(n, 3, p, p)``, ``heat`` float32 ``(n, p, p)`` and, where it takes them,
    ``category`` int64 ``(n,)`` and ``others`` float32 ``(n, p, p)``; its output ``heat_out`` is float32 ``(n, s, s)``,
    after the sigmoid.

    Args:
        path: the file.
        patch_px, heat_px, margin: as in `Network`; the file's own sizes must agree.
        takes_category, takes_others: whether the graph has the inputs ``category`` and ``others``.

    Raises:
        WeightsError: the file cannot be loaded, or its inputs and output are not these.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        patch_px: int,
        heat_px: int,
        margin: float,
        takes_category: bool = False,
        takes_others: bool = False,
    ) -> None:
        self.patch_px, self.heat_px, self.margin = patch_px, heat_px, margin
        self.takes_category, self.takes_others = takes_category, takes_others
        self._path = Path(path)
        self._place = self._path.absolute()  # a copy may be made where relative paths lead elsewhere
        self._session = open_session(self._path, 1)
        wanted: dict[str, tuple[str, tuple[int, ...]]] = {
            "image": ("tensor(uint8)", (3, patch_px, patch_px)),
            "heat": ("tensor(float)", (patch_px, patch_px)),
        }
        if takes_category:
            wanted["category"] = ("tensor(int64)", ())
        if takes_others:
            wanted["others"] = ("tensor(float)", (patch_px, patch_px))
        self._check("inputs", self._session.get_inputs(), wanted)
        self._check("outputs", self._session.get_outputs(), {OUTPUT: ("tensor(float)", (heat_px, heat_px))})

    def __reduce__(self) -> tuple[Any, ...]:
        names = ("patch_px", "heat_px", "margin", "takes_category", "takes_others")
        return partial(type(self), **{name: getattr(self, name) for name in names}), (self._place,)

    def __call__(
        self,
        patches: NDArray[np.uint8],
        heat: NDArray[np.float32],
        category: NDArray[np.int64] | None,
        others: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """See `Network`.

        Raises:
            WeightsError: the graph takes a category and none is given, or its output has another shape than it says.
        """
        if len(patches) == 0:
            return np.zeros((0, self.heat_px, self.heat_px), np.float32)
        feed: dict[str, NDArray[Any]] = {"image": patches, "heat": heat}
        if self.takes_category:
            if category is None:
                raise WeightsError("this network needs a category for each object", file=self._path)
            feed["category"] = category
        if self.takes_others:
            feed["others"] = np.zeros_like(heat) if others is None else others
        if len(patches) <= CHUNK:
            return self._run(feed)
        starts = range(0, len(patches), CHUNK)
        chunks = [{name: value[start : start + CHUNK] for name, value in feed.items()} for start in starts]
        return np.concatenate([self._run(chunk) for chunk in chunks])

    def _run(self, feed: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._session.run([OUTPUT], feed)[0]
        if found.shape != (len(feed["image"]), self.heat_px, self.heat_px):
            raise WeightsError(
                f"the network returns {self.heat_px} x {self.heat_px} heat for each patch",
                file=self._path,
                value=found.shape,
                remedy=_REMEDY,
            )
        return found

    def _check(self, what: str, found: list[Any], wanted: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        shown = {value.name: (value.type, tuple(value.shape)) for value in found}
        fits = shown.keys() == wanted.keys() and all(
            shown[name][0] == kind and _fits(shown[name][1], shape) for name, (kind, shape) in wanted.items()
        )
        if not fits:
            rule = ", ".join(
                f"{name} {kind} (n{''.join(f', {d}' for d in dims)})" for name, (kind, dims) in wanted.items()
            )
            raise WeightsError(
                f"by its config the network's {what} are {rule}", file=self._path, value=shown, remedy=_REMEDY
            )


def _fits(found: tuple[Any, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a graph's shape is ``(any number, *wanted)``; sizes a graph leaves open (a name or None) fit anything."""
    if len(found) != len(wanted) + 1 or isinstance(found[0], int):
        return False
    return all(not isinstance(a, int) or a == b for a, b in zip(found[1:], wanted, strict=True))
