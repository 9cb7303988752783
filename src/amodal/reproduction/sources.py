"""The data sets of the paper from their own folders, and what is missing with where to get it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..core.album import Album
from ..core.errors import AmodalError, AnnotationError
from ..core.records import ImageRecord
from ..datasets import read_annotations

VOC_LIST = "ImageSets/Segmentation/val.txt"
"""The paper's "PASCAL VOC 2012 val set", read as the segmented pictures: those whose objects have masks."""
WHERE = {
    "voc": "PASCAL VOC 2012 (VOCtrainval_11-May-2012.tar, 2 GB): http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    "sbd": "Semantic Boundaries Dataset (benchmark.tgz, 1.4 GB): http://home.bharathh.info/pubs/codes/SBD/download.html",
    "pascal3d": "PASCAL 3D+ (PASCAL3D+_release1.1.zip, 7.5 GB): https://cvgl.stanford.edu/projects/pascal3d.html",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Annotations with the folder their pictures lie in."""

    album: Album
    images: Path


def open_voc(folder: str | Path, listed: str = VOC_LIST) -> Pictures:
    """VOC 2012's val set from the original folder, or from a folder it lies in (VOCdevkit/VOC2012).

    Raises:
        AmodalError: no such folder or list.
        AnnotationError: an annotation that breaks a rule.
    """
    root = find_voc(folder, listed)
    return Pictures(read_annotations(root / listed, "voc-list"), root / "JPEGImages")


def find_voc(folder: str | Path, *lists: str) -> Path:
    """VOC 2012's own folder: the one given or one inside it, whichever has one of the lists.

    Raises:
        AmodalError: none has.
    """
    roots = (Path(folder), Path(folder) / "VOC2012", Path(folder) / "VOCdevkit/VOC2012")
    for root in roots:
        if any((root / name).is_file() for name in lists):
            return root
    found = (path for root in roots for path in sorted(root.glob("ImageSets/Segmentation/*.txt")))
    others = [f"ImageSets/Segmentation/{path.name}" for path in found]
    raise AmodalError(
        f"a VOC folder has {' or '.join(lists)} beside Annotations and JPEGImages",
        file=folder,
        remedy=(f"give one of its lists, --voc-list {others[0]}, or " if others else "") + f"get {WHERE['voc']}",
    )


def find_sbd(folder: str | Path) -> Path:
    """SBD's own folder: the one given, or ``dataset`` inside it (as the archive has it), whichever has ``inst``.

    Raises:
        AmodalError: neither has.
    """
    for root in (Path(folder), Path(folder) / "dataset"):
        if (root / "inst").is_dir():
            return root
    raise AmodalError("an SBD folder has inst and img", file=folder, remedy=f"get {WHERE['sbd']}")


def open_pascal3d(folder: str | Path, stems: Iterable[str] | None = None) -> Pictures:
    """PASCAL 3D+'s pictures of PASCAL, the objects of all categories of a picture together.

    Each category has a folder of its own, whose files list a picture's objects; only those of the folder's own category
    have a model. A picture that several folders have becomes one.

    Args:
        folder: with Annotations, Images and CAD, or one it lies in.
        stems: names without suffix of the pictures wanted; None: all.

    Raises:
        AmodalError: no such folder, or none of the pictures in it.
        AnnotationError: an annotation that breaks a rule.
    """
    from ..datasets.pascal3d import read_pictures

    root = Path(folder)
    if not (root / "CAD").is_dir() and len(inside := [path.parent for path in root.glob("*/CAD")]) == 1:
        root = inside[0]
    if not (root / "CAD").is_dir() or not (root / "Annotations").is_dir():
        raise AmodalError(
            "a PASCAL 3D+ folder has Annotations, Images and CAD", file=folder, remedy=f"get {WHERE['pascal3d']}"
        )
    wanted = None if stems is None else frozenset(stems)
    album = read_pictures(
        root, lambda path: path.parent.name.endswith("_pascal") and (wanted is None or path.stem in wanted)
    )
    merged = _one_per_picture(album)
    if not len(merged):
        raise AmodalError("PASCAL 3D+ has pictures of the VOC list", file=root, remedy=f"get {WHERE['pascal3d']}")
    return Pictures(merged, root / "Images")


def put_on_val(pascal3d: Album, val: Album) -> Album:
    """The pictures of a VOC list with PASCAL 3D+'s objects in place of VOC's, where PASCAL 3D+ has that kind in them.

    VOC's other objects stay, known by their box: those of kinds without models, and those that PASCAL 3D+ leaves out.
    So do pictures without a rigid object: what a detector finds in them is wrong as in any other.

    Args:
        pascal3d: one record a picture, as `open_pascal3d` gives them.
        val: the list's pictures; ids, names and categories are taken from it.

    Raises:
        AnnotationError: a picture of another size.
    """
    places = {category.name: place for place, category in enumerate(val.categories)}
    records = {PurePosixPath(record.file_name).stem: record for record in pascal3d}
    after = max(val.annotation_ids.tolist(), default=0)

    def put(record: ImageRecord) -> ImageRecord:
        found = records.get(PurePosixPath(record.file_name).stem)
        theirs = () if found is None else found.instances
        if found is not None and (found.width, found.height) != (record.width, record.height):
            raise AnnotationError(
                f"a picture has the size it has in {val.source}",
                file=pascal3d.source,
                record=found.file_name,
                value=(found.width, found.height),
                remedy="give the VOC 2012 that PASCAL 3D+ was made from",
            )
        new = [
            replace(one, id=after + one.id, category=places[name])
            for one in theirs
            if (name := pascal3d.categories[one.category].name) in places
        ]
        kinds = {one.category for one in new}
        kept = (
            replace(one, amodal_mask=None, amodal_box=None, occlude_rate=None)
            for one in record.instances
            if one.category not in kinds
        )
        return replace(record, instances=(*kept, *new), occlusions=())

    return val.filter(put)


def _one_per_picture(album: Album) -> Album:
    records: dict[str, ImageRecord] = {}
    for record in album:
        place = PurePosixPath(record.file_name)
        kind = place.parts[0].removesuffix("_pascal")
        mine = tuple(one for one in record.instances if album.categories[one.category].name == kind)
        known = records.get(place.stem)
        if known is not None and (known.width, known.height) != (record.width, record.height):
            raise AnnotationError(
                "a picture has one size in all folders",
                file=album.source,
                record=record.file_name,
                value=(record.width, record.height),
                remedy="correct imgsize in one of the files",
            )
        before = known.instances if known is not None else ()
        records[place.stem] = replace(known or record, instances=(*before, *mine))
    return Album(records.values(), album.categories, source=album.source)
