from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amodal.core.album import Album
from amodal.core.errors import AnnotationError, RecipeError
from amodal.synthesis.draw import draw_example
from amodal.synthesis.material import Material, Source
from amodal.synthesis.settings import ExampleShape, SynthesisSettings

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader  # noqa: E402

from amodal.synthesis.stream import OcclusionDataset, collate  # noqa: E402

SHAPE = ExampleShape(patch_px=16, modal_heat_px=8, amodal_heat_px=10)


@pytest.fixture
def dataset(album: Album, folder: Path) -> OcclusionDataset:
    return OcclusionDataset(album, folder, shape=SHAPE, seed=3, length=8)


def digest(dataset: OcclusionDataset, workers: int = 0) -> list[bytes]:
    loader = DataLoader(dataset, batch_size=3, num_workers=workers)
    return [b"".join(batch[key].numpy().tobytes() for key in sorted(batch)) for batch in loader]


def test_the_same_bytes_in_any_worker_and_order(dataset: OcclusionDataset, album: Album, folder: Path) -> None:
    first = digest(dataset)
    assert digest(dataset) == first
    for workers in (1, 4):
        assert digest(dataset, workers=workers) == first
    tight = Material([Source(album, folder)], cache_bytes=1)
    assert digest(OcclusionDataset.from_material(tight, shape=SHAPE, seed=3, length=8)) == first
    backwards = [dataset[i]["modal_patch"] for i in reversed(range(8))][::-1]
    assert all((dataset[i]["modal_patch"] == patch).all() for i, patch in enumerate(backwards))
    assert digest(pickle.loads(pickle.dumps(dataset))) == first


def test_another_epoch_seed_or_index_is_another_example(dataset: OcclusionDataset, album: Album, folder: Path) -> None:
    first = digest(dataset)
    assert len(set(first)) == 3
    dataset.set_epoch(1)
    assert dataset.epoch == 1 and digest(dataset) != first
    dataset.set_epoch(0)
    assert digest(dataset) == first
    assert digest(OcclusionDataset(album, folder, shape=SHAPE, seed=4, length=8)) != first


def test_living_workers_see_a_new_epoch(dataset: OcclusionDataset) -> None:
    loader = DataLoader(dataset, batch_size=8, num_workers=1, persistent_workers=True)
    before = next(iter(loader))["modal_patch"]
    dataset.set_epoch(5)
    after = next(iter(loader))["modal_patch"]
    assert (before != after).any()
    assert (after[2] == dataset[2]["modal_patch"]).all()


@pytest.mark.parametrize("copied", [lambda d: pickle.loads(pickle.dumps(d)), copy.deepcopy], ids=["pickled", "copied"])
def test_living_workers_of_a_copy_see_its_epoch(
    dataset: OcclusionDataset, copied: Callable[[OcclusionDataset], OcclusionDataset]
) -> None:
    dataset.set_epoch(2)
    other = copied(dataset)
    assert other.epoch == 2
    test_living_workers_see_a_new_epoch(other)
    assert (other.epoch, dataset.epoch) == (5, 2)  # each has its own


def test_what_goes_to_a_worker_stays_one_epoch(dataset: OcclusionDataset) -> None:
    sent = pickle.loads(ForkingPickler.dumps(dataset))
    dataset.set_epoch(7)
    assert sent.epoch == 7


@pytest.mark.parametrize("epoch", [-1, "1", 1.0, None, True])
def test_an_epoch_is_a_whole_number(dataset: OcclusionDataset, epoch: Any) -> None:
    with pytest.raises(RecipeError, match="epoch is a whole number, 0 or more; found"):
        dataset.set_epoch(epoch)
    dataset.set_epoch(np.int64(4))  # type: ignore[arg-type]
    assert dataset.epoch == 4


def test_a_place_is_one_number(dataset: OcclusionDataset) -> None:
    with pytest.raises(TypeError, match="slice"):
        dataset[0:2]  # type: ignore[index]
    assert (dataset[np.int64(3)]["modal_patch"] == dataset[3]["modal_patch"]).all()


def test_what_is_no_album(folder: Path, album: Album) -> None:
    for wrong in (str(folder / "train.json"), list(album)):
        with pytest.raises(
            AnnotationError, match=r"made of an Album; found '(str|list)'. Give amodal.read_annotations"
        ):
            OcclusionDataset(wrong, folder)  # type: ignore[arg-type]


def test_batches(dataset: OcclusionDataset) -> None:
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert batch["modal_patch"].shape == (4, 3, 16, 16) and batch["modal_patch"].dtype == torch.uint8
    assert batch["amodal_label"].shape == (4, 10, 10) and batch["amodal_label"].dtype == torch.int8
    assert batch["modal_label"].shape == batch["visible_mask"].shape == (4, 8, 8)
    assert batch["seen_box"].shape == (4, 4) and batch["weight"].dtype == torch.float32
    assert batch["category"].dtype == torch.int64 and batch["image_id"].tolist()[0] in (100, 101, 102)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("told", [0.0, 1.0])  # without others there are patches of none
