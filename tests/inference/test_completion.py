from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import WeightsError
from amodal.core.masks import Mask
from amodal.core.records import Prediction
from amodal.inference.completion import Completion, completion_frame, mask_patch

W, H = 60, 40


@pytest.fixture(scope="module")
def tiny() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_completion.py"))))


def seen(number: int, box: tuple[float, float, float, float], image: int = 1) -> Prediction:
    mask = Mask.from_box(box, W, H)
    return Prediction(image, number, 0, 1.0, box, mask, mask, box, 1, "converged")


def test_an_object_is_completed_from_the_masks_of_its_own_picture(tmp_path: Path, tiny: SimpleNamespace) -> None:
    network = Completion.from_pretrained(tiny.write_completion(tmp_path), threads=1)
    # 1 lies left of 2; 3 is of another picture; 4 shows nothing
    asked = [seen(1, (10, 10, 30, 30)), seen(2, (30, 10, 40, 30)), seen(3, (30, 10, 40, 30), 2), seen(4, (0, 0, 0, 0))]
    whole = network.complete(asked)
    assert whole[1].iou(Mask.from_box((10, 10, 40, 30), W, H)) > 0.97
    assert whole[3] == asked[2].modal_mask
    assert whole[4].is_empty
    assert (whole[2] & asked[1].modal_mask) == asked[1].modal_mask  # what is seen stays


def test_a_network_not_told_of_others_in_training_is_not_told_now(tmp_path: Path, tiny: SimpleNamespace) -> None:
    network = Completion.from_pretrained(tiny.write_completion(tmp_path, others=False), threads=1)
    asked = [seen(1, (10, 10, 30, 30)), seen(2, (30, 10, 40, 30))]
    assert network.complete(asked)[1] == asked[0].modal_mask


def test_more_objects_than_a_batch_and_any_order_give_the_same(tmp_path: Path, tiny: SimpleNamespace) -> None:
    network = Completion.from_pretrained(tiny.write_completion(tmp_path), threads=1)
    asked = [seen(i, (2 * i, 5, 2 * i + 4, 20)) for i in range(1, 20)]
    assert network.complete(asked) == network.complete(asked[::-1])


def test_patch_is_cut_where_the_frame_lies_also_beyond_the_picture() -> None:
    frame = completion_frame((0, 0, 10, 20), 2.0)
    patch = mask_patch(Mask.from_box((0, 0, 10, 20), W, H), frame, 40)
    rows, columns = np.nonzero(patch)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 15, 24)
    assert patch.dtype == np.float32 and set(np.unique(patch)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "other"}, '"kind": "completion"'),
        ({"size_px": 0}, "size_px"),
        ({"size_px": 32}, r"\(n, 2, 32, 32\)"),
        ({"context": 0.5}, '"context" is a number from 1 to 10'),
        ({"others": 1}, '"others" is true or false'),
        ({"threshold": True}, '"threshold" is a number'),
        ({"threshold": float("nan")}, '"threshold" is a number'),
        ({"sha256": {"completion.onnx": "0"}}, "sha256"),
        ({"format": 9}, "format"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    tmp_path: Path, tiny: SimpleNamespace, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        Completion.from_pretrained(tiny.write_completion(tmp_path, **changes))
