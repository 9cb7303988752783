"""The folder of a run: what is written there, and that nothing is written over what no run left."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.errors import AmodalError
from ..datasets.jsonfile import write_json
from ..inference.bulk import MANIFEST
from .options import Options

FIGURES = (
    *("fig5.html", "fig6.html", "fig7.html", "not_judged.html"),
    *("fig8a_area_ratio.png", "fig8b_precision_recall.png"),
    *("fig9a_scatter.png", "fig9a_scatter_chosen.png", "fig9b_accuracy.png"),
)
"""All files of figures that sections can have: what a former run left of them is known by its name."""
NUMBERS = "numbers.json"
PAGES = ("index.html", "report.md", NUMBERS)
_ALBUMS = ("val", "pascal3d", "val_detections", "pascal3d_detections")
"""Names of JSON files in ``data`` and ``predictions``; those of ablations begin with `_ABLATION`."""
_ABLATION = "ablation_"


def check_output(options: Options) -> None:
    """See that the run writes over nothing but what an earlier one left.

    Raises:
        AmodalError: the folder has files of somebody else by the names a run uses, or an input stands among those that
            are written.
    """
    folder = Path(options.output)
    for given in filter(None, (options.truth, options.detections)):
        place = Path(given).resolve()
        inside = place.parent in ((folder / name).resolve() for name in ("data", "predictions"))
        if inside and _is_album(place.stem):
            raise AmodalError(
                "a run writes a file of that name, and nothing over what it reads",
                file=given,
                remedy="give the file another name, or name another --output",
            )
    if _is_run(folder):
        return
    for name in (*PAGES, *FIGURES, *(f"{part}/{album}.json" for part in ("data", "predictions") for album in _ALBUMS)):
        if (folder / name).exists():
            raise AmodalError(
                "a file would be replaced that no `amodal reproduce` left",
                file=folder / name,
                remedy="name another --output",
            )


def begin(folder: Path) -> None:
    """Mark the folder as a run's before anything else is written: a page without sections."""
    if not _is_run(folder):
        write_json(folder / NUMBERS, {"protocol": {}, "sections": {}}, indent=1)


def _is_run(folder: Path) -> bool:
    try:
        content = json.loads((folder / NUMBERS).read_text("utf-8"))
    except FileNotFoundError:  # an earlier state of the package wrote it last
        return any(
            _is_album(made.parent.name) and (folder / "data" / f"{made.parent.name}.json").exists()
            for made in (folder / "predictions").glob(f"*/{MANIFEST}")
        )
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() == {"protocol", "sections"}


def _is_album(name: str) -> bool:
    return name in _ALBUMS or name.startswith(_ABLATION)
