"""What reading refused, as findings."""

from __future__ import annotations

from ...core.errors import AmodalError, BoxError, ImageError
from .findings import Finding, shorten

_SIGNS = (
    ("id-clash", ("is used once",)),
    ("unknown-image", ("image_id is the id of", 'one of "images"')),
    ("unknown-category", ("category_id is the id of", 'one of "categories"')),
    ("bad-mask", ("mask", "segmentation", "polygon")),
    ("bad-box", ("bbox", "box")),
)
"""Words in a reader's sentence that tell which rule it is about; the first that fits counts."""


def refusal(problem: AmodalError, file: str) -> Finding:
    """The finding that stands for a record that reading left out.

    Args:
        problem: what reading said.
        file: the annotation file, where ``problem`` names none.
    """
    found = None if problem.value is None else shorten(repr(problem.value))  # "0.9" in quotes is no number
    return Finding(
        rule=_rule(problem),
        file=problem.file or file,
        record=problem.record,
        value=found,
        message=problem.rule if found is None else f"{problem.rule}; found {found}",
        remedy=problem.remedy,
    )


def _rule(problem: AmodalError) -> str:
    if isinstance(problem, ImageError):
        return "picture-missing" if "not exist" in problem.rule else "picture-broken"
    if isinstance(problem, BoxError):
        return "bad-box"
    return next((name for name, signs in _SIGNS if any(sign in problem.rule for sign in signs)), "record")
