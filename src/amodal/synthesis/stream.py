"""Examples as a torch dataset."""

from __future__ import annotations

import dataclasses
import gc
import operator
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, default_collate, get_worker_info

from ..core.album import Album
from ..core.errors import AnnotationError, RecipeError
from ..core.random import generator
from .draw import draw_example
from .material import Material, Source
from .settings import ExampleShape, SynthesisSettings
from .targets import Example

Item = dict[str, torch.Tensor]
Transform = Callable[[Item, np.random.Generator], Item]
"""Changes an item; all its randomness is the generator it is given."""
PATCHES = ("modal_patch", "amodal_patch", "other_patches")
"""The pictures among the names of an item, ``(..., 3, p, p)``."""
_NAMES = tuple(field.name for field in dataclasses.fields(Example))
_TRANSFORM_STREAM = 3  # sets its draws apart from those that made the example


class OcclusionDataset(Dataset[Item]):
    """Occluded training examples without end, made on the fly (paper section 3).

    Item ``i`` depends on the seed, the epoch and ``i`` alone: the same in any worker and after a resume. Items are
    dictionaries of tensors with the names, shapes and dtypes of `Example`; torch's own collate makes batches of them,
    `collate` the same batches sooner.

    Args:
        album: annotated pictures; only modal masks are needed.
        images_dir: folder of the pictures.
        settings: how examples are made.
        shape: sizes of their arrays.
        seed: of all randomness, >= 0.
        length: items an epoch; the number of main objects if None.
        transform: what is done to each item at last; None: nothing.

    Raises:
        AnnotationError: too few objects to make examples of, or ``album`` is no `Album`.
        RecipeError: a seed or a length that is no whole number, a negative seed, a length below 1.

    Example:
        ``DataLoader(OcclusionDataset(read_annotations("train.json"), "images"), batch_size=32, num_workers=2,
        collate_fn=collate)``
    """

    def __init__(
        self,
        album: Album,
        images_dir: str | Path,
        *,
        settings: SynthesisSettings | None = None,
        shape: ExampleShape | None = None,
        seed: int = 0,
        length: int | None = None,
        transform: Transform | None = None,
    ) -> None:
        if not isinstance(album, Album):
            remedy = "give amodal.read_annotations(FILE), or Album(records, categories)"
            raise AnnotationError("examples are made of an Album", value=type(album).__name__, remedy=remedy)
        self._start(Material([Source(album, images_dir)], settings), shape, seed, length, transform)

    @classmethod
    def from_material(
        cls,
        material: Material,
        *,
        shape: ExampleShape | None = None,
        seed: int = 0,
        length: int | None = None,
        transform: Transform | None = None,
    ) -> OcclusionDataset:
        """The same from several sources, which carry their settings with them."""
        dataset = cls.__new__(cls)
        dataset._start(material, shape, seed, length, transform)
        return dataset

    def _start(
        self,
        material: Material,
        shape: ExampleShape | None,
        seed: int,
        length: int | None,
        transform: Transform | None,
    ) -> None:
        for name, given, kind in (("material is a", material, Material), ("shape is an", shape, ExampleShape)):
            if given is not None and not isinstance(given, kind):
                rule, remedy = f"{name} {kind.__name__}", "see the docstring of amodal.OcclusionDataset"
                raise RecipeError(rule, value=type(given).__name__, remedy=remedy)
        self.transform = transform
        self.material = material
        self.shape = shape or ExampleShape()
        self.seed = _whole("seed", seed, 0)
        self._length = _whole("length", len(material) if length is None else length, 1)
        # shared memory: workers that live on from one epoch to the next see the change
        self._epoch = torch.zeros((), dtype=torch.int64, device="cpu")
        self._share_epoch()

    def _share_epoch(self) -> None:
        if not self._epoch.is_shared():  # type: ignore[no-untyped-call]
            self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._share_epoch()  # a copy has an epoch of its own; a worker's arrives shared

    def set_epoch(self, epoch: int) -> None:
        """Other examples from now on, in this process and in its workers.

        Raises:
            RecipeError: no whole number from 0 on.
        """
        self._epoch.fill_(_whole("epoch", epoch, 0))

    @property
    def epoch(self) -> int:
        """The epoch examples are made for; 0 at first."""
        return int(self._epoch)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Item:
        if get_worker_info() is not None:
            _leave_inherited_alone(os.getpid())
        index = range(self._length)[operator.index(index)]
        example, _ = draw_example(self.material, self.shape, seed=self.seed, epoch=self.epoch, index=index)
        # not `as_tensor`: it takes three times as long, and follows torch.set_default_device, where a worker has no GPU
        item = {name: torch.from_numpy(np.asarray(getattr(example, name))) for name in _NAMES}
        if self.transform is None:
            return item
        return self.transform(item, generator(self.seed, self.epoch, index, _TRANSFORM_STREAM))


def _whole(name: str, value: int, least: int) -> int:
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise RecipeError(f"{name} is a whole number, {least} or more", value=value, remedy="correct it")
    return number


def collate(items: list[Item]) -> Item:
    """A batch of items, as torch's own collate makes it, with patches in torch's ``channels_last`` layout.

    That is how an item has them: nothing is rearranged here, nor by convolutions of that layout. (A transform may leave
    them otherwise, as the training's `Photometric` does; they are then rearranged here. It may leave some out, too.)
    """
    patches = [name for name in PATCHES if name in items[0]]
    flat = [item | {name: item[name].movedim(-3, -1) for name in patches} for item in items]
    batch: Item = default_collate(flat)
    return batch | {name: batch[name].movedim(-1, -3) for name in patches}


@cache
def _leave_inherited_alone(_process: int) -> None:
    """Let the garbage collection of a forked worker pass over what it shares with its parent.

    Looking at an object writes into it, and each page written to is a page of the worker's own from then on.
    """
    gc.freeze()
