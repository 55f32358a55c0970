"""Secrets as web addresses, forms and pages write them: percent escapes, plus signs, character references."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redaction_forms import assert_gone, assert_untouched, filtered, secrets

import headrig

BODY = ("raw", "json", "json_in_json", "coloured", "coloured_json", "indented")
TOKENS = {
    "github": "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",
    "slack": "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
    "stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "aws": "AKIA" + "QYLPMN5HFIQR7XYA",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
}
KEYS = ["password", "client_secret", "api_key", "DB_PASSWORD", "apiToken"]


def upper(text: str) -> str:
    """Every byte that may be escaped is."""
    return quote(text, safe="")


def lower(text: str) -> str:
    """The same in small letters."""
    return "".join(part if index % 2 == 0 else part.lower() for index, part in enumerate(_parted(upper(text))))


def _parted(text: str) -> list[str]:
    parts = text.split("%")
    return [parts[0], *itertools.chain.from_iterable(("%" + part[:2], part[2:]) for part in parts[1:])]


def twice(text: str) -> str:
    """An address within an address within one."""
    return quote(quote(text, safe=""), safe="")


def every(text: str) -> str:
    """Every byte is escaped, whether it has to be or not."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], str]] = {
    "upper": upper,
    "lower": lower,
    "form": quote_plus,
    "twice": twice,
    "every": every,
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_token_in_an_encoded_address(encode: Callable[[str], str], token: str) -> None:
    """
    A token begins behind an escape as it does behind what the escape stands for.
    """
    for inner in (
        f"https://b.io/?x={token}",
        f"https://b.io/a/{token}",
        f"/a?b=1&x={token}&c=2",
        f" {token} ",
        f"a:{token}",
    ):
        for text in (
            f"https://a.io/cb?next={encode(inner)}",
            f"GET /cb?next={encode(inner)}&a=1 302",
            f"to={encode(inner)}",
        ):
            assert_gone(text, token, encode(token), forms=BODY)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_labelled_value(encode: Callable[[str], str]) -> None:
    """
    A pair is known by its key when its sign is an escape, in text, in queries and in headers.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20), strict=False):
        for text in (f"{key}={value}", f"a=1&{key}={value}&b=2", f"{key}: {value}", f"--x {key}='{value}'"):
            assert_gone(f"POST /cb?body={encode(text)} 302", value, forms=BODY)
        for text in (
            f"Authorization: Bearer {value}",
            f"https://bob:{value}@db.example.com/x",
            f"my {key} is: {value}",
        ):
            assert_gone(f"next={encode(text)}", value, forms=BODY)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_document(encode: Callable[[str], str]) -> None:
    """
    JSON and XML within a web address are read as such, values that are numbers and nested ones included.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20), strict=False):
        for document in (
            json.dumps({key: value, "n": 1}),
            json.dumps({"a": [{key: {"inner": value}}]}),
            json.dumps({"a": json.dumps({key: value})}),
            f"<a><{key}>{value}</{key}></a>",
        ):
            assert_gone(f"body={encode(document)}", value, forms=BODY)


def test_awkward_values() -> None:
    """
    A value goes whole when what it is made of had to be escaped.
    """
    for value in secrets(20, alphabet="!$/+=?#@*()ab01"):
        text = "body=" + upper(json.dumps({"password": value}))
        assert filtered(text) == "body=" + upper('{"password": "') + "[REDACTED:password]" + upper('"}')
        assert_gone(text, value, upper(value), forms=BODY)


def test_spaces_as_plus_signs() -> None:
    """
    In a form a plus sign is a space, so that it parts words.
    """
    for value in secrets(20):
        assert_gone(f"msg=the+api+key%3A+{value}+was+used", value, forms=BODY)
        assert_gone(f"h=Authorization%3A+Basic+{value}", value, forms=BODY)
        assert_gone(f"msg=api+key%3A+{value}", value, forms=BODY)


