"""The private members of JSON Web Keys, wherever a key is written out."""

from __future__ import annotations

import json
import string
from collections.abc import Callable

import pytest
from redaction_forms import assert_untouched, filtered, secrets

import headrig

BASE64URL = string.ascii_letters + string.digits + "-_"
PRIVATE = {
    "RSA": {"d": 342, "p": 171, "q": 171, "dp": 171, "dq": 171, "qi": 171},
    "EC": {"d": 43},
    "OKP": {"d": 43},
    "oct": {"k": 43},
}
PUBLIC = {
    "RSA": {"n": 342, "e": 4, "kid": 8},
    "EC": {"crv": 8, "x": 43, "y": 43},
    "OKP": {"crv": 8, "x": 43},
    "oct": {"alg": 8, "kid": 8},
}
ORDERS: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "type first": lambda key: key,
    "sorted": lambda key: dict(sorted(key.items())),
    "type last": lambda key: dict(reversed(key.items())),
}
FORMS: dict[str, Callable[[dict[str, str]], str]] = {
    "json": json.dumps,
    "compact": lambda key: json.dumps(key, separators=(",", ":")),
    "set": lambda key: json.dumps({"keys": [{"kty": "RSA", "n": "0vx7agoebGcQ", "e": "AQAB"}, key]}),
    "in a message": lambda key: "loaded " + json.dumps(key) + " from disk",
    "repr": str,
    "repr in json": lambda key: json.dumps({"level": "INFO", "message": f"key {key}"}),
    "json in json": lambda key: json.dumps({"body": json.dumps({"jwk": key})}),
    "indented": lambda key: json.dumps({"keys": [key]}, indent=2),
    "indented in json": lambda key: json.dumps({"message": json.dumps(key, indent=4)}),
}


def web_key(kind: str, number: int) -> tuple[dict[str, str], list[str], list[str]]:
    """A key of a kind, its private values and its public ones, the same in every run."""
    private = {name: secrets(20, length, BASE64URL)[number] for name, length in PRIVATE[kind].items()}
    public = {name: secrets(20, length, BASE64URL)[number][1:] for name, length in PUBLIC[kind].items()}
    return {"kty": kind, **public, **private}, [*private.values()], [*public.values()]


@pytest.mark.parametrize("form", FORMS)
def test_private_members_of_a_web_key(form: str) -> None:
    """
    Beside `kty` the private members go and the public ones stay, in any order and form.
    """
    for kind in PRIVATE:
        for number in range(20):
            for order in ORDERS.values():
                key, private, public = web_key(kind, number)
                document = FORMS[form](order(key))
                for door in (filtered, headrig.redact):
                    out = door(document)
                    left = [value for value in private if value in out]
                    assert not left, f"{kind}, {document!r} -> {out!r}"
                    assert all(value in out for value in public), f"{kind}, {document!r} -> {out!r}"
                    assert door(out) == out


def test_short_member_names_without_a_key_type() -> None:
    """
    Where no `kty` stands beside, members of these names are anything.
    """
    values = ["find", "x", "5", "Zm9vYmFy", "page-2", "SELECT 1", "status:open", "2026-11-30", "a b c", "/srv/data"]
    for value in values:
        for event in (
            {"d": value, "p": value, "q": value, "k": value},
            {"kty": 5, "q": value, "d": value},
            {"kty": "RSA", "n": value, "e": "AQAB"},
            {"key": {"kty": "RSA"}, "q": value},
        ):
            assert_untouched(json.dumps(event), ("raw", "json", "json_in_json"))
            assert_untouched(json.dumps(event, indent=2), ("raw",))
            assert_untouched(str(event), ("raw", "json", "json_in_json"))
