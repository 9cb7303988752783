"""XML files, read without anything XML can do beyond elements: no document type, so no entities, nothing fetched."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ..core.errors import AnnotationError

Element = ElementTree.Element

_MAX_DEPTH = 60
_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def read_xml(path: str | Path) -> Element:
    """The root element of one file.

    Raises:
        AnnotationError: missing, not XML (the message gives line and column), with a document type, or nested deeper
            than any annotation.
    """
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            rule = f"elements are nested at the most {_MAX_DEPTH} deep"
            raise AnnotationError(rule, file=path, remedy="take the deepest out")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: Any) -> None:
        raise AnnotationError(
            "an annotation file has no document type (<!DOCTYPE ...>)",
            file=path,
            remedy="take that line out; entities are not read",
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        with Path(path).open("rb") as file:
            parser.ParseFile(file)
        return builder.close()
    except OSError as problem:
        raise AnnotationError(
            f"the file cannot be read ({problem.strerror})", file=path, remedy="check the path"
        ) from None
    except (expat.ExpatError, ValueError, LookupError) as problem:  # a LookupError is an encoding nobody knows
        raise AnnotationError(
            f"not an XML file: {problem}", file=path, remedy="write the file again; it may be cut short"
        ) from None


def first_tag(path: Path) -> str:
    """Name of the first element, from the first kilobytes; empty where there is none. Never raises."""
    found: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _: found.append(name)
    try:
        with path.open("rb") as file:
            parser.Parse(file.read(65536))
    except (OSError, expat.ExpatError, ValueError, LookupError):
        pass
    return found[0] if found else ""


def text(parent: Element, tag: str) -> str | None:
    """The stripped text of a child; None where there is no such child."""
    child = parent.find(tag)
    return None if child is None else (child.text or "").strip()


def as_data(element: Element) -> Any:
    """An element without attributes as a text, or a dict of its children (a list where a tag comes twice)."""
    if not len(element):
        return (element.text or "").strip()
    out: dict[str, Any] = {}
    for child in element:
        value = as_data(child)
        if child.tag not in out:
            out[child.tag] = value
        elif isinstance(out[child.tag], list):
            out[child.tag].append(value)
        else:
            out[child.tag] = [out[child.tag], value]
    return out


def add_data(parent: Element, tag: str, value: Any) -> None:
    """The reverse of `as_data`, as a child (or children) of ``parent``."""
    for one in value if isinstance(value, list) else [value]:
        child = ElementTree.SubElement(parent, tag)
        if isinstance(one, dict):
            for name, inner in one.items():
                add_data(child, name, inner)
        else:
            child.text = str(one)


def as_bytes(root: Element) -> bytes:
    """The file's content: UTF-8, indented; a character that XML has not is replaced by U+FFFD."""
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + _text_of(root).encode() + b"\n"


def as_child(element: Element) -> str:
    """A child of the root, as it stands among the lines of `as_bytes`."""
    ElementTree.indent(element, level=1)
    return "\n  " + _text_of(element)


def _text_of(element: Element) -> str:
    return _NO_XML.sub("\ufffd", ElementTree.tostring(element, encoding="unicode"))


def is_text(value: str) -> bool:
    """Whether XML gives this text back as it is: no control characters, nothing blank around it."""
    return "\r" not in value and _NO_XML.search(value) is None and value == value.strip()
