"""What a run has to work with: opened and checked before anything takes long; what is missing is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ..core.album import Album
from ..core.errors import AmodalError
from ..datasets import read_annotations
from ..metrics.occlusion import true_occluded
from .combined import VARIANT_NAMES
from .direct import drawn_objects
from .miniature import make_miniature
from .options import Options
from .sources import WHERE, Pictures, open_pascal3d, open_voc

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
        drawn: the objects of ``val`` that masks are scored against; None where nothing was drawn.
        pascal3d: pictures with projected CAD models; None where the data set is not given.
        ablations: weights folders of each variant of the supplement; empty where not given.
        is_voc: whether ``val`` is what the paper evaluated on, so that its numbers compare.
        missing: what is not there and where to get it, by the section that needs it.
    """

    val: Pictures | None
    drawn: Album | None
    pascal3d: Pictures | None
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


def open_material(options: Options) -> Material:
    """Open everything that is given.

    Raises:
        AmodalError: what is given cannot be used.
    """
    missing: dict[str, str] = {}
    val = _val(options)
    drawn: Album | None = None
    if val is None:
        need = f"{WHERE['voc']}; give its folder with --voc. Or any annotations with --truth FILE --images DIR"
        missing |= dict.fromkeys(("indirect", "direct", "combined", "qualitative", "ablations"), need)
    else:
        if not any(true_occluded(one) is not None for record in val.album for one in record.instances):
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
    return Material(val, drawn, pascal3d, ablations, options.voc is not None and not options.quick, missing)


def _val(options: Options) -> Pictures | None:
    if options.voc is not None:
        val = open_voc(options.voc, options.voc_list)
        if options.truth is not None:
            from .truth import merge_truth

            val = replace(val, album=merge_truth(val.album, read_annotations(options.truth)))
        return val
    if options.truth is None:
        return None
    if options.images is None:
        raise AmodalError("--truth without --voc goes with the folder of its pictures", remedy="give --images DIR")
    return Pictures(read_annotations(options.truth), Path(options.images))


def _pascal3d(options: Options, val: Pictures | None) -> Pictures | None:
    if options.pascal3d is None:
        return None
    if options.voc is None or val is None:
        return open_pascal3d(options.pascal3d)
    return open_pascal3d(options.pascal3d, [PurePosixPath(record.file_name).stem for record in val.album])


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
