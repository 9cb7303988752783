"""What examples are made of: annotated pictures, decoded when needed, and who may play which part in them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError, RecipeError
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance
from .drawer import Drawer, Ref
from .pictures import Picture, read_picture
from .settings import SynthesisSettings
from .store import Store

_VIEWS = 2048
"""Pictures of stores whose records are kept unpacked; their pixels and masks are the store's."""
_KEEPING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Source:
    """One annotated set of pictures and its share in the drawing.

    Args:
        album: its records.
        folder: where their ``file_name`` lies.
        weight: relative chance of being drawn from, > 0.
        store: its decoded pictures, where they are kept on disk.
        left_out: places in the album of pictures that are not used: those that cannot be.
    """

    album: Album
    folder: str | Path
    weight: float = 1.0
    store: Store | None = None
    left_out: frozenset[int] = frozenset()


class Material:
    """Main objects and occluders of one or several sources.

    A main object or an occluder has a modal mask and is neither a crowd nor stuff; `SynthesisSettings` adds the least
    size. Where a main object's amodal mask is known, too, that is its truth, and what the picture hides of it is hidden
    in the examples, unless ``amodal_truth`` is False.

    Pictures come from a source's store, which all processes share; those it does not hold are decoded and kept up to a
    bound, per process: call `warm` before workers are forked and they share them. Neither changes what is made.

    Args:
        sources: annotated pictures.
        settings: which objects may be drawn, and how.
        cache_bytes: bound of the decoded pictures kept.
        categories: names of categories in the order they are numbered by, where networks have learnt one; None: those
            of the sources, as they come.

    Attributes:
        categories: as given, or the names of all sources' categories; `category` numbers them.
        digest: tells it from other material by names of pictures, masks, who may be drawn and how often; not by pixels.

    Raises:
        RecipeError: no source, a weight that is not a positive number, or a category that is not among those given.
        AnnotationError: a source without a main object, or fewer than two pictures with an occluder.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        settings: SynthesisSettings | None = None,
        *,
        cache_bytes: int = 1_500_000_000,
        categories: Sequence[str] | None = None,
    ) -> None:
        self.settings = SynthesisSettings() if settings is None else settings
        if not isinstance(self.settings, SynthesisSettings):
            remedy = "give SynthesisSettings(max_occluders=1), or the like"
            raise RecipeError("settings are SynthesisSettings", value=type(settings).__name__, remedy=remedy)
        if isinstance(sources, Source) or not all(isinstance(source, Source) for source in sources):
            remedy = "give [Source(album, folder)]"
            raise RecipeError("material is made of a list of Source", value=type(sources).__name__, remedy=remedy)
        self.sources = tuple(sources)
        self.cache_bytes = cache_bytes
        weights = np.array([source.weight for source in self.sources], dtype=np.float64)
        if not len(weights) or not (np.isfinite(weights) & (weights > 0)).all():
            raise RecipeError("material has at least one source, each of a weight > 0", value=weights.tolist())
        names = dict.fromkeys(category.name for source in self.sources for category in source.album.categories)
        self.categories = tuple(names if categories is None else categories)
        others = names.keys() - set(self.categories)
        if others and (others := others & _used(self.sources)):  # files list kinds that they have nothing of
            raise RecipeError(
                f"the categories of the data are among those of the networks: {', '.join(self.categories) or 'none'}",
                file=next(s.album.source for s in self.sources if others & {c.name for c in s.album.categories}),
                value=sorted(others),
                remedy="name the categories of the annotations as the networks do, or take other annotations",
            )
        places = {name: place for place, name in enumerate(self.categories)}
        self._category = [
            np.array([places.get(category.name, -1) for category in source.album.categories], dtype=np.int64)
            for source in self.sources
        ]
        self._cache: OrderedDict[tuple[int, int], Picture] = OrderedDict()
        self._cached_bytes = 0
        self._views: OrderedDict[tuple[int, int], Picture] = OrderedDict()
        self._index(weights)

    def _index(self, weights: NDArray[np.float64]) -> None:
        mains, occluders = [], []
        digest = hashlib.sha256(weights.tobytes())
        for source in self.sources:
            main: list[tuple[int, int, int, bool]] = []
            occluder: list[tuple[int, int, int, bool]] = []
            for i, record in enumerate(source.album):
                if i in source.left_out:
                    continue
                digest.update(record.file_name.encode(errors="surrogatepass"))
                for j, instance in enumerate(record.instances):
                    mask = _usable_mask(instance)
                    side = _smaller_side(mask)
                    digest.update(b"none" if mask is None else mask.counts)
                    if self.settings.amodal_truth and mask is not None and instance.amodal_mask is not None:
                        digest.update(instance.amodal_mask.counts)
                    partial = _is_partial(instance, self.settings)
                    if _may_be_main(side, partial, self.settings):
                        main.append((i, j, instance.category, partial))
                    if side >= self.settings.min_occluder_px:
                        occluder.append((i, j, instance.category, partial))
            if not main:
                raise _without_main(source, self.settings)
            mains.append(np.array(main, dtype=np.int64).reshape(-1, 4))
            occluders.append(np.array(occluder, dtype=np.int64).reshape(-1, 4))
            digest.update(mains[-1].tobytes() + occluders[-1].tobytes())
        self.digest = digest.hexdigest()
        if self.settings.max_occluders and sum(len(np.unique(o[:, 0])) for o in occluders) < 2:
            raise AnnotationError(
                f"occluders come from other pictures: at least two need an object of {self.settings.min_occluder_px} "
                "pixels or more",
                file=self.sources[0].album.source,
                remedy="add annotated pictures, lower min_occluder_px or set max_occluders to 0",
            )
        counts: Counter[int] = Counter()
        for category, objects in zip(self._category, mains, strict=True):
            counts.update(category[objects[:, 2]].tolist())
        rarity = np.array([counts[c] ** -0.5 if counts[c] else 0.0 for c in range(len(self.categories))])
        by_category = self.settings.balance == "category"
        chances = [np.where(o[:, 3] == 1, self.settings.partial_weight, 1.0) for o in mains]
        if by_category:
            for category, objects, chance in zip(self._category, mains, chances, strict=True):
                chance *= rarity[category[objects[:, 2]]]
        weighted = by_category or self.settings.partial_weight != 1
        self._mains = Drawer(mains, weights, chances if weighted else None, by_image=not by_category)
        has_occluder = np.array([float(len(o) > 0) for o in occluders])
        self._occluders = Drawer(occluders, weights * has_occluder, None)

    def __len__(self) -> int:
        """Number of main objects."""
        return self._mains.count

    @property
    def occluder_count(self) -> int:
        """Number of objects that may be laid over others."""
        return self._occluders.count

    def category(self, source: int, category: int) -> int:
        """Place in `categories` of a source's category."""
        return int(self._category[source][category])

    def draw_main(self, rng: np.random.Generator) -> Ref:
        """A main object (section 3.2: a picture uniformly, then one of its objects)."""
        return self._mains.draw(rng)

    def draw_occluder(self, rng: np.random.Generator, main: Ref) -> Ref:
        """An object of another picture than the main object's (section 3.1)."""
        while (ref := self._occluders.draw(rng))[:2] == main[:2]:
            pass
        return ref

    def draw_sibling(self, rng: np.random.Generator, main: Ref) -> Ref | None:
        """Another object of the main object's picture; None where there is none to lay over others."""
        siblings = [ref for ref in self._occluders.of_image(main.source, main.image) if ref != main]
        return siblings[int(rng.integers(len(siblings)))] if siblings else None

    def picture(self, source: int, image: int) -> Picture:
        """A picture: from the store, from what is kept, or decoded.

        Raises:
            ImageError: missing, undecodable, or of another size than its record.
        """
        key = (source, image)
        for kept in (self._views, self._cache):
            found = kept.get(key)
            if found is not None:
                with contextlib.suppress(KeyError):  # another thread has let go of it
                    kept.move_to_end(key)
                return found
        origin = self.sources[source]
        stored = origin.store.picture(image) if origin.store is not None else None
        if stored is not None:
            self._views[key] = stored
            if len(self._views) > _VIEWS:
                self._views.popitem(last=False)
            return stored
        picture = read_picture(origin.album[image], origin.folder, file=origin.album.source)
        with _KEEPING:
            if self._cache.setdefault(key, picture) is picture:  # else another thread was first
                self._cached_bytes += picture.nbytes
            while self._cached_bytes > self.cache_bytes and len(self._cache) > 1:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return picture

    def pictures(self) -> list[tuple[int, int]]:
        """Number of the source and place in its album of every picture that examples may show, each once."""
        occluders = self._occluders.images() if self.settings.max_occluders else []
        return list(dict.fromkeys([*self._mains.images(), *occluders]))

    def warm(self) -> int:
        """Decode pictures that no store holds until all are kept or the bound is reached; the number kept.

        Forked workers share them.
        """
        for source, image in self.pictures():
            store = self.sources[source].store
            if (source, image) in self._cache or (store is not None and store.holds(image)):
                continue
            before = len(self._cache)
            if self._cached_bytes >= 0.98 * self.cache_bytes:
                break
            self.picture(source, image)
            if len(self._cache) <= before:  # it took the place of another, as all that follow would
                break
        return len(self._cache)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": OrderedDict(), "_cached_bytes": 0, "_views": OrderedDict()}


