"""The run's log: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.errors import RecipeError
from ..core.files import write_bytes


class Log:
    """Appends to ``log.jsonl``; lines past the step a resumed run goes on from are dropped first.

    Args:
        folder: of the stage.
        first_step: the run's first step.
        tensorboard: also write TensorBoard's event files, to ``tensorboard/``.

    Raises:
        RecipeError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: str | Path, first_step: int, *, tensorboard: bool = False) -> None:
        self.board = _board(Path(folder) / "tensorboard", first_step) if tensorboard else None
        self.path = Path(folder) / "log.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in self._lines() if first_step and json.loads(line)["step"] <= first_step]
        write_bytes(self.path, "".join(line + "\n" for line in kept).encode())

    def write(self, step: int, **values: Any) -> None:
        """One line; numbers are rounded to six digits."""
        entry = {"step": step} | {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(key, value, step)
            self.board.flush()

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        lines = self.path.read_text().split("\n")
        return [line for line in lines if line.endswith("}")]  # a killed run may leave half a line


def _board(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as problem:
        raise RecipeError(
            f"tensorboard is installed ({problem})", value=True, remedy="run pip install 'amodal[tensorboard]'"
        ) from problem
    return SummaryWriter(str(folder), purge_step=first_step + 1 if first_step else 0)
