"""SBD, the Semantic Boundaries Dataset: one MATLAB file a picture.

``inst/NAME.mat`` has ``GTinst.Segmentation`` (pixel value i is the i-th object, 0 none) and ``GTinst.Categories``
(VOC's numbers); ``cls/NAME.mat`` has the category of each pixel in ``GTcls``. Boundaries follow from the masks: they
are not read and not written. Pictures are ``img/NAME.jpg``. Ids are ours. Other categories than VOC's need the file
``categories.txt``, one name a line, which is ours too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.records import Category, ImageRecord, Instance
from .dialects import Dialect, Holds, Reading
from .folders import VOC_NAMES, find, masks_of, new_folder, paint, pictures, unique_stems
from .matfile import read_mat, write_mat
from .reduce import COVERED, objects_held


def _root(path: Path) -> Path:
    """The folder with ``inst``: the one given, or ``dataset`` in it as the download unpacks."""
    return path if (path / "inst").is_dir() else path / "dataset"


def _recognise(path: Path) -> bool:
    return bool(find(_root(path) / "inst", "**/*.mat", most=1))


def _read(path: Path, how: Reading) -> Album:
    root = _root(path)
    categories = _categories(root)
    folder = how.images or root / "img"
    names = {stem: found[-1].relative_to(folder).as_posix() for stem, found in pictures(folder).items()}
    records: list[ImageRecord] = []
    next_id = 1
    for number, file in enumerate(find(root / "inst", "**/*.mat"), 1):
        stem = file.relative_to(root / "inst").with_suffix("").as_posix()
        try:
            record = _image(file, number, names.get(stem, f"{stem}.jpg"), next_id, len(categories), how)
        except AmodalError as problem:
            how.bad(problem)
            continue
        records.append(record)
        next_id += len(record.instances)
    return Album(records, categories, source=path)


def _categories(root: Path) -> tuple[Category, ...]:
    file = root / "categories.txt"
    try:
        names = file.read_text("utf-8-sig").splitlines() if file.is_file() else list(VOC_NAMES)
    except (OSError, UnicodeDecodeError) as problem:
        raise AnnotationError(f"the names cannot be read ({problem})", file=file, remedy="save it as UTF-8") from None
    return tuple(Category(i, name) for i, name in enumerate(names, 1))


def _image(file: Path, number: int, name: str, next_id: int, kinds: int, how: Reading) -> ImageRecord:
    truth = read_mat(file).get("GTinst")
    if not isinstance(truth, list) or len(truth) != 1 or not isinstance(truth[0], dict):
        raise AnnotationError(
            "an SBD file has one struct GTinst", file=file, remedy="give the files of inst/, not cls/"
        )
    numbers = _whole(truth[0].get("Segmentation"), "GTinst.Segmentation", file)
    kinds_given = _whole(truth[0].get("Categories"), "GTinst.Categories", file).ravel().tolist()
    if numbers.ndim != 2 or not numbers.size or numbers.min() < 0:
        raise AnnotationError(
            "GTinst.Segmentation has one number a pixel, 0 or more",
            file=file,
            value=numbers.shape,
            remedy="copy it again",
        )
    height, width = numbers.shape
    instances: list[Instance] = []
    for i, mask in masks_of(numbers).items():
        if i > len(kinds_given) or not 1 <= kinds_given[i - 1] <= kinds:
            value = kinds_given[i - 1] if i <= len(kinds_given) else None
            rule = f"each object of GTinst.Segmentation has a number from 1 to {kinds} in GTinst.Categories"
            how.bad(AnnotationError(rule, file=file, record=f"object {i}", value=value, remedy="correct the category"))
            continue
        instances.append(Instance(next_id + len(instances), kinds_given[i - 1] - 1, mask.box, mask))
    return ImageRecord(number, name, width, height, tuple(instances))


def _whole(value: Any, name: str, file: Path) -> NDArray[np.int64]:
    if not isinstance(value, np.ndarray) or (value.dtype.kind == "f" and not (value == np.floor(value)).all()):
        raise AnnotationError(f"{name} is an array of whole numbers", file=file, value=value, remedy="copy it again")
    if value.size and (value.min() < -(2**31) or value.max() >= 2**31):
        raise AnnotationError(f"{name} counts objects", file=file, value=value.max(), remedy="copy it again")
    return value.astype(np.int64)


def _write(album: Album, path: Path) -> None:
    """Modal masks and categories; ``train.txt`` lists all pictures."""
    names = [_squeezed(category.name) for category in album.categories]
    are_voc = set(names) <= set(VOC_NAMES)
    table = [VOC_NAMES.index(name) + 1 if are_voc else i for i, name in enumerate(names, 1)]
    with new_folder(path) as folder:
        stems: list[str] = []
        for record, stem in unique_stems(objects_held(album, _HOLDS), album):
            objects, numbers = _painted(record)
            kinds = [table[i.category] for i in objects]
            classes = np.array([0, *kinds], dtype=np.int64)[numbers]
            inst = {"Segmentation": _small(numbers), "Categories": np.array(kinds, float).reshape(-1, 1)}
            cls = {"Segmentation": _small(classes), "CategoriesPresent": np.unique(kinds).astype(float)}
            for room, truth in (("inst", inst), ("cls", cls)):
                file = folder / room / f"{stem}.mat"
                file.parent.mkdir(parents=True, exist_ok=True)
                write_mat(file, {f"GT{room}": [truth]})
            stems.append(stem)
        (folder / "img").mkdir()
        (folder / "train.txt").write_text("".join(f"{stem}\n" for stem in stems), "utf-8")
        if not are_voc:
            (folder / "categories.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")


def _painted(record: ImageRecord) -> tuple[list[Instance], NDArray[np.int64]]:
    """The objects with pixels, and the number, from 1, of the one each pixel belongs to."""
    objects = [i for i in record.instances if i.modal_mask is not None and not i.modal_mask.is_empty]
    return objects, paint(objects, record.width, record.height, range(1, len(objects) + 1))


def _squeezed(name: str) -> str:
    """As one line can hold it."""
    return " ".join(name.split())


def _small(numbers: NDArray[np.int64]) -> NDArray[Any]:
    return numbers.astype(np.uint8 if numbers.max(initial=0) < 256 else np.uint16)


def _limits(record: ImageRecord, album: Album) -> Iterator[tuple[str, str]]:
    """A picture is NAME.jpg, a pixel one object's, a name one line."""
    if PurePosixPath(record.file_name).suffix != ".jpg":
        yield "suffixes of pictures other than .jpg (found again where the pictures are there)", record.file_name
    (held,) = objects_held([record], _HOLDS)
    objects, numbers = _painted(held)
    seen = np.bincount(numbers.ravel(), minlength=len(objects) + 1)
    for number, instance in enumerate(objects, 1):
        if not seen[number]:
            yield COVERED, f"annotation {instance.id}"
        if (name := album.categories[instance.category].name) != _squeezed(name):
            yield "names of categories with blanks around or several together, or of several lines", repr(name)


_HOLDS = frozenset({Holds.MODAL_MASK, Holds.PIXELS, Holds.EMPTY_IMAGES})
DIALECT = Dialect(
    "sbd",
    "SBD (folder of MATLAB files)",
    "folder",
    _HOLDS,
    _recognise,
    _read,
    _write,
    _limits,
    by_stem=True,
    files=tuple(
        f"{root}{name}" for root in ("", "dataset/") for name in ("inst/**/*.mat", "cls/**/*.mat", "categories.txt")
    ),
)
