"""What torchvision and others give goes in as it is: tensors and arrays, with a channel, a gradient, in bfloat16."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amodal.core.errors import AmodalError, AnnotationError, BoxError
from amodal.inference.asked import as_array, as_number
from amodal.inference.pair import NetworkPair
from amodal.inference.predictor import Predictor

WIDTH, HEIGHT = 96, 64
SEEN = (30.0, 20.0, 60.0, 44.0)
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[20:44, 30:60] = True
HEAT = np.where(MASK, np.float32(0.75), np.float32(0.125))  # bfloat16 has these numbers, too


@pytest.fixture
def predictor(toy: SimpleNamespace) -> Predictor:
    predictor = Predictor(NetworkPair(toy.ToyNetwork(margin=0.0), toy.ToyNetwork()))
    predictor.set_image(toy.red_picture(WIDTH, HEIGHT, (20, 16, 70, 50)))
    return predictor


class Tensor:
    """Torch's manners without torch: nothing reads it but what is asked of torch."""

    def __init__(self, array: Any, where: str = "gpu, with a gradient") -> None:
        self._array, self._where = np.asarray(array), where

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Any:
        return (Tensor(row, self._where) for row in self._array)

    def __getitem__(self, place: int) -> Tensor:
        return Tensor(self._array[place], self._where)

    def __int__(self) -> int:
        return int(self._array)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("use detach, cpu, numpy")

    def detach(self) -> Tensor:
        return Tensor(self._array, self._where.removesuffix(", with a gradient"))

    def cpu(self) -> Tensor:
        return Tensor(self._array, self._where.replace("gpu", "cpu"))

    def numpy(self) -> Any:
        if self._where != "cpu":
            raise RuntimeError(self._where)
        return self._array


def test_a_tensor_is_known_by_its_methods(predictor: Predictor) -> None:
    wanted = predictor.predict([SEEN, SEEN], [3, 1], scores=[0.5, 1.0], ids=[7, 8])
    words = {"categories": Tensor([3, 1]), "scores": Tensor([0.5, 1.0]), "ids": Tensor([7, 8])}
    assert predictor.predict(Tensor([SEEN, SEEN]), **words) == wanted  # type: ignore[arg-type]
    assert predictor.predict([Tensor(SEEN), tuple(Tensor(v) for v in SEEN)], **words) == wanted  # type: ignore[arg-type]
    masked = predictor.predict(masks=[HEAT, HEAT])
    assert predictor.predict(masks=Tensor([[HEAT], [HEAT]])) == masked  # type: ignore[arg-type]
    assert predictor.predict(masks=[Tensor(HEAT), Tensor([HEAT])]) == masked  # type: ignore[list-item]


def test_what_torchvision_gives(predictor: Predictor) -> None:
    torch = pytest.importorskip("torch")
    out = {
        "boxes": torch.tensor([SEEN, SEEN], requires_grad=True),
        "labels": torch.tensor([18, 1]),
        "scores": torch.tensor([0.75, 0.5], requires_grad=True),
        "masks": torch.tensor(np.stack([HEAT, HEAT])[:, None], requires_grad=True),
    }
    ids = torch.tensor([5, 9])
    from_boxes = predictor.predict(out["boxes"], out["labels"], scores=out["scores"], ids=ids)
    assert from_boxes == predictor.predict([SEEN, SEEN], [18, 1], scores=[0.75, 0.5], ids=[5, 9])
    given = predictor.predict(masks=out["masks"], categories=out["labels"], scores=list(out["scores"]), ids=list(ids))
    assert given == predictor.predict(masks=[HEAT, HEAT], categories=[18, 1], scores=[0.75, 0.5], ids=[5, 9])
    assert [type(p.annotation_id) for p in given] == [int, int] and type(given[0].score) is float


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float64", "bool", "uint8"])
def test_masks_of_every_kind_of_number(predictor: Predictor, kind: str) -> None:
    torch = pytest.importorskip("torch")
    given = HEAT if "float" in kind else MASK
    tensor = torch.tensor(given).to(getattr(torch, kind))
    (wanted,) = predictor.predict(masks=[given])
    for masks in ([tensor], [tensor[None]], tensor[None], tensor[None, None], tensor):
        assert predictor.predict(masks=masks) == [wanted]


def test_scores_in_bfloat16(predictor: Predictor) -> None:
    torch = pytest.importorskip("torch")
    scores = torch.tensor([0.5], dtype=torch.bfloat16)
    assert predictor.predict([SEEN], scores=scores) == predictor.predict([SEEN], scores=[0.5])


@pytest.mark.parametrize(("score", "same_as"), [(np.nextafter(np.float32(1), np.float32(2)), 1.0), (-1e-7, 0.0)])
def test_a_score_out_of_range_by_rounding(predictor: Predictor, score: float, same_as: float) -> None:
    assert predictor.predict([SEEN], scores=[score]) == predictor.predict([SEEN], scores=[same_as])


@pytest.mark.parametrize("score", [1.00001, -0.00001, float("nan"), float("inf"), True, "1", 1j, None, [0.5]])
def test_a_score_out_of_range(predictor: Predictor, score: Any) -> None:
    with pytest.raises(AnnotationError, match=r"box 0: a score is a number from 0 to 1"):
        predictor.predict([SEEN], scores=[score])


def test_heat_out_of_range_by_rounding(predictor: Predictor) -> None:
    over = np.where(MASK, np.nextafter(np.float32(1), np.float32(2)), np.float32(-1e-7))
    assert predictor.predict(masks=[over]) == predictor.predict(masks=[MASK.astype(np.float32)])


WRONG: list[tuple[dict[str, Any], type[AmodalError], str]] = [
    ({"scores": 0.5}, AmodalError, "one of scores for each of the 1 objects; found 0.5"),
    ({"scores": np.float32(0.5)}, AmodalError, "one of scores for each of the 1 objects"),
    ({"categories": "a"}, AmodalError, "one of categories for each of the 1 objects; found 'a'"),
    ({"ids": Tensor(3)}, AmodalError, "one of ids for each of the 1 objects"),
    ({"ids": Tensor([1.0])}, AmodalError, r"an id is a whole number; found 1\.0"),
    ({"categories": Tensor([2.0])}, AnnotationError, r"box 0: a category is a name or a whole number.*labels\.int\(\)"),
    ({"categories": Tensor([True])}, AnnotationError, "box 0: a category is a name or a whole number"),
    ({"boxes": Tensor(3.0)}, BoxError, "boxes are a list"),
    ({"boxes": Tensor([[1.0, 2, 3]])}, BoxError, "box 0: a box is four finite numbers"),
]


@pytest.mark.parametrize(("given", "kind", "text"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_refused(predictor: Predictor, given: dict[str, Any], kind: type[AmodalError], text: str) -> None:
    with pytest.raises(kind, match=text):
        predictor.predict(**({"boxes": [SEEN]} | given))


def test_what_is_no_tensor_stays_as_it_is() -> None:
    array = np.zeros(3)
    assert as_array(array) is array and as_number(array) is array and as_number("dog") == "dog"


def test_names_are_numbered_in_their_call(predictor: Predictor) -> None:
    def numbers(*categories: Any) -> list[int]:
        return [p.category for p in predictor.predict([SEEN] * len(categories), list(categories))]

    assert numbers("dog", "cup", "dog") == [0, 1, 0] and numbers("cup", "dog") == [0, 1]  # and forgotten
    assert numbers(18, 3) == [18, 3]  # numbers stay
    with pytest.raises(AnnotationError, match="all names or all numbers"):
        numbers("dog", 0)  # would be one category
