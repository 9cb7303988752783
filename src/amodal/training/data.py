"""A recipe's photographs as two streams of examples: to train on and to validate on, apart by photograph."""

from __future__ import annotations

import atexit
import hashlib
import os
import signal
import sys
import weakref
from collections.abc import Generator, Iterator, Sequence
from functools import cache
from inspect import GEN_RUNNING, getgeneratorstate
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from tqdm import tqdm

from ..core.album import Album
from ..core.errors import AmodalError, RecipeError
from ..core.records import ImageRecord
from ..datasets.idlist import listed_ids
from ..synthesis.material import Material, Source, has_material
from ..synthesis.settings import ExampleShape, SynthesisSettings, validation_settings
from ..synthesis.sources import Keeping, Skipped, make_source, read_source_annotations
from ..synthesis.stream import OcclusionDataset, collate
from .config import DataSource, Recipe, StageSettings
from .photometric import Photometric
from .processes import Share

Batch = dict[str, Tensor]
VALIDATION_SEED = 1_000_003
"""Validation looks at the same examples whatever the seed of the run, so that runs can be compared."""
_ENDLESS = 2**40
_CACHE_BESIDE_STORE = 16_000_000
"""Bytes of decoded pictures that a process keeps of those a store does not hold."""


class _Parts(NamedTuple):
    """A source's photographs to train on and to validate on, and what was wrong with its records."""

    source: DataSource
    skipped: Skipped
    train: Album
    validation: Album | None


def make_streams(
    recipe: Recipe, categories: Sequence[str] | None = None
) -> tuple[OcclusionDataset, OcclusionDataset | None]:
    """Training examples without end, and the recipe's validation examples (None where no photograph is kept for it).

    Both number the categories alike. A photograph that one source validates on is trained on through none.

    Args:
        recipe: says which photographs.
        categories: names in the order of trained networks' channels; None: those of the sources, as they come.

    Raises:
        RecipeError: lists that leave nothing to train on; another number of categories than the networks have, or one
            that is not among ``categories``.
        AnnotationError: a list of photographs that cannot be read or names none of its source; from the sources.
        ImageError: from the sources.
    """
    train: list[Source] = []
    validation: list[Source] = []
    keeping = Keeping(recipe.store, round(recipe.store_gb * 1e9), recipe.bad_records)
    for source, skipped, *parts in _apart([_read(recipe, source) for source in recipe.data]):
        for kept, sources in zip(parts, (train, validation), strict=True):
            if kept is not None:
                # a bar that only shows where there is something to wait for
                with tqdm(total=len(kept), desc="pictures", unit="", disable=None, leave=False, delay=1) as bar:
                    sources.append(
                        make_source(kept, source.images, keeping, skipped, weight=source.weight, progress=bar.update)
                    )
        skipped.sum_up(source.annotations)
    count = recipe.modal.network.num_categories
    shape = ExampleShape(recipe.modal.network.patch_px, recipe.modal.network.heat_px, recipe.amodal.network.heat_px)
    plain = validation_settings(recipe.synthesis)
    memory = {"cache_bytes": _CACHE_BESIDE_STORE} if recipe.store else {}
    material = Material(train, recipe.synthesis, categories=categories, **memory)
    if count and count != len(material.categories):
        raise RecipeError(
            f"num_categories is 0 or the {len(material.categories)} of the data",
            value=count,
            remedy="correct it in modal.network and amodal.network",
        )
    transform = Photometric(recipe.photometric) if recipe.photometric else None
    training = OcclusionDataset.from_material(
        material, shape=shape, seed=recipe.seed, length=_ENDLESS, transform=transform
    )
    if not validation:
        return training, None
    alike = Material(validation, plain, categories=material.categories, **memory)  # its sources may be fewer
    return training, OcclusionDataset.from_material(
        alike, shape=shape, seed=VALIDATION_SEED, length=recipe.validation_examples
    )


