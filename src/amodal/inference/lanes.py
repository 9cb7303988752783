"""Work shared among threads, each of which takes what it was given to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()
_LOOK_UP_S = 0.5
"""How often a lane that waits looks whether the program is at its end."""


class _Stopped(BaseException):
    """Raised in a lane that is asked for nothing any more; an item's own errors are never of this kind."""


def in_lanes(
    work: Iterable[Item], lanes: int, room: int, run: Callable[[Iterator[tuple[int, Item]]], Iterator[Result]]
) -> Iterator[Result]:
    """What ``run`` makes of the items, each lane with an iterator of its own over its share of them.

    Item ``i`` goes to lane ``i % lanes``, so that who is predicted with whom, and with it the last bit of an answer,
    depends on the order of the work alone, not on which thread is faster. Lanes share nothing, so none waits for
    another; the items are made (pictures decoded) by the caller's thread while they compute.

    Args:
        work: the items; drawn as there is room.
        lanes: threads; 1 runs in the caller's own.
        room: most items of a lane that are given and not done. ``run`` may hold so many, but one, before it has to
            yield; it yields one result an item.
        run: from an iterator of (place in the work, item) to results, in any order.

    Yields:
        the results, as they come. A program may end before the last: the lanes end with it, unless a thread that keeps
        it from ending still takes results.

    Raises:
        Whatever ``work`` or a lane raises; the other lanes are stopped first.
    """
    if lanes == 1:
        yield from run(enumerate(work))
        return
    inboxes: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(lanes)]
    outbox: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
    held = [0] * lanes
    threads: list[threading.Thread] = []
    stopping = threading.Event()
    caller = threading.current_thread()

    def goes_on() -> bool:
        return threading.main_thread().is_alive() or (caller.is_alive() and not caller.daemon)

    def given(lane: int) -> Iterator[tuple[int, Item]]:
        while (item := _next_of(inboxes[lane], goes_on)) is not _END:
            if stopping.is_set():
                raise _Stopped
            yield item

    def keep_lane(lane: int) -> None:
        try:
            for result in run(given(lane)):
                outbox.put((lane, result, None))
                if stopping.is_set():
                    return
            outbox.put((lane, _END, None))
        except _Stopped:  # whoever goes on after all is told, not kept waiting
            outbox.put((lane, None, RuntimeError("the program was at its end when this iteration went on")))
        except BaseException as problem:
            outbox.put((lane, None, problem))

    source: Iterator[tuple[int, Item]] | None = enumerate(work)
    turn = 0
    try:
        while True:
            while source is not None and held[turn] < room:
                item = next(source, None)
                if item is None:
                    source = None
                    for inbox in inboxes:
                        inbox.put(_END)
                    break
                if turn == len(threads):  # one that has nothing to do is never started
                    threads.append(threading.Thread(target=keep_lane, args=(turn,), name=f"amodal-{turn}"))
                    threads[turn].start()
                inboxes[turn].put(item)
                held[turn] += 1
                turn = (turn + 1) % lanes
            if source is None and not any(held):
                return
            lane, result, problem = outbox.get()
            if problem is not None:
                raise problem
            if result is _END:
                if held[lane]:
                    raise RuntimeError(f"a lane ended with {held[lane]} items left")
                continue
            held[lane] -= 1
            yield result
            caller = threading.current_thread()
    finally:
        stopping.set()
        for inbox in inboxes:
            inbox.put(_END)
        for thread in threads:
            thread.join()


def _next_of(inbox: SimpleQueue[Any], goes_on: Callable[[], bool]) -> Any:
    """What comes next; raises `_Stopped` at the end of the program, which waits for its threads before it lets go of an
    iteration that nobody ended."""
    while True:
        try:
            return inbox.get(timeout=_LOOK_UP_S)
        except Empty:
            if not goes_on():
                raise _Stopped from None
