"""The folder that a pair of networks is kept in: config.json and the files it gives the digests of."""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from ..core.errors import WeightsError
from ..core.files import real_path
from ..datasets.jsonfile import write_json

CONFIG_FILE = "config.json"
FORMAT = 1
"""The layout of a weights folder this version reads."""

REMEDY = "take a folder that `amodal train` or `amodal export` wrote, or the weights/ of the package"


def default_weights() -> Path:
    """The folder of the weights that come with the package, or with a checkout of its source.

    Raises:
        WeightsError: neither is there.
    """
    packaged = Path(str(resources.files("amodal"))) / "weights"
    for folder in (packaged, packaged.parents[2] / "weights"):
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise WeightsError("this installation holds no weights", file=packaged, remedy="name a folder with --weights")


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json, its layout checked.

    Raises:
        WeightsError: folder or file missing, not JSON, another format, a field of the wrong type.
    """
    path = folder / CONFIG_FILE
    if not folder.is_dir():
        rule = "weights are a folder" if folder.exists() else "the folder of weights does not exist"
        raise WeightsError(rule, file=folder, remedy=_where_else(folder))
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError("a folder of weights has a config.json", file=path, remedy=_where_else(folder)) from None
    except (OSError, ValueError) as problem:
        raise WeightsError(f"config.json cannot be read ({problem})", file=path, remedy=REMEDY) from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise WeightsError(
            f'this version reads "format": {FORMAT}',
            file=path,
            value=found,
            remedy="write the weights again, or take the version of amodal that wrote them",
        )
    for key in ("networks", "prediction", "sha256", "calibration", "notes"):
        if not isinstance(config.get(key, {}), dict) and not (key == "notes" and config[key] is None):
            raise WeightsError(f'"{key}" is an object', file=path, value=config[key], remedy=REMEDY)
    names = config.get("categories", [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names) or len(set(names)) != len(names):
        raise WeightsError('"categories" is a list of different names', file=path, value=names, remedy=REMEDY)
    return config


def _where_else(folder: Path) -> str:
    """The remedy for a place without weights: the folder near by that holds some, of a run its ``weights``."""
    near = folder / "weights" if folder.is_dir() else folder.parent
    return f"give {near}" if folder.exists() and (near / CONFIG_FILE).is_file() else REMEDY


def update_config(folder: str | Path, **changes: Any) -> None:
    """Replace some fields of a folder's config.json; the file is whole at every moment.

    Raises:
        WeightsError: as `read_config`.
    """
    folder = Path(folder)
    write_json(folder / CONFIG_FILE, read_config(folder) | changes, indent=2)


def beside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder beside another, to write its files in before `move_in`, with a name that `clear_unfinished` knows.

    Of a link, it is beside the folder that the link leads to: nothing moves to another disk in one step.
    """
    folder = real_path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.amodal-")


def move_in(made: Path, folder: Path) -> None:
    """Move what was written and checked in one folder into another, or into that which a link leads to.

    config.json is moved last.
    """
    folder = real_path(folder)
    folder.mkdir(exist_ok=True)
    for file in sorted(made.iterdir(), key=lambda file: file.name == CONFIG_FILE):
        file.replace(folder / file.name)


def clear_unfinished(folder: Path) -> None:
    """Remove what writers of a folder that were killed left `beside` it; only where nothing else writes the folder."""
    folder = real_path(folder)
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.amodal-{'?' * 8}"):  # `tempfile` gives eight
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def check_file(path: Path, sha256: str | None) -> None:
    """Refuse a file that is missing, or is not the one its config was written for.

    Raises:
        WeightsError: as said.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise WeightsError(f"a network's file cannot be read ({problem.strerror})", file=path, remedy=REMEDY) from None
    if sha256 is not None and found != sha256:
        raise WeightsError(
            f"the file has the sha256 its config.json gives, {sha256}",
            file=path,
            value=found,
            remedy="copy the folder again: the file is damaged or from another training",
        )
