"""Words of `amodal predict` that do not go together, and places it must not or cannot write to."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jsonargparse

from ..core.errors import AmodalError
from ..core.files import real_path
from .places import check_writable
from .predict_output import CUTOUTS, page_path

if TYPE_CHECKING:
    from ..core.album import Album


_UNREAD = {".heic", ".heif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2", ".avif"}
"""What phones and cameras write that is no picture here; AVIF is read by some versions of Pillow alone."""


def photos_of(words: Sequence[str], output: str) -> list[str]:
    """The photographs named, with the pictures right in a folder in its place, hidden files left out.

    Pictures of phones and cameras that cannot be read are warned of.

    Raises:
        AmodalError: a folder without pictures, or one that the output goes into: it would be predicted on next time.
    """
    found: list[str] = []
    for word in words:
        if not Path(word).is_dir():
            found.append(word)
            continue
        from ..datasets.folders import PICTURES

        if real_path(word) == real_path(output):
            raise AmodalError(
                "the pictures drawn would lie among the photographs", value=output, remedy="name another --output"
            )
        files = [path for path in Path(word).iterdir() if path.is_file() and not path.name.startswith(".")]
        inside = sorted(str(path) for path in files if path.suffix.lower() in PICTURES)
        if not inside:
            raise AmodalError(
                "a folder given for photographs has some", file=word, remedy=f"there are {', '.join(sorted(PICTURES))}"
            )
        left = sorted(path.name for path in files if path.suffix.lower() in _UNREAD)
        if left:
            warnings.warn(
                f"{word}: pictures left out, of kinds that are not read from folders: {len(left)}, the first {left[0]}"
                "; save them again as JPEG or PNG",
                stacklevel=2,
            )
        found += inside
    return found


def check_words(args: jsonargparse.Namespace) -> None:
    """Raises AmodalError for words that do not go together."""
    output = Path(args.output)
    if args.photos and (args.images or args.annotations):
        raise AmodalError(
            "give photographs, or --images and --annotations, not both", value=args.photos, remedy="see --help"
        )
    if not args.photos and not (args.images and args.annotations):
        raise AmodalError("give one or more photographs, or --images DIR and --annotations FILE", remedy="see --help")
    if args.box and not args.photos:
        raise AmodalError("--box belongs to a single photograph", value=args.box, remedy="name the photograph")
    if args.cutouts and not args.photos:
        raise AmodalError(
            "--cutouts goes with photographs", remedy="name them; docs/prediction.md has the lines that do it in Python"
        )
    if args.threads < 0:
        raise AmodalError("--threads is 0 or more", value=args.threads)
    for name in ("detector", "segmenter"):
        if getattr(args, name) and not args.photos:
            raise AmodalError(
                f"--{name} goes with photographs",
                value=getattr(args, name),
                remedy="to use a detector's answers on an album, give them with --detections",
            )
    if args.detections and not args.annotations:
        raise AmodalError(
            "--detections goes with --annotations and --images",
            value=args.detections,
            remedy="for photographs name the --detector, or give each --box",
        )
    _check_scores_and_masks(args)
    if args.detector_weights and not args.photos:
        raise AmodalError("--detector-weights goes with photographs", value=args.detector_weights)
    if args.refine and args.given != "mask" and not (args.photos and args.given is None):
        raise AmodalError("--refine improves given masks", remedy="give --given mask")
    if args.box and (args.detector or args.detector_weights):
        raise AmodalError("give boxes or a detector, not both", value=args.box, remedy="leave one out")
    if args.shards is None and (args.retry_failed or args.ray_workers is not None):
        raise AmodalError("--retry-failed and --ray-workers go with --shards", remedy="give --shards N")
    if args.shards is not None and (args.photos or args.page):
        raise AmodalError("--shards goes with --images and --annotations, without --page", value=args.shards)
    if (args.photos or args.shards is not None) and output.is_file():
        what = "photographs" if args.photos else "--shards"
        raise AmodalError(f"with {what}, --output is a folder", file=output, remedy="name a folder")
    if not args.photos and args.shards is None and output.is_dir():
        raise AmodalError(
            "--output is the results file to write", file=output, remedy=f"name {output}/predictions.json"
        )


def _check_scores_and_masks(args: jsonargparse.Namespace) -> None:
    """A least score where nothing has one, masks where nothing finds any: they would do nothing."""
    if args.min_score is not None:
        if not 0 <= args.min_score <= 1:
            raise AmodalError("--min-score is a number from 0 to 1", value=args.min_score)
        if args.box or not (args.photos or args.detections):
            raise AmodalError(
                "--min-score goes with a detector or with --detections: given boxes and annotations have no score",
                value=args.min_score,
                remedy="leave it out",
            )
    detector = args.detector or "yolox"
    boxes_alone = args.box or detector in ("yolox", "torchvision:faster")
    if args.photos and (args.refine or args.given == "mask") and boxes_alone and not args.segmenter:
        raise AmodalError(
            f"{'--refine' if args.refine else '--given mask'} goes with something that finds visible masks",
            value="--box" if args.box else detector,
            remedy="give --segmenter sam2:FOLDER_OR_REPOSITORY or --detector torchvision:mask",
        )


def check_places(args: jsonargparse.Namespace) -> None:
    """See that what will be written can be, and lies over nothing that is read: before the work, not after it.

    Raises:
        AmodalError: it would, or cannot.
    """
    output = Path(args.output)
    read = [Path(path) for path in (args.annotations, args.detections, *args.photos) if path]
    page = [] if args.page is None else [page_path(args.page)]
    if args.photos:
        written = [output / "annotations.json", output / "predictions.json"]
        written += [output / f"{Path(photo).stem}_amodal.png" for photo in args.photos]
    else:
        written = [] if args.shards is not None else [output]
    taken = {real_path(path) for path in read}
    for path in (*page, *written):
        if real_path(path) in taken:
            raise AmodalError("nothing is written over what is read", file=path, remedy="name another place")
    if page and real_path(page[0]) in {real_path(path) for path in written}:
        raise AmodalError("--page and --output are two files", file=page[0], remedy="name another page")
    if args.cutouts:
        _check_cutouts(output / CUTOUTS, read)
    if args.photos:
        _check_folder(output, [*written, output / CUTOUTS] if args.cutouts else written)
    elif written and output.is_file() and not _holds_results(output):
        raise AmodalError(
            "a file would be replaced that holds no predictions", file=output, remedy="name another, or remove it"
        )
    for path in (*page, *written):
        check_writable(path)


def _check_cutouts(folder: Path, read: Sequence[Path]) -> None:
    """What is in the folder may be replaced; raises AmodalError."""
    for path in read:
        if real_path(path).parent == real_path(folder):
            raise AmodalError("nothing is written over what is read", file=path, remedy="name another --output")
    if folder.exists() and not folder.is_dir():
        raise AmodalError(
            "--cutouts makes a folder", file=folder, remedy="remove what is there, or name another --output"
        )
    check_writable(folder / "one.png")


def check_pictures(args: jsonargparse.Namespace, album: Album) -> None:
    """See that no picture of an album will be written over; raises AmodalError."""
    images = real_path(args.images)
    for path in (Path(args.output), *([] if args.page is None else [page_path(args.page)])):
        place = real_path(path)
        if place.is_relative_to(images) and place.relative_to(images).as_posix() in {r.file_name for r in album}:
            raise AmodalError("nothing is written over what is read", file=path, remedy="name another place")


def _check_folder(output: Path, written: Sequence[Path]) -> None:
    """A folder for photographs is new, has other things in it, or holds an earlier run, which is replaced."""
    from ..inference.photos import is_own_album

    annotations = output / "annotations.json"
    if annotations.exists() and is_own_album(annotations):
        return
    for path in written:
        if path.exists():
            raise AmodalError(
                "a file would be replaced that this version of amodal predict did not write",
                file=path,
                remedy="name another folder, or remove it",
            )


def _holds_results(path: Path) -> bool:
    """Whether a file is empty, or a results file as far as its beginning tells: a list, of records that answer."""
    with open(path, "rb") as file:
        start = file.read(4096).strip()
    return start == b"" or re.match(rb'\[\s*(\]$|\{[^}]*"annotation_id"\s*:)', start) is not None
