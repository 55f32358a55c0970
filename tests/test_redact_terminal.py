"""Control sequences of terminals around secrets, as they are sent and as they are written out."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redaction_forms import assert_gone, assert_untouched, filtered, secrets

import headrig

BODY = ("raw", "json", "json_in_json", "indented", "percent")
ESCAPES = {
    "sent": "\x1b",
    "hexadecimal": "\\x1b",
    "capitals": "\\x1B",
    "octal": "\\033",
    "shell": "\\e",
    "json": "\\u001b",
    "rust": "\\u{1b}",
    "caret": "^[",
    "rsyslog": "#033",
    "picture": "\u241b",
    "lost": "",
}
COLOURS = ["0", "1", "32", "1;31", "38;5;208", "38;2;255;100;0", "1;38;2;1;2;3;48;2;4;5;6"]
OTHERS = [
    "\x1b[m",
    "\x1b[K",
    "\x1b[2K",
    "\x1b[?25h",
    "\x1b[5 q",
    "\x1b(B\x1b[m",
    "\x1b[01;31m\x1b[K",
    "\x1b]8;;https://a.io/x\x1b\\",
    "\x1b]8;id=7;file:///a/b\x07\x1b[4m",
    "\x1b]0;a title\x07\x1b[1m",
]
KEYS = ["password", "DB_PASSWORD", "api_key", "client_secret", "apiKey", "pwd"]
TOKEN = "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"  # nothing opens with it


def lines(escape: str) -> Iterator[tuple[str, str]]:
    """Coloured texts with a secret, and the secret."""
    values = itertools.cycle(secrets(40))
    for colour, key, sign in itertools.product(COLOURS, KEYS, ("=", ": ", " = ")):
        value = next(values)
        on, off = f"{escape}[{colour}m", f"{escape}[0m"
        yield f"{on}{key}{off}{sign}{on}{value}{off}", value
        yield f"login {on}{key}{off}{on}{sign}{off}{value}{on} done", value
        yield f"{on}{key}{sign}{off}{value} done", value


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_colour_between_key_and_value(escape: str) -> None:
    """
    A key, its sign and its value may each have a colour, however the sequences are written.
    """
    for text, secret in Random(1).sample(list(lines(escape)), 40):
        assert_gone(text, secret, forms=BODY)


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_colour_before_a_token(escape: str, colour: str) -> None:
    """
    A token begins right behind a sequence that ends in a letter.
    """
    for text in (
        f"{escape}[{colour}m{TOKEN}{escape}[0m",
        f"used {escape}[{colour}m{TOKEN}",
        f"x{escape}[{colour}m{TOKEN}",
    ):
        assert_gone(text, TOKEN, forms=BODY)


@pytest.mark.parametrize("sequence", OTHERS)
def test_sequences_of_every_sort(sequence: str) -> None:
    """
    Other attributes, erasure, modes, character sets, hyperlinks and titles hide no key, no sign and no token.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20), strict=False):
        assert_gone(f"{sequence}{key}{sequence}={sequence}{value}{sequence}", value, forms=BODY)
        assert_gone(f"{sequence}{key}{sequence}: {sequence}{value}{sequence} done", value, forms=BODY)
    assert_gone(f"{sequence}{TOKEN}{sequence}", TOKEN, forms=BODY)


def test_moves_of_the_cursor_part_words() -> None:
    """
    What is written after a move stands elsewhere: in a table it is the next cell.
    """
    for move, value in zip(itertools.cycle(["\x1b[5C", "\x1b[20G", "\x1b[2;5H", "\x1b[3B"]), secrets(20), strict=False):
        assert filtered(f"password={value}{move}next cell") == f"password=[REDACTED:password]{move}next cell"
        assert_gone(f"api key:{move}{value}", value, forms=BODY)


def test_secrets_inside_sequences() -> None:
    """
    The address of a hyperlink and the title of a window are read as well, though no one sees them.
    """
    for value in secrets(20):
        for text in (
            f"see \x1b]8;;https://a.io/?password={value}\x1b\\here\x1b]8;;\x1b\\",
            f"see \x1b]8;;https://bob:{value}@a.io/\x07here\x1b]8;;\x07",
            f"\x1b]0;login password={value}\x07ready",
        ):
            assert_gone(text, value, forms=("raw", "json", "json_in_json"))


