"""The pages of the status server: open to whoever reaches it. Each is one handler that asks `Views` and answers."""

from __future__ import annotations

from aiohttp import web

from headrig.net.access import OPEN
from headrig.net.http_server import answer
from headrig.net.router import Route
from headrig.telemetry import CONTENT_TYPE
from headrig.web.views import Views


def pages(views: Views) -> dict[tuple[str, str], Route]:
    """Method and path to what answers."""

    async def metrics(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await views.metrics_page(), headers={"Content-Type": CONTENT_TYPE})

    async def health(request: web.BaseRequest) -> web.StreamResponse:
        found = views.health()
        return answer(200 if found.good(strict=request.query.get("strict") == "1") else 503, found)

    async def ready(_: web.BaseRequest) -> web.StreamResponse:
        found = views.ready()
        return answer(200 if found.status == "ready" else 503, found)

    handlers = {"/metrics": metrics, "/health": health, "/ready": ready}
    return {("GET", path): Route(handler, OPEN) for path, handler in handlers.items()}