def digest_of(training: OcclusionDataset, validation: OcclusionDataset | None) -> str:
    """Tells what a run trains and validates on from other photographs and masks."""
    return training.material.digest + ("" if validation is None else validation.material.digest)


def staged_batches(
    dataset: OcclusionDataset,
    settings: StageSettings,
    first_step: int,
    workers: int,
    share: Share | None = None,
    *,
    channels_last: bool = True,
) -> Iterator[Batch]:
    """The batches of a stage from ``first_step`` on: small patches up to ``start_steps``, then the full size.

    Args:
        dataset, settings: of the stage.
        first_step: the step to begin at.
        workers: processes that make examples.
        share: which part of each batch, in how many parts; None: all of it in one.
        channels_last: the layout of the patches.

    Raises:
        AmodalError: as `training_batches`.
    """
    if first_step < settings.start_steps:
        full, scale = dataset.shape, settings.start_px / settings.network.patch_px
        small = ExampleShape(
            *(round(side * scale) for side in (full.patch_px, full.modal_heat_px, full.amodal_heat_px))
        )
        start = OcclusionDataset.from_material(
            dataset.material, shape=small, seed=dataset.seed, length=_ENDLESS, transform=dataset.transform
        )
        yield from training_batches(
            start, settings.batch_size, first_step, settings.start_steps, workers, share, channels_last=channels_last
        )
    first_step = max(first_step, settings.start_steps)
    yield from training_batches(
        dataset, settings.batch_size, first_step, settings.steps, workers, share, channels_last=channels_last
    )


def training_batches(
    dataset: OcclusionDataset,
    batch_size: int,
    first_step: int,
    steps: int,
    workers: int,
    share: Share | None = None,
    *,
    channels_last: bool = True,
) -> Iterator[Batch]:
    """The batches of steps ``first_step`` to ``steps - 1``: step s holds examples ``s * batch_size`` and on.

    With a share, ``share.parts`` batches a step, of that share's examples.

    Raises:
        AmodalError: what making an example raised, as it was, from a worker too.
    """
    loader = DataLoader(
        dataset,
        batch_sampler=_Spans(batch_size, first_step, steps, share or Share()),
        num_workers=workers,
        collate_fn=collate if channels_last else None,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_part_quietly,
    )
    batches = _plainly(iter(loader))
    if workers:
        _end_at_exit(batches)
    return batches


def validation_batches(dataset: OcclusionDataset, batch_size: int, *, channels_last: bool = True) -> Iterator[Batch]:
    """All examples a recipe validates on, in order.

    Raises:
        AmodalError: what making an example raised.
    """
    yield from DataLoader(dataset, batch_size=batch_size, collate_fn=collate if channels_last else None)


def _plainly(batches: Iterator[Batch]) -> Generator[Batch]:
    """The same batches; a worker's error without the traceback that torch writes into its message."""
    try:
        yield from batches
    except AmodalError as problem:
        lines = str(problem).splitlines()
        if not lines or "DataLoader worker" not in lines[0]:
            raise
        raise type(problem)(lines[-1].partition(": ")[2]) from None


def _end_at_exit(batches: Generator[Batch]) -> None:
    """End the workers of batches that a program leaves over: at its exit Python waits for them, who ignore its SIGTERM.

    Registered when there are workers, so that it comes before what Python does.
    """
    left_over = weakref.ref(batches)

    def end() -> None:
        if (one := left_over()) is not None and getgeneratorstate(one) != GEN_RUNNING:
            one.close()

    atexit.register(end)


