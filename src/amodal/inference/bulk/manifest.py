"""What a run was started with, so that it is taken up with nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core.album import Album
from ...core.errors import AmodalError
from ...datasets.jsonfile import write_json
from ..settings import PredictionSettings
from .shards import Shard, make_shards

MANIFEST = "manifest.json"
OBJECTS = "objects_of_shards"
"""What a manifest says of each shard: how many objects it was asked about."""
FORMAT = 1


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Hex digest of what decides a run's records.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def facts_of(
    album: Album, settings: PredictionSettings, *, networks: str, with_masks: bool, **more: Any
) -> dict[str, Any]:
    """What decides a run's records, for its manifest.

    Args:
        album: the records asked about: their ids, boxes, scores and categories count, not the file they come from.
        settings: of the prediction.
        networks: names the networks: a digest of their config, which holds those of their files.
        with_masks: masks are given, so they count, too.
        more: whatever else decides, JSON values.
    """
    records = hashlib.sha256(repr([(c.id, c.name) for c in album.categories]).encode())
    for record in album:
        records.update(repr((record.id, record.file_name, record.width, record.height)).encode())
        for o in record.instances:
            records.update(repr((o.id, o.category, o.modal_box, o.score, o.is_stuff)).encode())
            for mask in (o.modal_mask, o.amodal_mask) if with_masks else ():
                records.update(b"-" if mask is None else str(mask.to_rle()["counts"]).encode())
    return {"album": records.hexdigest(), "settings": asdict(settings), "networks": networks, **more}


def start_run(folder: Path, album: Album, count: int, facts: Mapping[str, Any]) -> list[Shard]:
    """Make the folder and its manifest, or see that the one there is of this very run.

    Raises:
        AmodalError: the folder holds another run; what differs is named.
    """
    shards = make_shards(album, count)
    objects = [sum(len(album[i].instances) for i in range(shard.start, shard.stop)) for shard in shards]
    told = {"shards": count, "pictures": len(album), "objects": len(album.annotation_ids), OBJECTS: objects}
    take_up(folder, {**facts, "shards": count}, parts="shard-*.jsonl", told=told)
    return shards


def take_up(folder: Path, facts: Mapping[str, Any], *, parts: str, told: Mapping[str, Any] | None = None) -> None:
    """Make the folder and its manifest, or see that the one there was made with the same facts.

    Args:
        folder: of the parts.
        facts: what decides what stands in them, JSON values.
        parts: glob of the parts: without a manifest the folder has none.
        told: what else the manifest says.

    Raises:
        AmodalError: the folder holds another run; what differs is named.
    """
    wanted = {
        "format": FORMAT,
        "fingerprint": fingerprint(facts),
        **(told or {}),
        "facts": json.loads(json.dumps(dict(facts), default=str)),
    }
    path = folder / MANIFEST
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        if any(folder.glob(parts)):
            raise AmodalError(
                "a folder with parts of a run has their manifest", file=path, remedy="name an empty folder"
            )
        write_json(path, wanted, indent=2)
        return
    found = read_manifest(folder)
    if found.get("fingerprint") != wanted["fingerprint"]:
        old, new = found.get("facts", {}), wanted["facts"]
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        raise AmodalError(
            "a run is taken up with the inputs it was started with",
            file=folder,
            value=f"another {', '.join(changed)}",
            remedy="repeat the words of that run, or name another folder",
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """A run's manifest; raises AmodalError where it cannot be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise AmodalError(f"a run's manifest cannot be read ({problem})", file=folder / MANIFEST) from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise AmodalError(f'this version reads "format": {FORMAT}', file=folder / MANIFEST)
    return manifest
