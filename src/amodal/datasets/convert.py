"""One dialect to another: first what the target cannot hold, then the writing of all it can, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.outlines import outlines
from ..core.records import ImageRecord, Instance
from .dialects import EVERYTHING, Dialect, Holds, dialect_named, recognise
from .folders import stem_of
from .read import bounded, read_annotations
from .reduce import LEFT_OUT, lost_of_category, lost_of_instance, lost_of_record
from .scratch import folder_beside
from .spilled import SpilledAlbum
from .write import check_apart, write_annotations

T = TypeVar("T")


class Watch(Protocol):
    """Shows progress: takes records, what is done to them and how many they are, and gives the same records."""

    def __call__(self, records: Iterable[T], doing: str, total: int, /) -> Iterable[T]: ...


_EXAMPLES = 3


@dataclass
class Loss:
    """One thing that a dialect cannot hold of an album.

    Attributes:
        what: in words.
        count: of how many records.
        examples: the first of them.
    """

    what: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.what} ({self.count}: {', '.join(self.examples)}{', ...' if self.count > _EXAMPLES else ''})"


@dataclass
class Tracing:
    """How well polygons stand for masks of pixels.

    Attributes:
        masks: how many were traced.
        holes: how many holes were filled: polygons cannot say them.
        mean_iou, min_iou: of the polygons with the masks; 1 where none was traced.
    """

    masks: int = 0
    holes: int = 0
    mean_iou: float = 1.0
    min_iou: float = 1.0


@dataclass(frozen=True)
class Conversion:
    """What a conversion did: pictures and objects in the album, what was lost, what was traced (None: not asked)."""

    source: Dialect
    target: Dialect
    images: int
    objects: int
    losses: list[Loss]
    tracing: Tracing | None

    @property
    def left_out(self) -> int:
        """Objects that were not written: the target can hold nothing of where they are, or not what kind they are."""
        return sum(loss.count for loss in self.losses if loss.what in LEFT_OUT)


def losses(album: Album, target: Dialect, *, source: Dialect | None = None, watch: Watch | None = None) -> list[Loss]:
    """What a dialect cannot hold of an album, each kind counted, with examples.

    Args:
        album: what is to be written.
        target: the dialect.
        source: the dialect it was read from: ids and categories without objects that it does not hold were made up at
            reading, and are not missed.
        watch: shows progress.
    """
    found: dict[str, Loss] = {}

    def lose(what: str, example: str) -> None:
        loss = found.setdefault(what, Loss(what))
        loss.count += 1
        if len(loss.examples) < _EXAMPLES:
            loss.examples.append(example)

    given = EVERYTHING if source is None else source.holds
    for feature, examples in (
        (Holds.IMAGE_IDS, [f"image {record.id}" for record in _first(album)]),
        (Holds.INSTANCE_IDS, [f"annotation {i}" for i in album.annotation_ids[:_EXAMPLES].tolist()]),
        (Holds.CATEGORY_IDS, [f"category {category.id}" for category in album.categories[:_EXAMPLES]]),
    ):
        if feature in given and feature not in target.holds and examples:
            count = {Holds.IMAGE_IDS: len(album), Holds.INSTANCE_IDS: len(album.annotation_ids)}
            found[feature] = Loss(feature, count.get(feature, len(album.categories)), examples)
    used: set[int] = set()
    stems: set[str] = set()
    for record in _watched(album, "looking", watch):
        if target.by_stem:
            if (name := stem_of(record)) in stems:
                lose("pictures whose names differ in their suffix alone", record.file_name)
            stems.add(name)
        for what in lost_of_record(record, target.holds):
            lose(what, f"image {record.id}")
        for what, example in target.limits(record, album) if target.limits else ():
            lose(what, example)
        for instance in record.instances:
            used.add(instance.category)
            for what in lost_of_instance(instance, target.holds):
                lose(what, f"annotation {instance.id}")
    for place, category in enumerate(album.categories):
        for what in lost_of_category(category, target.holds, place in used or Holds.EMPTY_CATEGORIES not in given):
            lose(what, f"category {category.name}")
    if album.extra and Holds.FILE_EXTRA not in target.holds:
        lose(f"{Holds.FILE_EXTRA}: {', '.join(sorted(album.extra))}", album.source)
    return list(found.values())


def traced(album: Album, *, watch: Watch | None = None) -> tuple[Album, Tracing]:
    """The album with polygons for all masks of pixels, and what that cost; empty masks stay as they are."""
    told = Tracing()
    total = 0.0

    def draw(mask: Mask | None) -> Mask | None:
        nonlocal total
        if mask is None or mask.polygons is not None or mask.is_empty:
            return mask
        polygons, holes = outlines(mask)
        drawn = Mask.from_polygons(polygons, mask.width, mask.height)
        iou = drawn.iou(mask)
        told.masks, told.holes, told.min_iou = told.masks + 1, told.holes + holes, min(told.min_iou, iou)
        total += iou
        return drawn

    def redraw(instance: Instance) -> Instance:
        return replace(instance, modal_mask=draw(instance.modal_mask), amodal_mask=draw(instance.amodal_mask))

    if isinstance(album, SpilledAlbum):
        objects = (redraw(instance) for _, instance in album.objects())
        ids = album.annotation_ids
        made: Album = album.with_objects(objects if watch is None else watch(objects, "tracing objects", len(ids)))
    else:
        records = (
            replace(record, instances=tuple(map(redraw, record.instances)))
            for record in _watched(album, "tracing", watch)
        )
        kept = album.annotation_ids.tolist()
        made = Album(records, album.categories, source=album.source, annotation_ids=kept, extra=album.extra)
    told.mean_iou = total / told.masks if told.masks else 1.0
    return made, told


def convert(
    source: str | Path,
    target: str | Path,
    to: str,
    *,
    dialect: str | None = None,
    images: str | Path | None = None,
    answers: str | Path | None = None,
    drop: bool = False,
    polygons: bool = False,
    watch: Watch | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Conversion:
    """Read annotations of one dialect and write them in another.

    JSON dialects of one file are streamed: objects lie in files without a name on the target's disk, in the order of
    the source, until they are written.

    Args:
        source, target: paths; what stands at the target is replaced in one step.
        to: the target's dialect.
        dialect: the source's; None recognises it.
        images: folder of the pictures, for dialects that leave their sizes to them.
        answers: the annotations a results file answers, where the source is one.
        drop: leave out what the target cannot hold; without it, anything to leave out is an error.
        polygons: trace masks of pixels.
        watch, tell: show progress; print a line.

    Raises:
        AnnotationError: unreadable input, a dialect that cannot be written, a target that is, holds or lies in what is
            read, or losses without ``drop``; each loss was told before.
    """
    source, target = Path(source), Path(target)
    goal = dialect_named(to)
    if goal.write is None:
        raise AnnotationError(f"{goal.title} is read only", value=to, remedy="choose another --to")
    for read in (source, answers):
        if read is not None:
            check_apart(Path(read), target)
    scratch = folder_beside(target)
    truth = None if answers is None else read_annotations(answers, images=images, scratch=scratch)
    origin = recognise(source, scratch) if dialect is None else dialect_named(dialect)
    album = read_annotations(source, origin.name, images=images, answers=truth, scratch=scratch)
    tracing = None
    with bounded(source):
        if polygons:
            album, tracing = traced(album, watch=watch)
        missing = losses(album, goal, source=origin, watch=watch)
    for what in origin.passed_over(source) if origin.passed_over is not None else ():
        tell(f"not read: {what}")
    for loss in missing:
        tell(f"{goal.title} cannot hold: {loss}")
    if missing and not drop:
        hint = " (masks of pixels: --polygons traces them)" if Holds.PIXELS in [loss.what for loss in missing] else ""
        raise AnnotationError(
            f"{goal.title} cannot hold all of it: {len(missing)} kinds of information would be lost{hint}",
            file=source,
            remedy="convert with --drop to leave them out, or choose another dialect",
        )
    if watch is not None:
        album = (_WatchedSpilled if isinstance(album, SpilledAlbum) else _Watched)(album, watch)
    write_annotations(album, goal, target)
    return Conversion(origin, goal, len(album), len(album.annotation_ids), missing, tracing)


def _first(album: Album) -> list[ImageRecord]:
    return [album[i] for i in range(min(len(album), _EXAMPLES))]


def _watched(album: Album, doing: str, watch: Watch | None) -> Iterable[ImageRecord]:
    return album if watch is None else watch(album, doing, len(album))


class _Watched(Album):
    """An album that shows how far its reader has come."""

    def __init__(self, album: Album, watch: Watch) -> None:
        self.__dict__.update(album.__dict__)
        self._watch = watch

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self._watch(super().__iter__(), "writing", len(self)))


class _WatchedSpilled(_Watched, SpilledAlbum):
    """The same of one that lies on the disk; its objects are counted, too."""

    def objects(self) -> Iterator[tuple[ImageRecord, Instance]]:
        return iter(self._watch(super().objects(), "writing objects", len(self.annotation_ids)))
