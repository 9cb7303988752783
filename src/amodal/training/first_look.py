"""The photographs of a run before its first step: what there is, and whether all of it is there."""

from __future__ import annotations

import os

from ..core.album import image_path
from ..synthesis.pictures import read_picture
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
    """See that the pictures examples may be made of (`Material.pictures`) are there, before hours of training.

    Raises:
        ImageError: one is not, or may not be looked at.
        AnnotationError: a file name of one that leads out of the folder.
    """
    for number, index in dataset.material.pictures():
        source = dataset.material.sources[number]
        record = source.album[index]
        if not os.path.exists(image_path(source.folder, record.file_name, file=source.album.source)):
            read_picture(record, source.folder, file=source.album.source)  # which says what is wrong
