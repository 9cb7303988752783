"""Several tabs of the page on one session."""

from __future__ import annotations

import pytest

from amodal.annotate.journal import Journal
from amodal.annotate.session import Meanwhile, Session
from amodal.core.masks import Mask


def test_an_answer_is_not_put_over_a_newer_one(session: Session, journal: Journal) -> None:
    first, second = Mask.from_box((8, 3, 20, 15), 20, 24), Mask.from_box((8, 3, 19, 15), 20, 24)
    mine = session.answer(11, "done", "visible", first, "")["revision"]
    assert mine == session.revision(11) != ""
    assert session.answer(11, "done", "visible", first, "")["revision"] == mine  # the same, sent twice
    theirs = session.answer(11, "done", "visible", second, mine)["revision"]
    assert theirs not in ("", mine)
    lines = journal.path.read_bytes()
    for late in (
        lambda: session.answer(11, "unsure", "visible", first, mine),
        lambda: session.answer(11, "done", "blank", first, ""),
        lambda: session.drop(11, mine),
    ):
        with pytest.raises(Meanwhile, match="another tab meanwhile") as caught:
            late()
        assert caught.value.entry["revision"] == theirs and caught.value.entry["state"] == "done"
    assert journal.path.read_bytes() == lines
    assert session.drop(11, theirs)["revision"] == "" and session.drop(11, theirs)["state"] == "todo"
    assert session.answer(11, "done", "visible", first)["revision"] == mine  # whatever there is


def test_a_page_whose_answer_was_lost_does_not_quarrel_with_itself(session: Session) -> None:
    first, second, third = (Mask.from_box((8, 3, right, 15), 20, 24) for right in (20, 19, 18))
    session.answer(11, "done", "visible", first, "", ("a", 1))
    kept = session.answer(11, "done", "visible", second, "", ("a", 3))["revision"]
    for late in (("a", 2), ("a", 3), ("b", 4), ("", 5)):  # overtaken on its way, another page, one that is not told
        with pytest.raises(Meanwhile):
            session.answer(11, "done", "visible", third, "", late)
    assert session.revision(11) == kept
    session.drop(11, "", ("a", 6))
    session.answer(11, "done", "visible", first, kept, ("a", 7))
    session.answer(11, "done", "visible", second, None, ("b", 1))
    with pytest.raises(Meanwhile):
        session.drop(11, kept[::-1], ("a", 8))
    session.answer(11, "done", "visible", third)
    with pytest.raises(Meanwhile):
        session.answer(11, "done", "visible", first, "", ("b", 2))


def test_what_was_drawn_meanwhile_is_not_removed(session: Session) -> None:
    number = int(session.add(7, (1, 2, 9, 20), "dog")["id"])
    whole = Mask.from_box((1, 2, 9, 20), 40, 30)
    mine = session.answer(number, "done", "blank", whole, "", ("a", 1))["revision"]
    with pytest.raises(Meanwhile) as caught:
        session.remove(number, "", ("b", 1))
    assert caught.value.entry["revision"] == mine == session.revision(number)
    assert session.remove(number, "", ("a", 2))["objects"] == 3  # its own
    number = int(session.add(7, (1, 2, 9, 20), "dog")["id"])
    mine = session.answer(number, "done", "blank", whole, "")["revision"]
    assert session.remove(number, mine)["done"] == 0
