"""What can be wrong with an annotation file: the rules, and one finding against one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...core.records import ImageRecord
from .changes import json_value

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold.

    Attributes:
        name: short, with hyphens; what reports and filters call it.
        severity: "error" makes `amodal check` end with 1; "warning" is only told. Some rules give a lesser break of
            theirs as a warning: their text says where the line is.
        holds: what must hold, as a sentence without a full stop.
        remedy: what a person can do about a break.
        fix: what ``--fix`` does about it; empty where there is no one right answer.
    """

    name: str
    severity: Severity
    holds: str
    remedy: str
    fix: str = ""


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        # ---- what reading refuses: the record is not in the album at all
        Rule("record", "error", "a record can be read", "correct the record or remove it"),
        Rule(
            "id-clash",
            "error",
            "each id is used once",
            "renumber the records",
            "annotations: the later one gets a new id, or is left out where it says the same",
        ),
        Rule("unknown-image", "error", "a record belongs to a picture of the file", "add the picture or remove it"),
        Rule("unknown-category", "error", "a record's category is one of the file", "add or correct the category"),
        Rule("bad-box", "error", "a box is finite, not inverted, and inside its picture", "correct the box"),
        Rule("bad-mask", "error", "a mask can be read and has the size of its picture", "draw or write it again"),
        # ---- masks
        Rule("empty-mask", "error", "a mask has at least one pixel", "draw the object or remove the record"),
        Rule(
            "degenerate-mask",
            "warning",
            "a mask is at least 2 pixels wide and high and has 4 pixels or more",
            "draw the object again or remove the record",
        ),
        Rule(
            "modal-in-amodal",
            "error",
            "the visible part lies inside the whole (a warning up to 1 % of the visible part)",
            "add the visible part to the whole, or correct the visible part",
        ),
        Rule(
            "hidden-mask",
            "error",
            "the hidden mask is the whole minus the visible part (a warning up to 1 % of the whole)",
            "write the hidden mask again",
            "made again from both masks",
        ),
        Rule(
            "occlude-rate",
            "error",
            "the occlusion rate is the hidden share of the whole mask, within 0.05 (a warning beyond 0.01)",
            "write the rate again, or correct the masks",
            "errors: made again from both masks",
        ),
        Rule(
            "area",
            "warning",
            "an area is its mask's, within 2 pixels, 5 % or its outline's length in pixels",
            "write the area again",
            "made again from the mask",
        ),
        # ---- boxes
        Rule(
            "modal-box",
            "error",
            "the visible part's box is its mask's, each side within 2 px or 25 % of the box (a warning beyond 5 %)",
            "correct the box or the mask",
            "errors: made again from the mask",
        ),
        Rule(
            "amodal-box",
            "error",
            "the whole's box is its mask's, each side within 2 px or 25 % of the box (a warning beyond 5 %)",
            "correct the box or the mask",
            "errors: made again from the mask",
        ),
        Rule(
            "box-in-box",
            "error",
            "the visible part's box lies inside the whole's, within 2 px or 5 % of the whole's",
            "correct one of the boxes",
        ),
        Rule(
            "box-outside",
            "warning",
            "a box ends inside its picture, within 1 px",
            "cut the box at the picture's border",
            "cut at the border",
        ),
        # ---- depth order
        Rule("order-cycle", "error", "the pairs front-behind of a picture have no cycle", "take one pair out"),
        Rule("order-unknown", "error", "a pair front-behind names two objects of its picture", "take the pair out"),
        Rule("order-rank", "error", "a pair front-behind agrees with the depth ranks", "correct the rank or the pair"),
        Rule(
            "order-mask",
            "error",
            "what covers the hidden part of an object lies in front of it (16 pixels or 5 % of it are let pass)",
            "turn the order round, or correct the masks",
        ),
        Rule(
            "order-idle",
            "warning",
            "in a pair front-behind the one in front covers some of the other's hidden part",
            "check that the pair is meant",
        ),
        # ---- polygons
        Rule(
            "polygon-outside",
            "warning",
            "a polygon's points lie in its picture, within 1 px",
            "move the points to the border",
        ),
        Rule("polygon-crossed", "warning", "a polygon does not cross itself", "draw the outline again"),
        Rule("polygon-flat", "warning", "a polygon has three different points or more", "draw the outline again"),
        # ---- the file as a whole
        Rule(
            "duplicate",
            "error",
            "no object is given twice: same kind, boxes and masks",
            "remove one of the two",
            "the later one is left out",
        ),
        Rule(
            "near-duplicate",
            "warning",
            "no two objects of one kind have masks (boxes where there are none) of IoU over 0.95",
            "look at the picture and remove one of the two",
        ),
        Rule("picture-name-clash", "error", "each file_name is used once", "give each picture its own record"),
        Rule("category-name-clash", "error", "each category name is used once", "join the categories or rename one"),
        Rule(
            "category-gap",
            "warning",
            "category ids follow each other without a gap",
            "leave it, but look ids up: they are no places in a list",
        ),
        Rule("category-unused", "warning", "each category has an object", "expect no example of it"),
        # ---- pictures
        Rule("picture-path", "error", "a file_name stays inside the folder of the pictures", "correct the file_name"),
        Rule("picture-missing", "error", "each picture is there", "check the folder given and the file's name"),
        Rule("picture-broken", "error", "each picture can be decoded", "get the picture again"),
        Rule("picture-size", "error", "a picture has the size its record gives", "give the original pictures"),
    )
}
"""Every rule by its name, in the order of reports."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One break of one rule.

    Attributes:
        rule: its name in `RULES`.
        file: the annotation file.
        record: which record of it: "annotation 12", "image 7", "category 3"; empty for the file as a whole.
        value: what was found.
        severity: "error" or "warning".
        message: what reading said, where the record was refused; empty: the rule's own sentence.
        remedy: what reading said; empty: the rule's own.
        image_id, file_name: the picture it is about; None and empty where it is about none.
        instance_ids: the objects it is about.
    """

    rule: str
    file: str
    record: str
    value: Any = None
    severity: Severity = "error"
    message: str = ""
    remedy: str = ""
    image_id: int | None = None
    file_name: str = ""
    instance_ids: tuple[int, ...] = ()

    def place(self, checked: str) -> str:
        """The record and its picture, or its file where no picture is known and that is not ``checked`` itself.

        >>> Finding("record", "set/labels/a.txt", "line 5").place("set")
        'labels/a.txt, line 5'
        """
        parts = (self.record, self.file_name) if self.file_name else (_within(self.file, checked), self.record)
        return ", ".join(part for part in parts if part)

    @property
    def text(self) -> str:
        """As `told`, where it is clear which file it is about."""
        return self.told(self.file)

    def told(self, checked: str) -> str:
        """One line for a person: where in what was checked, what must hold, what was found, what to do."""
        rule = RULES[self.rule]
        place = self.place(checked)
        remedy = self.remedy or rule.remedy
        what = self.message or (rule.holds if self.value is None else f"{rule.holds}; found {shorten(self.value)}")
        return f"{self.rule}: {place + ': ' if place else ''}{what}. {remedy[0].upper()}{remedy[1:].rstrip('.')}."

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        rule = RULES[self.rule]
        return {
            "file": self.file,
            "record": self.record,
            "rule": self.rule,
            "severity": self.severity,
            "holds": self.message or rule.holds,
            "value": json_value(self.value),
            "remedy": self.remedy or rule.remedy,
            "fixed_by": rule.fix,
            "image_id": self.image_id,
            "file_name": self.file_name,
            "annotation_ids": list(self.instance_ids),
        }


def finding(
    name: str,
    file: str,
    record: ImageRecord | None = None,
    *ids: int,
    value: Any = None,
    severity: Severity | None = None,
    place: str = "",
) -> Finding:
    """A finding against the rule ``name`` about a picture (``record``), or objects of it (``ids``), or ``place``."""
    if not place and ids:
        place = "annotation " + " and ".join(map(str, ids)) if len(ids) < 4 else f"annotations {list(ids)}"
    elif not place and record is not None:
        place = f"image {record.id}"
    return Finding(
        rule=name,
        file=file,
        record=place,
        value=value,
        severity=severity or RULES[name].severity,
        image_id=None if record is None else record.id,
        file_name="" if record is None else record.file_name,
        instance_ids=ids,
    )


def _within(file: str, checked: str) -> str:
    """A file as a path in the folder that was checked; "" for the checked path itself."""
    path, root = Path(file), Path(checked)
    if not file or path == root:
        return ""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def shorten(value: object, limit: int = 160) -> str:
    """``repr`` (a text as it is, but for an empty one) cut to ``limit`` characters.

    >>> shorten([1, 2, 3], 8)
    '[1, 2...'
    """
    text = value if isinstance(value, str) and value else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
