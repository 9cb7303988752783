"""What the paper trains on: SBD's masks on VOC 2012's train set, and nothing of its val set (section 3.1)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import yaml

from ..core.errors import AmodalError, AnnotationError
from ..core.records import ImageRecord
from ..datasets import read_annotations
from ..datasets.dialects import dialect_named
from ..datasets.jsonfile import read_json, write_json, write_text
from .sources import VOC_LIST, WHERE, find_voc

VOC_TRAIN = "ImageSets/Main/train.txt"
VALIDATE_EVERY = 50
"""One picture of so many is kept from training, for validation."""


def training_words(recipe: str, folder: Path, *, sbd: str | None, voc: str | None) -> list[str]:
    """The words of `amodal train` for one recipe of the paper.

    With SBD the recipe's data are replaced by its masks; without, the recipe's own are used. A recipe that starts from
    another one's run takes the one trained in this folder, if it was: ``iis_voc`` before ``paper_voc``.

    Args:
        recipe: YAML file.
        folder: of the run; the training set is written to ``data/``, the training to ``training/RECIPE``.
        sbd, voc: folders of the data sets.

    Raises:
        AmodalError: the data sets cannot be used, or the folder's training set was made of others.
    """
    output = folder / "training" / Path(recipe).stem
    words = ["--recipe", recipe, "--resume", "--output", str(output)]
    before = _starts_from(recipe)
    if before is not None and (mine := folder / "training" / before.name).is_dir():
        words += ["--modal_from", str(mine)]  # a recipe trained in this run, not one of that name elsewhere
    if sbd is None:
        return words
    annotations, validation = folder / "data" / "train.json", folder / "data" / "train_validation.txt"
    root = Path(sbd) if (Path(sbd) / "inst").is_dir() else Path(sbd) / "dataset"
    if annotations.exists() and validation.exists():
        _check_same(root, voc, annotations)
    else:
        write_training_set(root, voc, annotations, validation)
    source = {"images": str(root / "img"), "annotations": str(annotations), "validation": str(validation)}
    return [*words, "--data", json.dumps([source])]


def _starts_from(recipe: str) -> Path | None:
    """The run whose modal network a recipe takes (``modal_from``); None where it trains its own, or cannot be read."""
    try:
        content = yaml.safe_load(Path(recipe).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # `amodal train` says what is wrong with it
    found = content.get("modal_from") if isinstance(content, dict) else None
    return Path(found) if isinstance(found, str) and found else None


def write_training_set(sbd: Path, voc: str | None, annotations: Path, validation: Path) -> None:
    """Write SBD's masks of the training pictures as COCO, and the ids kept for validation.

    The pictures are those of VOC's ``ImageSets/Main/train.txt`` where VOC is given and has it, else of SBD's own
    ``train.txt``, which holds some of VOC's val set: where VOC is given, its val set is left out. What they were made
    of is written beside them, to ``NAME.about.json``.

    Raises:
        AmodalError: no such folder or list, or no picture is left.
    """
    listed, without = _lists(sbd, voc)
    wanted = _stems(listed)
    if without is not None:
        wanted -= _stems(without)
    album = read_annotations(sbd, "sbd").filter(lambda record: record if _stem(record) in wanted else None)
    if not len(album):
        raise AmodalError("SBD has pictures of the list", file=listed, remedy="give the folders of both data sets")
    annotations.parent.mkdir(parents=True, exist_ok=True)
    write_json(_about_file(annotations), _about(sbd, voc), indent=1)
    write = dialect_named("coco").write
    assert write is not None
    write(album, annotations)
    every = min(VALIDATE_EVERY, max(len(album) // 2, 1))  # two pictures at least: one gives the other's occluders
    kept = [album[i].id for i in range(0, len(album), every)]
    write_text(validation, "".join(f"{number}\n" for number in kept))


def _check_same(sbd: Path, voc: str | None, annotations: Path) -> None:
    """Refuse a training set that was made of other data sets or lists than those given now."""
    path, now = _about_file(annotations), _about(sbd, voc)
    remedy = "give the folders of that run, or name another --output"
    if not path.exists():
        raise AmodalError("a training set has beside it what it was made of", file=path, remedy=remedy)
    kept = read_json(path)
    for key, value in now.items():
        found = kept.get(key) if isinstance(kept, dict) else None
        if found != value:
            rule = f"a run trains on what it was started with: {key} is {value or 'not given'} now"
            raise AmodalError(rule, file=path, record=key, value=found, remedy=remedy)


def _about_file(annotations: Path) -> Path:
    return annotations.with_suffix(".about.json")


def _about(sbd: Path, voc: str | None) -> dict[str, str | None]:
    """Folders and lists a training set is made of: resolved paths, SHA-256 of the lists in hexadecimal."""
    listed, without = _lists(sbd, voc)
    return {
        "sbd": str(sbd.resolve()),
        "voc": None if voc is None else str(find_voc(voc, VOC_TRAIN, VOC_LIST).resolve()),
        "train_list": str(listed.resolve()),
        "train_list_sha256": _sha256(listed),
        "val_list_sha256": None if without is None else _sha256(without),
    }


def _lists(sbd: Path, voc: str | None) -> tuple[Path, Path | None]:
    """The list of the training pictures, and that of those left out of it; raises as `write_training_set`."""
    if not (sbd / "inst").is_dir():
        raise AmodalError("an SBD folder has inst and img", file=sbd, remedy=f"get {WHERE['sbd']}")
    root = None if voc is None else find_voc(voc, VOC_TRAIN, VOC_LIST)
    lists = (*([] if root is None else [root / VOC_TRAIN]), sbd / "train.txt")
    listed = next((path for path in lists if path.is_file()), None)
    if listed is None:
        raise AmodalError(
            f"the training pictures are listed in VOC's {VOC_TRAIN} or SBD's train.txt",
            file=sbd / "train.txt",
            remedy=f"get {WHERE['sbd']}",
        )
    return listed, root / VOC_LIST if root is not None and (root / VOC_LIST).is_file() else None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise AnnotationError(f"the list cannot be read ({problem})", file=path, remedy="check the path") from None


def _stem(record: ImageRecord) -> str:
    return Path(record.file_name).stem


def _stems(path: Path) -> set[str]:
    try:
        return {line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"the list cannot be read ({problem})", file=path, remedy="check the path") from None
