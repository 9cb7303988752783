"""Amodal masks drawn for some objects, put into the annotations those objects come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.records import ImageRecord, Instance

_SAME_BOX = 0.5
"""Least IoU of the visible boxes of one object in both files: an annotation tool may have drawn it anew."""


def merge_truth(album: Album, drawn: Album) -> Album:
    """The album with the amodal masks of another file.

    Ids need not agree: a picture is found by its name without folder and suffix, an object by its category's name and
    the best IoU of visible boxes. Objects that were not drawn stay as they are: known by their box.

    Args:
        album: all pictures and objects.
        drawn: some of them with amodal masks.

    Raises:
        AnnotationError: no amodal mask at all; a picture, category or object that the album does not have; a picture of
            another size; two drawn objects for one.
    """
    places = {PurePosixPath(record.file_name).stem: record for record in album}
    names = [category.name for category in album.categories]
    new: dict[int, Instance] = {}
    for record in drawn:
        for one in record.instances:
            if one.amodal_mask is None or one.amodal_mask.is_empty:
                continue
            owner = _owner(places.get(PurePosixPath(record.file_name).stem), record, one, drawn, album, names)
            if owner.id in new:
                raise AnnotationError(
                    f"an object of {album.source} is drawn once",
                    file=drawn.source,
                    record=f"annotation {one.id}",
                    value=record.file_name,
                    remedy="remove one of the two",
                )
            new[owner.id] = replace(
                owner, amodal_mask=one.amodal_mask, amodal_box=one.amodal_box, occlude_rate=one.occlude_rate
            )
    if not new:
        raise AnnotationError(
            "the file of drawn objects has amodal masks",
            file=drawn.source,
            remedy="draw the objects of `amodal select` whole, and save COCO with visible_mask or COCOA",
        )

    def put(record: ImageRecord) -> ImageRecord:
        return replace(record, instances=tuple(new.get(one.id, one) for one in record.instances))

    return album.filter(put)


def _owner(
    record: ImageRecord | None, drawn_in: ImageRecord, one: Instance, drawn: Album, album: Album, names: list[str]
) -> Instance:
    name = drawn.categories[one.category].name
    where = {"file": drawn.source, "record": f"annotation {one.id}"}
    if record is None or (record.width, record.height) != (drawn_in.width, drawn_in.height):
        raise AnnotationError(
            f"a drawn object's picture is one of {album.source}, of the same size",
            value=f"{drawn_in.file_name} ({drawn_in.width} x {drawn_in.height})",
            remedy="give the annotations the objects were chosen from",
            **where,
        )
    mine = [other for other in record.instances if names[other.category] == name]
    overlaps = bx.iou([other.modal_box for other in mine], one.modal_box) if mine else np.zeros(1)
    if overlaps.max() < _SAME_BOX:
        raise AnnotationError(
            f"a drawn object is one of {album.source}: its category, and half its visible box at least",
            value=f"{name} in {drawn_in.file_name}",
            remedy="keep visible_bbox or visible_mask as `amodal select` wrote them",
            **where,
        )
    return mine[int(np.argmax(overlaps))]


def by_flags(album: Album) -> Album:
    """The album as its flags know it: an object that has one is occluded where it says so (paper section 5.2).

    Masks that were drawn of some of them would say it by another rule, and of those alone.

    Args:
        album: as `merge_truth` returns it; of an object without a flag its masks decide.
    """

    def bare(one: Instance) -> Instance:
        return one if one.is_occluded is None else replace(one, amodal_mask=None, amodal_box=None, occlude_rate=None)

    return album.filter(lambda record: replace(record, instances=tuple(map(bare, record.instances))))
