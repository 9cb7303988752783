"""labels, random, errors, records: small values, one file."""

from __future__ import annotations

import numpy as np
import pytest

from amodal.core.errors import AmodalError, AnnotationError, BoxError, ImageError, RecipeError, WeightsError
from amodal.core.labels import NEGATIVE, POSITIVE, UNKNOWN, make_label
from amodal.core.masks import Mask
from amodal.core.random import generator
from amodal.core.records import Category, Prediction, category_at


def test_labels_have_one_value_for_each_case() -> None:
    assert len({POSITIVE, NEGATIVE, UNKNOWN}) == 3
    positive = np.array([[True, True, False, False]])
    unknown = np.array([[True, False, True, False]])
    label = make_label(positive, unknown)
    assert label.dtype == np.int8
    assert label.tolist() == [[POSITIVE, POSITIVE, UNKNOWN, NEGATIVE]]


def test_a_generator_is_a_pure_function_of_its_four_numbers() -> None:
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    first = {key: generator(*key).random() for key in keys}
    assert len(set(first.values())) == len(first)
    assert all(generator(*key).random() == value for key, value in first.items())
    assert generator(0, 0, 0).random() == pytest.approx(0.6369616873214543, abs=1e-15)  # and on every machine


@pytest.mark.parametrize("kind", [AnnotationError, BoxError, ImageError, RecipeError, WeightsError])
def test_every_error_is_one_the_command_line_catches(kind: type[AmodalError]) -> None:
    assert issubclass(kind, AmodalError)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "the rule"),
        ({"file": "f"}, "f: the rule"),
        ({"file": "f", "record": "r"}, "f: r: the rule"),
        ({"value": None}, "the rule; found None"),
        ({"remedy": "mend it."}, "the rule. Mend it."),
    ],
)
def test_an_error_names_what_it_knows(parts: dict[str, object], text: str) -> None:
    assert str(AmodalError("the rule", **parts)) == text  # type: ignore[arg-type]


def test_a_long_value_is_cut() -> None:
    assert len(str(AmodalError("r", value="x" * 1000))) < 140


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.array([[1.5, 2.0], [3.0, 4.0]]), "[[1.5, 2.0], [3.0, 4.0]]"),
        (np.float32(0.5), "0.5"),
        (np.zeros((3, 4), np.uint8), "ndarray uint8 (3, 4)"),
        ([np.zeros((2, 2))], "[array([[0., 0.], [0., 0.]])]"),
        ("two\nlines", r"'two\nlines'"),
        ("  two  blanks", "'  two  blanks'"),
    ],
)
def test_a_value_is_shown_on_one_line(value: object, shown: str) -> None:
    assert str(AmodalError("r", value=value)) == f"r; found {shown}"


@pytest.mark.parametrize(("place", "categories"), [(1, 1), (-1, 1), (0, 0), (True, 2)])
def test_a_category_without_a_place(place: int, categories: int) -> None:
    known = [Category(i, "cup") for i in range(categories)]
    with pytest.raises(AnnotationError, match=f"annotation 4: a category is a place in the {categories} categories"):
        category_at(place, known, "annotation 4")


def test_a_category_has_its_place() -> None:
    cup = Category(3, "cup")
    assert category_at(1, [Category(2, "dog"), cup], "annotation 4") is cup
    with pytest.raises(AnnotationError, match=r"a list of Category; found 'cup'. Give Category\(id, name\)"):
        category_at(0, ["cup"], "annotation 4")  # type: ignore[list-item]


def test_a_prediction_knows_what_is_hidden() -> None:
    whole, seen = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    whole[:, :4], seen[:, :3], seen[0, 5] = True, True, True  # one visible pixel outside the whole: not counted

    def prediction(amodal: np.ndarray) -> Prediction:
        mask = Mask.from_array(amodal)
        modal = Mask.from_array(seen)
        return Prediction(1, 2, 0, 1.0, modal.box, modal, mask, mask.box, steps=1, stop_reason="converged")

    assert prediction(whole).occlude_rate == pytest.approx(0.25)
    assert prediction(whole).hidden_mask.area == 4
    assert prediction(np.zeros((4, 6), bool)).occlude_rate == 0.0