def test_collate_makes_the_same_batches_channels_last(album: Album, folder: Path, workers: int, told: float) -> None:
    dataset = OcclusionDataset(album, folder, settings=SynthesisSettings(others_told=told), shape=SHAPE, length=8)
    plain = next(iter(DataLoader(dataset, batch_size=4)))
    ours = next(iter(DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=collate)))
    assert list(ours) == list(plain)
    for name, value in plain.items():
        assert ours[name].shape == value.shape and ours[name].dtype == value.dtype and torch.equal(ours[name], value)
    names = ("modal_patch", "amodal_patch", "other_patches") if told else ("modal_patch", "amodal_patch")
    for name in names:
        assert ours[name].flatten(0, -4).is_contiguous(memory_format=torch.channels_last)
    assert not plain["modal_patch"].is_contiguous(memory_format=torch.channels_last)


def test_items_stay_in_memory_whatever_the_default_device(album: Album, folder: Path) -> None:
    """Who writes ``torch.set_default_device("cuda")`` means the network; "meta" stands for it where there is none."""
    torch.set_default_device("meta")
    try:
        dataset = OcclusionDataset(album, folder, shape=SHAPE, seed=3, length=2)
        items = [dataset[0], dataset[1]]
        batch = collate(items)
    finally:
        torch.set_default_device(None)
    assert {value.device.type for item in (*items, batch) for value in item.values()} == {"cpu"}
    plain = OcclusionDataset(album, folder, shape=SHAPE, seed=3, length=2)
    assert all(torch.equal(value, plain[0][name]) for name, value in items[0].items())


def test_a_transform_may_leave_patches_out(album: Album, folder: Path) -> None:
    wanted = ("amodal_patch", "amodal_label")
    dataset = OcclusionDataset(
        album, folder, shape=SHAPE, length=4, transform=lambda item, _: {name: item[name] for name in wanted}
    )
    (batch,) = DataLoader(dataset, batch_size=4, collate_fn=collate)
    assert sorted(batch) == sorted(wanted) and batch["amodal_patch"].shape == (4, 3, 16, 16)
    assert torch.equal(batch["amodal_patch"][1], dataset[1]["amodal_patch"])


def test_what_is_no_shape_and_no_material(album: Album, folder: Path) -> None:
    with pytest.raises(RecipeError, match="shape is an ExampleShape; found 'int'"):
        OcclusionDataset(album, folder, shape=64)  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="material is a Material; found 'Album'"):
        OcclusionDataset.from_material(album)  # type: ignore[arg-type]


def test_length(dataset: OcclusionDataset, album: Album, folder: Path) -> None:
    assert len(dataset) == 8 and len(OcclusionDataset(album, folder)) == 5
    assert len(list(dataset)) == 8
    with pytest.raises(IndexError):
        dataset[8]
    for wrong in ({"seed": -1}, {"seed": "a"}, {"seed": 1.5}, {"length": 2.5}, {"length": 0}):
        with pytest.raises(RecipeError, match=next(iter(wrong))):
            OcclusionDataset(album, folder, **wrong)


def test_rejected_and_given_up_objects_are_replaced(album: Album, folder: Path) -> None:
    strict = SynthesisSettings(min_visible_in_patch=0.5, min_visible=0.6, max_tries=2)
    for i in range(20):
        example, composite = draw_example(Material([Source(album, folder)], strict), SHAPE, seed=0, epoch=0, index=i)
        assert composite.visible_share >= 0.6 and np.ndim(example.weight) == 0


def test_settings_that_allow_nothing_end_in_an_error(album: Album, folder: Path) -> None:
    impossible = SynthesisSettings(min_visible=1.0, patch_scale=(0.7, 0.7), max_tries=1)
    with pytest.raises(AnnotationError, match="Lower min_visible"):
        draw_example(Material([Source(album, folder)], impossible), SHAPE, seed=0, epoch=0, index=0)


def test_a_worker_does_not_collect_what_it_shares(dataset: OcclusionDataset) -> None:
    """Its first item freezes what it inherited; the process that makes items itself is left alone."""
    before = gc.get_freeze_count()
    seen = OcclusionDataset.from_material(
        dataset.material,
        shape=SHAPE,
        length=1,
        transform=lambda item, _: {"frozen": torch.tensor(gc.get_freeze_count())},
    )
    assert int(seen[0]["frozen"]) == before
    (batch,) = DataLoader(seen, num_workers=1)
    assert int(batch["frozen"]) > before + 1000
