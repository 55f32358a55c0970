"""Redaction through the seam, over arbitrary JSON and bytes: nothing survives, nothing else changes, twice is once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import Engine

TOKENS: dict[str, dict[str, object]] = {
    "plain": {},
    "keep_last": {"token": {"keep_last": 4}},
    "hmac": {"token": {"hmac_key": "0123456789abcdef0123456789abcdef"}},
}
ENGINES = {name: Engine(json.dumps({"redact": redact}).encode()) for name, redact in TOKENS.items()}

SECRETS = [
    "password=hunter2-CANARY7261",
    "api_key: CANARY7261-aaaabbbb",
    "https://user:CANARY7261@db.example.com/x",
    "Authorization: Bearer CANARY7261abcdefgh",
    "{'client_secret': 'CANARY7261'}",
]
KEYS = ["password", "apiKey", "client_secret", "x-authorization", "DB_PASSWD"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
names = st.one_of(
    st.text(max_size=8), st.sampled_from(["a", "message", "user", "traceId", "level", "token", "name", "value"])
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


def process(line: bytes, engine: Engine) -> bytes:
    """One line through a lane, without its newline."""
    return bytes(engine.lane("in").process(line + b"\n", 1_800_000_000.0).lines)[:-1]


def shape(value: Any) -> Any:
    """A document with every string and number leaf made one; keys stay unless they hold a token."""
    match value:
        case dict():
            return [("*" if "[REDACTED" in key else key, shape(item)) for key, item in value.items()]
        case list():
            return [shape(item) for item in value]
        case bool() | None:
            return value
    return "leaf"


def escape_all(text: str) -> str:
    """A JSON string in which every character is an escape."""
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2)) + '"'


@st.composite
def planted(draw: st.DrawFn) -> str:
    """A JSON line with one secret planted raw, escaped, or in JSON nested in a string up to three levels."""
    document = draw(documents)
    if draw(st.booleans()):
        leaf: Any = {draw(st.sampled_from(KEYS)): "CANARY7261"}
    else:
        leaf = draw(st.sampled_from(["", "x ", "é "])) + draw(st.sampled_from(SECRETS))
    for _ in range(draw(st.integers(0, 3))):
        leaf = json.dumps(leaf if isinstance(leaf, dict) else {"m": leaf}, ensure_ascii=draw(st.booleans()))
    text = json.dumps({"before": document, "at": "@@", "after": document}, ensure_ascii=draw(st.booleans()))
    if isinstance(leaf, dict):
        ((key, value),) = leaf.items()
        inner = "{" + (escape_all(key) if draw(st.booleans()) else json.dumps(key)) + ":" + escape_all(value) + "}"
    else:
        inner = escape_all(leaf) if draw(st.booleans()) else json.dumps(leaf)
    return text.replace('"@@"', inner)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@settings(max_examples=300)
@given(line=planted())
def test_no_planted_secret_survives(engine: Engine, line: str) -> None:
    """
    A secret is gone in every spelling, the line stays JSON of the same structure, and a second run changes nothing.
    """
    once = process(line.encode("utf-8", "surrogatepass") if line.isascii() else line.encode(), engine)

    before, after = json.loads(line), json.loads(once)
    assert "CANARY7261" not in json.dumps(after).replace("\\", "")
    assert "CANARY7261" not in once.decode()
    assert shape(before) == shape(after)
    assert once == process(once, engine)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@settings(max_examples=300)
@given(
    line=st.one_of(documents.map(json.dumps).map(str.encode), st.binary(max_size=200)),
    secret=st.sampled_from(["", *SECRETS]),
)
def test_twice_is_once(engine: Engine, line: bytes, secret: str) -> None:
    """
    Redaction is idempotent over arbitrary bytes, with every form of token.
    """
    once = process(line.replace(b"\n", b" ") + b" " + secret.encode(), engine)

    assert b"CANARY7261" not in once
    assert once == process(once, engine)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r'{"m":"\u00e9 password=h\u0075nter2 \u00e9\/"}', r'{"m":"\u00e9 password=[REDACTED:password] \u00e9\/"}'),
        (r'{"m":"{\"api_key\":\"x\",\"n\":1.50}"}', r'{"m":"{\"api_key\":\"[REDACTED:api_key]\",\"n\":1.50}"}'),
        (r'{"m":"{\"pin\":1234}", "o" : 1}', r'{"m":"{\"pin\":\"[REDACTED:pin]\"}", "o" : 1}'),
        (
            r'{"m":"{\"b\":\"{\\\"password\\\":\\\"x\\\"}\"}"}',
            r'{"m":"{\"b\":\"{\\\"password\\\":\\\"[REDACTED:password]\\\"}\"}"}',
        ),
        (r'{"\u0070assword":"x"}', r'{"\u0070assword":"[REDACTED:password]"}'),
        (
            '{"password":{"a":["x",1,true,null,""]}}',
            '{"password":{"a":["[REDACTED:password]","[REDACTED:password]",true,null,""]}}',
        ),
        ('{"h":["authorization","Bearer x"]}', '{"h":["authorization","[REDACTED:authorization]"]}'),
        ('{"name":"authorization","value":"x"}', '{"name":"authorization","value":"[REDACTED:authorization]"}'),
        (
            r'{"m":"<dbPassword>\n x y\n</dbPassword>, set(\"API_TOKEN\", \"a1b2c3d4e5f6\")"}',
            r'{"m":"<dbPassword>\n [REDACTED:password]\n</dbPassword>, set(\"API_TOKEN\", \"[REDACTED:api_token]\")"}',
        ),
        (r'{"m":"- name: DB_PASS\n  value: x"}', r'{"m":"- name: DB_PASS\n  value: [REDACTED:dbpass]"}'),
        (
            "{\"a\":\"fail('password', 'is too short'), t('token', 'Token'), x -> y\",\"b\":\"<Key>a/b.png</Key>\"}",
            None,
        ),
        ('{"authorization.k8s.io/decision":"allow","session":"user:1764100000:profile"}', None),
        ('{"token":"[REDACTED]","password":"[REDACTED:password:…1234]"}', None),
        ('{"author":"a","secretary":"b","max_tokens":5,"prompt_tokens":7,"token_type":"bearer"}', None),
        ('{"password_changed_at":"2026-01-01","secret_name":"db"}', None),
        ('{"token":"short","session":"has spaces in it, and many"}', None),
        ('{"traceId":"4111111111111111","ts":1800000000000}', None),
    ],
)
def test_redaction_leaves_every_other_byte_alone(line: str, expected: str | None) -> None:
    """
    Only the secret's own bytes change, at every depth of escaping.
    """
    assert (expected or line) == process(line.encode(), ENGINES["plain"]).decode()
