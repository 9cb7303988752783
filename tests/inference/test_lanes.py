"""Threads that share work: nothing lost, nothing doubled, errors passed on, no thread left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from amodal.inference.lanes import in_lanes

Numbered = Iterator[tuple[int, int]]


def in_blocks(items: Numbered) -> Iterator[tuple[int, int, str]]:
    """Like the engine: draws some, then yields them."""
    while block := list(islice(items, 3)):
        for place, item in block:
            yield place, 10 * item, threading.current_thread().name


def lane_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("amodal-")]


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_item_comes_back_once(lanes: int, count: int) -> None:
    found = list(in_lanes(range(count), lanes, 6, in_blocks))
    assert sorted(f[:2] for f in found) == [(i, 10 * i) for i in range(count)]
    if lanes > 1:
        assert all(name == f"amodal-{place % lanes}" for place, _, name in found)
    assert not lane_threads()


def test_work_is_drawn_as_there_is_room() -> None:
    drawn: list[int] = []

    def work() -> Iterator[int]:
        for i in range(100):
            drawn.append(i)
            yield i

    results = in_lanes(work(), 2, 6, in_blocks)
    for done in range(1, 20):
        next(results)
        assert len(drawn) <= done + 2 * 6
    results.close()
    assert not lane_threads()
    assert len(drawn) < 40


def test_an_error_of_a_lane_reaches_the_caller() -> None:
    def run(items: Numbered) -> Iterator[int]:
        for place, _ in items:
            if place == 7:
                raise ValueError("item 7")
            yield place

    with pytest.raises(ValueError, match="item 7"):
        list(in_lanes(range(100), 2, 4, run))
    assert not lane_threads()


def test_an_error_of_the_work_reaches_the_caller() -> None:
    def work() -> Iterator[int]:
        yield from range(5)
        raise OSError("the picture")

    with pytest.raises(OSError, match="the picture"):
        list(in_lanes(work(), 2, 4, in_blocks))
    assert not lane_threads()


def test_a_lane_that_loses_an_item_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="items left"):
        list(in_lanes(range(9), 2, 4, lambda items: (item for item in items if item[0] != 3)))
    assert not lane_threads()


PROGRAM = """
import threading
from itertools import islice
from time import sleep
from amodal.inference import lanes
lanes._LOOK_UP_S = 0.01
def in_blocks(items):
    while block := list(islice(items, 3)):
        yield from block
def work():
    for item in range(8):
        sleep(0.1 * (item == 3))
        yield item
results = lanes.in_lanes(work(), 2, 6, in_blocks)
"""
"""A program whose results are taken or not; its lanes look often whether it is at its end."""


@pytest.mark.parametrize(
    ("end", "printed"),
    [
        ("print(len([next(results)]))", 1),
        ("threading.Thread(target=lambda: print(len([next(results)]))).start()", 1),
        ("threading.Thread(target=lambda: print(len(list(results)))).start()", 8),
    ],
    ids=["left over", "left over by a thread", "a thread takes all"],
)
def test_a_program_ends_in_the_middle_of_an_iteration(end: str, printed: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM + end], capture_output=True, text=True, check=True, timeout=20)
    assert (done.stdout, done.stderr) == (f"{printed}\n", "")
