"""The pages of the status server. Each is one handler that asks `Status` and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from headrig.net.http_server import Handler, answer
from headrig.telemetry import CONTENT_TYPE
from headrig.web.server import PAGES, Status

Check = Callable[[], tuple[bool, Mapping[str, object]]]


def pages(status: Status) -> dict[str, dict[str, Handler]]:
    """Path to method to handler."""

    async def metrics(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await status.metrics_page(), headers={"Content-Type": CONTENT_TYPE})

    handlers = (metrics, _checked(status.health), _checked(status.ready))
    return {path: _read(handler) for path, handler in zip(PAGES, handlers, strict=True)}


def _read(handler: Handler) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _checked(check: Check) -> Handler:
    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        good, body = check()
        return answer(200 if good else 503, body)

    return handler
