"""What a run has to work with: opened and checked before anything takes long; what is missing is named."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..core.album import Album
from ..core.errors import AmodalError
from ..datasets import read_annotations
from ..datasets.detections import read_detections
from ..inference.detectors import Detector, open_detector
from ..metrics.occlusion import true_occluded
from .combined import VARIANT_NAMES
from .direct import drawn_objects
from .miniature import make_miniature
from .options import Options
from .output import check_output
from .sources import WHERE, Pictures, find_sbd, open_pascal3d, open_voc, put_on_val
from .truth import by_flags, merge_truth

NEEDS_DRAWN = (
    "the paper's 100 drawn objects were never published: choose some with `amodal select "
    "VOC/ImageSets/Segmentation/val.txt --images VOC/JPEGImages --occluded --output DIR`, draw them whole "
    "(docs/formats.md names the dialects that hold whole masks), and give the file with --truth"
)
NEEDS_FLAGS = (
    "the annotations say of no object whether it is occluded: VOC has flags from 2008 on, others have whole masks or "
    "an occlude_rate"
)


@dataclass(frozen=True, slots=True)
class Material:
    """Opened inputs.

    Attributes:
        val: the pictures evaluated on, amodal masks merged in where some were drawn; None where there are none.
        flagged: the same, of whose objects is known whether they are occluded: by VOC's flags, where it has them.
        drawn: the objects of ``val`` that masks are scored against; None where nothing was drawn.
        pascal3d: pictures with projected CAD models, of VOC's list where that is given; None where the data set is not.
        detections: a detector's boxes that are given, for ``val``, else for ``pascal3d``; None where none are.
        detector: what finds them instead; None where none is named.
        ablations: weights folders of each variant of the supplement; empty where not given.
        is_voc: whether ``val`` is what the paper evaluated on, so that its numbers compare.
        missing: what is not there and where to get it, by the section that needs it.
    """

    val: Pictures | None
    flagged: Album | None
    drawn: Album | None
    pascal3d: Pictures | None
    detections: Album | None
    detector: Detector | None
    ablations: dict[str, list[str]]
    is_voc: bool
    missing: dict[str, str]


def with_miniature(options: Options) -> Options:
    """The options of ``--quick``: what is not given comes from the miniature in the output folder."""
    made = make_miniature(Path(options.output) / "miniature")
    return replace(
        options,
        voc=options.voc or str(made.voc),
        sbd=options.sbd or str(made.sbd),
        pascal3d=options.pascal3d or str(made.pascal3d),
        truth=options.truth or str(made.drawn),
        detections=options.detections or str(made.detections),
    )


def prepare(options: Options) -> tuple[Options, Material]:
    """What comes before anything that takes long: the options in full, and everything that is given, opened.

    Raises:
        AmodalError: what is given cannot be used, or the output folder has files of somebody else.
    """
    check_output(options)
    if options.quick:
        options = with_miniature(options)
    return options, open_material(options)


def open_material(options: Options) -> Material:
    """Open everything that is given.

    Raises:
        AmodalError: what is given cannot be used.
    """
    missing: dict[str, str] = {}
    detector: Detector | None = None
    if options.detector is not None:
        detector = open_detector(options.detector, options.detector_weights, threads=options.threads)
    if options.sbd is not None:
        find_sbd(options.sbd)
    val = _val(options)
    drawn: Album | None = None
    flagged: Album | None = None
    if val is None:
        need = f"{WHERE['voc']}; give its folder with --voc. Or any annotations with --truth FILE --images DIR"
        missing |= dict.fromkeys(("indirect", "direct", "combined", "qualitative", "ablations"), need)
    else:
        flagged = val.album if options.voc is None else by_flags(val.album)
        if not any(true_occluded(one) is not None for record in flagged for one in record.instances):
            missing |= dict.fromkeys(("indirect", "qualitative"), NEEDS_FLAGS)
        scored = drawn_objects(val.album, occluded_only=options.voc is None)
        drawn = scored if len(scored) else None
        if drawn is None:
            missing |= dict.fromkeys(("direct", "combined", "ablations"), NEEDS_DRAWN)
    pascal3d = _pascal3d(options, val)
    if pascal3d is None:
        missing["pascal3d"] = f"{WHERE['pascal3d']}; give its folder with --pascal3d"
    ablations = {} if options.ablations is None else find_ablations(Path(options.ablations), options.weights)
    if not ablations:
        missing.setdefault(
            "ablations", "give the folder of both ablations' weights with --ablations DIR: docs/reproduction.md"
        )
    is_voc = options.voc is not None and not options.quick and val is not None and _is_val_2012(val.album, options)
    return Material(
        val=val,
        flagged=flagged,
        drawn=drawn,
        pascal3d=pascal3d,
        detections=_detections(options, val or pascal3d),
        detector=detector,
        ablations=ablations,
        is_voc=is_voc,
        missing=missing,
    )


def _is_val_2012(album: Album, options: Options) -> bool:
    """Whether a VOC list is the paper's, so that its numbers compare: its name says so, and no XML another year."""
    told = (record.extra.get("folder") for record in album)
    years = {folder.strip() for folder in told if isinstance(folder, str)}
    others = any(re.fullmatch(r"VOC(?!2012)\d{4}", year, re.ASCII) for year in years)
    return PurePosixPath(options.voc_list).name == "val.txt" and not others


