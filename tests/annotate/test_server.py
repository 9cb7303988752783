from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from amodal.annotate import server
from amodal.annotate.drafts import NoDrafts, Stopped
from amodal.annotate.png import mask_png, png_mask
from amodal.annotate.server import build_app
from amodal.annotate.session import Session
from amodal.core.masks import Mask

TOKEN = "secret"
DRAWN = mask_png(Mask.from_box((8, 3, 20, 15), 20, 24))


@pytest.fixture
def stranger(session: Session) -> Iterator[TestClient]:
    """A browser that does not know the address."""
    with TestClient(build_app(session, TOKEN), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient, session: Session) -> TestClient:
    """One that came by it."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    stranger.headers["X-Album"] = session.key
    return stranger


def test_strangers_see_nothing(stranger: TestClient) -> None:
    tries = ["/", "/?token=", "/?token=secre", "/?token=ä", "/api/album?token=secret", "/annotate.js", "/nowhere"]
    for path in tries:
        answer = stranger.get(path)
        assert answer.status_code == 403 and "printed" in answer.text, path
    assert stranger.put("/api/objects/11/whole?state=done", content=DRAWN).status_code == 403
    assert stranger.get("/api/album", headers={"Cookie": "amodal=wrong"}).status_code == 403


def test_the_address_leaves_a_cookie_and_no_token(stranger: TestClient) -> None:
    answer = stranger.get("/?token=secret", follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie  # strict: where it is a link on another web page, the page is refused


def test_a_second_secret_opens_the_page_once(session: Session) -> None:
    app = build_app(session, TOKEN, once="code")
    with TestClient(app) as first, TestClient(app) as second, TestClient(app) as third:
        assert first.get("/api/album?once=code").status_code == 403 == first.get("/?once=").status_code
        assert first.get("/?once=code").status_code == 200 == first.get("/api/album").status_code
        assert second.get("/?once=code").status_code == 403 == second.get("/?once=").status_code
        assert third.get("/?token=secret").status_code == 200


def test_looking_changes_nothing(client: TestClient, session: Session, tmp_path: Path) -> None:
    """A link on another web page can make a browser look, cookie and all."""
    before = session.listing()
    del client.headers["X-Album"]
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path in {getattr(route, "path", "") for route in client.app.routes}:  # type: ignore[attr-defined]
        for number in (3, 7, 11, 12):
            client.get(path.format(name="index.html", image_id=number, annotation_id=number))
    assert session.listing() == before
    assert kept == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_page_and_all_it_names(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', page.text))
    assert named
    todo = [name for name in named if not name.startswith("data:")]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        answer = client.get(f"/{name}")
        assert answer.status_code == 200, name
        seen.add(name)
        if name.endswith(".js"):
            assert answer.headers["content-type"].startswith("text/javascript")
            imports = re.findall(r'from "\./([\w.-]+)"', answer.text)
            todo += [other for other in imports if other not in seen]
    there = {entry.name for entry in files("amodal.annotate").joinpath("page").iterdir()}
    assert there == seen | {"index.html"}  # nothing lies there in vain


def test_the_page_runs_no_word_of_its_own(client: TestClient) -> None:
    """What the security policy would stop: scripts, styles and handlers written into the page."""
    text = client.get("/").text
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|https?://(?!www\.w3\.org)", text)


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "/page/", "/server.py", "/x.js"]
)
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_questions(client: TestClient, session: Session) -> None:
    assert client.get("/api/album").json() == session.listing()
    picture = client.get("/api/pictures/3/picture")
    assert picture.headers["content-type"] == "image/png" and picture.content == session.picture(3)
    assert client.get("/api/pictures/4/picture").json() == {"detail": "there is no picture 4"}
    visible = client.get("/api/objects/11/visible")
    assert visible.headers["content-type"] == "image/png"
    assert png_mask(visible.content, 20, 24) == session.visible(11)
    assert client.get("/api/objects/13/visible").status_code == 404
    assert png_mask(client.get("/api/objects/13/others").content, 20, 24) == session.visible(11)
    whole = client.get("/api/objects/11/whole")
    assert whole.headers["x-start"] == "visible" and png_mask(whole.content, 20, 24) == session.visible(11)
    none = {"11/whole?start=draft": "no draft", "11/whole?start=annotated": "no whole mask", "13/visible": "box alone"}
    for path, told in none.items():
        answer = client.get(f"/api/objects/{path}")
        assert answer.status_code == 404 and told in answer.json()["detail"]
    assert client.post("/api/pictures/3/prepare").status_code == 204


def test_an_answer_and_its_end(client: TestClient, session: Session) -> None:
    answer = client.put("/api/objects/11/whole?state=done&start=visible", content=DRAWN)
    assert answer.status_code == 200
    assert answer.json() == {**session.listing()["pictures"][1]["objects"][0], "done": 1, "unsure": 0, "objects": 3}
    assert client.get("/api/objects/11/whole").headers["x-start"] == "visible"
    assert client.post("/api/save").json() == {"file": "truth.json", "objects": 1}
    assert session.output.exists()
    assert client.delete("/api/objects/11/whole").json()["state"] == "todo"


def test_two_tabs(client: TestClient, session: Session) -> None:
    path = "/api/objects/11/whole?state=done&start=visible&revision="
    assert client.get("/api/objects/11/whole").headers["x-revision"] == ""
    mine = client.put(path, content=DRAWN).json()["revision"]
    assert client.get("/api/objects/11/whole").headers["x-revision"] == mine == session.revision(11)
    other = mask_png(Mask.from_box((8, 3, 19, 15), 20, 24))
    late = client.put(path, content=other)
    assert late.status_code == 409 and late.json()["detail"] == "it was drawn in another tab meanwhile"
    assert late.json()["entry"] == client.get("/api/album").json()["pictures"][1]["objects"][0]
    assert client.delete(f"/api/objects/11/whole?revision={mine}").json()["state"] == "todo"
    client.put(path, content=DRAWN)
    assert client.delete("/api/objects/11/whole?revision=older").status_code == 409
    assert client.put(path + mine, content=other).json()["revision"] not in ("", mine)
    assert client.put("/api/objects/11/whole?state=done", content=DRAWN).status_code == 200  # whatever there is


def test_a_tab_whose_answer_was_lost(client: TestClient) -> None:
    client.post("/api/pictures/3/objects", json={"box": [8, 3, 20, 15], "category": "dog"})
    path, other = "/api/objects/1000000001", mask_png(Mask.from_box((8, 3, 19, 15), 20, 24))
    turns = [{"X-Page": "a", "X-Turn": str(turn)} for turn in range(1, 6)]
    assert client.put(f"{path}/whole?state=done&revision=", content=DRAWN, headers=turns[0]).status_code == 200
    refused = client.delete(f"{path}?revision=", headers={"X-Page": "b", "X-Turn": "9"})
    assert refused.status_code == 409 and refused.json()["entry"]["state"] == "done"
    assert client.put(f"{path}/whole?state=done&revision=", content=other, headers=turns[1]).status_code == 200
    assert client.delete(f"{path}/whole?revision=older", headers=turns[2]).status_code == 200
    assert client.put(f"{path}/whole?state=done&revision=older", content=DRAWN, headers=turns[3]).status_code == 200
    assert client.delete(f"{path}?revision=older", headers=turns[4]).status_code == 200


def test_an_object_that_is_added_and_removed(client: TestClient) -> None:
    answer = client.post("/api/pictures/7/objects", json={"box": [1, 2, 9, 20], "category": "dog"})
    assert answer.status_code == 200
    assert answer.json() == client.get("/api/album").json()["pictures"][0]["objects"][-1]
    assert client.get("/api/objects/1000000001/whole").headers["x-start"] == "blank"
    changed = client.put("/api/objects/1000000001/category", json={"category": "cup"})
    assert changed.json() == answer.json() | {"category": "cup"}
    assert client.get("/api/album").json()["pictures"][0]["objects"][-1] == changed.json()
    unknown = client.put("/api/objects/1000000001/category", json={"category": "cat"})
    assert unknown.status_code == 422 and "a category that is there (cup, dog)" in unknown.json()["detail"]
    assert client.put("/api/objects/99/category", json={"category": "cup"}).status_code == 404
    moved = client.put("/api/objects/1000000001/box", json={"box": [1, 2, 99, 20]})
    assert moved.json() == changed.json() | {"box": [1, 2, 40, 20]}
    assert client.get("/api/album").json()["pictures"][0]["objects"][-1] == moved.json()
    for box, told in (([1, 2, 9], "body.box"), ([1, 2, 2, 9], "2 pixels or more")):
        refused = client.put("/api/objects/1000000001/box", json={"box": box})
        assert refused.status_code == 422 and told in refused.json()["detail"]
    assert client.put("/api/objects/99/box", json={"box": [1, 2, 9, 20]}).status_code == 404
    assert client.delete("/api/objects/1000000001").json() == {"done": 0, "unsure": 0, "objects": 3}
    assert client.delete("/api/objects/1000000001").status_code == 404
    refused = client.delete("/api/objects/11")
    assert refused.status_code == 422 and "not removed here" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("path", "content", "status", "told"),
    [
        ("7", {"box": [1, 2, 9, 20]}, 422, "body.category"),
        ("7", {"box": [1, 2, 9], "category": "dog"}, 422, "body.box"),
        ("7", {"box": [1, 2, "x", 4], "category": "dog"}, 422, "body.box.2"),
        ("7", {"box": [1, 2, 2, 4], "category": "dog"}, 422, "2 pixels or more"),
        ("7", {"box": [1, 2, 9, 9], "category": "cat"}, 422, "a category that is there (cup, dog)"),
        ("99", {"box": [1, 2, 9, 9], "category": "dog"}, 404, "no picture 99"),
    ],
)
def test_what_is_not_added(client: TestClient, path: str, content: object, status: int, told: str) -> None:
    answer = client.post(f"/api/pictures/{path}/objects", json=content)
    assert answer.status_code == status and told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "content", "status", "told"),
    [
        ("11/whole?state=done", b"", 422, "a PNG that can be decoded"),
        ("12/whole?state=done", DRAWN, 422, "size of its picture, 40 x 30"),
        ("13/whole?state=done", mask_png(Mask.from_box((0, 0, 0, 0), 20, 24)), 422, "at least one pixel"),
        ("99/whole?state=done", DRAWN, 404, "no object 99"),
        ("11/whole?state=perhaps", DRAWN, 422, "query.state: Input should be 'done' or 'unsure'"),
        ("eleven/whole?state=done", DRAWN, 422, "path.annotation_id"),
    ],
)
def test_answers_that_are_refused(client: TestClient, path: str, content: bytes, status: int, told: str) -> None:
    answer = client.put(f"/api/objects/{path}", content=content)
    assert answer.status_code == status and told in answer.json()["detail"]
    assert client.get("/api/album").json()["pictures"][1]["objects"][0]["state"] == "todo"


def test_a_page_of_other_annotations_is_refused(client: TestClient, session: Session) -> None:
    """One that was left open when another server took the port, and its cookie."""
    for key in ({"X-Album": "another"}, {}):
        del client.headers["X-Album"]
        client.headers |= key
        for answer in (
            client.put("/api/objects/11/whole?state=done", content=DRAWN),
            client.delete("/api/objects/11/whole"),
            client.delete("/api/objects/11"),
            client.post("/api/pictures/7/objects", json={"box": [1, 2, 9, 20], "category": "dog"}),
            client.put("/api/objects/1000000001/box", json={"box": [1, 2, 9, 20]}),
        ):
            assert answer.status_code == 409 and "other annotations" in answer.json()["detail"]
        client.headers["X-Album"] = "another"
        assert client.get("/api/pictures/3/picture").status_code == 409
    assert session.progress()["done"] == 0


def test_no_picture_is_kept_by_the_browser(client: TestClient) -> None:
    assert client.get("/api/pictures/3/picture").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("problem", "status"), [(Stopped("ending"), 503), (NoDrafts("too large"), 424)])
def test_drafts_that_do_not_come(
    client: TestClient, session: Session, monkeypatch: pytest.MonkeyPatch, problem: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(session, "prepare", fail)
    answer = client.post("/api/pictures/3/prepare")
    assert answer.status_code == status and answer.json() == {"detail": str(problem)}


def test_a_body_without_end(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", 10)
    answer = client.put("/api/objects/11/whole?state=done", content=DRAWN)
    assert answer.status_code == 413 and "at the most 10 bytes" in answer.json()["detail"]


def test_a_full_disk_is_told(client: TestClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(session, "answer", full)
    answer = client.put("/api/objects/11/whole?state=done", content=DRAWN)
    assert answer.status_code == 507 and "No space left" in answer.json()["detail"]


def test_a_picture_that_is_gone(client: TestClient, tiny_set: tuple[Path, Path]) -> None:
    (tiny_set[0] / "a.png").unlink()
    answer = client.get("/api/pictures/7/picture")
    assert answer.status_code == 422 and "a.png" in answer.json()["detail"]


def test_it_writes_by_itself(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "WRITE_EVERY_S", 0.01)
    session.output.mkdir()  # in the way at first
    with TestClient(build_app(session, TOKEN)) as client:
        client.get("/", params={"token": TOKEN})
        client.headers["X-Album"] = session.key
        client.put("/api/objects/11/whole?state=done", content=DRAWN)
        wait_for(client, lambda: "truth.json" in capsys.readouterr().err)
        session.output.rmdir()
        wait_for(client, session.output.is_file)
        write = session.write

        def broken() -> int:
            raise OverflowError("too large")

        monkeypatch.setattr(session, "write", broken)  # a fault nobody has thought of does not end it
        wait_for(client, lambda: "too large" in capsys.readouterr().err)
        session.output.unlink()
        session.drop(11)
        monkeypatch.setattr(session, "write", write)
        wait_for(client, session.output.is_file)


def test_what_takes_long_is_written_seldom(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(server.asyncio, "sleep", sleep)
    monkeypatch.setattr(server, "perf_counter", iter([100.0, 104.0, 200.0, 200.5]).__next__)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(server._write_now_and_then(session))
    assert pauses == [30, 80, 30]


def wait_for(client: TestClient, there: object) -> None:
    for _ in range(2000):
        if there():  # type: ignore[operator]
            return
        client.get("/api/album")
    raise AssertionError("it never came")
