"""Rendered scenes as files: pictures, and an annotation file with both masks of each object."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ...core import boxes as bx
from ...core.errors import RecipeError
from ...core.masks import Mask
from ...core.processors import core_count
from ...datasets.folders import new_folder
from ...datasets.jsonfile import write_json
from ..scenes import exact_record
from .kinds.table import kinds_named
from .order import find_occlusions
from .pictures import Pictures
from .scene import make_scene

MAX_COUNT = 1_000_000
MIN_SIDE_PX, MAX_SIDE_PX = 32, 1600
_MIN_VISIBLE_PX, _MIN_BOX_PX = 60, 6
"""Objects of which less is seen are left out, as what nobody would annotate; they hide others all the same."""
_AHEAD = 4
"""Scenes that wait for each process, at the most."""
_PER_SCENE = 100
"""Ids of annotations: scene 0 has 100 to 199; no scene has so many objects."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a set of scenes is a function of.

    Attributes:
        count: 1 to 1,000,000 scenes.
        seed: >= 0.
        size: width and height of the pictures, 32 to 1600 pixels each.
        kinds: names of `KINDS`, in any order: those that things are of; none: all.

    Raises:
        RecipeError: a value out of range, or a name that is no kind's.
    """

    count: int = 200
    seed: int = 0
    size: tuple[int, int] = (400, 300)
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COUNT:
            raise RecipeError(f"count is 1 to {MAX_COUNT}", value=self.count, remedy="correct it")
        if self.seed < 0:
            raise RecipeError("seed is 0 or more", value=self.seed, remedy="correct it")
        if not all(MIN_SIDE_PX <= side <= MAX_SIDE_PX for side in self.size):
            rule = f"size is a width and a height of {MIN_SIDE_PX} to {MAX_SIDE_PX} pixels"
            raise RecipeError(rule, value=self.size, remedy="correct it")
        kinds_named(self.kinds)


def write_rendered(
    folder: str | Path,
    plan: Plan,
    pictures: Pictures,
    *,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Path:
    """Write ``images/`` and ``annotations.json``: COCO whose ``segmentation`` is amodal, with ``visible_mask``.

    ``occlusions`` of an image are pairs of annotation ids, in front and behind. The folder appears when all of it is
    written.

    Args:
        folder: a new one.
        plan: how many scenes, of which seed and size.
        pictures: where textures come from.
        workers: processes, 1 or more, None for one a core; the files are the same bytes with any number.
        progress: called with 1 after each scene.

    Raises:
        RecipeError: less than one worker; or the system ended one, as it does where memory runs out.
        AnnotationError: the folder exists and is not empty, is a mount point, or cannot be written.
        ImageError: a photograph that cannot be used.
    """
    if workers is not None and workers < 1:
        raise RecipeError("workers is 1 or more", value=workers, remedy="correct it")
    with new_folder(Path(folder)) as beside:
        (beside / "images").mkdir()
        images, annotations = [], []
        work = partial(_write_scene, beside / "images", plan, pictures)
        with closing(_scenes(work, plan.count, workers)) as scenes:  # its processes end before the folder goes
            for image, objects in scenes:
                images.append(image)
                annotations += objects
                if progress is not None:
                    progress(1)
        content = {
            "info": {"description": "rendered scenes of made-up things; all masks are exact"},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "thing"}],
        }
        write_json(beside / "annotations.json", content)
    return Path(folder)


Entries = tuple[dict[str, Any], list[dict[str, Any]]]
"""What an annotation file says of one scene: its image, and its objects."""

Work = Callable[[int], Entries]


def _scenes(work: Work, count: int, workers: int | None) -> Generator[Entries, None, None]:
    processes = min(workers or core_count(), count)
    if processes < 2:
        yield from map(work, range(count))
        return
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if can_fork else None)
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_take, initargs=(work,)) as pool:
            waiting: deque[Future[Entries]] = deque()
            try:
                # few at a time: whoever ends the command waits for what has been handed to the pool
                for number in range(count):
                    waiting.append(pool.submit(_do_taken, number))
                    if len(waiting) > _AHEAD * processes:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    except BrokenProcessPool:
        rule = "a process that rendered was ended from outside, as where memory runs out"
        raise RecipeError(rule, remedy="give fewer workers, or a smaller size") from None


_taken: list[Work] = []


def _take(work: Work) -> None:
    _taken[:] = [work]
    # `timeout`, or a terminal that is closed, ends a whole group: the command then ends tidily, and its workers with
    # it, not before it
    for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, which would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do_taken(number: int) -> Entries:
    return _taken[0](number)


def _write_scene(folder: Path, plan: Plan, pictures: Pictures, number: int) -> Entries:
    scene = make_scene(plan.seed, number, pictures, plan.size, kinds_named(plan.kinds))
    name = f"{number:06d}.jpg"
    Image.fromarray(scene.image).save(folder / name, quality=scene.quality)
    masks = {
        (number + 1) * _PER_SCENE + place: (Mask.from_array(seen.whole), Mask.from_array(seen.visible))
        for place, seen in enumerate(scene.objects)
    }
    kept = {key: pair for key, pair in masks.items() if is_listed(pair[1])}
    width, height = plan.size
    image = {"id": number + 1, "file_name": name, "width": width, "height": height, "occlusions": find_occlusions(kept)}
    return image, [exact_record(key, number + 1, 1, *pair) for key, pair in kept.items()]


def is_listed(visible: Mask) -> bool:
    """Whether so much of an object is seen that there is a record of it: 60 pixels, 6 wide and high."""
    return visible.area >= _MIN_VISIBLE_PX and min(bx.to_xywh(visible.box)[2:]) >= _MIN_BOX_PX
