"""Scenes: what is written is read back, is exact, and depends on the seed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amodal.cli.main import main
from amodal.core.album import Album
from amodal.core.errors import AnnotationError
from amodal.datasets import read_annotations
from amodal.datasets.idlist import only
from amodal.synthesis.material import Material, Source
from amodal.synthesis.scenes import make_scenes, scene_settings, without_effect, write_scenes
from amodal.synthesis.settings import SynthesisSettings


@pytest.fixture
def material(album: Album, folder: Path) -> Material:
    return Material([Source(album, folder)], scene_settings(SynthesisSettings(min_hidden=0.05)))


def test_a_scene_holds_the_whole_object_and_nothing_beyond_the_picture(material: Material) -> None:
    areas = {
        instance.id: instance.modal_mask.area
        for record in material.sources[0].album
        for instance in record.instances
        if instance.modal_mask is not None
    }
    for scene in make_scenes(material, 20):
        assert not scene.outside.any()
        assert scene.own.sum() == areas[scene.annotation_id]  # the canvas is not shrunk here
        assert not (scene.visible & ~scene.own).any()
        assert (scene.visible_share < 0.951) == bool(scene.occluders)


def test_scenes_are_a_function_of_seed_and_number(material: Material) -> None:
    first = [scene.image.tobytes() for scene in make_scenes(material, 3, seed=4)]
    assert [scene.image.tobytes() for scene in make_scenes(material, 5, seed=4)][:3] == first
    assert [scene.image.tobytes() for scene in make_scenes(material, 3, seed=5)] != first


def test_what_is_written_is_read_back(material: Material, tmp_path: Path) -> None:
    scenes = list(make_scenes(material, 4))
    write_scenes(tmp_path / "scenes", iter(scenes), material.categories)
    read = read_annotations(tmp_path / "scenes" / "annotations.json")
    for scene, record in zip(scenes, read, strict=True):
        (instance,) = record.instances
        assert instance.amodal_mask is not None and instance.modal_mask is not None
        assert np.array_equal(instance.amodal_mask.to_array(), scene.own)
        assert np.array_equal(instance.modal_mask.to_array(), scene.visible)
        assert instance.occlude_rate == pytest.approx(1 - scene.visible.sum() / scene.own.sum(), abs=1e-6)
        assert read.categories[instance.category].name == material.categories[scene.category]
    with pytest.raises(AnnotationError, match="new folder"):
        write_scenes(tmp_path / "scenes", iter(scenes), material.categories)


def test_only_the_photographs_of_a_list(tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    album = read_annotations(tiny_set[1])
    names = tmp_path / "ids.txt"
    names.write_text("# kept\n3\n\n")
    assert [record.id for record in only(album, names)] == [3]
    assert len(only(album, "")) == 2
    names.write_text("99\n")
    with pytest.raises(AnnotationError, match=r"ids\.txt"):
        only(album, names)


def test_the_command_refuses_a_list_of_other_photographs(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids.txt").write_text("99\n")
    words = ["--images", str(tiny_set[0]), "--annotations", str(tiny_set[1]), "--output", str(tmp_path / "out")]
    assert main(["synthesize", *words, "--scenes", "--only", str(tmp_path / "ids.txt")]) == 2
    assert "ids.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_scenes_go_where_a_link_leads(material: Material, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("scenes")
    write_scenes(tmp_path / "link", make_scenes(material, 1), material.categories)
    assert (tmp_path / "scenes" / "annotations.json").is_file() and (tmp_path / "link").is_symlink()


def test_settings_without_effect_are_named() -> None:
    assert without_effect(SynthesisSettings()) == without_effect(SynthesisSettings(min_hidden=0.1, canvas_px=600)) == []
    assert without_effect(SynthesisSettings(flip=False, patch_scale=(1.5, 2.5), clear=0.5)) == []
    ignored = {"patch_scale": (1.0, 1.2), "min_patch_overlap": 0.8, "border": 0.3, "colour_jitter": 0.2}
    ignored |= {"canvas_px": 256, "trim": 0.2, "others_told": 0.5, "paired": True, "fixed": True}
    assert set(without_effect(SynthesisSettings(**ignored))) == ignored.keys()  # type: ignore[arg-type]


def test_pairs_make_no_other_scenes(album: Album, folder: Path) -> None:
    plain, paired = (Material([Source(album, folder)], scene_settings(SynthesisSettings(paired=p))) for p in (0, 1))
    assert [s.image.tobytes() for s in make_scenes(plain, 6)] == [s.image.tobytes() for s in make_scenes(paired, 6)]
