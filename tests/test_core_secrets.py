"""Planted secrets in the spellings that logs have: none survives, and a second run changes nothing."""

from __future__ import annotations

import json

import pytest

from headrig.engine import Engine

ENGINE = Engine()

LEAKS = [
    # A provider token after something that only begins like one.
    "x AKIA,AKIAIOSFODNN7CANARY7",
    "?a=sk_live_x&b=sk_live_CANARY7261aaaabbbbccccdddd",
    # Broken JSON, fragments of JSON, and what other languages print.
    'password":"CANARY7261","a":1}',
    "{b'password': b'CANARY7261'}",
    "{'password': u'CANARY7261'}",
    "{'pin': Decimal('CANARY7261')}",
    "{'password': ('a', 'CANARY7261')}",
    "[('authorization', 'CANARY7261'), ('a','b')]",
    "[(b'authorization', b'Custom CANARY7261')]",
    '[["authorization","CANARY7261"],["cookie","x"]',
    '{"h":[{"name":"authorization","value":"CANARY7261"}',
    'x {"name":"authorization","value":"CANARY7261"} y',
    '{"password"=>"CANARY7261"}',
    "'password' => 'CANARY7261'",
    "[password] => CANARY7261",
    "map[Authorization:[Custom CANARY7261] Cookie:[a=b c=CANARY7261]]",
    # Pairs and keys of valid JSON.
    r'{"h":["\u0061\u0075\u0074\u0068\u006f\u0072\u0069\u007a\u0061\u0074\u0069\u006f\u006e","CANARY7261"]}',
    r'{"n\u0061me":"authorization","value":"CANARY7261"}',
    '{"name":"authorization","value":"CANARY7261","name":"x"}',
    '{"name":"authorization","value":"CANARY7261","value":"x"}',
    '{"key":"authorization","name":"x","value":"CANARY7261"}',
    '{"passWord":"CANARY7261"}',
    '{"pass_word":"CANARY7261"}',
    # Control characters next to or in a key.
    "password\x00=CANARY7261",
    '"password"\x00:"CANARY7261"',
    '"pass\x00word":"CANARY7261"',
    # Text.
    "password          : CANARY7261",
    "Password:          CANARY7261",
    "password\t=\tCANARY7261",
    r'password="hun\"CANARY7261"',
    "Authorization: Bearer  CANARY7261",
    "Authorization: Custom CANARY7261",
    'Authorization: Digest username="bob", response="CANARY7261"',
    'Cookie: a="b"; sid=CANARY7261',
    "Cookie: a={b}; sid=CANARY7261",
    "password=[CANARY7261 x]",
    "password=(x CANARY7261)",
    "User(password=SecretStr('CANARY7261'), id=1)",
    # Signs of other languages, of URLs and of HTML.
    "password := 'CANARY7261'",
    "DB_PASSWORD ::= CANARY7261",
    "DB_PASSWORD ?= CANARY7261",
    'var password string = "CANARY7261"',
    "password: str = 'CANARY7261'",
    "GET /login?next=%2Fx%3Fpassword%3DCANARY7261%26b%3D1 302",
    "POST /x?body=%7B%22password%22%3A%22CANARY7261%22%7D 200",
    "{&quot;password&quot;:&quot;CANARY7261&quot;}",
    "<login><dbPassword>CANARY7261</dbPassword></login>",
    '<add key="DbPassword" value="CANARY7261"/>',
    # Programs and their files.
    "exec mysql --db-password CANARY7261 --port=3306",
    "exec cli --token CANARY7261abcd --json",
    "curl -s -u bob:CANARY7261 https://x.example/",
    "https://CANARY7261f3D0LXCM3EIMb@x.example/",
    # Headers in a row.
    '{"rawHeaders":["Host","x","Authorization","Custom CANARY7261","Cookie","sid=CANARY7261"]}',
    # Keys that say little, with values that look random.
    "SLACK_TOKEN=CANARY7261f3D0LXCM3",
    '{"githubToken":"CANARY7261f3D0LXCM3"}',
    "ALGOLIA_ADMIN_KEY: CANARY7261f3D0LXCM3",
    "user=bob&pass=CANARY7261",
    "MAIL_PASS=CANARY",
    "smtppassword=CANARY7261",
]

