"""`amodal predict --shards N`: what comes after the words."""

from __future__ import annotations

import warnings

import jsonargparse

from ..core.errors import AmodalError


def run_bulk(args: jsonargparse.Namespace) -> None:
    """Make the shards of this process, or all of them with Ray, and say what was done.

    Raises:
        AmodalError: input that cannot be used, a folder of another run, or a run in which every picture failed.
    """
    from tqdm import tqdm

    from ..inference.bulk import ERRORS, Job, Progress, ShardPredictor, my_shards, rank_and_world, run_on_ray

    job = Job(
        images=args.images,
        annotations=args.annotations,
        output=args.output,
        shards=args.shards,
        detections=args.detections,
        min_score=args.min_score or 0.0,
        weights=args.weights,
        backend=args.backend,
        given=args.given or "box",
        refine=args.refine,
        scene=args.scene or None,
        beyond_border=args.beyond_border or None,
        threads=args.threads,
        retry_failed=args.retry_failed,
    )
    rank, world = rank_and_world()
    if args.ray_workers is not None:
        if world > 1:
            raise AmodalError("Ray and torchrun both split the shards", remedy="take one of them")
        outcome = run_on_ray(job, args.ray_workers)
    else:
        made = ShardPredictor(job)
        with tqdm(unit="object", disable=None) as bar:

            def show(progress: Progress) -> None:
                bar.total = progress.total  # tqdm shows the time left from it
                bar.set_postfix({"failed pictures": progress.failed} if progress.failed else {}, refresh=False)
                bar.update(progress.done - bar.n)

            outcome = made.make(my_shards(made.shards, rank, world), show)
    who = f"rank {rank} of {world}: " if world > 1 else ""
    there = f", {outcome.found} were there" if outcome.found else ""
    print(f"{who}{outcome.objects} objects in {outcome.made} shards{there}: {args.output}")
    if outcome.failed:
        warnings.warn(
            f"{outcome.failed} pictures could not be predicted: see {args.output}/{ERRORS}; mend them and repeat the "
            "command with --retry-failed",
            stacklevel=2,
        )
    if outcome.failed and outcome.empty:
        raise AmodalError(
            "no picture of this run could be predicted", file=f"{args.output}/{ERRORS}", remedy="mend what stands there"
        )