def _part_quietly(_worker: int) -> None:
    """Let a worker be silent of a trainer that is interrupted, or killed, while it is handed a batch.

    SIGTERM to the whole group is the trainer's to answer: its workers end with it, not before it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    told = sys.excepthook

    def hook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, EOFError | ConnectionError):
            told(kind, problem, trace)

    sys.excepthook = hook


class _Spans(Sampler[list[int]]):
    def __init__(self, batch_size: int, first_step: int, steps: int, share: Share) -> None:
        self.batch_size, self.steps = batch_size, range(first_step, steps)
        self.spans = share.spans(batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for step in self.steps:
            for span in self.spans:
                yield [step * self.batch_size + place for place in span]

    def __len__(self) -> int:
        return len(self.steps) * len(self.spans)


def _read(recipe: Recipe, source: DataSource) -> _Parts:
    skipped = Skipped(tqdm.write)
    album = read_source_annotations(source.annotations, source.images, recipe.bad_records, skipped)
    return _Parts(source, skipped, *_split(source, album, recipe.synthesis))


def _apart(parts: list[_Parts]) -> list[_Parts]:
    """The same without the photographs to train on that another source validates on: the same files."""
    real = cache(os.path.realpath)

    def places(source: DataSource, album: Album | None) -> list[str]:
        paths = (os.path.split(Path(source.images) / record.file_name) for record in album or ())
        files = (os.path.join(real(folder), name) for folder, name in paths)  # of thousands, each folder once
        return [os.path.realpath(file) if os.path.islink(file) else file for file in files]

    held = [frozenset(places(one.source, one.validation)) for one in parts]
    found = []
    for number, one in enumerate(parts):
        others = frozenset[str]().union(*held[:number], *held[number + 1 :])
        both = {i for i, place in enumerate(places(one.source, one.train)) if place in others} if others else set()
        if both:
            left = [record for i, record in enumerate(one.train) if i not in both]
            if not left:
                raise RecipeError(
                    "a source has photographs that no other source validates on",
                    file=one.source.annotations,
                    remedy="shorten the other's list, or leave this source out",
                )
            train = Album(left, one.train.categories, source=one.train.source, extra=one.train.extra)
            one = one._replace(train=train)
            told = f"{len(both)} of its photographs not trained on: another source validates on them"
            tqdm.write(f"{one.source.annotations}: {told}")
        found.append(one)
    return found


def _split(source: DataSource, album: Album, settings: SynthesisSettings) -> tuple[Album, Album | None]:
    paths = (source.validation, source.exclude, source.only)
    held, excluded, only = (listed_ids(album, path, tqdm.write) for path in paths)
    if source.validation_share:
        used = (one for one in album if one.id not in excluded and (not only or one.id in only))
        names = _share(source, {one.file_name for one in used if has_material(one, settings)}, settings, len(album))
        held = frozenset(one.id for one in album if one.file_name in names)  # a picture may have several records

    allowed = only | held

    def keep(record: ImageRecord, validation: bool) -> ImageRecord | None:
        used = record.id not in excluded and (not only or record.id in allowed)
        return record if used and (record.id in held) == validation else None

    train = album.filter(lambda record: keep(record, False))
    if not len(train):
        raise RecipeError(
            "a source leaves photographs to train on", file=source.annotations, remedy="shorten the lists"
        )
    validation = album.filter(lambda record: keep(record, True))
    return train, validation if len(validation) else None


def _share(source: DataSource, photographs: set[str], settings: SynthesisSettings, count: int) -> frozenset[str]:
    """A share of some photographs by name: those whose names hash lowest, so that one more changes one at the most.

    Four at the least, or a half where there are few: one gives the other's occluders, and one may turn out to be bad.
    Two are left to train on.
    """
    if len(photographs) < 4:
        raise RecipeError(
            "a share of the photographs is kept where four or more have an object to hide, with a mask at least "
            f"{settings.min_object_px} pixels wide and high, and one to hide it with, {settings.min_occluder_px}",
            file=source.annotations,
            value=f"{len(photographs)} of {count}",
            remedy="add photographs or masks, lower synthesis.min_object_px and synthesis.min_occluder_px, or set "
            "validation_share to 0",
        )
    kept = max(round(source.validation_share * len(photographs)), min(4, len(photographs) // 2))
    kept = min(kept, len(photographs) - 2)
    return frozenset(sorted(photographs, key=lambda name: hashlib.sha256(name.encode()).digest())[:kept])
