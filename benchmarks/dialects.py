"""Time and memory of reading, checking and converting a COCO file, with pycocotools' loading beside them.

    python benchmarks/make_coco.py out/coco_size.json
    python benchmarks/dialects.py out/coco_size.json [--to lvis] [--processes 2] [--only read check] [--json OUT.json]

Each row is a process of its own, so that its peak of memory is its own. "wall" is what a clock shows, "CPU" what the
processor worked, children included: where they differ by much the machine had other things to do. "peak" is the largest
resident size of the process, or of its largest child if that was larger.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

CASES = {
    "pycocotools": "pycocotools.COCO(file)",
    "read": "amodal: read_annotations",
    "check": "amodal: check_file (reading included)",
    "convert": "amodal: convert (reading included)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--to", default="lvis", help="dialect to convert to")
    parser.add_argument("--processes", type=int, default=2, help="of the check")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(measure(args.case, args.file, args.to, args.processes)))
        return
    print(f"{args.file}: {args.file.stat().st_size / 1e6:.0f} MB")
    print(f"{'':40} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    rows = {}
    for case in args.only:
        words = [sys.executable, __file__, str(args.file), "--to", args.to, "--processes", str(args.processes)]
        done = subprocess.run([*words, "--case", case], capture_output=True, text=True, check=True)
        rows[case] = row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{CASES[case]:40} {row['wall_s']:8.1f} {row['cpu_s']:8.1f} {row['peak_mb']:8.0f}  {row['told']}",
            flush=True,
        )
    if args.json is not None:
        args.json.write_text(json.dumps({"file_mb": args.file.stat().st_size / 1e6, **rows}, indent=1) + "\n")


def measure(case: str, file: Path, to: str, processes: int) -> dict[str, float | str]:
    """One case in this process: its times, its peak of memory, and what it had to say."""
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        told = run(case, file, to, processes)
    wall = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(sum(one.ru_utime + one.ru_stime for one in used), 2),
        "peak_mb": round(max(one.ru_maxrss for one in used) / 1024, 1),
        "told": told,
    }


def run(case: str, file: Path, to: str, processes: int) -> str:
    """Do what the case is about; imports are part of it, as they are of a command's."""
    if case == "pycocotools":
        from pycocotools.coco import COCO

        coco = COCO(str(file))
        return f"{len(coco.imgs)} pictures, {len(coco.anns)} objects"
    if case == "read":
        from amodal.datasets import read_annotations

        album = read_annotations(file)
        return f"{len(album)} pictures, {len(album.annotation_ids)} objects"
    if case == "check":
        from amodal.datasets.check import check_file

        report = check_file(file, processes=processes)
        return f"{report.errors} errors, {len(report.findings) - report.errors} warnings, {processes} processes"
    from amodal.datasets.convert import convert

    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        output = Path(folder) / "out.json"
        convert(file, output, to, drop=True)
        return f"to {to}, {output.stat().st_size / 1e6:.0f} MB"


if __name__ == "__main__":
    main()
