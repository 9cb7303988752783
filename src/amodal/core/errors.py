"""The one kind of error a user can mend, and how it reads."""

from __future__ import annotations

import math
import re
from typing import Any

_ABSENT = object()
_FEW = 8
"""Most numbers of an array that are shown."""


class AmodalError(Exception):
    """Input that breaks a rule: a file, a record, a setting or an argument.

    The message names, as far as they are known, the file, the record, the rule, the value found and the way out. The
    command line prints it alone (no traceback) and exits with 2.

    Args:
        rule: what must hold, as a sentence without a full stop.
        file: path of the offending file.
        record: which record of it ("annotation 12", "--box 1", "box 3").
        value: the value found; shown by ``repr`` on one line, shortened to 120 characters; an array or tensor of many
            numbers by its dtype and shape.
        remedy: what to do about it.

    >>> print(AmodalError("a box needs x1 < x2", record="annotation 7", value=(3, 3), remedy="remove the record"))
    annotation 7: a box needs x1 < x2; found (3, 3). Remove the record.
    """

    def __init__(
        self, rule: str, *, file: object = "", record: str = "", value: object = _ABSENT, remedy: str = ""
    ) -> None:
        self.rule, self.file, self.record, self.remedy = rule, str(file), record, remedy
        self.value = None if value is _ABSENT else value
        place = ": ".join(part for part in (self.file, record) if part)
        text = f"{place}: {rule}" if place else rule
        if value is not _ABSENT:
            shown = _shown(value)
            text += f"; found {shown if len(shown) <= 120 else shown[:117] + '...'}"
        if remedy:
            text += f". {remedy[0].upper()}{remedy[1:].rstrip('.')}."
        super().__init__(text)


def _shown(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and hasattr(value, "dtype") and hasattr(value, "tolist"):  # an array, a tensor
        if math.prod(shape) > _FEW:
            return f"{type(value).__name__} {value.dtype} {tuple(shape)}"
        value = value.tolist()
    return re.sub(r"\s*\n\s*", " ", repr(value))


class ImageError(AmodalError):
    """A picture that is missing, undecodable or of another size than its record says."""


class AnnotationError(AmodalError):
    """An annotation or prediction file, or one of its records, that cannot be used as it is."""


class BoxError(AmodalError):
    """A box that is not finite, is inverted or empty, or lies outside the picture."""


class WeightsError(AmodalError):
    """A weights folder that is incomplete or does not fit the network."""


class RecipeError(AmodalError):
    """A recipe or setting with an unknown key or a value out of range."""
