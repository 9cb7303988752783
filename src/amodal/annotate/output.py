"""The album with what was drawn, as a file of COCO with whole masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..core import boxes as bx
from ..core.album import Album
from ..core.masks import Mask
from ..core.records import Instance
from ..datasets.dialects import dialect_named
from ..datasets.write import write_annotations
from .journal import Answer

DIALECT = "coco-amodal"
_OVERTAKEN = ("area", "invisible_mask", "drawn_unsure")
"""Further fields that were true of another whole mask, or of none."""
_LEAST_PX = 1


def write_drawn(album: Album, answers: Mapping[int, Answer], path: Path) -> None:
    """Write every picture and object of an album, those that were drawn with their whole masks.

    What is seen of an object now is part of what was drawn of it earlier. Its further field ``drawn_from`` says what
    the person started from, or whoever drew what they went on from; one they were unsure of has ``drawn_unsure`` 1, and
    no whole mask but the one it had.

    Raises:
        AnnotationError: it cannot be written.
    """
    records = (
        replace(record, instances=tuple(_drawn(one, answers.get(one.id)) for one in record.instances))
        for record in album
    )
    drawn = Album(
        records,
        album.categories,
        source=album.source,
        annotation_ids=album.annotation_ids.tolist(),
        extra=album.extra,
    )
    write_annotations(drawn, dialect_named(DIALECT), path)


def _drawn(instance: Instance, answer: Answer | None) -> Instance:
    if answer is None:
        return instance
    if answer.state == "unsure":
        return replace(instance, extra=instance.extra | {"drawn_unsure": 1})
    seen = seen_of(instance)
    whole = with_visible(answer.whole, instance)
    hidden = None if seen is None else (whole - seen).area / whole.area
    kept = {key: value for key, value in instance.extra.items() if key not in _OVERTAKEN}
    return replace(
        instance,
        modal_box=_seen_box(instance, whole),
        amodal_mask=whole,
        amodal_box=whole.box,
        occlude_rate=hidden,
        is_whole=None if hidden else instance.is_whole,  # a judgement that the drawing has overtaken
        extra={"drawn_from": answer.start} | kept
        if answer.start == "annotated"
        else kept | {"drawn_from": answer.start},
    )


def _seen_box(instance: Instance, whole: Mask) -> bx.Box:
    """The box of the visible part; one that a person has dragged by hand is cut to what they drew inside it."""
    box = instance.modal_box
    if "drawn_new" not in instance.extra or seen_of(instance) is not None:
        return box
    common = bx.as_box(bx.intersect(box, whole.box))
    return common if min(common[2] - common[0], common[3] - common[1]) >= _LEAST_PX else whole.box


def seen_of(instance: Instance) -> Mask | None:
    """The mask of what is seen of an object; None where the box alone is known, as with a mask of no pixel."""
    return instance.modal_mask or None


def with_visible(whole: Mask, instance: Instance) -> Mask:
    """A whole mask with what is seen of its object."""
    return whole if instance.modal_mask is None else whole | instance.modal_mask