def _val(options: Options) -> Pictures | None:
    if options.voc is not None:
        val = open_voc(options.voc, options.voc_list)
        if options.truth is not None:
            val = replace(val, album=merge_truth(val.album, read_annotations(options.truth, images=val.images)))
        return val
    if options.truth is None:
        return None
    if options.images is None:
        raise AmodalError("--truth without --voc goes with the folder of its pictures", remedy="give --images DIR")
    if not Path(options.images).is_dir():
        raise AmodalError("--images is the folder of the pictures", file=options.images, remedy="name one that exists")
    return Pictures(read_annotations(options.truth, images=options.images), Path(options.images))


def _pascal3d(options: Options, val: Pictures | None) -> Pictures | None:
    if options.pascal3d is None:
        return None
    if options.voc is None or val is None:
        found = open_pascal3d(options.pascal3d)
    else:
        found = open_pascal3d(options.pascal3d, [PurePosixPath(record.file_name).stem for record in val.album])
        found = Pictures(put_on_val(found.album, val.album), val.images)
    if not len(drawn_objects(found.album, occluded_only=False)):
        raise AmodalError(
            "PASCAL 3D+ has an object with an aligned model in the pictures evaluated on",
            file=options.pascal3d,
            remedy=f"get {WHERE['pascal3d']}",
        )
    return found


def _detections(options: Options, pictures: Pictures | None) -> Album | None:
    if options.detections is None:
        return None
    if pictures is None:
        raise AmodalError(
            "--detections are boxes of pictures",
            file=options.detections,
            remedy="give --voc, --truth or --pascal3d, too",
        )
    return read_detections(options.detections, pictures.album)


def find_ablations(folder: Path, weights: str | None) -> dict[str, list[str]]:
    """Weights folders by variant: ``FOLDER/VARIANT``, or several runs (seeds) ``FOLDER/VARIANT/*``.

    "both" is ``--weights`` where the folder has none.

    Raises:
        AmodalError: a variant is not there.
    """
    found: dict[str, list[str]] = {}
    for variant in VARIANT_NAMES:
        place = folder / variant
        runs = [place] if (place / "config.json").is_file() else [p.parent for p in sorted(place.glob("*/config.json"))]
        if not runs and not (variant == "both" and weights is not None):
            raise AmodalError(
                f"an ablations folder has {', '.join(VARIANT_NAMES)}, each a weights folder or a folder of several",
                file=place,
                remedy="train them with their recipes: docs/reproduction.md",
            )
        found[variant] = [str(run) for run in runs] or [str(weights)]
    return found
