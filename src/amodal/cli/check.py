"""Check an annotation file of any dialect: records, masks, boxes, depth order, outlines, pictures.

Every finding names the record, the rule, the value and the way out. The exit code is 0 where no rule of severity error
is broken, 1 where one is, and 2 where the file as a whole cannot be used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jsonargparse

from ..core.errors import AmodalError
from ..core.files import real_path

if TYPE_CHECKING:
    from ..datasets.check import CheckReport

HELP = "say what is wrong with an annotation file, and mend what has one right answer"


def add_arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument("file", nargs="?", type=str, default=None, help="annotation file, or folder of them")
    parser.add_argument("--annotations", type=str | None, default=None, metavar="FILE", help="the same, by name")
    parser.add_argument("--images", type=str | None, default=None, metavar="DIR", help="also check the pictures there")
    parser.add_argument(
        "--from", type=str | None, default=None, metavar="DIALECT", help="its dialect; default: recognised"
    )
    parser.add_argument(
        "--answers", type=str | None, default=None, metavar="FILE", help="the annotations a results file answers"
    )
    parser.add_argument(
        "--headers-only", action="store_true", help="read sizes alone, do not decode the pictures: much faster"
    )
    parser.add_argument("--report", type=str | None, default=None, metavar="OUT.json", help="write every finding")
    parser.add_argument("--pictures", type=str | None, default=None, metavar="DIR", help="draw the cases, 50 a rule")
    parser.add_argument(
        "--fix", type=str | None, default=None, metavar="OUT", help="write the file again, mended, and its changes"
    )
    parser.add_argument("--shown", type=int, default=5, metavar="N", help="findings of each rule to print; 0: none")
    parser.add_argument("--processes", type=int, default=0, help="0: one for each core")


def run(args: jsonargparse.Namespace) -> int:
    """Check, print, write what was asked for.

    Returns:
        The exit code.

    Raises:
        AmodalError: words that do not go together, or a file that cannot be used.
    """
    from tqdm import tqdm

    from ..datasets.check import changes_path, check_file, report_text
    from ..datasets.jsonfile import write_json
    from ..datasets.write import check_apart

    if (args.file is None) == (args.annotations is None):
        raise AmodalError("give one annotation file", remedy="write amodal check FILE, or --annotations FILE")
    if args.images is not None and not Path(args.images).is_dir():
        raise AmodalError("--images is the folder of the pictures", file=args.images, remedy="name one that exists")
    written = [Path(path) for path in (args.report, args.fix) if path is not None]
    for path in [*written, *([] if args.fix is None else [changes_path(Path(args.fix))])]:
        check_apart(Path(args.file or args.annotations), path)
    if args.report is not None and _is_anothers(Path(args.report)):
        raise AmodalError(
            "a file would be replaced that is no report of amodal check", file=args.report, remedy="name another place"
        )
    if args.fix is not None and Path(args.fix).is_file() and not changes_path(Path(args.fix)).exists():
        raise AmodalError(
            "a file would be replaced that no earlier --fix wrote", file=args.fix, remedy="name another place"
        )
    if len(set(map(real_path, written))) < len(written):
        raise AmodalError("--report and --fix are two files", file=args.fix, remedy="give one of them another name")
    with tqdm(unit="picture", disable=sys.stderr is None or None) as bar:
        report = check_file(
            args.file or args.annotations,
            args.images,
            args["from"],
            answers=args.answers,
            decode=not args.headers_only,
            processes=args.processes or None,
            progress=bar.update,
        )
    print(report_text(report, shown=args.shown))
    if args.report is not None:
        write_json(args.report, report.to_json(), indent=1)
        print(f"report: {args.report}")
    if args.pictures is not None:
        from ..report.cases import write_cases

        drawn = write_cases(args.pictures, report.album, report.findings, args.images)
        print(f"pictures: {len(drawn)} in {args.pictures}")
    if args.fix is not None:
        _fix(report, args.fix)
    return 1 if report.errors else 0


def _is_anothers(path: Path) -> bool:
    """Whether there is something that is no earlier report."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4096)
    return bool(head) and not (b'"dialect"' in head and b'"rules"' in head)


def _fix(report: CheckReport, output: str) -> None:
    from ..datasets.check import NOT_KEPT, write_fixed
    from .ended import tidy_when_ended

    with tidy_when_ended():
        changes, beside = write_fixed(report, output)
    fixed = [change for change in changes if change.rule != NOT_KEPT]
    for change in fixed:
        print(f"fixed: {change.text}")
    for change in changes[len(fixed) :]:
        print(f"not carried over: {change.after}")
    print(f"{len(fixed)} {'change' if len(fixed) == 1 else 'changes'}: {output}, listed in {beside}")
