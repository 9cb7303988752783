"""Everything the paper evaluates, on what is at hand, in one folder and on one page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..core.album import Album
from ..core.records import Prediction
from ..datasets.detections import read_detections
from ..inference.folder import default_weights, read_config
from ..inference.predictor import Predictor
from ..inference.strong_modal import PAPER_MODAL_THRESHOLD, modal_masks_at
from ..metrics.evaluate import evaluate
from .combined import NEEDS_DETECTOR, ablation_section, combined_section, pascal3d_section, region_aps
from .direct import ModalAt, direct_section, drawn_objects, score_direct, scores, table_1
from .indirect import indirect_section
from .material import Material, prepare
from .options import Options
from .output import begin
from .page import write_page
from .predictions import Asked, Show, detect_kept, predict_kept, write_album
from .qualitative import qualitative_section
from .section import Section
from .sources import WHERE, Pictures

TITLES = {
    "indirect": "Indirect evaluation: occluded or not (section 5.2, Fig. 8)",
    "direct": "Direct evaluation: masks drawn by hand (section 5.3, Table 1, Fig. 9)",
    "combined": "Combined detection and segmentation (section 5.3, Table 2)",
    "pascal3d": "PASCAL 3D+ (supplement, section 2)",
    "ablations": "Ablations (supplement, section 1)",
    "qualitative": "Qualitative results (section 5.1, Figs. 5 to 7)",
}
"""The sections in their order, for those that are missing."""


def reproduce(options: Options, show: Show = lambda what, done, total: None) -> Path:
    """Run what can be run and write the page; what cannot is named on it, with where to get what it needs.

    Predictions and detections are kept in the output folder as they are made: a run that was killed goes on where it
    stopped when it is started again with the same words.

    Args:
        options: see `Options`.
        show: told how far each long part is.

    Returns:
        ``index.html``.

    Raises:
        AmodalError: what is given cannot be used, or the folder holds another run.
    """
    options, material = prepare(options)
    run = _Run(options, material, show)
    begin(Path(options.output))
    sections = [run.section(name) for name in TITLES]
    title = "Amodal Instance Segmentation (Li & Malik, ECCV 2016), reproduced"
    if options.quick:
        title += ": miniature of drawn shapes, the numbers mean nothing"
    return write_page(Path(options.output), sections, title=title, protocol=run.protocol())


@dataclass
class _Run:
    options: Options
    material: Material
    show: Show

    def __post_init__(self) -> None:
        self.predictor = Predictor.from_pretrained(
            self.options.weights, self.options.backend, threads=self.options.threads
        )
        self.detector_name = self.options.detections or self.options.detector or "none"
        self._kept: dict[str, list[Prediction]] = {}
        self._detections: dict[str, Album | None] = {}

    def section(self, name: str) -> Section:
        """One section, or what it misses."""
        if name in self.material.missing:
            return Section(name, TITLES[name], missing=(self.material.missing[name],))
        parts: dict[str, Callable[[], Section]] = {
            "indirect": self._indirect,
            "direct": self._direct,
            "combined": self._combined,
            "pascal3d": self._pascal3d,
            "ablations": self._ablations,
            "qualitative": self._qualitative,
        }
        return parts[name]()

    def _indirect(self) -> Section:
        val = self._val()
        return indirect_section(self._flagged(), self._predict("val", val), is_voc=self.material.is_voc)

    def _direct(self) -> Section:
        val, drawn = self._val(), self._drawn()
        return direct_section(
            drawn,
            self._predict("val", val),
            self._modal_at(val.images),
            is_voc=self.material.is_voc,
            thresholds=self._thresholds(),
        )

    def _combined(self) -> Section:
        val = self._val()
        found = self._detect("val", val)
        if found is None:
            return Section("combined", TITLES["combined"], missing=(NEEDS_DETECTOR,))
        predictions = self._predict("val_detections", Pictures(found, val.images))
        return combined_section(val.album, found, predictions, detector=self.detector_name, is_voc=self.material.is_voc)

    def _pascal3d(self) -> Section:
        target = self.material.pascal3d
        assert target is not None  # else it is missing
        drawn = drawn_objects(target.album, occluded_only=False)
        report = score_direct(
            drawn, self._predict("pascal3d", _pictures_of(drawn, target)), self._modal_at(target.images)
        )
        table = table_1(report, "The same objects, box given (not in the paper)", published=False)
        # with VOC the pictures are its list's, and what the detector finds in them is asked about once
        name, where = ("pascal3d", target) if self.options.voc is None else ("val", self._val())
        found = self._detect(name, where)
        predictions = [] if found is None else self._predict(f"{name}_detections", Pictures(found, where.images))
        return pascal3d_section(
            target.album,
            found,
            predictions,
            detector=self.detector_name,
            direct=table,
            is_voc=self.material.is_voc,
        )

    def _ablations(self) -> Section:
        val, drawn = self._val(), self._drawn()
        detections = self._detect("val", val)
        wanted, asked = set(drawn.annotation_ids.tolist()), _pictures_of(drawn, val)
        combined: dict[str, list[tuple[float, float] | None]] = {}
        direct: dict[str, list[tuple[float, float, float] | None]] = {}
        for variant, folders in self.material.ablations.items():
            for i, folder in enumerate(folders, 1):
                name = f"ablation_{variant}_{i}"
                found = [p for p in self._predict(name, asked, folder) if p.annotation_id in wanted]
                row = evaluate(drawn, found).group("all").row("ours")
                direct.setdefault(variant, []).append(scores(row))
                if detections is not None:
                    found = self._predict(f"{name}_detections", Pictures(detections, val.images), folder)
                    at_50, at_70 = (r.mean for r in region_aps(val.album, detections, found, "amodal"))
                    combined.setdefault(variant, []).append((at_50, at_70))
        return ablation_section(combined, direct, is_voc=self.material.is_voc)

    def _qualitative(self) -> Section:
        val = self._val()
        flags = self._flagged()
        return qualitative_section(val.album, val.images, self._predict("val", val), self.predictor, flags=flags)

    def protocol(self) -> dict[str, str]:
        """What was run on what."""
        options, folder = self.options, Path(self.options.weights or default_weights())
        networks = read_config(folder).get("networks", {})
        kinds = ", ".join(f"{name}: {entry.get('backbone')}" for name, entry in networks.items())
        told = {
            "amodal": __version__,
            "weights": f"{'those of the package' if options.weights is None else folder} ({kinds})",
            "thresholds": "modal {:g}, amodal {:g}".format(*self._thresholds()),
        }
        told["SBD"] = options.sbd or f"not given: the paper's networks are trained on it (--train); {WHERE['sbd']}"
        if (val := self.material.val) is not None:
            told["val"] = f"{val.album.source}: {len(val.album)} pictures, {len(val.album.annotation_ids)} objects"
        if (pascal3d := self.material.pascal3d) is not None:  # its pictures may be VOC's: the folder says whose models
            drawn = drawn_objects(pascal3d.album, occluded_only=False)
            told["PASCAL 3D+"] = (
                f"{options.pascal3d}: {len(drawn.annotation_ids)} objects with an aligned model, in {len(drawn)} of "
                f"{len(pascal3d.album)} pictures"
            )
        return told

    def _val(self) -> Pictures:
        assert self.material.val is not None  # else the section is missing
        return self.material.val

    def _flagged(self) -> Album:
        assert self.material.flagged is not None
        return self.material.flagged

    def _drawn(self) -> Album:
        assert self.material.drawn is not None
        return self.material.drawn

    def _thresholds(self) -> tuple[float, float]:
        settings = self.predictor.settings
        return settings.modal_threshold, settings.amodal_threshold

    def _asked(self, pictures: Pictures, weights: str | None) -> Asked:
        options = self.options
        return Asked(
            pictures.album,
            pictures.images,
            Path(options.output),
            weights or options.weights,
            options.backend,
            options.threads,
        )

    def _predict(self, name: str, pictures: Pictures, weights: str | None = None) -> list[Prediction]:
        if name not in self._kept:
            self._kept[name] = predict_kept(self._asked(pictures, weights), name, self.show)
        return self._kept[name]

    def _detect(self, name: str, pictures: Pictures) -> Album | None:
        """A detector's boxes for some pictures; None where nobody gives any."""
        if name not in self._detections:
            options, found = self.options, None
            if options.detections is not None and (name == "val" or self.material.val is None):
                found = self.material.detections
            elif self.material.detector is not None:
                word = re.sub(r"\W+", "_", options.detector or "")
                file = detect_kept(
                    self._asked(pictures, None),
                    f"{name}-{word}",
                    self.material.detector,
                    self.show,
                    word=options.detector or "",
                    weights=options.detector_weights,
                )
                found = read_detections(file, pictures.album)
            else:  # the pictures a detector is to be run on
                write_album(pictures.album, Path(options.output) / "data" / f"{name}.json")
            self._detections[name] = found
        return self._detections[name]

    def _modal_at(self, images: Path) -> ModalAt:
        """What makes the modal masks at the paper's threshold."""
        return lambda drawn, found: modal_masks_at(self.predictor, drawn, found, images, PAPER_MODAL_THRESHOLD)


def _pictures_of(drawn: Album, pictures: Pictures) -> Pictures:
    """The pictures that have a drawn object, with all their objects: each is told of the others, as in Table 1."""
    wanted = {record.id for record in drawn}
    return Pictures(pictures.album.filter(lambda record: record if record.id in wanted else None), pictures.images)
