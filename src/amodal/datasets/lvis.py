"""LVIS: COCO's tables, polygons without crowds, and what was looked for in each picture.

``synset``, ``frequency``, ``neg_category_ids``, ``not_exhaustive_category_ids`` and the like are kept as further
fields. A picture's name is ``file_name``, or the end of ``coco_url`` with its folder (``train2017/000000391895.jpg``).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from .coco import MODAL, PLAIN
from .dialects import Dialect, Holds
from .fields import text
from .jsonfile import is_json
from .jsonparse import JsonFile
from .tables import Layout, read_tables, unheld_fields, write_tables

_MARKS = frozenset({"not_exhaustive_category_ids", "neg_category_ids"})
_HOLDS = MODAL - {Holds.CROWD}


def _is_lvis(file: JsonFile) -> bool:
    return not _MARKS.isdisjoint(file.keys("images"))


def _file_name(entry: dict[str, Any], path: Path, record: str) -> str:
    given = text(entry, "file_name", path, record)
    if given:
        return given
    try:
        address = urlsplit(text(entry, "coco_url", path, record)).path
    except ValueError:
        return ""
    return "/".join(PurePosixPath(unquote(address)).parts[-2:]).lstrip("/")


_LAYOUT = Layout(PLAIN.own, PLAIN.take, PLAIN.give, _file_name)

DIALECT = Dialect(
    name="lvis",
    title="LVIS",
    kind="file",
    holds=_HOLDS,
    recognise=partial(is_json, test=_is_lvis),
    read=partial(read_tables, layout=_LAYOUT),
    write=partial(write_tables, layout=_LAYOUT, holds=_HOLDS),
    limits=partial(unheld_fields, layout=_LAYOUT),
    boxes="xywh",
)
