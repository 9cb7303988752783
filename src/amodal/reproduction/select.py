"""Which objects to draw whole: so many of each category, at random, the same ones every time (paper section 5.3)."""

from __future__ import annotations

import zlib
from dataclasses import replace

from ..core.album import Album
from ..core.errors import AmodalError
from ..core.random import generator
from ..core.records import ImageRecord, Instance
from ..metrics.occlusion import true_occluded
from .published import OBJECTS_PER_CATEGORY


def select_objects(
    album: Album,
    *,
    per_category: int = OBJECTS_PER_CATEGORY,
    occluded: bool = True,
    seed: int = 0,
    min_side_px: float = 0,
) -> Album:
    """The pictures of the chosen objects, with those objects alone.

    Each category is drawn for itself, from its objects in the order of file names and places in the file; the same
    album, seed and number give the same objects, whatever the ids of the file are. A higher number adds to a lower one.

    Args:
        album: any annotations; crowds, stuff and objects flagged difficult are never chosen.
        per_category: how many of each; a category with fewer gives all it has.
        occluded: only objects known to be occluded (flag, hidden share or masks); otherwise any.
        seed: another draw.
        min_side_px: least length of the shorter side of the visible box.

    Raises:
        AmodalError: a number out of range, or no object to choose from.
    """
    if per_category < 1:
        raise AmodalError("--per-category is 1 or more", value=per_category)
    if seed < 0:
        raise AmodalError("--seed is 0 or more", value=seed)
    candidates: list[list[tuple[str, int, int]]] = [[] for _ in album.categories]
    for record in album:
        for place, one in enumerate(record.instances):
            if _may_be_chosen(one, occluded, min_side_px):
                candidates[one.category].append((record.file_name, place, one.id))
    chosen: set[int] = set()
    for entry, found in zip(album.categories, candidates, strict=True):
        found.sort()
        # the category's name, not its place: a file with other categories chooses alike
        order = generator(seed, 0, zlib.crc32(entry.name.encode())).permutation(len(found))
        chosen.update(found[i][2] for i in order[:per_category].tolist())
    if not chosen:
        raise AmodalError(
            f"there is an object to choose{': of one at least is known that it is occluded' * occluded}",
            file=album.source,
            remedy="leave --occluded out, or give annotations that say which objects are occluded (VOC does)"
            if occluded
            else f"lower --min-side from {min_side_px}, or give other annotations",
        )

    def keep(record: ImageRecord) -> ImageRecord | None:
        mine = tuple(one for one in record.instances if one.id in chosen)
        return replace(record, instances=mine, occlusions=()) if mine else None

    return album.filter(keep)


def _may_be_chosen(one: Instance, occluded: bool, min_side_px: float) -> bool:
    x1, y1, x2, y2 = one.modal_box
    if one.is_crowd or one.is_stuff or one.is_difficult or min(x2 - x1, y2 - y1) < min_side_px:
        return False
    return not occluded or true_occluded(one) is True
