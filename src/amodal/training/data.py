"""A recipe's photographs as two streams of examples: to train on and to validate on, apart by photograph."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from tqdm import tqdm

from ..core.album import Album
from ..core.errors import AmodalError, RecipeError
from ..core.records import ImageRecord
from ..datasets.idlist import read_ids
from ..synthesis.material import Material, Source
from ..synthesis.settings import ExampleShape, validation_settings
from ..synthesis.sources import Keeping, Skipped, make_source, read_source_annotations
from ..synthesis.stream import OcclusionDataset
from .config import DataSource, Recipe, StageSettings
from .photometric import Photometric

Batch = dict[str, Tensor]
VALIDATION_SEED = 1_000_003
"""Validation looks at the same examples whatever the seed of the run, so that runs can be compared."""
_ENDLESS = 2**40
_CACHE_BESIDE_STORE = 64_000_000
"""Bytes of decoded pictures that a process keeps of those a store does not hold."""


def make_streams(recipe: Recipe) -> tuple[OcclusionDataset, OcclusionDataset | None]:
    """Training examples without end, and the recipe's validation examples (None where no photograph is kept for it).

    Raises:
        RecipeError: an id list that cannot be read, names no photograph of its source or leaves nothing to train on;
            another number of categories than the networks have.
        AnnotationError, ImageError: from the sources themselves.
    """
    train: list[Source] = []
    validation: list[Source] = []
    keeping = Keeping(recipe.store, round(recipe.store_gb * 1e9), recipe.bad_records)
    for source in recipe.data:
        skipped = Skipped(tqdm.write)
        album = read_source_annotations(source.annotations, recipe.bad_records, skipped)
        for kept, sources in zip(_split(source, album), (train, validation), strict=True):
            if kept is not None:
                # a bar that only shows where there is something to wait for
                with tqdm(total=len(kept), desc="pictures", unit="", disable=None, leave=False, delay=1) as bar:
                    sources.append(
                        make_source(kept, source.images, keeping, skipped, weight=source.weight, progress=bar.update)
                    )
        skipped.sum_up(source.annotations)
    categories = recipe.modal.network.num_categories
    shape = ExampleShape(recipe.modal.network.patch_px, recipe.modal.network.heat_px, recipe.amodal.network.heat_px)
    plain = validation_settings(recipe.synthesis)
    cache = {"cache_bytes": _CACHE_BESIDE_STORE} if recipe.store else {}
    material = Material(train, recipe.synthesis, **cache)
    if categories and categories != len(material.categories):
        raise RecipeError(
            f"num_categories is 0 or the {len(material.categories)} of the data",
            value=categories,
            remedy="correct it in modal.network and amodal.network",
        )
    transform = Photometric(recipe.photometric) if recipe.photometric else None
    training = OcclusionDataset.from_material(
        material, shape=shape, seed=recipe.seed, length=_ENDLESS, transform=transform
    )
    if not validation:
        return training, None
    return training, OcclusionDataset.from_material(
        Material(validation, plain, **cache), shape=shape, seed=VALIDATION_SEED, length=recipe.validation_examples
    )


def staged_batches(
    dataset: OcclusionDataset, settings: StageSettings, first_step: int, workers: int
) -> Iterator[Batch]:
    """The batches of a stage from ``first_step`` on: small patches up to ``start_steps``, then the full size.

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
        yield from training_batches(start, settings.batch_size, first_step, settings.start_steps, workers)
    first_step = max(first_step, settings.start_steps)
    yield from training_batches(dataset, settings.batch_size, first_step, settings.steps, workers)


def training_batches(
    dataset: OcclusionDataset, batch_size: int, first_step: int, steps: int, workers: int
) -> Iterator[Batch]:
    """The batches of steps ``first_step`` to ``steps - 1``: step s holds examples ``s * batch_size`` and on.

    Raises:
        AmodalError: what making an example raised, as it was, from a worker too.
    """
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=_Span(first_step * batch_size, steps * batch_size),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    return _plainly(iter(loader))


def _plainly(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; a worker's error without the traceback that torch writes into its message."""
    try:
        yield from batches
    except AmodalError as problem:
        lines = str(problem).splitlines()
        if not lines or "DataLoader worker" not in lines[0]:
            raise
        raise type(problem)(lines[-1].partition(": ")[2]) from None


class _Span(Sampler[int]):
    def __init__(self, start: int, stop: int) -> None:
        self.span = range(start, stop)

    def __iter__(self) -> Iterator[int]:
        return iter(self.span)

    def __len__(self) -> int:
        return len(self.span)


def _split(source: DataSource, album: Album) -> tuple[Album, Album | None]:
    held, excluded = read_ids(source.validation), read_ids(source.exclude)
    known = {record.id for record in album}
    for path, ids in ((source.validation, held), (source.exclude, excluded)):
        if ids and not ids & known:
            raise RecipeError(
                f"a list of photographs names some of {source.annotations}",
                file=path,
                value=min(ids),
                remedy="give the ids of this source",
            )

    def keep(record: ImageRecord, validation: bool) -> ImageRecord | None:
        return record if record.id not in excluded and (record.id in held) == validation else None

    train = album.filter(lambda record: keep(record, False))
    if not len(train):
        raise RecipeError(
            "a source leaves photographs to train on", file=source.annotations, remedy="shorten the lists"
        )
    validation = album.filter(lambda record: keep(record, True))
    return train, validation if len(validation) else None