def test_colours_stay() -> None:
    """
    Only the value goes: the sequences around it, and every other byte, come out as they were.
    """
    for escape, value in itertools.product(ESCAPES.values(), secrets(20)):
        text = f"{escape}[1mINFO{escape}[0m {escape}[36mpassword{escape}[0m={escape}[35m{value}{escape}[0m end"
        expected = text.replace(value, "[REDACTED:password]")
        assert filtered(text) == expected
        assert headrig.redact(text) == expected
        assert headrig.redact({"m": text}) == {"m": expected}


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[32mINFO\x1b[0m \x1b[1mpassword reset requested\x1b[0m",
        "\x1b[36muser\x1b[0m=\x1b[35mbob\x1b[0m",
        "rate(http_requests_total[5m]) by (token)",
        "regex ^[a-z]+m and [0-9]m",
        "a[0] = b[1m]",
        "[1;2] [3m [4] left",
        "\\e[ \\x1b[ ^[[ #033[ [m",
        "\x1b[",
        "\x1b]8;;",
        "ls colours: di=\x1b[01;34m:ln=\x1b[01;36m",
        "\x1b[31msecret: must be set\x1b[0m",
        "took \x1b[33m5\x1b[0mm",
        "\x1b]0;title\x07ready",
    ],
)
def test_ordinary_coloured_text_stays(text: str) -> None:
    """
    Sequences alone are nothing, and neither is what looks like one.
    """
    assert_untouched(text, forms=BODY)


SEQUENCES = st.sampled_from([f"{escape}[{colour}m" for escape in ESCAPES.values() for colour in COLOURS] + OTHERS)


@given(
    st.lists(
        st.one_of(SEQUENCES, st.text(max_size=8), st.sampled_from(["password", "=", ": ", "hunter2-x", TOKEN, '"']))
    )
)
def test_twice_is_once(parts: list[str]) -> None:
    """
    A second run changes nothing, whatever stands between sequences.
    """
    text = "".join(parts)
    for document in (text.replace("\n", " ").replace("\r", " "), json.dumps({"m": text})):
        once = headrig.redact(document)
        assert headrig.redact(once) == once
        assert TOKEN not in once or re.search(r"\w" + TOKEN, document)


CONSOLES = {
    "structlog": "\x1b[2m2026-11-30 12:44:23\x1b[0m [\x1b[32m\x1b[1minfo     \x1b[0m] \x1b[1mlogin                         \x1b[0m "
    "\x1b[36mpassword\x1b[0m=\x1b[35m{value}\x1b[0m \x1b[36mtok\x1b[0m=\x1b[35m{token}\x1b[0m \x1b[36muser\x1b[0m=\x1b[35mbob\x1b[0m",
    "loguru": "\x1b[32m2026-11-30 12:44:23.250\x1b[0m | \x1b[1mINFO    \x1b[0m | \x1b[36m__main__\x1b[0m:\x1b[36mrun\x1b[0m:\x1b[36m9\x1b[0m - "
    "\x1b[1mlogin password={value} {token}\x1b[0m",
    "rich": "\x1b[2;36m[12:44:23]\x1b[0m\x1b[2;36m \x1b[0m\x1b[34mINFO    \x1b[0m login \x1b[33mpassword\x1b[0m=\x1b[35m{value}\x1b[0m {token} "
    "\x1b]8;id=1;file:///a/app.py\x1b\\\x1b[2mapp.py\x1b[0m\x1b]8;;\x1b\\",
    "colorlog": "\x1b[32mINFO    \x1b[0m \x1b[34mlogin password: {value} {token}\x1b[0m",
    "grep": "app.log\x1b[m\x1b[K:\x1b[01;31m\x1b[Kpassword\x1b[m\x1b[K={value} {token}",
}


@pytest.mark.parametrize("console", CONSOLES.values(), ids=CONSOLES)
def test_consoles(console: str) -> None:
    """
    What loggers and tools write on a terminal by default holds no secret afterwards, and the rest of it stays.
    """
    for value in secrets(20):
        text = console.format(value=value, token=TOKEN)
        expected = console.format(value="[REDACTED:password]", token="[REDACTED:github_token]")
        assert filtered(text) == expected == headrig.redact(text)
        assert json.loads(filtered(json.dumps({"message": text}))) == {"message": expected}


def test_installed_handler() -> None:
    """
    A message that a console renderer has coloured goes through `install()` without its secrets.
    """
    messages = [text.format(value=value, token=TOKEN) for text in CONSOLES.values() for value in secrets(4)]
    program = "import json, logging, sys, headrig\nheadrig.install(level='INFO')\n"
    program += "[logging.getLogger('a').info(message) for message in json.load(sys.stdin)]"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(messages),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert len(messages) == len(done.stdout.splitlines())
    assert done.stdout.count("[REDACTED:password]") == done.stdout.count("[REDACTED:github_token]") == len(messages)
    assert not any(secret in done.stdout for secret in [*secrets(4), TOKEN])