CLEAN = [
    "secret: must be set",
    "pin: ok",
    "session: closed",
    "Cookie: none",
    "password: incorrect",
    "invalid token: unexpected",
    "authorization: denied for user bob",
    "password=[FILTERED] secret: <nil> api_key: [] passwd=********",
    "PWD=/root",
    "Authorization: Bearer",
    "Cookie: none; next",
    "next_page_token=Zf3D0LXCM3EIMbgJpUNn",
    "cache miss for session:7132136d-bbb4-43e1-8dab-7ae2836ef60e",
    "pulled team/token:v1.2.3-f3d0c3e1b6a7 and http://secret.example:8080/",
    "usage: cli --token TOKEN; --password is required; --password-file x; --token-ttl 30",
    "docker run -u 1000:1000 x; curl -fsS https://x.example:8080/",
    "tests: pass=120 fail=0; second_pass=completed",
    "password=$DB_PASSWORD secret=${SECRET} password: string",
    'mount of volume "auth-token-4z4sg" : secret "auth" not found',
    "<record>Zf3D0LXCM3EIMbgJpUNn</record>",
]


def process(line: bytes) -> bytes:
    return bytes(ENGINE.lane("in").process(line + b"\n", 1_800_000_000.0).lines)[:-1]


def wrappings(text: str) -> list[bytes]:
    """The text as a line of its own, as a message, and as a message in JSON in a message."""
    message = json.dumps({"message": text})
    return [text.encode(), message.encode(), json.dumps({"message": message}).encode(), message[:-1].encode()]


@pytest.mark.parametrize("text", LEAKS)
def test_no_spelling_leaks(text: str) -> None:
    """
    A secret goes from a line, from its message, from JSON in its message and from a truncated line; once is enough.
    """
    for line in wrappings(text):
        once = process(line)

        assert b"CANARY" not in once, line
        json.loads(once)
        assert once == process(once)


@pytest.mark.parametrize(
    "line",
    [
        b"password\xff=CANARY7261",
        b'{"password\xff":"CANARY7261"}',
        b'{"password":"\xffCANARY7261"}',
        b'{"m":"\xc3","password":"CANARY7261',
        b"KEY=\x80api_keyNaN4111 x",
    ],
)
def test_bytes_that_are_not_utf8_hide_nothing(line: bytes) -> None:
    """
    A line is read as it will be written, with U+FFFD for what is not UTF-8, so that a second run changes nothing.
    """
    once = process(line)

    assert b"CANARY" not in once
    assert once == process(once)


@pytest.mark.parametrize("text", CLEAN)
def test_what_speaks_of_a_secret_stays(text: str) -> None:
    """
    A sentence about a secret, a mask and a word for nothing are left alone.
    """
    line = json.dumps({"message": text}).encode()

    assert line == process(line)


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_CANARY7261aaaabbbbccccdddd",
        "ghp_CANARY7261CANARY7261CANARY7261CANARY",
        "postgres://app:CANARY7261x@db/x",
        "password=CANARY7261",
        "Authorization: Bearer CANARY7261abcd",
        '{"client_secret":"CANARY7261"}',
    ],
)
@pytest.mark.parametrize("levels", [0, 1, 2])
def test_a_line_cut_anywhere_shows_no_secret(secret: str, levels: int) -> None:
    """
    A truncated line gives nothing of a secret away wherever it was cut, also inside the secret.
    """
    nested = {"a": ["CANARY7261", {"b": "CANARY7261"}]}
    line = json.dumps({"m": secret, "headers": [["authorization", "CANARY7261"]], "password": nested})
    for _ in range(levels):
        line = json.dumps({"m": line})

    for end in range(1, len(line) + 1):
        once = process(line[:end].encode())
        assert b"CANA" not in once, line[:end]
        assert once == process(once)


def test_a_short_value_stays_one_when_something_in_it_is_replaced() -> None:
    """
    A token inside a value does not make it long enough for a bare key.
    """
    once = process(b'{"key":"password=0"}')

    assert b'{"key":"password=[REDACTED:password]"}' == once == process(once)


def test_an_address_at_the_end_of_plain_text_stays() -> None:
    """
    Only what began as JSON may have been cut off in a secret.
    """
    for text in ["[INFO] pulled docker://nginx:latest", "listening on http://localhost:8080"]:
        assert text == json.loads(process(text.encode()))["message"]
