"""What was changed to mend a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

NOT_KEPT = "not-kept"
"""Instead of a rule: what the mended file, or folder, does not hold any more, for no reader looks at it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was mended.

    Attributes:
        record: which record of the file.
        rule: the rule it broke, or `NOT_KEPT`.
        field: what was changed.
        before, after: what it was and is; None where there was nothing, or is nothing any more.
    """

    record: str
    rule: str
    field: str
    before: Any
    after: Any

    @property
    def text(self) -> str:
        """One line for a person."""
        if self.field == "record":
            return f"{self.record}: {self.after} ({self.rule})"
        return f"{self.record}: {self.field} {self.before} -> {self.after} ({self.rule})"

    def to_json(self) -> dict[str, Any]:
        """The change as a JSON object."""
        return {name: json_value(getattr(self, name)) for name in ("record", "rule", "field", "before", "after")}


def json_value(value: Any) -> Any:
    """A value of a file as JSON can hold it: numbers that are not finite become text.

    >>> json_value({"area": [float("nan"), 2.5]})
    {'area': ['nan', 2.5]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: json_value(inner) for key, inner in value.items()}
    return [json_value(inner) for inner in value] if isinstance(value, list | tuple) else value
