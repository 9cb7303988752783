"""Run the paper's evaluation on the photographs at hand and put its figures into docs/reproduction.md.

    python benchmarks/reproduction.py --data ../shared/data

Between the two markers of the page everything is written anew, each table under the command it came from.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SETS = (
    ("lmo", "LM-O: real occlusion, exact truth", "100 photographs of a cluttered table; categories never seen."),
    (
        "scenes",
        "Validation scenes from COCO photographs",
        "Made occlusion, exact truth; the photographs were kept from training.",
    ),
    (
        "cocoa",
        "COCOA sample",
        "Five photographs, drawn by hand: anecdotal. Its free names were matched to a detector's.",
    ),
)
SCENES = (
    "amodal synthesize --images {data}/coco/images --annotations {data}/coco/annotations.json --only "
    "recipes/splits/coco_val.txt --count 300 --output {scenes} --synthesis.min_hidden 0.05 "
    "--synthesis.whole_only true --synthesis.balance category --scenes --seed 5"
)


def main() -> None:
    """Run everything and rewrite the page between its markers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with coco/, lmo/, cocoa/")
    parser.add_argument(
        "--work", type=Path, default=Path("out/reproduction"), help="folder for what is made on the way"
    )
    parser.add_argument("--page", type=Path, default=Path("docs/reproduction.md"))
    args = parser.parse_args()
    text = args.page.read_text("utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        parser.error(f"{args.page} has {BEGIN} before {END}")
    parts: list[str] = []
    for name, title, about in SETS:
        folder, commands = args.data / name, []
        if name == "scenes":
            folder = args.work / "scenes_coco"
            commands.append(SCENES.format(data=shlex.quote(str(args.data)), scenes=shlex.quote(str(folder))))
        more = " --detector yolox" if name == "cocoa" else ""
        output = args.work / name
        commands.append(
            f"amodal reproduce --truth {shlex.quote(f'{folder}/annotations.json')} --images "
            f"{shlex.quote(f'{folder}/images')} --output {shlex.quote(str(output))}{more}"
        )
        for command in commands:
            if not (name == "scenes" and command == commands[0] and folder.exists()):
                _run(command)
        parts += [f"\n### {title}\n", about, "\n```", *commands, "```\n", *_tables(output)]
    before, _, rest = args.page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    args.page.write_text("\n".join([before + BEGIN, *parts, "", END]) + after, "utf-8")
    print(f"written: {args.page}")


def _tables(folder: Path) -> list[str]:
    found: dict[str, Any] = json.loads((folder / "numbers.json").read_text("utf-8"))
    protocol, sections = found["protocol"], found["sections"]
    lines = [f"Weights: {protocol['weights']}; {protocol['thresholds']}. {protocol['val'].partition(': ')[2]}.", ""]
    for name in ("indirect", "direct", "combined"):
        tables = sections[name]["tables"]
        for table in tables[:1] if name == "combined" else tables:
            columns = [key for key in table["rows"][0] if key != "name"]
            lines += [f"| {table['title']} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
            lines += [f"| {r['name']} | {' | '.join(_cell(r[c]) for c in columns)} |" for r in table["rows"]]
            lines.append("")
    counts = next(note for note in sections["qualitative"]["notes"] if note.startswith("Counts"))
    return [*lines, counts]


def _cell(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    text = _percent(figure["ours"])
    if figure["ours_95"] is not None:
        text += f" [{', '.join(map(_percent, figure['ours_95']))}]"
    return text + ("" if figure["paper"] is None else f" ({_percent(figure['paper'])})")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _run(command: str) -> None:
    print(f"$ {command}", flush=True)
    subprocess.run([sys.executable, "-m", *shlex.split(command)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