@pytest.mark.parametrize(
    "encode",
    [
        escape,
        lambda text: escape(escape(text)),
        lambda text: "".join(f"&#{ord(c)};" if c in "=<>:\"'" else c for c in text),
    ],
    ids=["named", "twice", "decimal"],
)
def test_character_references(encode: Callable[[str], str]) -> None:
    """
    A page or a document within one shows its signs, tags and quotes as references.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20), strict=False):
        for text in (f"<{key}>{value}</{key}>", f'"{key}": "{value}"', f"<add key='{key}' value='{value}'/>"):
            assert_gone(f"<pre>{encode(text)}</pre>", value, forms=BODY)
        assert_gone(f"{key}&#61;{value}", value, forms=BODY)
        assert_gone(f"{key}&#x3D;{value} {key}&#x3a; {value}", value, forms=BODY)


FAR = {
    "newrelic": "exampl0123456789abcdef0123456789abcdNRAL",
    "mailchimp": "0123456789abcdef0123456789abcdef-us12",
}
ESCAPES = [
    "%20",
    "%2F",
    "%2f",
    "%2C",
    "%3F",
    "%26",
    "%23",
    "%3B",
    "%0A",
    "%09",
    "%C3%A9",
    "\n",
    "\t",
    "\r\n",
    "\x1b[1;32m",
]


@pytest.mark.parametrize("token", FAR.values(), ids=FAR)
@pytest.mark.parametrize("escape", ESCAPES)
def test_a_key_that_is_known_by_its_end(escape: str, token: str) -> None:
    """
    A key goes behind any escape, even if what it is known by stands far from there.
    """
    for before in ("agent", "agent%20reports%20with", "a=1&b", "", "path%2Fto"):
        for after in ("", escape, " 200"):
            for door in (headrig.redact, filtered):
                for text in (before + escape + token + after, json.dumps({"m": before + escape + token + after})):
                    if door is headrig.redact or "\n" not in text:
                        assert token not in door(text)


def test_the_rest_stays() -> None:
    """
    Only the value goes: what is around it stays encoded as it was, and a number keeps a document valid.
    """
    for value in secrets(20):
        for encode in (upper, lower):
            address = f"https://a.io/cb?x=%41&next={encode(f'https://b.io/?é=1&password={value}&z=ü')}&y=%zz"
            assert filtered(address) == address.replace(value, "[REDACTED:password]")
    out = filtered('{"m":"body=%7B%22pin%22%3A1234%2C%22a%22%3A%5B1%5D%7D"}')
    assert json.loads(unquote(json.loads(out)["m"]).removeprefix("body=")) == {"pin": "[REDACTED:pin]", "a": [1]}


@pytest.mark.parametrize("before", ["", "body=", "POST /hook x=1&body=", "data: "])
@pytest.mark.parametrize("key", ["pin", "password", "client_secret", "cvv", "DB_PASSWORD"])
def test_number_in_an_encoded_document(before: str, key: str) -> None:
    """
    A token in place of a number has quotes, and the other members stay as they are.
    """
    others = {"a": [1], "user": "joe", "n": {"count": 5}}
    for encode, number in itertools.product((upper, lower), (1234, 739125, 80412)):
        for document in ({key: number, **others}, {**others, key: number}):
            out = headrig.redact(before + encode(json.dumps(document, separators=(",", ":"))))
            shown = json.loads(unquote(out).removeprefix(before))
            assert str(shown.pop(key)).startswith("[REDACTED:"), out
            assert shown == others, out
            assert headrig.redact(out) == out


@pytest.mark.parametrize(
    "text",
    [
        "https://a.io/search?q=password%20reset&lang=en",
        "https://a.io/cb?next=https%3A%2F%2Fb.io%2Fa%3Fb%3D1%26c%3D2",
        "GET /files/annual%20report%20%282026%29.pdf 200",
        "q=%E5%AF%86%E7%A0%81&r=%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C",
        "disk at 95% full, 100%, 5%ab of it, %d of %s, %20",
        "utm_source=a%7Cb&utm_medium=c%2Cd+e&t=1%2B1",
        "body=%7B%22user%22%3A%22bob%22%2C%22n%22%3A1%7D",
        "max_tokens%3D500 author%3A bob token_type%3Dbearer",
        "a &amp; b &lt;p&gt;hello&lt;/p&gt; &quot;c&quot; &#39;d&#39; &nbsp;",
        "&lt;user&gt;bob&lt;/user&gt; &lt;input name=&quot;password&quot;&gt;",
        "if a &lt; b &amp;&amp; c &gt; d",
        "secret%3A%20must%20be%20set",
        "password%3D null&user%3Dbob",
        "2026-11-30T12%3A30%3A00%2B01%3A00 host%3A8080",
        "page=%2Fa%2F4%2F2026 id=%231234567890",
        "sha256%3A9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_ordinary_encoded_text_stays(text: str) -> None:
    """
    Escapes alone are nothing, and what is ordinary text decoded is ordinary encoded.
    """
    assert_untouched(text, forms=BODY)


@pytest.mark.parametrize("text", ["password {}", "  password {}", "user: bob, password {}", "Password {}!"])
def test_what_is_encoded_whole_is_a_text_of_its_own(text: str) -> None:
    """
    A label whose value ends its text is one, though the line goes on behind what is encoded.
    """
    for value in secrets(20, length=12):
        body = quote(text.format(value), safe="")
        for line in (f"POST /cb body={body} 302", f'"body={body}" 12', f"{body} accepted"):
            assert_gone(line, value, forms=("raw", "json"))


def test_lines_of_a_private_key_in_one_run() -> None:
    """
    After the first line of a key its others go though signs and line ends are escapes.
    """
    for bits in range(20):
        lines = secrets(6, length=64)
        body = quote("\n".join(line[:30] + "+" + line[31:50] + "/" + line[51:] for line in lines), safe="")
        out = filtered(f"-----BEGIN RSA PRIVATE KEY-----\nPOST /cb body={body} {bits}")
        assert not [line for line in lines if line[:30] in out]


PARTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "password",
            "%3D",
            "%3A+",
            "%22",
            "%7B",
            "%7D",
            "%25",
            "&lt;",
            "&#61;",
            "+",
            "%5C",
            "hunter2-x",
            *TOKENS.values(),
        ]
    ),
)


@given(st.lists(PARTS))
def test_twice_is_once(parts: list[str]) -> None:
    """
    A second run changes nothing, whatever is escaped.
    """
    text = "".join(parts)
    for document in (text.replace("\n", " ").replace("\r", " "), json.dumps({"m": text}), upper(text)):
        once = headrig.redact(document)
        assert headrig.redact(once) == once
