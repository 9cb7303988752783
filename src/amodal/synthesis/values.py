"""Values of settings as they are given: of the kind that their fields say, and within their bounds.

numpy's are known by their ``dtype``: importing numpy would make ``amodal train --help`` slow.
"""

from __future__ import annotations

import operator
from dataclasses import fields
from typing import Any

from ..core.errors import RecipeError


def check_kinds(owner: Any) -> None:
    """Refuse values of another kind than the defaults of a dataclass; numpy's become Python's own, pairs tuples.

    A default of None stands for a number or None; words are left to the caller.

    Raises:
        RecipeError: such a value.
    """
    for field in fields(owner):
        value, default = getattr(owner, field.name), field.default
        if isinstance(default, str) or (value is None and default is None):
            continue
        if isinstance(default, tuple):
            rule = "two whole numbers" if isinstance(default[0], int) else "two numbers"
            given = value.tolist() if hasattr(value, "dtype") else value
            parts = given if isinstance(given, tuple | list) else ()
            found = tuple(map(_as_kind, parts, default))
            holds = len(parts) == len(default) and None not in found
        else:
            names = {bool: "true or false", int: "a whole number", float: "a number", type(None): "a number, or none"}
            rule, found = names[type(default)], _as_kind(value, default)
            holds = found is not None
        require(holds, field.name, value, rule)
        if found is not value:
            object.__setattr__(owner, field.name, found)  # the dataclasses are frozen


def _as_kind(value: Any, default: Any) -> Any:
    """The value as Python's own, where it is of the default's kind; else None."""
    plain = value.item() if hasattr(value, "dtype") and value.shape == () else value
    if isinstance(plain, bool):
        return plain if isinstance(default, bool) else None
    if isinstance(plain, str | bytes):
        return None
    try:
        if isinstance(default, bool):  # 0 and 1 are understood
            return {0: False, 1: True}.get(operator.index(plain))
        if isinstance(default, int):
            return operator.index(plain)
        return value if type(value) in (int, float) else float(plain)
    except (TypeError, ValueError):
        return None


def within(owner: Any, low: float, high: float, *names: str) -> None:
    """Refuse settings that are not ``low`` to ``high``."""
    for name in names:
        value = getattr(owner, name)
        require(low <= value <= high, name, value, f"{low} to {high}")


def require(holds: bool, name: str, value: object, rule: str) -> None:
    """Refuse a setting for which a rule does not hold."""
    if not holds:
        raise RecipeError(f"{name} is {rule}", value=value, remedy="correct the setting")
