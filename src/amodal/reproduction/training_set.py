"""What the paper trains on: SBD's masks of VOC 2012's train set, and nothing of its val set (section 3.1)."""

from __future__ import annotations

from pathlib import Path

import yaml

from ..core.errors import AmodalError
from ..datasets.idlist import list_lines
from ..datasets.jsonfile import write_text
from .sources import VOC_LIST, WHERE, find_sbd, find_voc

VOC_TRAIN = "ImageSets/Main/train.txt"
VOC_MASKS = "ImageSets/Segmentation/train.txt"
"""The pictures VOC itself has masks of."""
VALIDATE_EVERY = 50
"""One picture of so many is kept from training, for validation."""
_LEAST = 4
"""Pictures from which on some are kept: two for training and two for validation, one gives the other's occluders."""


def training_source(
    folder: Path, *, sbd: str | None = None, voc: str | None = None, voc_list: str | None = None, write: bool = True
) -> dict[str, str]:
    """The data of `amodal train --sbd --voc`, as a source of a recipe.

    With SBD the pictures are those of VOC's ``ImageSets/Main/train.txt`` where VOC is given and has it, else of SBD's
    own ``train.txt``, which holds some of VOC's val set. With VOC alone they are those it has masks of
    (``ImageSets/Segmentation/train.txt``). Where VOC is given, what is evaluated on is left out of all of them.

    Args:
        folder: where two lists are written, of the pictures trained on and of those kept for validation.
        sbd, voc: folders of the data sets; one of them at least.
        voc_list: of the pictures evaluated on, inside the VOC folder; None: its val set, where it is there.
        write: the lists; else they are named alone.

    Raises:
        AmodalError: no such folder or list, no picture is left, or the folder has lists of other pictures.
    """
    if voc is None and (sbd is None or voc_list is not None):
        raise AmodalError("--voc-list goes with --voc", value=voc_list, remedy="give --voc DIR, too")
    root = None if voc is None else find_voc(voc, *([voc_list] if voc_list else [VOC_TRAIN, VOC_MASKS, VOC_LIST]))
    if sbd is not None:
        home = find_sbd(sbd)
        listed, images, annotations = _listed(home, root), home / "img", home
        wanted = _stems(listed) & {path.stem for path in (home / "inst").rglob("*.mat")}
    else:
        assert root is not None
        listed = annotations = root / VOC_MASKS
        images, wanted = root / "JPEGImages", _stems(listed)
    if root is not None and (root / (voc_list or VOC_LIST)).is_file():
        wanted -= _stems(root / (voc_list or VOC_LIST))
    if not wanted:
        raise AmodalError("there are masks of pictures of the list", file=listed, remedy="give the right folders")
    stems = sorted(wanted)
    every = min(VALIDATE_EVERY, len(stems) // 2) if len(stems) >= _LEAST else len(stems)
    kept = stems[::every] if len(stems) >= _LEAST else []
    source = {"images": str(images), "annotations": str(annotations)}
    lists = {"validation": kept, "only": sorted(wanted - set(kept))}
    files = {name: folder / f"{name}.txt" for name in lists}
    if write:
        _write(lists, files)
    return source | {name: str(file) for name, file in files.items() if lists[name]}


def training_words(
    recipe: str, folder: Path, *, sbd: str | None, voc: str | None, voc_list: str | None = None
) -> list[str]:
    """The words of `amodal train` for one recipe of the paper.

    With SBD the recipe's data are replaced by its masks; without, the recipe's own are used. A recipe that starts from
    another one's run takes the one trained in this folder, if it was: ``iis_voc`` before ``paper_voc``.

    Args:
        recipe: YAML file.
        folder: of the run; the training goes to ``training/RECIPE``.
        sbd, voc, voc_list: as `training_source`.
    """
    words = ["--recipe", recipe, "--resume", "--output", str(folder / "training" / Path(recipe).stem)]
    before = _starts_from(recipe)
    if before is not None and (mine := folder / "training" / before.name).is_dir():
        words += ["--modal_from", str(mine)]  # a recipe trained in this run, not one of that name elsewhere
    if sbd is not None:
        words += ["--sbd", sbd]
        words += ["--voc", voc, *(["--voc-list", voc_list] if voc_list else [])] if voc is not None else []
    return words


def _starts_from(recipe: str) -> Path | None:
    """The run whose modal network a recipe takes (``modal_from``); None where it trains its own, or cannot be read."""
    try:
        content = yaml.safe_load(Path(recipe).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # `amodal train` says what is wrong with it
    found = content.get("modal_from") if isinstance(content, dict) else None
    return Path(found) if isinstance(found, str) and found else None


def _listed(sbd: Path, voc: Path | None) -> Path:
    """The list of the training pictures of SBD."""
    lists = (*([] if voc is None else [voc / VOC_TRAIN]), sbd / "train.txt")
    found = next((path for path in lists if path.is_file()), None)
    if found is None:
        rule = f"the training pictures are listed in VOC's {VOC_TRAIN} or SBD's train.txt"
        raise AmodalError(rule, file=sbd / "train.txt", remedy=f"get {WHERE['sbd']}")
    return found


def _write(lists: dict[str, list[str]], files: dict[str, Path]) -> None:
    """Write the lists, "only" last; those of an earlier start must have the same names."""
    if files["only"].exists():
        for name, file in files.items():
            before = _stems(file)
            if before != set(lists[name]):
                raise AmodalError(
                    "a run trains on what it was started with: the data sets give other pictures now",
                    file=file,
                    value=", ".join(sorted(before ^ set(lists[name]))[:3]),
                    remedy="give the folders of that run, or name another --output",
                )
    else:
        for name, file in files.items():
            write_text(file, "".join(f"{stem}\n" for stem in lists[name]))


def _stems(path: Path) -> set[str]:
    return {line.split()[0] for line in list_lines(path)}
