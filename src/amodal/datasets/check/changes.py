"""What was changed to mend a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was mended.

    Attributes:
        record: which record of the file.
        rule: the rule it broke.
        field: what was changed.
        before, after: as JSON can hold them; None where there was nothing, or is nothing any more.
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
        return {name: getattr(self, name) for name in ("record", "rule", "field", "before", "after")}
