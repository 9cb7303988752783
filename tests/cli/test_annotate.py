from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from amodal.annotate.png import mask_png
from amodal.cli import main as cli
from amodal.core.masks import Mask
from amodal.datasets import read_annotations


@contextmanager
def running(root: Path, *words: object) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """The command as a process, the address it prints, and the lines before that."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-m", "amodal", "annotate", *map(str, words), "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                if line.startswith("open http"):
                    yield process, line.split()[1], lines
                    break
                lines.append(line)
            else:
                raise AssertionError("".join(lines))
        finally:
            process.kill()


class _Stay(HTTPRedirectHandler):
    def http_error_303(self, req, fp, code, msg, headers):  # type: ignore[no-untyped-def]
        return fp


def ask(address: str, path: str, cookie: str, *, method: str = "GET", data: bytes | None = None) -> bytes:
    base = address.partition("?")[0]
    headers = {"Cookie": cookie}
    if method in ("PUT", "POST"):
        headers["X-Album"] = json.loads(ask(address, "api/album", cookie))["key"]
    if method == "POST":
        headers["Content-Type"] = "application/json"
    request = Request(base + path, data=data, method=method, headers=headers)
    with build_opener(_Stay).open(request, timeout=30) as answer:
        return answer.read()  # type: ignore[no-any-return]


def cookie_of(address: str) -> str:
    with build_opener(_Stay).open(address, timeout=30) as answer:
        (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return f"{morsel.key}={morsel.value}"


@pytest.mark.skipif(os.name == "nt", reason="interrupted by a signal")
def test_it_serves_until_interrupted_and_goes_on_where_it_stopped(
    root: Path, tiny_set: tuple[Path, Path], tmp_path: Path
) -> None:
    images, annotations = tiny_set
    output = tmp_path / "drawn" / "truth.json"
    words = ["--images", images, "--annotations", annotations, "--output", output, "--port", 0, "--no-drafts"]
    with running(root, *words) as (process, address, lines):
        assert "".join(lines) == "0 of 3 objects drawn\n" and address.startswith("http://127.0.0.1:")
        cookie = cookie_of(address)
        drawn = mask_png(Mask.from_box((8, 3, 20, 15), 20, 24))
        told = json.loads(
            ask(address, "api/objects/11/whole?state=done&start=visible", cookie, method="PUT", data=drawn)
        )
        assert told["done"] == 1 and not output.exists()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == f"1 of 3 objects drawn: {output}\n" and process.wait(30) == 0
    with running(root, *words) as (process, address, lines):  # killed this time
        assert "".join(lines) == "1 of 3 objects drawn\n"
        ask(address, "api/objects/13/whole?state=unsure", cookie_of(address), method="PUT", data=drawn)
        process.kill()
        process.wait(30)
    for number in (signal.SIGTERM, signal.SIGHUP):
        output.unlink()
        with running(root, *words) as (process, _, lines):
            assert "".join(lines) == "1 of 3 objects drawn, 1 unsure\n"
            process.send_signal(number)
            assert process.wait(30) == 0 and output.exists()
    objects = {one.id: one for record in read_annotations(output) for one in record.instances}
    assert objects[11].amodal_mask == Mask.from_box((2, 3, 20, 15), 20, 24) and objects[13].extra == {"drawn_unsure": 1}


@pytest.mark.skipif(os.name == "nt", reason="interrupted by a signal")
def test_interrupted_while_something_is_sent_it_tells_no_story(
    root: Path, tiny_set: tuple[Path, Path], tmp_path: Path
) -> None:
    output = tmp_path / "truth.json"
    words = ["--images", tiny_set[0], "--annotations", tiny_set[1], "--output", output, "--port", 0, "--no-drafts"]
    with running(root, *words) as (process, address, _):
        cookie = cookie_of(address)
        key = json.loads(ask(address, "api/album", cookie))["key"]
        sending = HTTPConnection("127.0.0.1", urlsplit(address).port or 0)
        sending.putrequest("PUT", "/api/objects/11/whole?state=done")
        for name, value in {"Cookie": cookie, "X-Album": key, "Content-Length": "9999"}.items():
            sending.putheader(name, value)
        sending.endheaders(b"a part of it")
        ask(address, "api/album", cookie)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == f"0 of 3 objects drawn: {output}\n" and process.wait(30) == 0
        sending.close()


@pytest.mark.skipif(os.name == "nt", reason="interrupted by a signal")
def test_photographs_alone_are_drawn_on(root: Path, tiny_set: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "truth.json"
    words = ["--images", tiny_set[0], "--categories", "cat", "house", "--output", output, "--port", 0, "--no-drafts"]
    added = json.dumps({"box": [1, 2, 30, 20], "category": "house"}).encode()
    with running(root, *words) as (process, address, lines):
        assert "".join(lines) == "0 of 0 objects drawn\n"
        cookie = cookie_of(address)
        listing = json.loads(ask(address, "api/album", cookie))
        assert [(one["name"], one["width"], one["height"]) for one in listing["pictures"]] == [
            ("a.png", 40, 30),
            ("sub/b.png", 20, 24),
        ]
        assert (
            json.loads(ask(address, "api/pictures/1/objects", cookie, method="POST", data=added))["id"] == "1000000001"
        )
        drawn = mask_png(Mask.from_box((1, 2, 40, 20), 40, 30))
        ask(address, "api/objects/1000000001/whole?state=done", cookie, method="PUT", data=drawn)
        process.kill()
        process.wait(30)
    shutil.copy(tiny_set[0] / "a.png", tiny_set[0] / "0.png")  # comes before: the numbers of pictures change
    with running(root, *words) as (process, _, lines):
        assert "".join(lines) == "1 of 1 objects drawn\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait(30) == 0, told
    album = read_annotations(output)
    assert [category.name for category in album.categories] == ["cat", "house"]
    assert [(record.file_name, len(record.instances)) for record in album] == [
        ("0.png", 0),
        ("a.png", 1),
        ("sub/b.png", 0),
    ]
    (one,) = album[1].instances
    assert one.category == 1 and one.amodal_mask == Mask.from_box((1, 2, 40, 20), 40, 30)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert cli.main(["annotate", *map(str, words), "--no-browser"]) == cli.EXIT_USER_ERROR
    return capsys.readouterr().err


def test_words_that_do_not_fit(tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, annotations = tiny_set
    output = tmp_path / "truth.json"
    words = ["--images", images, "--annotations", annotations, "--output", output]
    assert "folder of the pictures" in refused(capsys, *words, "--images", tmp_path / "none")
    assert "Leave one of them out" in refused(capsys, *words, "--no-drafts", "--weights", tmp_path)
    assert "over what is read" in refused(capsys, *words, "--output", annotations)
    (tmp_path / "folder").mkdir()
    assert "Name a file" in refused(capsys, *words, "--output", tmp_path / "folder")
    output.write_text("{}")
    told = refused(capsys, *words)
    assert "new file, or one that `amodal annotate` has written" in told and output.read_text() == "{}"
    output.unlink()
    (tmp_path / "empty").mkdir()
    empty = tmp_path / "empty.json"
    empty.write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    assert "have a picture and a category" in refused(capsys, *words, "--annotations", empty, "--no-drafts")
    assert "which have theirs" in refused(capsys, *words, "--categories", "dog")
    photographs = ["--images", images, "--output", output, "--no-drafts"]
    assert "a name each, another one" in refused(capsys, *photographs, "--categories", "dog", "dog")
    assert "folder of photographs holds some" in refused(capsys, *photographs, "--images", output.parent / "empty")
    broken = tmp_path / "broken.json"
    broken.write_text(annotations.read_text().replace('"cup"', '"\\ud800"'))
    assert "half of a surrogate" in refused(capsys, *words, "--annotations", broken, "--no-drafts")
    assert not output.exists() and not list(tmp_path.glob("*.jsonl"))


def test_a_port_that_is_taken(tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, annotations = tiny_set
    words = ["--images", images, "--annotations", annotations, "--output", tmp_path / "t.json", "--no-drafts"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = refused(capsys, *words, "--port", taken.getsockname()[1])
    assert re.search(r"--port: the page is served at a free address .*\. Name another port", told)
    assert "--port" in refused(capsys, *words, "--port", 70000)
    assert "--host" in refused(capsys, *words, "--host", "no.such.host.invalid")


def test_only_some_pictures(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from amodal.annotate import run

    images, annotations = tiny_set
    (tmp_path / "list.txt").write_text("sub/b.png\n")
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(run, "serve", lambda session, **words: asked.append(session.listing() | words))
    output = tmp_path / "t.json"
    words = ["--images", images, "--annotations", annotations, "--output", output, "--only", tmp_path / "list.txt"]
    assert cli.main(["annotate", *map(str, words)]) == 0
    (found,) = asked
    assert [picture["name"] for picture in found["pictures"]] == ["sub/b.png"]  # type: ignore[index,attr-defined]
    assert found["drafts"] and found["browse"] and found["host"] == "127.0.0.1" and found["port"] is None
    assert capsys.readouterr().out == f"0 of 2 objects drawn\n0 of 2 objects drawn: {output}\n"
    assert len(read_annotations(output)) == 1


def test_the_base_install_says_what_is_missing(
    tiny_set: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("amodal.annotate")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    images, annotations = tiny_set
    told = refused(capsys, "--images", images, "--annotations", annotations, "--output", tmp_path / "t.json")
    assert "this needs uvicorn" in told and "pip install 'amodal[annotate]'" in told
    assert not (tmp_path / "t.json.drawn.jsonl").exists()
