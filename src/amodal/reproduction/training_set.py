"""What the paper trains on: SBD's masks on VOC 2012's train set, and nothing of its val set (section 3.1)."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from ..core.errors import AmodalError, AnnotationError
from ..core.records import ImageRecord
from ..datasets import read_annotations
from ..datasets.dialects import dialect_named
from ..datasets.jsonfile import write_text
from .sources import VOC_LIST, WHERE

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
        AmodalError: the data sets cannot be used.
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
    if not (annotations.exists() and validation.exists()):
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
    ``train.txt``, which holds some of VOC's val set: where VOC is given, its val set is left out.

    Raises:
        AmodalError: no such folder or list, or no picture is left.
    """
    if not (sbd / "inst").is_dir():
        raise AmodalError("an SBD folder has inst and img", file=sbd, remedy=f"get {WHERE['sbd']}")
    lists = [Path(voc) / VOC_TRAIN] if voc is not None else []
    listed = next((path for path in (*lists, sbd / "train.txt") if path.is_file()), None)
    if listed is None:
        raise AmodalError(
            f"the training pictures are listed in VOC's {VOC_TRAIN} or SBD's train.txt",
            file=sbd / "train.txt",
            remedy=f"get {WHERE['sbd']}",
        )
    wanted = _stems(listed)
    if voc is not None and (Path(voc) / VOC_LIST).is_file():
        wanted -= _stems(Path(voc) / VOC_LIST)
    album = read_annotations(sbd, "sbd").filter(lambda record: record if _stem(record) in wanted else None)
    if not len(album):
        raise AmodalError("SBD has pictures of the list", file=listed, remedy="give the folders of both data sets")
    annotations.parent.mkdir(parents=True, exist_ok=True)
    write = dialect_named("coco").write
    assert write is not None
    write(album, annotations)
    every = min(VALIDATE_EVERY, max(len(album) // 2, 1))  # two pictures at least: one gives the other's occluders
    kept = [album[i].id for i in range(0, len(album), every)]
    write_text(validation, "".join(f"{number}\n" for number in kept))


def _stem(record: ImageRecord) -> str:
    return Path(record.file_name).stem


def _stems(path: Path) -> set[str]:
    try:
        return {line.split()[0] for line in path.read_text("utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"the list cannot be read ({problem})", file=path, remedy="check the path") from None
