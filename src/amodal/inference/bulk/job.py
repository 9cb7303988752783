"""One bulk run as a value: what every process of it, here or on a cluster, is started with."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...core.album import Album
from ...core.errors import AmodalError
from ...core.processors import core_count
from ...core.records import Prediction
from ...datasets import read_annotations
from ...datasets.detections import read_detections
from ..albums import Given, TruthLeakWarning, predict_album, tells_whole, warn_of_leaks
from ..folder import CONFIG_FILE, default_weights
from ..networks import Backend
from ..predictor import Predictor
from .manifest import facts_of, start_run
from .run import Outcome, Progress, gather_errors, predict_shards
from .shards import Shard

_COUNTED = ("made", "objects", "failed", "empty")
"""What a row of Ray says of its shard, of `Outcome`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A bulk run.

    Attributes:
        images: folder of the pictures.
        annotations: file of the pictures, and of their objects where ``detections`` is not given.
        output: folder of the shards.
        shards: how many.
        detections: a detector's answer, see `read_detections`.
        min_score: detections with a score below it are left out.
        weights: folder of the networks; None: the package's own.
        backend: as in `load_networks`.
        given, refine, scene, beyond_border: as in `predict_album`.
        threads: CPU threads of a process; 0: all cores, shared among the processes `torchrun` starts on a machine.
        retry_failed: make shards again in which a picture failed.
    """

    images: str
    annotations: str
    output: str
    shards: int
    detections: str | None = None
    min_score: float = 0.0
    weights: str | None = None
    backend: Backend = "onnx"
    given: Given = "box"
    refine: bool = False
    scene: bool | None = None
    beyond_border: bool | None = None
    threads: int = 0
    retry_failed: bool = False


class ShardPredictor:
    """The callable that makes shards: one a process, in this one, under `torchrun` or in a Ray actor.

    Networks and album are opened once. Opening it also makes the folder and its manifest, or refuses another run's.

    Raises:
        AmodalError: what cannot be read, or a folder of another run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.album = read_album(job)
        self.predictor = Predictor.from_pretrained(job.weights, job.backend, threads=_threads(job.threads))
        folder = default_weights() if job.weights is None else Path(job.weights)
        facts = facts_of(
            self.album,
            self.predictor.settings,
            networks=hashlib.sha256((folder / CONFIG_FILE).read_bytes()).hexdigest(),
            with_masks=job.given == "mask",
            images=os.path.abspath(job.images),  # links stay: a folder that moved is given under its old name by one
            given=job.given,
            refine=job.refine,
            scene=job.scene,
            beyond_border=job.beyond_border,
            backend=job.backend,
            version=__version__,
        )
        self.shards = start_run(Path(job.output), self.album, job.shards, facts)
        leaks = sum(tells_whole(o, job.given) for record in self.album for o in record.instances)
        if leaks:
            warn_of_leaks(self.album, leaks, job.given)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Make the shard ``row["shard"]``; a row in and a row out, as Ray Data wants it."""
        outcome = self.make([self.shards[int(row["shard"])]])
        return {"shard": int(row["shard"])} | {name: int(getattr(outcome, name)) for name in _COUNTED}

    def make(self, shards: Sequence[Shard], progress: Callable[[Progress], Any] | None = None) -> Outcome:
        """Make those shards that are not there, see `predict_shards`."""
        retry = self.job.retry_failed
        return predict_shards(self.predict, self.album, self.job.output, shards, retry_failed=retry, progress=progress)

    def predict(self, album: Album) -> list[Prediction]:
        """Predict a small album."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruthLeakWarning)  # said once, not for every group
            return predict_album(
                self.predictor,
                album,
                self.job.images,
                self.job.given,
                refine=self.job.refine,
                scene=self.job.scene,
                beyond_border=self.job.beyond_border,
            )


def read_album(job: Job) -> Album:
    """The records a job is about; raises as `read_annotations` and `read_detections`."""
    album = read_annotations(job.annotations, images=job.images)
    if job.detections is not None:
        album = read_detections(job.detections, album, min_score=job.min_score)
    return album


def run_on_ray(job: Job, workers: int) -> Outcome:
    """Make a job's shards with Ray Data: the cluster of ``RAY_ADDRESS``, or this machine.

    Every worker opens its own `ShardPredictor`, so pictures, annotations and ``output`` lie on storage they share.

    Args:
        job: the run; its ``threads`` are those of one worker, and what a worker reserves (at least one CPU).
        workers: how many actors.

    Raises:
        AmodalError: Ray is not installed, or fewer than one worker; and whatever opening the job refuses.
    """
    if workers < 1:
        raise AmodalError("--ray-workers is 1 or more", value=workers)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as problem:
        raise AmodalError(f"this needs {problem.name}", remedy="run: pip install 'amodal[ray]'") from None
    shards = ShardPredictor(job).shards  # refuses what is wrong here, in one line, before any worker starts
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    rows = ray.data.from_items([{"shard": shard.index} for shard in shards], override_num_blocks=len(shards))
    made = rows.map(
        ShardPredictor,
        fn_constructor_args=(job,),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=max(job.threads, 1),
    ).take_all()
    gather_errors(Path(job.output))
    fresh, objects, failed, empty = (sum(row[name] for row in made) for name in _COUNTED)
    return Outcome(fresh, len(shards) - fresh, objects, failed, empty == len(shards))


def _threads(threads: int) -> int:
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if threads or local <= 1:
        return threads
    return max(core_count() // local, 1)
