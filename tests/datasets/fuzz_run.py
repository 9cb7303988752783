"""Reads a corpus of broken files inside bounds, and says how each one ended: test_fuzz.py runs it as a process.

Words: folder of the corpus (one folder a case: ``case.json`` with dialect and paths), file to write, MB of memory,
seconds of the processor a case.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from amodal.core.errors import AmodalError
from amodal.datasets.check import check_file
from amodal.datasets.dialects import dialects

FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")


class TooSlow(BaseException):
    """A case over its time; no `Exception`, so that no reader can take it for its own."""


class Fence:
    """An audit hook that notes every path opened outside the folder of the case."""

    def __init__(self) -> None:
        self.inside: str | None = None
        self.outside: list[str] = []
        self.own = [os.path.realpath(path) for path in (*filter(None, sys.path), sys.prefix, os.devnull)]

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.inside is None:
            return
        if event in FORBIDDEN:
            self.outside.append(event)
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            # late imports of Python's own are no file's doing
            path = os.path.realpath(os.fsdecode(args[0]))
            if not path.startswith((self.inside, *self.own)) or path.startswith("/etc"):
                self.outside.append(path)


def _peak_mb() -> float:
    """Peak resident size of this program. Not ru_maxrss where it can be helped: that counts the parent's, forked."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(corpus: Path, output: Path, memory_mb: int, seconds: int) -> None:
    warnings.simplefilter("ignore")
    dialects()
    known = json.loads((corpus / "sound.json").read_text())
    for folder in known.values():  # what is imported late is imported now
        run(Path(folder), set())
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    fence = Fence()
    sys.addaudithook(fence)
    signal.signal(signal.SIGPROF, _alarm)
    ended = []
    for folder in sorted(path for path in corpus.iterdir() if (path / "case.json").exists()):
        expected = set(json.loads((folder / "case.json").read_text())["expected"])
        fence.inside, fence.outside, start = str(folder.resolve()), [], time.process_time()
        signal.setitimer(signal.ITIMER_PROF, seconds)  # of the processor: the machine may have other things to do
        try:
            end = run(folder, expected)
        except TooSlow:
            end = "too slow"
        except Exception as problem:
            end = f"{type(problem).__name__}: {problem}"[:300]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            fence.inside = None
        ended.append([folder.name, end, time.process_time() - start, fence.outside])
    peak = _peak_mb()
    output.write_text(json.dumps({"ended": ended, "peak_mb": peak}))


def run(folder: Path, expected: set[str]) -> str:
    """How one case ends: refused, reported, or clean (nothing said beyond what is said of the sound file)."""
    case = json.loads((folder / "case.json").read_text())
    answers = folder / "answers.json" if case["dialect"] == "results" else None
    try:
        report = check_file(
            folder / case["path"], folder / case["images"], case["dialect"], answers=answers, processes=1
        )
    except AmodalError as problem:
        return "refused" if str(problem) else "refused without a word"
    return "reported" if {one.text for one in report.findings} - expected else "clean"


def _alarm(*_: object) -> None:
    raise TooSlow


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
