"""The photographs that come with the repository: readable, credited, openly licensed, and kept from training."""

from __future__ import annotations

import json
from pathlib import Path

from amodal.core.album import image_path
from amodal.core.images import read_size
from amodal.datasets import read_annotations

OPEN_LICENCES = {
    4: "https://creativecommons.org/licenses/by/2.0/",
    5: "https://creativecommons.org/licenses/by-sa/2.0/",
}


def test_every_example_is_there_and_has_two_objects_or_more(root: Path) -> None:
    album = read_annotations(root / "examples" / "annotations.json")
    assert 6 <= len(album) <= 10
    for record in album:
        path = image_path(root / "examples" / "images", record.file_name)
        assert read_size(path) == (record.width, record.height)
        assert 2 <= len(record.instances) <= 5
        assert all(instance.modal_mask is not None for instance in record.instances)
    pictures = {path.name for path in (root / "examples" / "images").iterdir()}
    assert pictures == {record.file_name for record in album}


def test_every_example_is_credited_and_open(root: Path) -> None:
    credits = (root / "examples" / "ATTRIBUTION.md").read_text(encoding="utf-8")
    content = json.loads((root / "examples" / "annotations.json").read_text(encoding="utf-8"))
    for image in content["images"]:
        (row,) = [line for line in credits.splitlines() if line.startswith(f"| {image['id']} |")]
        photo = image["flickr_url"].rsplit("/", 1)[1].split("_")[0]
        assert f"photo.gne?id={photo} " in row
        assert OPEN_LICENCES[image["license"]] in row and image["coco_url"] in row


def test_no_example_is_trained_on(root: Path) -> None:
    splits = root / "recipes" / "splits"
    album = read_annotations(root / "examples" / "annotations.json")
    listed = [int(line) for line in (splits / "examples.txt").read_text().split()]
    assert listed == sorted(record.id for record in album)
    kept = {name: (splits / name).read_text().split() for name in ("coco_val.txt", "objects_val.txt")}
    assert {name: len(set(ids)) for name, ids in kept.items()} == {"coco_val.txt": 100, "objects_val.txt": 150}
    assert not set(map(str, listed)) & set(kept["coco_val.txt"])
