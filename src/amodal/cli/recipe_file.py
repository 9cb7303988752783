"""``--recipe FILE.yaml``: what is wrong with the file is one error that names it and the key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import fields, is_dataclass
from importlib import resources
from os.path import expanduser
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser, Namespace  # type: ignore[attr-defined]

from ..core.errors import RecipeError
from ..training.config import DataSource, Recipe

T = TypeVar("T")
_REMEDY = "see docs/training.md, or amodal train --help"
_NO_VALUE, _GIVE = "has no value", "give one, or remove the line"
_SECTION = "is a section: keys and values"
ANY_DATA = ({"images": "", "annotations": ""},)
"""Stands for the data of a recipe that names none: words that follow may."""


class RecipeFile(ActionConfigFile):
    """Takes a recipe's values from a file, after checking the file by itself."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        file, earlier = find_recipe(values), namespace.get(self.dest)
        if isinstance(earlier, list):
            raise RecipeError(
                "--recipe is given once",
                file=file,
                value=f"{earlier[-1]} and {file}",
                remedy="leave one out; words such as --seed 3 change what a recipe says",
            )
        Context().run(check_recipe, file)  # the parser's own state would change how lists are read
        super().__call__(parser, namespace, str(file), option_string)  # type: ignore[no-untyped-call]


def words_win(parser: ArgumentParser, *files: str) -> None:
    """Let the words of a command line win over the files of settings it names, wherever they stand.

    Args:
        parser: of a command; reads the words as `files_first` orders them from now on.
        files: options that take such a file, general ones first.
    """
    parse = parser.parse_args

    def parse_in_order(args: Sequence[str], *rest: Any, **named: Any) -> Namespace:
        return parse(files_first(args, files), *rest, **named)

    parser.parse_args = parse_in_order  # type: ignore[assignment, method-assign]


def files_first(words: Sequence[str], files: Sequence[str]) -> list[str]:
    """Words with the options that take a file of settings before all others; else in their order.

    >>> files_first(["--seed=3", "--modal.lr", "1", "--rec", "finetune", "--output", "runs/a"], ["--recipe"])
    ['--rec', 'finetune', '--seed=3', '--modal.lr', '1', '--output', 'runs/a']
    """
    options: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--"):
            options.append([])
        options[-1].append(word)

    def place(option: list[str]) -> int:
        if not option:
            return len(files)
        name = option[0].partition("=")[0]
        known = (i for i, file in enumerate(files) if len(name) > 2 and file.startswith(name))  # may be shortened
        return next(known, len(files)) if len(option) > 1 or "=" in option[0] else len(files)

    return [word for option in sorted(options, key=place) for word in option]


def find_recipe(word: str | Path) -> Path:
    """A recipe's file; a plain word that is none names one that comes with the package: ``finetune``.

    In a checkout each of ``recipes/`` has its word.
    """
    file = Path(word)
    if file.is_file() or file.name != str(word):
        return file
    package = Path(str(resources.files("amodal")))
    for folder in (package / "recipes", package.parents[1] / "recipes"):  # installed, or a checkout
        if (folder / f"{word}.yaml").is_file():
            return folder / f"{word}.yaml"
    return file


def check_recipe(path: str | Path) -> Recipe:
    """Refuse a recipe file with unknown keys, or values of the wrong kind or out of range.

    Returns:
        The recipe; where the file names no data (words may follow that do), with a source of empty names.

    Raises:
        RecipeError: naming the file and the key.
    """
    if not Path(path).is_file():
        raise RecipeError(
            "a recipe is a YAML file, or the word finetune", file=path, remedy="check the path, or the word"
        )
    alone = ArgumentParser(exit_on_error=False)
    alone.add_class_arguments(Recipe)
    try:
        _check_keys(Path(path))
        values = alone.parse_path(path).as_dict()
    except ArgumentError as problem:
        key, rule = in_words(problem)
        unknown = re.search(r"(?:Group '([^']*)' does not accept o|O)ption '([^']*)'", rule)
        if unknown:
            key = ".".join(part for part in (key, unknown[1], unknown[2]) if part)
            raise RecipeError(
                "a recipe has no such setting", file=path, record=key, value=_value_at(path, key), remedy=_REMEDY
            ) from None
        raise RecipeError(rule, file=path, record=key, remedy=_REMEDY) from None
    except UnicodeDecodeError:
        raise RecipeError("a recipe is UTF-8 text", file=path, remedy="save it so") from None
    return build(Recipe, values if values["data"] else values | {"data": ANY_DATA}, file=path)


