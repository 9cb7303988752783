from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jsonargparse
import pytest

from amodal import __version__
from amodal.cli import main as cli
from amodal.core.errors import AmodalError


def act(monkeypatch: pytest.MonkeyPatch, problem: BaseException | None, words: list[str] | None = None) -> int:
    """Run a command ``predict`` of one option that does nothing, or fails as told."""
    command = ModuleType("command")
    command.__doc__ = "A command."

    def run(args: jsonargparse.Namespace) -> None:
        print(f"ran with {args.size}")
        if problem is not None:
            raise problem

    vars(command).update(
        HELP="does nothing", add_arguments=lambda parser: parser.add_argument("--size", type=int, default=1), run=run
    )
    monkeypatch.setattr(cli, "_command", lambda name: command)
    return cli.main(["predict"] if words is None else words)


def test_a_command_gets_its_own_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert act(monkeypatch, None, ["predict", "--size", "7"]) == 0
    assert capsys.readouterr().out == "ran with 7\n"


@pytest.mark.parametrize(
    ("problem", "code", "line"),
    [
        (AmodalError("a box needs x1 < x2", file="f.json"), 2, "amodal: error: f.json: a box needs x1 < x2\n"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "amodal: error: out: Permission denied\n"),
        (ModuleNotFoundError("no torch", name="torch.nn"), 2, "amodal: error: this needs torch.nn, which the base"),
        (KeyboardInterrupt(), 130, "amodal: interrupted\n"),
        (KeyboardInterrupt("go on with --resume"), 130, "amodal: interrupted; go on with --resume\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "amodal: error: a file cannot be written (No space left"),
        (Exception("I/O error: No space left on device (os error 28)"), 2, "amodal: error: a file cannot be written"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: BaseException,
    code: int,
    line: str,
) -> None:
    assert act(monkeypatch, problem) == code
    told = capsys.readouterr().err
    assert told.startswith(line) and told.count("\n") == 1


@pytest.mark.parametrize(
    "problem", [ValueError("a bug"), ModuleNotFoundError("x", name="nonsense"), OSError("odd"), OSError(5, "x")]
)
def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    with pytest.raises(type(problem)):
        act(monkeypatch, problem)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--version"], 0, __version__),
        (["--help"], 0, "synthesize"),
        ([], 2, "command"),
        (["paint"], 2, "paint"),
        (["predict", "--paint", "1"], 2, "--paint"),
        (["predict", "--size", "big"], 2, "size"),
    ],
)
def test_words_for_the_parser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        act(monkeypatch, None, words)
    assert ended.value.code == code
    shown = capsys.readouterr()
    assert told in (shown.out if code == 0 else shown.err)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert re.match(rf"usage: amodal (\[options\] )?{name} ", told)
    assert not re.search(r"null|default: \)|default: \[\]|default: False|type: str|Literal\[", told)


def test_the_whole_parser_knows_every_command() -> None:
    parser = cli.build_parser()
    args = parser.parse_args(["evaluate", "--truth", "t", "--predictions", "p", "--output", "o"])
    assert args.command == "evaluate" and args.evaluate.truth == "t"


def test_a_reader_that_goes_away_is_no_error(root: Path) -> None:
    code = (
        "import sys\nfrom types import ModuleType\nfrom amodal.cli import main as cli\n"
        "c = ModuleType('c'); c.HELP = ''; c.add_arguments = lambda p: None\n"
        "c.run = lambda args: [print('x' * 1000) for _ in range(10000)]\n"
        "cli._command = lambda name: c\nsys.exit(cli.main(['predict']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        told = process.stderr.read()
        assert process.wait() == 141
    assert told == b""


def test_a_tilde_behind_an_equals_sign_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("USERPROFILE", "/home/somebody")
    words = ["predict", "a.jpg", "--output=~/x", "--box=1,2,3,4:~", "--weights", "~"]
    home = os.path.join("/home/somebody", "x")
    assert cli._joined(words) == [*words[:2], f"--output={home}", *words[3:]]
