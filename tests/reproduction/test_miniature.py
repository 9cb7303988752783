from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from amodal.core.errors import AmodalError, AnnotationError
from amodal.core.masks import Mask
from amodal.datasets import read_annotations
from amodal.datasets.dialects import recognise
from amodal.datasets.folders import VOC_NAMES
from amodal.metrics.occlusion import hidden_frac
from amodal.metrics.region_ap import Found, region_ap
from amodal.reproduction.miniature import H, Miniature, W, make_miniature
from amodal.reproduction.sources import open_pascal3d, open_voc, put_on_val

DOG = VOC_NAMES.index("dog")


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


def test_on_vocs_list_every_picture_counts_and_no_object_is_lost(miniature: Miniature) -> None:
    """A detector's find in a picture without a rigid object is wrong as anywhere: mAP^r is over the val set."""
    val = open_voc(miniature.voc).album
    pascal3d = open_pascal3d(miniature.pascal3d).album
    dogs = val.filter(
        lambda record: (
            record
            if record.id > 1
            else replace(record, instances=tuple(one for one in record.instances if one.category == DOG))
        )
    )
    left_out = pascal3d.filter(lambda record: record if "000001" not in record.file_name else None)
    merged = put_on_val(left_out, dogs)
    assert [(r.id, r.file_name) for r in merged] == [(r.id, r.file_name) for r in val]
    assert merged.categories == val.categories
    ids = [one.id for record in merged for one in record.instances]
    assert len(ids) == len(set(ids))
    for record, before in zip(merged, dogs, strict=True):
        kinds = sorted(one.category for one in record.instances)
        assert kinds == sorted(one.category for one in before.instances)
        for one in record.instances:
            assert (one.amodal_mask is not None) == (VOC_NAMES[one.category] in ("bus", "car"))
    whole = Mask.from_box((0, 0, 50, 50), W, H)
    alarm = Found(1, VOC_NAMES.index("bus"), 1.0, (0, 0, 50, 50), whole)
    right = [
        Found(record.id, one.category, 0.5, one.modal_box, one.amodal_mask)
        for record in merged
        for one in record.instances
        if one.amodal_mask is not None
    ]
    assert region_ap(merged, right).mean == 1.0 > region_ap(merged, [alarm, *right]).mean
    # a rigid object that PASCAL 3D+ leaves out stays, known by its box: a find of it counts neither way
    (bus,) = (one for one in val[0].instances if one.category == VOC_NAMES.index("bus"))
    found = Found(1, bus.category, 1.0, bus.modal_box, whole)
    result = region_ap(put_on_val(left_out, val), [found, *right])
    assert (result.mean, result.ignored) == (1.0, 1)
    with pytest.raises(AnnotationError, match=r"a picture has the size it has in .*VOC 2012 that PASCAL 3D\+ was made"):
        put_on_val(pascal3d.filter(lambda record: replace(record, width=record.width + 1, instances=())), val)


def test_voc_is_found_inside_its_devkit_too(miniature: Miniature) -> None:
    inside = open_voc(miniature.voc.parent)  # VOC2012 lies in it
    assert len(inside.album) == 6 and inside.images == miniature.voc / "JPEGImages"


def test_a_seed_gives_the_same_bytes_and_a_finished_folder_is_taken(miniature: Miniature, tmp_path: Path) -> None:
    again = make_miniature(tmp_path, pictures=6)
    for path in sorted(p for p in miniature.voc.parent.rglob("*") if p.is_file()):
        assert (tmp_path / path.relative_to(miniature.voc.parent)).read_bytes() == path.read_bytes(), path
    before = again.drawn.stat().st_mtime_ns
    assert make_miniature(tmp_path, pictures=6).drawn.stat().st_mtime_ns == before
