"""Everything the paper evaluates, on what is at hand, in one folder and on one page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from .. import __version__
from ..core.album import Album
from ..core.records import Prediction
from ..datasets.detections import read_detections
from ..inference.detectors import open_detector
from ..inference.folder import default_weights, read_config
from ..inference.predictor import Predictor
from ..inference.strong_modal import PAPER_MODAL_THRESHOLD, modal_masks_at
from ..metrics.evaluate import evaluate
from .combined import NEEDS_DETECTOR, ablation_section, combined_section, pascal3d_section, region_aps
from .direct import direct_section, drawn_objects, scores
from .indirect import indirect_section
from .material import Material, open_material, with_miniature
from .options import Options
from .page import write_page
from .predictions import Asked, Show, detect_kept, move_to, predict_kept, write_album
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
    if options.quick:
        options = with_miniature(options)
    material = open_material(options)
    run = _Run(options, material, show)
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
        return indirect_section(val.album, self._predict("val", val), is_voc=self.material.is_voc)

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
        table = direct_section(
            drawn,
            self._predict("pascal3d", Pictures(drawn, target.images)),
            self._modal_at(target.images),
            is_voc=False,
            thresholds=self._thresholds(),
        ).tables[0]
        rows = tuple((name, tuple(cell and replace(cell, paper=None) for cell in cells)) for name, cells in table.rows)
        table = replace(table, title="The same objects, box given (not in the paper)", rows=rows)
        if self.material.val is not None and self.options.voc is not None:
            known = self._detect("val", self.material.val)
            found = None if known is None else move_to(target.album, known)
        else:
            found = self._detect("pascal3d", target)
        predictions = [] if found is None else self._predict("pascal3d_detections", Pictures(found, target.images))
        return pascal3d_section(
            target.album,
            found,
            predictions,
            detector=self.detector_name,
            direct=table,
            is_voc=not self.options.quick,
        )

    def _ablations(self) -> Section:
        val, drawn = self._val(), self._drawn()
        detections = self._detect("val", val)
        # all objects of the pictures that have a drawn one, as Table 1 has them: each is told of the others
        with_drawn, wanted = {record.id for record in drawn}, set(drawn.annotation_ids.tolist())
        asked = Pictures(val.album.filter(lambda record: record if record.id in with_drawn else None), val.images)
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
        return qualitative_section(val.album, val.images, self._predict("val", val), self.predictor)

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
        for name, pictures in (("val", self.material.val), ("PASCAL 3D+", self.material.pascal3d)):
            if pictures is not None:
                count = len(pictures.album.annotation_ids)
                told[name] = f"{pictures.album.source}: {len(pictures.album)} pictures, {count} objects"
        return told

    def _val(self) -> Pictures:
        assert self.material.val is not None  # else the section is missing
        return self.material.val

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
            options, file = self.options, None
            if options.detections is not None and (name == "val" or self.material.val is None):
                file = Path(options.detections)
            elif options.detector is not None:
                word = re.sub(r"\W+", "_", options.detector)
                detector = open_detector(options.detector, options.detector_weights, threads=options.threads)
                file = detect_kept(
                    self._asked(pictures, None),
                    f"{name}-{word}",
                    detector,
                    self.show,
                    word=options.detector,
                    weights=options.detector_weights,
                )
            else:  # the pictures a detector is to be run on
                write_album(pictures.album, Path(options.output) / "data" / f"{name}.json")
            self._detections[name] = None if file is None else read_detections(file, pictures.album)
        return self._detections[name]

    def _modal_at(self, images: Path) -> Callable[[Album, list[Prediction]], dict[int, Prediction]]:
        """What makes the modal masks at the paper's threshold."""
        return lambda drawn, found: modal_masks_at(self.predictor, drawn, found, images, PAPER_MODAL_THRESHOLD)
