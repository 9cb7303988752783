"""Predictions and detections of a run: kept in its folder, taken up where a kill left them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..core import boxes as bx
from ..core.album import Album, image_path
from ..core.errors import AmodalError
from ..core.images import read_image
from ..core.records import Prediction
from ..datasets.dialects import dialect_named
from ..datasets.jsonfile import write_json
from ..datasets.results import read_results
from ..inference.bulk import ERRORS, Job, Progress, ShardPredictor, read_shards, take_up
from ..inference.detectors import Detector
from ..inference.networks import Backend

_OBJECTS_A_SHARD = 200
_PICTURES_A_PART = 32
MIN_SCORE = 0.05
"""Detections kept for average precision: what lies below adds nothing to it."""
ALIASES = {
    "airplane": "aeroplane",
    "motorcycle": "motorbike",
    "dining table": "diningtable",
    "potted plant": "pottedplant",
    "couch": "sofa",
    "tv": "tvmonitor",
}
"""COCO's names of VOC's categories, where they differ."""
Show = Callable[[str, int, int], Any]
"""Told what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is predicted, and where it is kept.

    Attributes:
        album: the objects; their boxes and categories are given to the networks.
        images: folder of the pictures.
        folder: of the run's files.
        weights: folder of the networks; None: the package's own.
        backend: what runs them.
        threads: CPU threads; 0: all cores.
    """

    album: Album
    images: Path
    folder: Path
    weights: str | None = None
    backend: Backend = "onnx"
    threads: int = 0


def predict_kept(asked: Asked, name: str, show: Show) -> list[Prediction]:
    """Predictions for every object of an album, made or taken from ``FOLDER/predictions/NAME``.

    Raises:
        AmodalError: input that cannot be used, pictures that fail, or a folder of another run.
    """
    annotations = asked.folder / "data" / f"{name}.json"
    write_album(asked.album, annotations)
    shards = asked.folder / "predictions" / name
    job = Job(
        images=str(asked.images),
        annotations=str(annotations),
        output=str(shards),
        shards=max(len(asked.album.annotation_ids) // _OBJECTS_A_SHARD, 1),
        weights=asked.weights,
        backend=asked.backend,
        threads=asked.threads,
        retry_failed=True,
    )
    made = ShardPredictor(job)

    def told(progress: Progress) -> None:
        show(name, progress.done, progress.total)

    if made.make(made.shards, told).failed:
        raise AmodalError(
            "every picture can be predicted", file=shards / ERRORS, remedy="mend what stands there, and run again"
        )
    results = asked.folder / "predictions" / f"{name}.json"
    write_json(results, list(read_shards(shards)))
    return read_results(results, asked.album)


def write_album(album: Album, path: Path) -> None:
    """An album as a COCO file of this package, with ids, flags and scores; what is there already is written anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write = dialect_named("coco").write
    assert write is not None
    # boxes and flags are all that prediction looks at: whole masks stay out of the file it is given
    bare = album.filter(
        lambda record: replace(
            record,
            instances=tuple(
                replace(one, modal_mask=None, amodal_mask=None, amodal_box=None, occlude_rate=None, extra={})
                for one in record.instances
            ),
            extra={},
        )
    )
    write(bare, path)


def detect_kept(
    asked: Asked, name: str, detector: Detector, show: Show, *, word: str, weights: str | None = None
) -> Path:
    """A detector's boxes for every picture of an album as COCO results, made or taken from ``FOLDER/detections/NAME``.

    Detections of categories the album does not have are left out.

    Args:
        asked: the pictures.
        name: of what is kept.
        detector: what is run.
        show: told how far it is.
        word, weights: what the detector was opened with: parts of another one are not taken for its own.

    Returns:
        the results file, ``image_id`` and ``category_id`` those of the album.

    Raises:
        AmodalError: pictures that cannot be read, or a folder of another run.
    """
    names = {category.name: category.id for category in asked.album.categories}
    folder = asked.folder / "detections" / name
    facts = {
        "album": _digest_of_pictures(asked.album),
        "images": os.path.abspath(asked.images),
        "detector": word,
        "weights": None if weights is None else hashlib.sha256(Path(weights).read_bytes()).hexdigest(),
        "min_score": MIN_SCORE,
        "version": __version__,
    }
    take_up(folder, facts, parts="part-*.json")
    entries: list[dict[str, Any]] = []
    for start in range(0, len(asked.album), _PICTURES_A_PART):
        part = folder / f"part-{start:06d}.json"
        if not part.exists():
            found: list[dict[str, Any]] = []
            for i in range(start, min(start + _PICTURES_A_PART, len(asked.album))):
                record = asked.album[i]
                image = read_image(image_path(asked.images, record.file_name, file=asked.album.source))
                for one in detector.detect(image, MIN_SCORE):
                    category = names.get(one.name, names.get(ALIASES.get(one.name, "")))
                    if category is not None:
                        box = [round(v, 2) for v in bx.to_xywh(one.box).tolist()]
                        found.append(
                            {"image_id": record.id, "category_id": category, "bbox": box, "score": round(one.score, 6)}
                        )
                show(f"detections for {name}", i + 1, len(asked.album))
            write_json(part, found)
        entries += json.loads(part.read_text("utf-8"))
    path = asked.folder / "detections" / f"{name}.json"
    write_json(path, entries)
    return path


def _digest_of_pictures(album: Album) -> str:
    """Of what a detector's answer depends on, pictures and categories: masks drawn meanwhile change nothing."""
    pictures = [(record.id, record.file_name, record.width, record.height) for record in album]
    categories = [(category.id, category.name) for category in album.categories]
    return hashlib.sha256(json.dumps([pictures, categories]).encode()).hexdigest()
