"""What is said of words that no command takes."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amodal.cli import main as cli


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("predct --images x", "no command is called 'predct'; did you mean predict? Commands: predict, evaluate, "),
        ("Show", "no command is called 'Show'; did you mean show? Commands: "),
        ("eval", "no command is called 'eval'; did you mean evaluate? Commands: "),
        ("paint", "no command is called 'paint'. Commands: predict, "),
        ("", "name a command: predict, evaluate, select, "),
        ("--verison", "unrecognized arguments: --verison; did you mean --version? See amodal --help."),
        ("predict --ouput x", "unrecognized arguments: --ouput; did you mean --output? See amodal predict --help."),
        ("predict --min_scor 1 --output x", "unrecognized arguments: --min_scor; did you mean --min-score? See"),
        ("predict -o x", "unrecognized arguments: -o; did you mean --output? See amodal predict --help."),
        ("predict --loudly --output x", "unrecognized arguments: --loudly. See amodal predict --help."),
        ("convert a b c --to cvat", "unrecognized arguments: c. See amodal convert --help."),
        ("convert", "the following arguments are required: source, target, --to. See amodal convert --help."),
        ("predict --threads many --output x", "--threads is a whole number; found 'many'. See amodal predict --help."),
        ("predict --shards 1.5 --output x", "--shards is a whole number; found '1.5'. See amodal predict --help."),
        ("predict --min-score high --output x", "--min-score is a number; found 'high'. See amodal predict --help."),
        ("predict --threads= --output x", "--threads is a whole number; found ''. See amodal predict --help."),
        ("predict --min-score= --output x", "--min-score is a number; found ''. See amodal predict --help."),
        ("predict --threads 'x. y.' --output x", "--threads is a whole number; found 'x. y.'. See amodal predict"),
        ("train --precision=", "--precision is one of fp32, bf16; found ''. See amodal train --help."),
        ("train --stages modal", "--stages is a list in brackets, [ITEM,...]; found 'modal'. See amodal train --help."),
        ("train --modal x", "--modal takes a file of settings (one alone: --modal.NAME VALUE); found 'x'. See amodal"),
        ("train --precision fp8", "--precision is one of fp32, bf16; found 'fp8'. See amodal train --help."),
        ("train --modal.stesp 3", "unrecognized arguments: --modal.stesp 3; did you mean --modal.steps? See amodal"),
    ],
)
def test_words_that_no_command_takes(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(shlex.split(words))
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"amodal: error: {told}") and said.endswith("--help.\n") and said.count("\n") == 1


def test_help_is_that_of_the_command_asked_for_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["foo", "train"])  # a folder may be called as a command is
    assert capsys.readouterr().err.endswith(" export. See amodal --help.\n")


@pytest.mark.filterwarnings("error")
def test_a_beginning_of_an_option_is_enough() -> None:
    words = ["predict", "--annot", "a.json", "--image=i", "--output", "o"]
    args = cli.build_parser(words).parse_args(words)
    assert (args.predict.annotations, args.predict.images) == ("a.json", "i")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_while_libraries_are_loaded(root: Path, tmp_path: Path) -> None:
    slow = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)\n"
    (tmp_path / "jsonargparse.py").write_text(slow)  # in the place of the library
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root / "src")])}
    ran = subprocess.run(
        [sys.executable, "-m", "amodal", "predict"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (signal.SIGINT + 128, "amodal: interrupted\n")
