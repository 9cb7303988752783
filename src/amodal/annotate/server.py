"""The session behind HTTP: one page, its two kinds of file, and what it asks for. Nothing else is served."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from time import perf_counter
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from ..core.errors import AmodalError
from .drafts import NoDrafts, Stopped
from .journal import Start, State
from .png import mask_png, png_mask
from .session import Meanwhile, Sender, Session, Unknown

WRITE_EVERY_S = 30.0
_REST = 20
"""Times what the last writing took, until the next: tens of thousands of objects take seconds, and slow the page."""
MOST_BYTES = 64_000_000
"""Of a drawing; a mask of a hundred million pixels takes less."""

_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_ANOTHER = (
    "This page belongs to other annotations than those that are drawn now. Start amodal annotate for them again; what "
    "is not saved yet is kept in this page."
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def build_app(session: Session, token: str, cookie: str = "amodal", once: str = "") -> FastAPI:
    """The web application.

    Args:
        session: what it shows and keeps.
        token: the secret of the address that opens it; whoever has not come by that address is refused.
        cookie: name of the cookie that remembers it, another one for each port.
        once: a second secret, for an address that others may come to see: it opens the page a single time. "": none.
    """

    @asynccontextmanager
    async def writing(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_write_now_and_then(session))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = FastAPI(title="amodal annotate", docs_url=None, redoc_url=None, openapi_url=None, lifespan=writing)
    _add_guard(app, token, cookie, session.key, once)
    _add_errors(app)
    _add_page(app)
    _add_questions(app, session)
    _add_answers(app, session)
    return app


async def _write_now_and_then(session: Session) -> None:
    took = 0.0
    while True:
        await asyncio.sleep(max(WRITE_EVERY_S, _REST * took))
        begun = perf_counter()
        try:
            await run_in_threadpool(session.write)
        except Exception as problem:  # whatever it is: the answers are in the journal; tried again, and at the end
            told = str(problem) if isinstance(problem, AmodalError | OSError) else repr(problem)
            print(f"amodal: the output is not written: {told}", file=sys.stderr)
        took = perf_counter() - begun


def _add_guard(app: FastAPI, token: str, cookie: str, key: str, once: str) -> None:
    unused = [once] if once else []

    def opens(request: Request) -> bool:
        given = request.query_params
        if request.url.path != "/" or request.method != "GET":
            return False
        if unused and _is_secret(given.get("once", ""), unused[0]):
            unused.clear()
            return True
        return _is_secret(given.get("token", ""), token)

    @app.middleware("http")
    async def guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        response: Response
        if _is_secret(request.cookies.get(cookie, ""), token):
            asked = request.headers.get("X-Album", key if request.method in ("GET", "HEAD") else "")
            response = await go_on(request) if asked == key else JSONResponse({"detail": _ANOTHER}, status_code=409)
        elif opens(request):
            response = RedirectResponse("/", status_code=303)  # the address in the browser's history holds no token
            # lax: a link on another page leads here; without X-Album nothing can be changed from there
            response.set_cookie(cookie, token, httponly=True, samesite="lax")
        else:
            response = PlainTextResponse("Open the address that `amodal annotate` printed.\n", status_code=403)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _is_secret(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Unknown)
    async def unknown(_: Request, problem: Unknown) -> Response:
        return JSONResponse({"detail": str(problem)}, status_code=404)

    @app.exception_handler(Meanwhile)
    async def overtaken(_: Request, problem: Meanwhile) -> Response:
        return JSONResponse({"detail": str(problem), "entry": problem.entry}, status_code=409)

    @app.exception_handler(Stopped)
    async def ending(_: Request, problem: Stopped) -> Response:
        return JSONResponse({"detail": str(problem)}, status_code=503)

    @app.exception_handler(NoDrafts)
    async def undrafted(_: Request, problem: NoDrafts) -> Response:
        return JSONResponse({"detail": str(problem)}, status_code=424)  # the page goes on without

    @app.exception_handler(AmodalError)
    async def refused(_: Request, problem: AmodalError) -> Response:
        return JSONResponse({"detail": str(problem)}, status_code=422)

    @app.exception_handler(RequestValidationError)
    async def misspelt(_: Request, problem: RequestValidationError) -> Response:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problem.errors())
        return JSONResponse({"detail": told}, status_code=422)

    @app.exception_handler(OSError)
    async def failed(_: Request, problem: OSError) -> Response:
        told = f"it cannot be kept ({problem.strerror or problem}); make room on the disk and save again"
        return JSONResponse({"detail": told}, status_code=507)


def _add_page(app: FastAPI) -> None:
    def page(name: str = "index.html") -> Response:
        kind = _KINDS.get("." + name.rpartition(".")[2])
        found = [entry for entry in files(__package__).joinpath("page").iterdir() if entry.name == name]
        if not found or kind is None:
            raise Unknown(f"there is no page {name}")
        return Response(found[0].read_bytes(), media_type=kind)

    app.get("/")(page)
    app.get("/{name}")(page)


def _add_questions(app: FastAPI, session: Session) -> None:
    @app.get("/api/album")
    def album() -> dict[str, Any]:
        return session.listing()

    @app.get("/api/pictures/{image_id}/picture")
    def picture(image_id: int) -> Response:
        data = session.picture(image_id)
        return Response(data, media_type="image/png" if data.startswith(b"\x89PNG") else "image/jpeg")

    @app.post("/api/pictures/{image_id}/prepare", status_code=204)
    def prepare(image_id: int) -> None:
        session.prepare(image_id)

    @app.get("/api/objects/{annotation_id}/visible")
    def visible(annotation_id: int) -> Response:
        return _png(mask_png(session.visible(annotation_id)))

    @app.get("/api/objects/{annotation_id}/others")
    def others(annotation_id: int) -> Response:
        return _png(mask_png(session.others(annotation_id)))

    @app.get("/api/objects/{annotation_id}/whole")
    def whole(annotation_id: int, start: Start | Literal["current"] = "current") -> Response:
        revision = session.revision(
            annotation_id
        )  # first: a mask newer than that is refused later, never kept silently
        mask, found = session.whole(annotation_id, None if start == "current" else start)
        return _png(mask_png(mask), {"X-Start": found, "X-Revision": revision})


def _sender(x_page: Annotated[str, Header()] = "", x_turn: Annotated[int, Header()] = 0) -> Sender:
    return x_page, x_turn


def _add_answers(app: FastAPI, session: Session) -> None:
    @app.put("/api/objects/{annotation_id}/whole")
    async def answer(
        annotation_id: int,
        request: Request,
        sender: Annotated[Sender, Depends(_sender)],
        state: State,
        start: Annotated[Start, Query()] = "blank",
        revision: str | None = None,
    ) -> Any:
        data = bytearray()
        async for part in request.stream():
            data += part
            if len(data) > MOST_BYTES:
                return JSONResponse({"detail": f"a drawing has at the most {MOST_BYTES} bytes"}, status_code=413)

        def keep() -> dict[str, Any]:
            whole = png_mask(bytes(data), *session.size(annotation_id))
            return session.answer(annotation_id, state, start, whole, revision, sender)

        return await run_in_threadpool(keep)

    @app.delete("/api/objects/{annotation_id}/whole")
    def drop(
        annotation_id: int, sender: Annotated[Sender, Depends(_sender)], revision: str | None = None
    ) -> dict[str, Any]:
        return session.drop(annotation_id, revision, sender)

    @app.post("/api/pictures/{image_id}/objects")
    def add(
        image_id: int,
        box: Annotated[list[float], Body(min_length=4, max_length=4)],
        category: Annotated[str, Body()],
    ) -> dict[str, Any]:
        return session.add(image_id, box, category)

    @app.put("/api/objects/{annotation_id}/category")
    def set_category(annotation_id: int, category: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        return session.set_category(annotation_id, category)

    @app.put("/api/objects/{annotation_id}/box")
    def set_box(
        annotation_id: int, box: Annotated[list[float], Body(embed=True, min_length=4, max_length=4)]
    ) -> dict[str, Any]:
        return session.set_box(annotation_id, box)

    @app.delete("/api/objects/{annotation_id}")
    def remove(
        annotation_id: int, sender: Annotated[Sender, Depends(_sender)], revision: str | None = None
    ) -> dict[str, int]:
        return session.remove(annotation_id, revision, sender)

    @app.post("/api/save")
    def save() -> dict[str, Any]:
        return {"file": session.output.name, "objects": session.write()}


def _png(data: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(data, media_type="image/png", headers=headers)
