"""The run's log: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Log:
    """Appends to ``log.jsonl``; lines past the step a resumed run goes on from are dropped first."""

    def __init__(self, folder: str | Path, first_step: int) -> None:
        self.path = Path(folder) / "log.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in self._lines() if json.loads(line)["step"] <= first_step]
        beside = self.path.with_name(f".{self.path.name}.part")
        beside.write_text("".join(line + "\n" for line in kept))
        beside.replace(self.path)

    def write(self, step: int, **values: Any) -> None:
        """One line; numbers are rounded to six digits."""
        entry = {"step": step} | {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        lines = self.path.read_text().split("\n")
        return [line for line in lines if line.endswith("}")]  # a killed run may leave half a line
