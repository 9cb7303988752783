"""What the parser says of words it cannot take, as people say it, with the word that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

_KINDS = {"int": "a whole number", "float": "a number", "tuple": "a list in brackets, [ITEM,...]"}
_VALUE = re.compile(
    r'Parser key "(?P<key>[^"]+)": (?:Expected a|Does not validate against any of the Union subtypes Subtypes:) '
    r"\[?<class '(?P<kind>int|float|tuple)'>(?:\.|, <class 'NoneType'>\] .*) (?:Got|Given) value: ?(?P<value>.*)"
)
_CHOICE = re.compile(
    r'Parser key "(?P<key>[^"]+)": Expected a typing\.Literal\[(?P<choices>[^]]*)\]\. Got value: ?(?P<value>.*)'
)
_CONFIG = re.compile(r"""Parser key "(?P<key>[^"]+)": Unable to load config '(?P<value>.*)' - Parser key .*""")
_MISSING = "the following arguments are required: "
_UNKNOWN = "unrecognized arguments: "


def said_plainly(problem: str, commands: Sequence[str], options: Mapping[str, str]) -> str:
    """A message of jsonargparse's in one line, without a full stop; as it is where nothing plainer is known.

    Args:
        problem: the message.
        commands: the names of all commands.
        options: of the command that was asked for, option by key (``min_score``: ``--min-score``); without its
            positional words.

    >>> said_plainly("unrecognized arguments: x", [], {})
    'unrecognized arguments: x'
    >>> said_plainly("unrecognized arguments: --ouput x", [], {"output": "--output"})
    'unrecognized arguments: --ouput x; did you mean --output?'
    """
    told = " ".join(problem.split())
    if found := re.match(r"argument command: invalid choice: '(.*)' \(choose from ", told):
        word = found[1].lower()
        begun = [command for command in commands if word and command.startswith(word)]
        meant = begun or get_close_matches(word, commands, n=1, cutoff=0.7)
        return f"no command is called '{found[1]}'{_or(meant) or '.'} Commands: {', '.join(commands)}"
    if told.startswith('expected "command" to be one of '):
        return f"name a command: {', '.join(commands)}"
    if found := _VALUE.fullmatch(told):
        return f"{_named(found['key'], options)} is {_KINDS[found['kind']]}; found {found['value']!r}"
    if found := _CHOICE.fullmatch(told):
        choices = found["choices"].replace("'", "")
        return f"{_named(found['key'], options)} is one of {choices}; found {found['value']!r}"
    if found := _CONFIG.fullmatch(told):
        option = _named(found["key"], options)
        return f"{option} takes a file of settings (one alone: {option}.NAME VALUE); found {found['value']!r}"
    if told.startswith(_MISSING):
        keys = (key.partition(".")[2] for key in told.removeprefix(_MISSING).split(", "))
        return _MISSING + ", ".join(_named(key, options) for key in keys)
    if told.startswith(_UNKNOWN):
        meant = [option for word in told.removeprefix(_UNKNOWN).split() for option in _meant(word, options)]
        return told.rstrip(".") + _or(meant)
    return told.rstrip(".")


def _named(key: str, options: Mapping[str, str]) -> str:
    return options.get(key, key)


def _meant(word: str, options: Mapping[str, str]) -> list[str]:
    """The option nearest to an unknown one; of a single letter, the only one that begins with it."""
    if re.fullmatch(r"-[a-z]", word):
        begun = [option for option in options.values() if option.startswith(f"-{word}")]
        return begun if len(begun) == 1 else []
    if not word.startswith("--"):
        return []
    spelt = {option.replace("_", "-"): option for option in options.values()}
    nearest = get_close_matches(word.partition("=")[0].replace("_", "-"), spelt, n=1, cutoff=0.75)
    return [spelt[option] for option in nearest]


def _or(meant: Sequence[str]) -> str:
    return f"; did you mean {' '.join(dict.fromkeys(meant))}?" if meant else ""
