"""
Finds the route for a request by method and path, with parameters and prefixes. A router never changes after it is
made: a server switches to another in one assignment, and no request meets a path that is missing in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from headrig.net.access import BY_SERVER, Access, Guard

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refused = Callable[[str, str], None]
"""Takes the name under which a refused request is counted, and what to say: never the path or what a header held, which
may be somebody's secret."""

_PARAMETERS: Final = web.RequestKey("parameters", Mapping[str, str])
_NO_FILE: Final = frozenset({"", ".", ".."})


@dataclass(slots=True, eq=False)
class Route:
    """What answers, and what a request must show to be answered."""

    handler: Handler
    guard: Guard = BY_SERVER
    """May be exchanged at any time, by whom the route belongs to."""
    refused: Refused | None = None
    """Counts the requests that may not; without it the server does."""


class RouteMatch(NamedTuple):
    """The route of a request, and the text that its path has for each parameter."""

    route: Route
    parameters: dict[str, str]


class NotFound(NamedTuple):
    """No route: there is none for this method, or none at all."""

    path: str = ""
    """As it is in the routes; empty if there is none."""
    methods: tuple[str, ...] = ()
    """What is taken there."""


class Router:
    """
    Methods and paths to routes. `{key}` in a path stands for one segment, `{path...}` at its end for all that follow,
    none of them empty, `.` or `..`. What is written out goes before a parameter, and a parameter before the rest, as
    far as the method is taken there. GET answers HEAD too.
    """

    def __init__(self, routes: Mapping[tuple[str, str], Route] | None = None, access: Access | None = None) -> None:
        """`routes` by method and path. Raises ValueError for a path that is none, or that two routes mean."""
        self.access = access or Access()
        self.paths = sorted({path for _, path in routes or {}})
        self._root = _Node()
        for (method, path), route in (routes or {}).items():
            self._add(method, path, route)

    def find(self, method: str, raw_path: str) -> RouteMatch | NotFound:
        """The route of a request for a path as it was sent, still percent-encoded."""
        taken: set[str] = set()
        found = ""
        for node, values in _matches(self._root, _segments(raw_path), ()):
            for named in (method, "GET") if method == "HEAD" else (method,):
                if named in node.routes:
                    route, names = node.routes[named]
                    return RouteMatch(route, dict(zip(names, values, strict=True)))
            taken |= node.routes.keys() | ({"HEAD"} if "GET" in node.routes else set())
            found = found or node.path
        return NotFound(found, tuple(sorted(taken)))

    def _add(self, method: str, path: str, route: Route) -> None:
        if not path.startswith("/"):
            raise ValueError(f"{path} is no path")
        node, names = self._root, list[str]()
        segments = _segments(path)
        for number, segment in enumerate(segments):
            if not (segment.startswith("{") and segment.endswith("}")):
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment[1:-1]
            if name.endswith("...") and number < len(segments) - 1:
                raise ValueError(f"{path} goes on behind its rest")
            names.append(name.removesuffix("..."))
            if name.endswith("..."):
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node.parameter = node.parameter or _Node()
                node = node.parameter
        if method in node.routes:
            raise ValueError(f"{method} {path} is there twice")
        node.path = node.path or path
        node.routes[method] = (route, tuple(names))


def parameters(request: web.BaseRequest) -> Mapping[str, str]:
    """What the path of a request has for each parameter of its route."""
    return request[_PARAMETERS]


def keep_parameters(request: web.BaseRequest, found: RouteMatch) -> None:
    """Have `parameters` give them to the handler."""
    request[_PARAMETERS] = found.parameters


@dataclass(slots=True)
class _Node:
    """All paths that begin alike. A walk meets each at most once, so that a lookup costs no more than there are routes."""

    path: str = ""
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rest: _Node | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)
    """By method, with the names of its parameters."""


def _segments(path: str) -> list[str]:
    """Split before it is decoded: an encoded slash belongs to the segment."""
    return [unquote(segment) for segment in path.removeprefix("/").split("/")]


def _matches(node: _Node, segments: list[str], values: tuple[str, ...]) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    """Every path that it could be, the most exact first, each with the values of its parameters."""
    if not segments:
        if node.routes:
            yield node, values
        return
    first, rest = segments[0], segments[1:]
    if first in node.literals:
        yield from _matches(node.literals[first], rest, values)
    if node.parameter is not None and first:
        yield from _matches(node.parameter, rest, (*values, first))
    if node.rest is not None and not any(segment in _NO_FILE or set("/\\\0") & set(segment) for segment in segments):
        yield node.rest, (*values, "/".join(segments))
