"""The photographs of a run before its first step: what there is, and whether all of it is there."""

from __future__ import annotations

from ..core import boxes as bx
from ..core.album import image_path
from ..core.records import ImageRecord
from ..synthesis.pictures import read_picture
from ..synthesis.settings import SynthesisSettings
from ..synthesis.stream import OcclusionDataset


def described(training: OcclusionDataset, validation: OcclusionDataset | None) -> str:
    """One line on what a run learns from: photographs, main objects, what is kept for validation."""

    def photographs(dataset: OcclusionDataset) -> int:
        return sum(len(source.album) - len(source.left_out) for source in dataset.material.sources)

    material = training.material
    objects = sum(len(record.instances) for source in material.sources for record in source.album)
    return (
        f"training on {photographs(training)} photographs and {len(material)} of their {objects} objects (those with a "
        f"mask, {material.settings.min_object_px} pixels or more); "
        f"{photographs(validation) if validation is not None else 'none'} kept for validation"
    )


def check_pictures(dataset: OcclusionDataset) -> None:
    """See that the pictures examples may be made of are there, before hours of training.

    Raises:
        ImageError: one is not.
        AnnotationError: a file name that leads out of the folder.
    """
    for source in dataset.material.sources:
        for index, record in enumerate(source.album):
            path = image_path(source.folder, record.file_name, file=source.album.source)
            missing = index not in source.left_out and not path.exists()
            if missing and _may_be_drawn(record, dataset.material.settings):
                read_picture(record, source.folder, file=source.album.source)  # which says so


def _may_be_drawn(record: ImageRecord, settings: SynthesisSettings) -> bool:
    least = min(settings.min_object_px, settings.min_occluder_px)
    masks = (o.modal_mask for o in record.instances if not (o.is_crowd or o.is_stuff))
    return any(mask is not None and bx.sides(mask.box).min() >= least for mask in masks)