def has_material(record: ImageRecord, settings: SynthesisSettings) -> bool:
    """Whether a picture has both a main object and an occluder."""
    sides = [(_smaller_side(_usable_mask(instance)), _is_partial(instance, settings)) for instance in record.instances]
    main = any(_may_be_main(side, partial, settings) for side, partial in sides)
    return main and any(side >= settings.min_occluder_px for side, _ in sides)


def _may_be_main(side: float, partial: bool, settings: SynthesisSettings) -> bool:
    return side >= settings.min_object_px and (not partial or (not settings.whole_only and settings.partial_weight > 0))


def _is_partial(instance: Instance, settings: SynthesisSettings) -> bool:
    """Whether a part of the object is hidden or cut off and nothing tells which."""
    whole = instance.amodal_mask if settings.amodal_truth else None
    return instance.is_whole is False and (whole is None or whole.is_empty)


def _without_main(source: Source, settings: SynthesisSettings) -> AnnotationError:
    """What is to be told of a source without a main object: what its objects are instead."""
    used = (record for i, record in enumerate(source.album) if i not in source.left_out)
    objects = [instance for record in used for instance in record.instances]
    single = [instance for instance in objects if not (instance.is_crowd or instance.is_stuff)]
    sides = [_smaller_side(mask) for o in single if (mask := o.modal_mask) is not None and not mask.is_empty]
    large = sum(side >= settings.min_object_px for side in sides)
    counts = {
        f"smaller, the largest {max(sides, default=0):g} pixels": len(sides) - large,
        "without a mask": len(single) - len(sides),
        "crowds or stuff": len(objects) - len(single),
        "judged not to be whole": large,
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    remedy = "add objects with masks"
    if large:
        remedy = "set whole_only to false, and partial_weight over 0"
    elif sides:
        remedy = "lower min_object_px, or add larger objects"
    elif single:
        remedy += ": boxes alone are not enough"
    return AnnotationError(
        f"a source has an object with a mask and a box of {settings.min_object_px} pixels or more",
        file=source.album.source,
        value=f"{len(objects)} object{'s' * (len(objects) != 1)}" + (f": {parts}" if parts else ""),
        remedy=remedy,
    )


def _usable_mask(instance: Instance) -> Mask | None:
    """The mask of an object that may be drawn, as far as its size allows."""
    return None if instance.is_crowd or instance.is_stuff else instance.modal_mask


def _smaller_side(mask: Mask | None) -> float:
    return 0.0 if mask is None else float(bx.sides(mask.box).min())


def _keep_anew() -> None:
    """In a forked process: whoever held the lock is not there to let go of it."""
    global _KEEPING
    _KEEPING = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_anew)


def _used(sources: Sequence[Source]) -> set[str]:
    """The names of categories that objects have."""
    albums = [source.album for source in sources]
    return {album.categories[i].name for album in albums for i in {o.category for r in album for o in r.instances}}
