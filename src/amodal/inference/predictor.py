"""Picture and boxes or masks in, whole objects out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import boxes as bx
from ..core.errors import AmodalError
from ..core.given import checked_id
from ..core.masks import Mask
from ..core.records import Prediction
from .asked import (
    MaskLike,
    PictureLike,
    as_array,
    box_rows,
    category_numbers,
    checked_score,
    mask_rows,
    names_of,
    picture_of,
    visible_part,
)
from .engine import find_objects
from .job import Evidence, Job
from .lanes import in_lanes
from .networks import Backend, load_networks
from .ordering import Scene, order_scene
from .others import tell_others
from .outcome import Asked, canvas_of, finish
from .pair import NetworkPair
from .settings import PredictionSettings


class Predictor:
    """Finds the whole of objects whose visible part is given (paper section 4.1).

    Objects asked about together tell each other where they are seen, if the networks take that (`Network`): an answer
    may change with the other objects in the call, but not with their order. `PredictionSettings.others` turns it off.

    One predictor's `set_image` and `predict` are for one thread: another thread's picture would take the place of its
    own. Threads take a predictor each; they may share ``networks``. A predictor can be pickled and copied.

    Args:
        networks: the two networks; any callables of their form will do.
        settings: thresholds and caps; None takes those of ``networks``.

    Raises:
        AmodalError: ``networks`` or ``settings`` is something else.
    """

    def __init__(self, networks: NetworkPair, settings: PredictionSettings | None = None) -> None:
        if not isinstance(networks, NetworkPair):
            raise AmodalError(
                "a predictor is made of two networks, a NetworkPair",
                value=networks,
                remedy="of a folder of weights: Predictor.from_pretrained(folder)",
            )
        if not isinstance(settings, PredictionSettings | None):
            raise AmodalError(
                "settings are PredictionSettings", value=settings, remedy="give PredictionSettings.from_mapping(them)"
            )
        self.networks = networks
        self.settings = networks.settings if settings is None else settings
        self._image: NDArray[np.uint8] | None = None
        self._image_id = 0

    @classmethod
    def from_pretrained(
        cls, folder: str | PathLike[str] | None = None, backend: Backend = "onnx", *, threads: int = 0
    ) -> Predictor:
        """A predictor from a weights folder; arguments and errors as `load_networks`."""
        return cls(load_networks(folder, backend, threads=threads))

    def set_image(self, image: PictureLike, *, image_id: int = 0) -> None:
        """Take the picture that the next calls of `predict` are about, and keep a copy of it.

        Args:
            image: array or tensor, uint8 ``(H, W, 3)``, RGB, or grey ``(H, W)``; a picture of Pillow, at its ``size``
                (not turned by EXIF); or the path of a file (turned as people see it).
            image_id: goes into the predictions; a whole number of 64 bits.

        Raises:
            ImageError: the file cannot be read, or the array is not such an array. The picture set before stays.
            AnnotationError: ``image_id`` is no such number.
        """
        number = checked_id(image_id, "image_id")
        self._image, self._image_id = picture_of(image), number

    def predict(
        self,
        boxes: ArrayLike | None = None,
        categories: ArrayLike | None = None,
        masks: Sequence[MaskLike] | MaskLike | None = None,
        scores: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        keep_heat: bool = False,
        *,
        refine: bool = False,
        scene: bool = False,
        beyond_border: bool | None = None,
    ) -> list[Prediction]:
        """The whole objects, one for each box or mask, in their order.

        With boxes, IIS finds the visible part in each. With masks, IIS is skipped: the mask is the modal heat, is
        returned as the modal mask, and is part of the amodal mask. Where an amodal mask has no pixel, `stop_reason` is
        "empty" and `amodal_box` the box the expansion ended with.

        Args:
            boxes: modal boxes, xyxy pixels ``(n, 4)``, or one of four numbers; cut to the picture. All lists here may
                be arrays or tensors.
            categories: names, or numbers; networks that tell categories apart know them by name, or by their place in
                ``networks.categories``. Networks that do not need none: they keep a number, and number names by their
                first appearance in this call.
            masks: modal masks instead of boxes, or one: `Mask`, COCO's run-length object, or array ``(H, W)`` of the
                picture's size: bool, whole numbers (not 0: visible) or (floats) heat in [0, 1], of which the pixels
                above `PredictionSettings.given_threshold` are visible.
            scores: confidence of each box or mask, 0-1; 1 where not given. It is multiplied by the mean amodal heat
                inside the amodal mask.
            ids: `Prediction.annotation_id`; 0, 1, ... where not given.
            keep_heat: keep modal heat and the heat of every step of the expansion.
            refine: with masks: they are what IIS starts from, instead of its answer.
            scene: the objects are all those of the picture: find who hides whom, see `predict_scene`.
            beyond_border: let boxes and masks leave the picture, see `Prediction.canvas`; None: as the settings say.

        Raises:
            AmodalError: no picture set, neither or both of boxes and masks, lists of different lengths, or ``refine``
                without masks; with ``beyond_border``, masks larger than a `Mask` may be.
            BoxError: a box that is not finite, is inverted, or misses the picture.
            AnnotationError: a mask that is empty or of another size; heat outside [0, 1]; a category the networks do
                not know; a bad score; with ``scene``, the same id twice.
        """
        if self._image is None:
            raise AmodalError("a picture comes before its boxes", remedy="call set_image first")
        work = self.make_jobs(
            self._image,
            self._image_id,
            boxes=boxes,
            masks=masks,
            categories=categories,
            scores=scores,
            ids=ids,
            refine=refine,
            beyond_border=beyond_border,
        )
        found = dict(self.run_jobs(work, keep_heat=keep_heat))
        predictions = [found[i] for i in range(len(work))]
        return list(order_scene(predictions).predictions) if scene else predictions

    def predict_scene(
        self,
        masks: Sequence[MaskLike] | MaskLike | None = None,
        categories: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        keep_heat: bool = False,
        *,
        refine: bool = False,
        beyond_border: bool | None = None,
    ) -> Scene:
        """All objects of the picture and their order: who hides whom, occluders, depth ranks, cycles.

        Arguments and errors as `predict`; with boxes, the visible masks that IIS finds decide the order.
        """
        predictions = self.predict(
            boxes, categories, masks, scores, ids, keep_heat, refine=refine, beyond_border=beyond_border
        )
        return order_scene(predictions)

    def make_jobs(
        self,
        image: NDArray[np.uint8],
        image_id: int,
        *,
        boxes: ArrayLike | None = None,
        masks: Sequence[MaskLike] | MaskLike | None = None,
        categories: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        ids: ArrayLike | None = None,
        refine: bool = False,
        beyond_border: bool | None = None,
    ) -> list[tuple[Job, Asked]]:
        """The objects of one picture, checked, for `run_jobs`; arguments and errors as `predict`."""
        if (boxes is None) == (masks is None):
            raise AmodalError("predict takes either boxes or masks")
        if refine and masks is None:
            raise AmodalError("refine improves given masks", remedy="give masks, or leave it out")
        height, width = image.shape[:2]
        beyond = not self.settings.stop_at_border if beyond_border is None else beyond_border
        limits = bx.as_box(bx.grow([0, 0, width, height], self.settings.beyond_border if beyond else 0.0))
        canvas = canvas_of(width, height, self.settings.beyond_border) if beyond else None
        kinds, sure, numbers = as_array(categories), as_array(scores), as_array(ids)
        rows = box_rows(boxes) if masks is None else mask_rows(masks)
        what = "box" if masks is None else "mask"
        records = names_of(len(rows), what, numbers, categories=kinds, scores=sure)
        parts: list[tuple[Mask | None, Evidence | None]] = [(None, None)] * len(rows)
        if masks is None:
            modal = [bx.check(row, width, height, record=r) for row, r in zip(rows, records, strict=True)]
        else:
            threshold = self.settings.given_threshold
            given = [visible_part(m, width, height, threshold, r) for m, r in zip(rows, records, strict=True)]
            modal = [mask.box for mask, _ in given]
            # a mask that IIS improves is no longer the answer
            parts = [(None if refine else mask, evidence) for mask, evidence in given]
        weights = [
            checked_score(s, r) for s, r in zip([1.0] * len(rows) if sure is None else sure, records, strict=True)
        ]
        places, told = category_numbers(kinds, self.networks.categories, records)
        return [
            (
                Job(
                    image,
                    modal[i],
                    limits,
                    category=None if told is None else told[i],
                    evidence=parts[i][1],
                    refines=refine,
                    tells=weights[i] >= self.settings.others_score,
                ),
                Asked(image_id, i if numbers is None else int(numbers[i]), places[i], weights[i], parts[i][0], canvas),
            )
            for i in range(len(rows))
        ]

    def run_jobs(
        self, work: Iterable[tuple[Job, Asked]], *, keep_heat: bool = False
    ) -> Iterator[tuple[int, Prediction]]:
        """Predict objects of any number of pictures together.

        Args:
            work: from `make_jobs`; may be made as it is drawn, so that memory holds two batches of it a lane, or the
                objects of one picture where they tell each other where they are seen.
            keep_heat: as in `predict`.

        Yields:
            the place of an object in ``work`` and its prediction, in the order in which objects finish.
        """

        def lane(items: Iterator[tuple[int, tuple[Job, Asked]]]) -> Iterator[tuple[int, Prediction]]:
            places: dict[int, tuple[int, Asked]] = {}

            def jobs() -> Iterator[Job]:
                for drawn, (place, (job, question)) in enumerate(items):
                    places[drawn] = place, question
                    yield job

            for found in find_objects(self.networks, self.settings, jobs(), keep_heat=keep_heat):
                place, question = places.pop(found.number)
                yield place, finish(found, question, self.settings, self.networks.calibrations, keep_heat=keep_heat)

        # the engine holds less than two batches when it draws
        yield from in_lanes(
            tell_others(self.networks, self.settings, work), self.networks.lanes, 2 * self.settings.batch_size, lane
        )
