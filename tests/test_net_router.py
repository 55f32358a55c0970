"""Which route a request gets, and who may ask: paths, parameters, methods, tokens, names and origins."""

import itertools
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrig.net.access import OPEN, Access, Guard, hostname
from headrig.net.router import NotFound, Route, RouteMatch, Router

ALERTS = {
    ("GET", "/api/alerts"): "list",
    ("GET", "/api/alerts/{key}"): "show",
    ("DELETE", "/api/alerts/{key}"): "end",
    ("POST", "/api/alerts/silent"): "silence",
    ("GET", "/api/alerts/{key}/notices/{number}"): "notice",
    ("GET", "/static/{path...}"): "file",
    ("GET", "/"): "page",
}


def router(routes, access=None):
    """Handlers are names here: what is found says which."""
    return Router({at: Route(name) for at, name in routes.items()}, access)


def found(given, method, path):
    """The name and the parameters, or the path and what it takes."""
    result = given.find(method, path)
    return (result.route.handler, result.parameters) if isinstance(result, RouteMatch) else tuple(result)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/alerts", ("list", {})),
        ("HEAD", "/api/alerts", ("list", {})),
        ("GET", "/api/alerts/a%20b", ("show", {"key": "a b"})),
        ("GET", "/api/alerts/a%2Fb", ("show", {"key": "a/b"})),
        ("DELETE", "/api/alerts/k", ("end", {"key": "k"})),
        ("POST", "/api/alerts/silent", ("silence", {})),
        ("GET", "/api/alerts/silent", ("show", {"key": "silent"})),
        ("GET", "/api/alerts/k/notices/7", ("notice", {"key": "k", "number": "7"})),
        ("GET", "/static/a/b.css", ("file", {"path": "a/b.css"})),
        ("GET", "/", ("page", {})),
        ("POST", "/api/alerts", ("/api/alerts", ("GET", "HEAD"))),
        ("PUT", "/api/alerts/silent", ("/api/alerts/silent", ("DELETE", "GET", "HEAD", "POST"))),
        ("GET", "/api/alerts/", ("", ())),
        ("GET", "/api", ("", ())),
        ("GET", "/static/", ("", ())),
        ("GET", "/static/../secret", ("", ())),
        ("GET", "/static/%2e%2e/secret", ("", ())),
        ("GET", "/static/..%2Fsecret", ("", ())),
        ("GET", "/static/a%5C..%5Csecret", ("", ())),
        ("GET", "/static/a%00", ("", ())),
        ("GET", "/static//a", ("", ())),
        ("GET", "*", ("", ())),
    ],
)
def test_paths(method, path, expected):
    """
    The most exact path that takes the method answers; what is written out goes before a parameter; the rest of a path
    never leaves its folder.
    """
    assert expected == found(router(ALERTS), method, path)


@pytest.mark.parametrize(
    "paths", [["/a/{x}", "/a/{y}"], ["nowhere"], ["/a/{x...}/b"], ["/a/{x...}", "/a/{y...}"]], ids="-".join
)
def test_paths_that_are_none(paths):
    """
    Two paths that mean the same, or one that is none, are a bug that shows when the router is made.
    """
    # Keys differ by their order, as two components' may.
    with pytest.raises(ValueError, match=r"/a/|nowhere"):
        router({("GET", path): path for path in paths})


NAMES = st.text("ab.%/ é", min_size=1, max_size=4)
SEGMENTS = st.one_of(NAMES.map(lambda name: quote(name, safe="")), st.just("{}"))
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def plainly(routes, method, path):
    """What `find` means: of all paths that fit and take the method, the one whose segments are exact the earliest."""
    sent = path.removeprefix("/").split("/")
    fits = []
    for (taken, pattern), name in routes.items():
        wanted = pattern.removeprefix("/").split("/")
        pairs = list(itertools.zip_longest(wanted, sent))
        if all(want is not None and have and (want.startswith("{") or want == have) for want, have in pairs):
            fits.append(([want.startswith("{") for want in wanted], taken, name))
    taking = sorted((rank, name) for rank, taken, name in fits if taken == method)
    return taking[0][1] if taking else sorted({taken for _, taken, _ in fits})


@given(st.lists(st.tuples(st.sampled_from(["PUT", "POST"]), PATHS), max_size=8), PATHS)
def test_agrees_with_plain_matching(given_routes, path):
    """
    For any routes and any path, what is found is what comparing segment by segment finds.
    """
    routes, seen = {}, set()
    for method, pattern in given_routes:
        parts = pattern.split("/")
        shape = (method, "/".join(parts))
        if shape not in seen:
            seen.add(shape)
            named = "/".join(f"{{p{at}}}" if part == "{}" else part for at, part in enumerate(parts))
            routes[(method, named)] = named
    sent = path.replace("{}", "%7B%7D")
    result = found(router(routes), "PUT", sent)
    expected = plainly(routes, "PUT", sent)

    assert expected == (list(result[1]) if isinstance(result[1], tuple) else result[0])


GUARD = Guard(token=b"own")
BEYOND = Access(loopback=False, token=b"door", hosts=frozenset({"logs.example"}), setting="http.")
HERE = Access(loopback=True)