def build(kind: type[T], values: Mapping[str, Any], *, file: str | Path = "", place: str = "") -> T:
    """A dataclass of settings from parsed values, its dataclasses inside too; what is not named keeps its default.

    Args:
        kind: the dataclass.
        values: may hold names that are none of its fields: they are left out.
        file: named in errors.
        place: the key of ``values`` in the whole, named in errors.

    Raises:
        RecipeError: a value out of range, or none.
    """
    hints, given = get_type_hints(kind), {}
    for name in (field.name for field in fields(kind) if field.name in values):  # type: ignore[arg-type]
        value, inside = values[name], f"{place}.{name}".lstrip(".")
        if value is None and not _takes_none(hints[name]):
            raise RecipeError(_NO_VALUE, file=file, record=inside, remedy=_GIVE)
        if is_dataclass(hints[name]):
            value = build(hints[name], value, file=file, place=inside)
        elif hints[name] == tuple[DataSource, ...]:
            items = (vars(item) if isinstance(item, Namespace) else item for item in value)
            value = tuple(build(DataSource, item, file=file, place=f"{inside}[{i}]") for i, item in enumerate(items))
        # a path in YAML, which no shell has seen
        given[name] = expanduser(value) if isinstance(value, str) and value.startswith("~/") else value
    try:
        return kind(**given)
    except RecipeError as problem:
        raise RecipeError(str(problem), file=file, record=place) from None


def _check_keys(path: Path) -> None:
    """Refuse keys without a value, or twice, and values in the place of sections: the parser makes riddles of them.

    Raises:
        RecipeError: as said.
        UnicodeDecodeError: not UTF-8.
    """
    text = path.read_text(encoding="utf-8")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return  # the parser says where
    if root is None or _is_null(root):
        raise RecipeError("a recipe is keys and values; this file has none", file=path, remedy=_REMEDY)
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError("a recipe is keys and values", file=path, value=text.strip(), remedy=_REMEDY)
    _check_section(root, Recipe, path)


def _check_section(node: yaml.Node, kind: type, file: Path, place: str = "") -> None:
    if not isinstance(node, yaml.MappingNode):
        rule, remedy = (_NO_VALUE, _GIVE) if _is_null(node) else (_SECTION, _REMEDY)
        raise RecipeError(rule, file=file, record=place, remedy=remedy)
    hints, lines = get_type_hints(kind), dict[str, int]()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # the parser refuses it
        inside, line = f"{place}.{key.value}".lstrip("."), key.start_mark.line + 1
        if key.value in lines:
            twice = f"a key stands once; it is in lines {lines[key.value]} and {line}"
            raise RecipeError(twice, file=file, record=inside, remedy="remove one of them")
        lines[key.value] = line
        hint = hints.get(key.value)
        if hint is None:
            continue  # the parser knows which there are
        if is_dataclass(hint):
            _check_section(value, hint, file, inside)  # type: ignore[arg-type]
        elif _is_null(value) and not _takes_none(hint):
            raise RecipeError(_NO_VALUE, file=file, record=inside, remedy=_GIVE)
        elif hint == tuple[DataSource, ...] and isinstance(value, yaml.SequenceNode):
            for i, item in enumerate(value.value):
                _check_section(item, DataSource, file, f"{inside}[{i}]")


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _takes_none(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _value_at(path: str | Path, key: str) -> Any:
    """What a YAML file says at a dotted key; in a list, that of the first item that has it."""
    value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    for part in key.split("."):
        if isinstance(value, list):
            value = next((item for item in value if isinstance(item, dict) and part in item), None)
        value = value.get(part) if isinstance(value, dict) else None
    return value


def in_words(problem: ArgumentError) -> tuple[str, str]:
    """The parser's complaint as a key ("" where it names none) and one line.

    >>> in_words(ArgumentError(None, "Parser key \\"modal.steps\\":\\n  Expected a <class 'int'>. Got value: x"))
    ('modal.steps', 'a value of type int is expected; found x')
    """
    text = " ".join(str(problem).split())
    found = re.match(r'Parser key "([^"]*)": ', text)
    text = re.sub(r"Problem with given class_path '[^']*': |Parser key \"[^\"]*\": ", "", text)
    text = re.sub(r"Expected a <class '(\w+)'>\. Got value: ", r"a value of type \1 is expected; found ", text)
    return found[1] if found else "", text.rstrip(" :")
