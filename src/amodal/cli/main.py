"""The command ``amodal``: finds the command asked for, and turns what can go wrong into one line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import jsonargparse

from .. import __version__
from ..core.errors import AmodalError
from .plain_help import PlainHelp
from .plain_words import said_plainly

COMMANDS = (
    "predict",
    "evaluate",
    "select",
    "annotate",
    "reproduce",
    "convert",
    "check",
    "show",
    "synthesize",
    "render",
    "train",
    "export",
)
"""Every command is the module of ``amodal.cli`` with its name."""

EXIT_OK, EXIT_USER_ERROR, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 0, 2, 130, 141

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_EXTRAS = dict.fromkeys(
    ("torch", "torchvision", "timm", "safetensors", "huggingface_hub", "onnx", "onnxscript"), "train"
)
_EXTRAS |= dict.fromkeys(("fastapi", "starlette", "uvicorn"), "annotate")
"""Which extra brings what the base install leaves out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: the words after ``amodal``; None takes them from the process.

    Returns:
        The exit code: 0, or what the command returned; 2 for input that the user can mend (told in one line on stderr);
        130 when interrupted; 141 when the reader of the output went away.

    Raises:
        SystemExit: from ``--help`` and ``--version`` (0) and from words the parser does not know (2).
    """
    words = _joined(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name in a file may hold what no terminal can show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        args = build_parser(words).parse_args(words)
        code: int | None = _command(args.command).run(args[args.command])
        if sys.stdout is not None:  # closed by who started us
            sys.stdout.flush()
    except AmodalError as problem:
        return _refuse(str(problem))
    except jsonargparse.ArgumentError as problem:
        command = asked if (asked := _asked(words)) in COMMANDS else ""
        told = said_plainly(str(problem), COMMANDS, _options(command))
        stop, of = "" if told.endswith("?") else ".", f" {command}" if command else ""
        raise SystemExit(_refuse(f"{told}{stop} See amodal{of} --help.")) from None
    except ModuleNotFoundError as problem:
        extra = _EXTRAS.get((problem.name or "").partition(".")[0])
        if extra is None:
            raise
        return _refuse(
            f"this needs {problem.name}, which the base install leaves out. Run: pip install 'amodal[{extra}]'"
        )
    except BrokenPipeError:
        _drop_output()
        return EXIT_BROKEN_PIPE
    except OSError as problem:
        if problem.filename is None and problem.errno in _FULL:
            return _refuse_full(problem.errno)
        if problem.filename is None:
            raise
        return _refuse(f"{problem.filename}: {problem.strerror}")
    except KeyboardInterrupt as problem:
        told = "; ".join(["amodal: interrupted", *map(str, problem.args)])  # what the command says of going on
        print(told, file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as problem:
        found = re.search(r"\(os error (\d+)\)$", str(problem))  # safetensors has errors of its own
        if found is None or int(found[1]) not in _FULL:
            raise
        return _refuse_full(int(found[1]))
    return code or EXIT_OK


def build_parser(words: Sequence[str] | None = None) -> jsonargparse.ArgumentParser:
    """The parser of the whole command line.

    Args:
        words: the command line, where known: then only the command it names gets its options.
    """
    parser = jsonargparse.ArgumentParser(
        prog="amodal",
        description="The whole object from its visible part: amodal masks and boxes.",
        version=__version__,
        exit_on_error=False,
        allow_abbrev=True,  # jsonargparse 5 is to turn it off by default; the commands take it from here
        formatter_class=PlainHelp,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    asked = _asked(words or ())
    for name in COMMANDS:
        if asked in COMMANDS and name != asked:
            continue
        child = _parser_of(name, with_words=name == asked or words is None)
        commands.add_subcommand(name, child, help=_command(name).HELP)
    return parser


def _asked(words: Sequence[str]) -> str:
    """The word in the place of a command, whether it is one or not; "" where there is none."""
    return next((word for word in words if not word.startswith("-")), "")


def _parser_of(name: str, *, with_words: bool) -> jsonargparse.ArgumentParser:
    module = _command(name)
    parser = jsonargparse.ArgumentParser(
        usage=getattr(module, "USAGE", None),  # of commands whose options would fill a screen
        description=module.__doc__,
        print_config=None,  # train has its own
        formatter_class=PlainHelp,
    )
    if with_words:
        module.add_arguments(parser)
    return parser


def _joined(words: Sequence[str]) -> list[str]:
    """The words with ``--box`` and a box that begins below 0 as one: alone it would be taken for an option.

    A ``~`` that shells leave as it is (``--output=~/x``) is the home folder.
    """
    joined: list[str] = []
    for word in words:
        name, sign, value = word.partition("=")
        if sign and name.startswith("--") and value.startswith("~"):
            word = f"{name}={os.path.expanduser(value)}"
        if joined and joined[-1] == "--box" and re.match(r"-\.?\d", word):
            joined[-1] = f"--box={word}"
        else:
            joined.append(word)
    return joined


def _command(name: str) -> ModuleType:
    return import_module(f".{name}", __package__)


def _options(name: str) -> dict[str, str]:
    """The options of a command by key, the last spelling of each; of ``amodal`` itself, where none is named."""
    if not name:
        return {"help": "--help", "version": "--version"}
    actions = _parser_of(name, with_words=True)._actions
    return {action.dest: action.option_strings[-1] for action in actions if action.option_strings}


def _refuse_full(number: int) -> int:
    """Of a disk that is full; the error names no file, so whether it is that of the printed lines is found out."""
    reason = os.strerror(number)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # what could not be written is still in the buffer
        printing = "what is printed"
        _drop_output()
    else:
        printing = "what is printed, or a file," if _prints_to_a_disk() else "a file"
    return _refuse(f"{printing} cannot be written ({reason}). Make room on the disk of the output, or write elsewhere.")


def _prints_to_a_disk() -> bool:
    """Whether printed lines can meet a full disk: no pipe and no terminal. Unbuffered, nothing is left to try again."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
        return stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not sys.stdout.isatty())
    except (OSError, AttributeError):  # closed, or no file at all
        return False


def _drop_output() -> None:
    """What is still buffered cannot be written: without this the interpreter complains once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str) -> int:
    print(f"amodal: error: {message}", file=sys.stderr)
    return EXIT_USER_ERROR
