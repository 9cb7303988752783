"""Many pictures, several processes: shards that can be taken up again after a kill at any moment.

Nothing is shared between processes but the folder, so `torchrun` ranks, a job array or a Ray cluster split the shards
without talking.
"""

from .job import Job, ShardPredictor, read_album, run_on_ray
from .manifest import MANIFEST, fingerprint, start_run, take_up
from .run import ERRORS, Outcome, Progress, gather_errors, predict_shards, read_shards
from .shards import Shard, make_shards, my_shards, rank_and_world

__all__ = [
    "ERRORS",
    "MANIFEST",
    "Job",
    "Outcome",
    "Progress",
    "Shard",
    "ShardPredictor",
    "fingerprint",
    "gather_errors",
    "make_shards",
    "my_shards",
    "predict_shards",
    "rank_and_world",
    "read_album",
    "read_shards",
    "run_on_ray",
    "start_run",
    "take_up",
]
