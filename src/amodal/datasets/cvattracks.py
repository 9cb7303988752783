"""CVAT for video 1.1: tracks, as the pictures of their frames."""

from __future__ import annotations

import re
from pathlib import Path

from ..core.errors import AmodalError, AnnotationError
from ..core.images import read_size
from .cvatshapes import flag, whole
from .dialects import Reading
from .folders import PICTURES, find
from .xmlfile import Element

_FRAME = re.compile(r"frame_([0-9]{6,9})")


def frames_to_images(root: Element, path: Path, how: Reading) -> None:
    """Put an ``<image>`` for every frame in place of the tracks: its picture, and the shapes tracks have in it.

    Each shape gets its track's label, group and id; one that is ``outside`` of its frame is left out.

    Raises:
        AnnotationError: there are no pictures of frames.
    """
    folder = path.parent / "images" if how.images is None else how.images
    pictures = {
        int(named[1]): file
        for file in find(folder, "*")
        if file.suffix.lower() in PICTURES and (named := _FRAME.fullmatch(file.stem))
    }
    if not pictures:
        raise AnnotationError(
            "tracks (CVAT for video 1.1) are read with the pictures of their frames: frame_000000.PNG and so on",
            file=path,
            value=str(folder),
            remedy='give their folder (--images), or export the task as "CVAT for images 1.1"',
        )
    images = {
        frame: image for frame, file in sorted(pictures.items()) if (image := _image(frame, file, how)) is not None
    }
    for track in root.findall("track"):
        keys = {"label": "label", "group_id": "group_id", "source": "source", "id": "track_id"}
        told = {mine: track.attrib[its] for its, mine in keys.items() if its in track.attrib}
        for shape in track:
            record = f"track {track.get('id')}"
            try:
                frame = whole(shape, "frame", path, record)
                if flag(shape.get("outside"), "outside", path, record) or (frame in pictures and frame not in images):
                    continue  # its picture cannot be read: that is told
                if frame not in images:
                    raise AnnotationError(
                        "the frame of a shape has its picture",
                        file=path,
                        record=record,
                        value=f"frame {frame}",
                        remedy=f"add frame_{frame:06d}.PNG to {folder}, or take the shape out",
                    )
            except AmodalError as problem:
                how.bad(problem)
                continue
            shape.attrib.update(told)
            images[frame].append(shape)
        root.remove(track)
    root.extend(images.values())


def _image(frame: int, picture: Path, how: Reading) -> Element | None:
    try:
        width, height = read_size(picture)
    except AmodalError as problem:
        how.bad(problem)
        return None
    told = {"id": str(frame), "name": picture.name, "width": str(width), "height": str(height)}
    return Element("image", told)
