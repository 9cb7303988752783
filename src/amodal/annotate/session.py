"""What the page asks for and what it says, without HTTP."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..core import boxes as bx
from ..core.album import Album
from ..core.errors import AnnotationError
from ..core.masks import Mask
from ..core.records import ImageRecord, Instance
from .additions import Additions
from .drafts import Drafts, is_drawable
from .journal import Answer, Journal, Start, State
from .output import seen_of, with_visible, write_drawn
from .pictures import Pictures

_SAME_OBJECT = 0.5
"""Least IoU of an object's box with the one it was drawn for: annotations may have been corrected meanwhile."""
_NONE: dict[Start | None, str] = {
    "annotated": "The annotations have no whole mask of this object.",
    "draft": "There is no draft of this object: the networks see nothing of it, or none were asked for.",
    "visible": "Of this object the box alone is known.",
}

Sender = tuple[str, int]
"""A page and how many changes it has asked for, this one included; ("", 0): not told."""


class Unknown(LookupError):
    """Something asked for that there is not; its text says what."""


class Meanwhile(Exception):
    """Another page has answered since; its text says so.

    Attributes:
        entry: the object as it is now.
    """

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__("it was drawn in another tab meanwhile")
        self.entry = entry


class Session:
    """One person's work on one album. Its methods may be called by any thread.

    Args:
        album: what is drawn on: pictures, objects, their visible parts.
        images: folder of the pictures; nothing outside it is read.
        journal: answers given so far, and those to come.
        output: the file that is written.
        drafts: what the networks suggest; None: nothing.

    Raises:
        AnnotationError: an answer of the journal whose object the album has not, or whose picture has another size; or
            an object added to a picture or category that it has not.
    """

    def __init__(self, album: Album, images: Path, journal: Journal, output: Path, drafts: Drafts | None) -> None:
        self._album, self._journal, self.output, self._drafts = album, journal, output, drafts
        self._pictures = Pictures(album, images)
        self._places = {record.id: place for place, record in enumerate(album)}
        self._owners = {one.id: record.id for record in album for one in record.instances if is_drawable(one)}
        self._additions = Additions(album, journal)
        self._owners |= {one.id: image_id for image_id, one in self._additions.all()}
        self._answering, self._writing = threading.Lock(), threading.Lock()
        self._made: dict[int, Sender] = {}  # by object: who asked for its revision
        self._told: dict[int, tuple[str, bool, float | None]] = {}  # by object: its revision, then `_shown`
        self._changed = True
        shown = f"{album.fingerprint} {[category.name for category in album.categories]} {output.resolve()}"
        self.key = sha256(shown.encode()).hexdigest()[:16]
        for answer in journal.answers.values():
            self._check(answer)

    def listing(self) -> dict[str, Any]:
        """Everything the list of the page shows; as JSON. Ids are text: a browser rounds large numbers."""
        pictures = []
        for record in map(self._additions.with_them, self._album):
            objects = [self._entry(one) for one in record.instances if is_drawable(one)]
            size = {"width": record.width, "height": record.height}
            pictures.append({"id": str(record.id), "name": record.file_name, **size, "objects": objects})
        names = {"key": self.key, "title": Path(self._album.source).name, "output": self.output.name}
        categories = [category.name for category in self._album.categories]
        return {**names, "drafts": self._drafts is not None, "categories": categories, "pictures": pictures}

    def stop(self) -> None:
        """Give up on drafts that are being made: the process ends."""
        if self._drafts is not None:
            self._drafts.stop()

    def progress(self) -> dict[str, int]:
        """How many objects are done, unsure, and there at all."""
        states = [answer.state for answer in list(self._journal.answers.values())]  # others may answer meanwhile
        return {"done": states.count("done"), "unsure": states.count("unsure"), "objects": len(self._owners)}

    def picture(self, image_id: int) -> bytes:
        """A picture, upright, as PNG or JPEG; raises Unknown, and ImageError where it cannot be used."""
        return self._pictures.of(self._as_read(image_id))[1]

    def visible(self, annotation_id: int) -> Mask:
        """The visible part of an object; raises Unknown where only its box is known."""
        mask = seen_of(self._find(annotation_id)[1])
        if mask is None:
            raise Unknown(_NONE["visible"])
        return mask

    def others(self, annotation_id: int) -> Mask:
        """Where the other objects of its picture are seen."""
        return self._pictures.others(*self._find(annotation_id))

    def whole(self, annotation_id: int, start: Start | None = None) -> tuple[Mask, Start]:
        """The whole mask to go on from, and what it is.

        Args:
            annotation_id: of the object.
            start: which one; None: what was drawn, or the first there is of those that `Start` names, in that order. A
                "draft" asked for runs the networks even if they have failed on the picture; None does not.

        Raises:
            Unknown: no such object, or no such mask of it.
            ImageError: its picture cannot be used, where a draft was to be made.
            NoDrafts: the networks fail on its picture, likewise.
        """
        record, instance = self._find(annotation_id)
        answer = self._journal.answers.get(annotation_id)
        if answer is not None and start is None:
            return with_visible(answer.whole, instance), answer.start
        if instance.amodal_mask is not None and start in (None, "annotated"):
            return instance.amodal_mask, "annotated"
        if self._drafts is not None and start in (None, "draft"):
            draft = self._draft(record, annotation_id, again=start is not None)
            if draft is not None:
                return with_visible(draft, instance), "draft"
        seen = seen_of(instance)
        if seen is not None and start in (None, "visible"):
            return seen, "visible"
        if start in (None, "blank"):
            return Mask.from_crop(np.zeros((0, 0), np.bool_), 0, 0, record.width, record.height), "blank"
        raise Unknown(_NONE[start])

    def _draft(self, record: ImageRecord, annotation_id: int, *, again: bool) -> Mask | None:
        assert self._drafts is not None
        image = self._pictures.of(record)[0]
        if annotation_id in self._additions:
            return self._drafts.of_added(record, image, annotation_id, again=again)
        return self._drafts.of(self._as_read(record.id), image, again=again).get(annotation_id)

    def prepare(self, image_id: int) -> None:
        """Have the drafts of a picture ready before they are asked for."""
        record = self._as_read(image_id)
        if self._drafts is not None and not self._drafts.has(image_id):
            self._drafts.of(record, self._pictures.of(record)[0])

    def size(self, annotation_id: int) -> tuple[int, int]:
        """Width and height of the picture of an object."""
        record, _ = self._find(annotation_id)
        return record.width, record.height

    def revision(self, annotation_id: int) -> str:
        """What tells an answer from the one before; "" where there is none, or no such object."""
        return _revision(self._journal.answers.get(annotation_id))

    def answer(
        self,
        annotation_id: int,
        state: State,
        start: Start,
        whole: Mask,
        base: str | None = None,
        sender: Sender = ("", 0),
    ) -> dict[str, Any]:
        """Keep what was drawn, the visible part added to it; the entry of the object and the progress.

        Args:
            annotation_id: of the object.
            state, start, whole: as in `Answer`.
            base: the revision that was gone on from; None: whatever there is, this one takes its place.
            sender: who asks. A page whose answer was lost goes on from an older revision than the one it made itself.

        Raises:
            Unknown: no such object.
            AnnotationError: nothing was drawn.
            Meanwhile: there is another revision than ``base``, and not one that the sender made before.
        """
        record, instance = self._find(annotation_id)
        whole = with_visible(whole, instance)
        if whole.is_empty:
            raise AnnotationError("a whole object has at least one pixel", remedy="draw it, or go on to the next")
        answer = Answer(annotation_id, record.file_name, instance.modal_box, state, whole, start)
        with self._answering:
            self._check_base(instance, base, _revision(answer), sender)
            self._journal.put(answer)
            self._made[annotation_id] = sender
            self._changed = True
        return self._entry(instance) | self.progress()

    def drop(self, annotation_id: int, base: str | None = None, sender: Sender = ("", 0)) -> dict[str, Any]:
        """Forget what was drawn of an object; ``base`` and ``sender`` as in `answer`."""
        _, instance = self._find(annotation_id)
        with self._answering:
            self._check_base(instance, base, "", sender)
            self._journal.drop(annotation_id)
            self._made[annotation_id] = sender
            self._changed = True
        return self._entry(instance) | self.progress()

    def _check_base(self, instance: Instance, base: str | None, new: str, sender: Sender) -> None:
        if base is None or self.revision(instance.id) in (base, new):  # new: it is sent a second time
            return
        page, turn = self._made.get(instance.id, ("", 0))
        if not page or page != sender[0] or turn >= sender[1]:  # an older request that comes late is not let in
            raise Meanwhile(self._entry(instance))

    def add(self, image_id: int, box: Sequence[float], category: str) -> dict[str, Any]:
        """Add an object that the annotations do not have; its entry.

        Args:
            image_id: of its picture.
            box: around what is seen of it, xyxy pixels; cut to the picture.
            category: a name of the listing's.

        Raises:
            Unknown: no such picture.
            AnnotationError: a box of which the picture shows less than 2 pixels, or no such category.
        """
        one = self._additions.put(self._as_read(image_id), box, category)
        self._owners[one.id] = image_id
        self._changed = True
        return self._entry(one)

    def set_category(self, annotation_id: int, category: str) -> dict[str, Any]:
        """Say what an object that was added is, after all; its entry.

        Raises:
            Unknown: no such object.
            AnnotationError: one of the annotations, or no such category.
        """
        return self._change(annotation_id, "category", category=category)

    def set_box(self, annotation_id: int, box: Sequence[float]) -> dict[str, Any]:
        """Say where an object that was added is seen, after all; its entry. What was drawn of it stays.

        Args:
            annotation_id: of the object.
            box: as in `add`.

        Raises:
            Unknown: no such object.
            AnnotationError: one of the annotations, or a box as in `add`.
        """
        return self._change(annotation_id, "box", box=box)

    def _change(self, annotation_id: int, what: str, **to: Any) -> dict[str, Any]:
        record = self._added_in(annotation_id, f"has the {what} it has there", "correct it in the annotations")
        try:
            one = self._additions.change(self._as_read(record.id), annotation_id, **to)
        except KeyError:  # removed meanwhile
            raise Unknown(f"there is no object {annotation_id} to draw") from None
        self._changed = True
        return self._entry(one)

    def remove(self, annotation_id: int, base: str | None = None, sender: Sender = ("", 0)) -> dict[str, int]:
        """Take away an object that was added, and what was drawn of it; the progress.

        Args:
            annotation_id: of the object.
            base, sender: as in `answer`.

        Raises:
            Unknown: no such object.
            AnnotationError: one of the annotations.
            Meanwhile: as in `answer`; nothing is removed.
        """
        self._added_in(annotation_id, "is not removed here", "take it out of the annotations")
        with self._answering:
            self._check_base(self._find(annotation_id)[1], base, "", sender)
            self._additions.remove(annotation_id)
            self._owners.pop(annotation_id, None)
            self._changed = True
        return self.progress()

    def _added_in(self, annotation_id: int, rule: str, remedy: str) -> ImageRecord:
        """The picture of an object that was added; of the annotations' own the rule is told."""
        record, _ = self._find(annotation_id)
        if annotation_id not in self._journal.numbers:
            where: dict[str, Any] = {"file": record.file_name, "record": f"annotation {annotation_id}"}
            raise AnnotationError(f"an object of the annotations {rule}", remedy=remedy, **where)
        return record

    def write(self) -> int:
        """Write the output, if anything has changed since; how many objects in it were drawn."""
        with self._writing:
            changed, self._changed = self._changed, False  # before the answers are read: a later one counts again
            answers = dict(self._journal.answers)
            if changed:
                try:
                    write_drawn(self._additions.album(), answers, self.output)
                except BaseException:
                    self._changed = True
                    raise
            return sum(answer.state == "done" for answer in answers.values())

    def _entry(self, instance: Instance) -> dict[str, Any]:
        answer = self._journal.answers.get(instance.id)
        revision = _revision(answer)
        told = self._told.get(instance.id)
        if told is None or told[0] != revision:  # masks take a while to count
            told = self._told[instance.id] = (revision, *_shown(instance, answer))
        return {
            "id": str(instance.id),
            "category": self._album.categories[instance.category].name,
            "box": list(instance.modal_box),
            "visible": told[1],
            "added": instance.id in self._additions,
            "state": "todo" if answer is None else answer.state,
            "revision": revision,
            "hidden": told[2],
        }

    def _record(self, image_id: int) -> ImageRecord:
        return self._additions.with_them(self._as_read(image_id))

    def _as_read(self, image_id: int) -> ImageRecord:
        if image_id not in self._places:
            raise Unknown(f"there is no picture {image_id}")
        return self._album[self._places[image_id]]

    def _find(self, annotation_id: int) -> tuple[ImageRecord, Instance]:
        if annotation_id not in self._owners:
            raise Unknown(f"there is no object {annotation_id} to draw")
        record = self._record(self._owners[annotation_id])
        found = next((one for one in record.instances if one.id == annotation_id), None)
        if found is None:  # removed meanwhile
            raise Unknown(f"there is no object {annotation_id} to draw")
        return record, found

    def _check(self, answer: Answer) -> None:
        where: dict[str, Any] = {"file": self._journal.path, "record": f"annotation {answer.annotation_id}"}
        where["remedy"] = (
            f"give the annotations, and the --only, that it was drawn for; or another --output than {self.output.name}"
        )
        if answer.annotation_id not in self._owners:
            raise AnnotationError("what was drawn is of an object of the annotations", **where)
        record, instance = self._find(answer.annotation_id)
        elsewhere = (
            instance.id not in self._additions  # those have numbers of their own, and boxes that are corrected
            and bx.iou(answer.box, instance.modal_box) < _SAME_OBJECT
        )
        if answer.file_name != record.file_name or elsewhere:
            raise AnnotationError(
                f"what was drawn is of the same object, here {instance.modal_box} of {record.file_name}",
                value=f"{answer.box} of {answer.file_name}",
                **where,
            )
        if (answer.whole.width, answer.whole.height) != (record.width, record.height):
            raise AnnotationError(
                f"what was drawn has the size of its picture, {record.width} x {record.height}",
                value=f"{answer.whole.width} x {answer.whole.height}",
                **where,
            )


def _revision(answer: Answer | None) -> str:
    """The same in another process: a page may stay open from one to the next."""
    if answer is None:
        return ""
    return sha256(f"{answer.state} {answer.start} ".encode() + answer.whole.counts).hexdigest()[:16]


def _shown(instance: Instance, answer: Answer | None) -> tuple[bool, float | None]:
    """Whether the mask of its visible part is known, and the share of the whole that is hidden, if that is."""
    seen = seen_of(instance)
    whole = with_visible(answer.whole, instance) if answer is not None else instance.amodal_mask
    if whole is None or seen is None or not whole.area:
        return seen is not None, None
    return True, round((whole - seen).area / whole.area, 4)