@pytest.mark.parametrize(
    ("access", "guard", "headers", "status"),
    [
        # Nothing is asked of who reads an open page, wherever it is.
        (BEYOND, OPEN, {"Host": "evil.example", "Origin": "http://evil.example"}, None),
        (HERE, OPEN, {}, None),
        # Beyond loopback: a token, and a name that is listed, or an address.
        (BEYOND, Guard(), {"Host": "logs.example:9600"}, 401),
        (BEYOND, Guard(), {"Host": "logs.example:9600", "Authorization": "Bearer door"}, None),
        (BEYOND, Guard(), {"Host": "LOGS.example.", "Authorization": "bearer door"}, None),
        (BEYOND, Guard(), {"Host": "10.1.2.3:9600", "Authorization": "Bearer door"}, None),
        (BEYOND, Guard(), {"Host": "[fe80::1]:9600", "Authorization": "Bearer door"}, None),
        (BEYOND, Guard(), {"Host": "localhost", "Authorization": "Bearer door"}, None),
        (BEYOND, Guard(), {"Host": "evil.example", "Authorization": "Bearer door"}, 421),
        (BEYOND, Guard(), {"Host": "logs.example.evil.example", "Authorization": "Bearer door"}, 421),
        (BEYOND, Guard(), {"Host": "", "Authorization": "Bearer door"}, 421),
        (BEYOND, Guard(), {"Authorization": "Bearer door"}, 421),
        (BEYOND, Guard(), {"Host": "[::1", "Authorization": "Bearer door"}, 421),
        (BEYOND, Guard(), {"Host": "10.1.2.3", "Authorization": "Basic door"}, 401),
        (BEYOND, Guard(), {"Host": "10.1.2.3", "Authorization": "Bearer door "}, None),
        (BEYOND, Guard(), {"Host": "10.1.2.3", "Authorization": "Bearer döör"}, 401),
        # A token of its own takes the place of the door's.
        (BEYOND, GUARD, {"Host": "10.1.2.3", "Authorization": "Bearer own"}, None),
        (BEYOND, GUARD, {"Host": "10.1.2.3", "Authorization": "Bearer door"}, 401),
        # Without any, nothing is answered that the settings did not accept by name.
        (Access(loopback=False), Guard(), {"Host": "10.1.2.3"}, 403),
        (BEYOND, Guard(insecure=True), {"Host": "10.1.2.3"}, None),
        (BEYOND, Guard(insecure=True), {"Host": "evil.example"}, 421),
        (BEYOND, Guard(insecure=True), {"Host": "logs.example", "Origin": "http://logs.example"}, None),
        (BEYOND, Guard(insecure=True), {"Host": "logs.example", "Origin": "http://evil.example"}, 403),
        (Access(loopback=False), Guard(insecure=True), {"Host": "any.example"}, None),
        # On loopback no token is needed, but a name of this machine, and no other page's script.
        (HERE, Guard(), {"Host": "localhost:1"}, None),
        (HERE, Guard(), {"Host": "127.0.0.1:1", "Origin": "http://127.0.0.1:1"}, None),
        (HERE, Guard(), {"Host": "127.0.0.1:1", "Origin": "http://127.0.0.1:2"}, 403),
        (HERE, Guard(), {"Host": "127.0.0.1:1", "Origin": "null"}, 403),
        (HERE, Guard(), {"Host": "evil.example"}, 403),
        (HERE, Guard(), {"Host": "10.1.2.3"}, 403),
        (HERE, Guard(), {}, 403),
        (Access(hosts=frozenset({"logs.example"})), Guard(), {"Host": "logs.example"}, None),
        (HERE, GUARD, {"Host": "evil.example", "Authorization": "Bearer own"}, None),
        (Access(token=b"door"), Guard(), {"Host": "localhost"}, 401),
    ],
)
def test_access(access, guard, headers, status):
    """
    Beyond loopback only open pages are answered without a token; where none is needed, Host and Origin are judged.
    """
    refusal = access.judge(headers, guard)

    assert status == (refusal and refusal.status)
    assert status != 421 or "list it in http.hosts" in refusal.remedy


@given(st.text(), st.dictionaries(st.sampled_from(["Host", "Origin", "Authorization"]), st.text()))
def test_access_of_anything(token, headers):
    """
    Whatever headers come, the answer is a decision; nothing passes beyond loopback that does not show the token.
    """
    wanted = f"t{token}".encode(errors="surrogateescape") if token.isascii() else b"t"
    refusal = Access(loopback=False, token=wanted).judge(headers, Guard())
    shown = headers.get("Authorization", "").partition(" ")

    assert refusal is not None or (shown[0].lower(), shown[2].strip().encode()) == ("bearer", wanted)


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.example:80", "a.example"), ("[::1]:80", "::1"), ("a.", "a"), ("", ""), ("[::1", ""), ("user@a:1", "a")],
)
def test_hostname(host, name):
    """
    A Host header's name comes without its port.
    """
    assert name == hostname(host)


def test_secrets_do_not_show():
    """
    Neither a door nor a route shows its token.
    """
    assert "own" not in repr(GUARD)
    assert "door" not in repr(BEYOND)
    assert NotFound() == router({}).find("GET", "/")
