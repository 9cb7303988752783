from __future__ import annotations

from pathlib import Path

import pytest

from amodal.core.errors import AmodalError
from amodal.datasets import read_annotations
from amodal.datasets.dialects import recognise
from amodal.metrics.occlusion import hidden_frac
from amodal.reproduction.miniature import Miniature, make_miniature
from amodal.reproduction.sources import open_pascal3d, open_voc


def test_folders_are_recognised_as_what_they_copy(miniature: Miniature) -> None:
    names = [recognise(path).name for path in (miniature.voc, miniature.sbd, miniature.pascal3d)]
    assert names == ["voc", "sbd", "pascal3d"]
    for record in read_annotations(miniature.sbd):
        assert (miniature.sbd / "img" / record.file_name).is_file()


def test_flags_say_what_the_whole_masks_say(miniature: Miniature) -> None:
    voc = open_voc(miniature.voc).album
    flags = {one.id: one.is_occluded for record in voc for one in record.instances}
    assert set(flags.values()) == {True, False}
    drawn = read_annotations(miniature.drawn)
    for record in drawn:
        for one in record.instances:
            assert one.is_occluded and one.amodal_mask is not None and one.modal_mask is not None
            assert hidden_frac(one.modal_mask, one.amodal_mask) > 0.05


def test_a_projected_model_covers_its_object(miniature: Miniature) -> None:
    """The CAD models are boxes as large as the shapes drawn: the projection is the shape, to a pixel's rounding."""
    drawn = {
        (Path(record.file_name).stem, drawn.categories[one.category].name): one
        for drawn in [read_annotations(miniature.drawn)]
        for record in drawn
        for one in record.instances
    }
    album = open_pascal3d(miniature.pascal3d).album
    checked = 0
    for record in album:
        for one in record.instances:
            known = drawn.get((Path(record.file_name).stem, album.categories[one.category].name))
            if known is not None and known.amodal_mask is not None and one.amodal_mask is not None:
                assert one.amodal_mask.iou(known.amodal_mask) > 0.95
                checked += 1
    assert checked >= 3


def test_pascal3d_pictures_of_several_folders_become_one(miniature: Miniature) -> None:
    album = open_pascal3d(miniature.pascal3d).album
    stems = [Path(record.file_name).stem for record in album]
    assert len(stems) == len(set(stems)) < len(list(miniature.pascal3d.glob("Annotations/*/*.mat")))
    names = {album.categories[one.category].name for record in album for one in record.instances}
    assert names == {"bus", "car"}  # objects of other categories have no model
    one = stems[0]
    assert [Path(r.file_name).stem for r in open_pascal3d(miniature.pascal3d, [one]).album] == [one]
    with pytest.raises(AmodalError, match="pictures of the VOC list"):
        open_pascal3d(miniature.pascal3d, ["2011_000003"])


def test_voc_is_found_inside_its_devkit_too(miniature: Miniature) -> None:
    inside = open_voc(miniature.voc.parent)  # VOC2012 lies in it
    assert len(inside.album) == 6 and inside.images == miniature.voc / "JPEGImages"


def test_a_seed_gives_the_same_bytes_and_a_finished_folder_is_taken(miniature: Miniature, tmp_path: Path) -> None:
    again = make_miniature(tmp_path, pictures=6)
    for path in sorted(p for p in miniature.voc.parent.rglob("*") if p.is_file()):
        assert (tmp_path / path.relative_to(miniature.voc.parent)).read_bytes() == path.read_bytes(), path
    before = again.drawn.stat().st_mtime_ns
    assert make_miniature(tmp_path, pictures=6).drawn.stat().st_mtime_ns == before
