"""Personal data: off by default; each kind is found where it is on, by its form and its check digits."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from pii_numbers import CHECKED, NUMBERS, some, wrong
from redaction_forms import filtered

import headrig
from headrig.engine import Engine
from headrig.redact_settings import engine_of, engine_spec

KINDS = ["email", "iban", "phone", "ssn", "national_id", "ip", "mac"]
CLEAN = (Path(__file__).parent / "rules" / "clean.txt").read_text().splitlines()
TOKEN = re.compile(r"\[REDACTED:([a-z0-9_]+)\]")
PLACES = (
    "{}",
    "got {}.",
    "a={}, b=1",
    '{{"x":"{}"}}',
    "<{}>",
    "({})",
    "x:{};",
    "'{}'",
    "from {} to",
    "{}\tnext",
    "[{}]",
)


def engine(*kinds: str) -> Engine:
    return engine_of(engine_spec({"pii": list(kinds)}, {"on_broken": "pass", "blank": "keep"}))


@pytest.mark.parametrize("name", NUMBERS)
def test_each_kind_is_found(name):
    """
    Random numbers of a kind are masked whole wherever a word may stand, as text and in JSON, and once.
    """
    kind, _ = NUMBERS[name]
    for text in some(name):
        # Digits alone are a number of JSON.
        for place in (each for each in PLACES if not text.isdigit() or each not in ("{}", "[{}]")):
            line = place.format(text)
            out = filtered(line, engine(kind))
            assert line.replace(text, "") == TOKEN.sub("", out), line
            assert 1 == len(TOKEN.findall(out)), line
            assert out == filtered(out, engine(kind))
            assert out == headrig.redact(line, pii=[kind])
        document = json.dumps({"m": json.dumps({"n": f"see {text} ok"}), "l": [text]})
        assert text not in filtered(document, engine(kind))


@pytest.mark.parametrize("name", NUMBERS)
def test_each_kind_is_off(name):
    """
    What is not asked for stays, also when all others are on.
    """
    for text in some(name):
        assert f"see {text} ok" == filtered(f"see {text} ok")
        assert json.dumps({"a": text}) == headrig.redact(json.dumps({"a": text}))


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_check_is_none(name):
    """
    With another last character the number is an ordinary one.
    """
    kind, _ = NUMBERS[name]
    for text in map(wrong, some(name)):
        assert f"see {text} ok" == filtered(f"see {text} ok", engine(kind))


@pytest.mark.parametrize("name", NUMBERS)
def test_a_part_of_something_longer_is_none(name):
    """
    Letters, digits or further groups on either side make it another thing.
    """
    kind, _ = NUMBERS[name]
    for text in some(name):
        longer = () if kind == "ip" else (f"{text}7", f"7{text}")
        for line in (f"x{text}", f"{text}x", f"_{text}", f"{text}_", *longer):
            out = filtered(line, engine(kind))
            assert len(TOKEN.findall(out)) == 0 or text not in line.split(), (line, out)
            assert f"[REDACTED:{name}" not in out or "+" in text or "(" in text, (line, out)


@pytest.mark.parametrize("name", ["pesel", "nir", "china_id"])
def test_numbers_of_json(name):
    """
    A number whose date and checks are right is found where it is no string, too.
    """
    for text in some(name):
        if text.isdigit():
            document = f'{{"a":{text},"b":[1,{text}],"c":{wrong(text)}}}'
            token = f'"[REDACTED:{name}]"'
            assert f'{{"a":{token},"b":[1,{token}],"c":{wrong(text)}}}' == filtered(document, engine("national_id"))
            assert document == filtered(document, engine("iban"))


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("phone", key) for key in ("phone", "phone_number", "mobileNumber", "contact.phone", "MSISDN", "fax-number")),
        *(("national_id", key) for key in ("bsn", "pesel", "customer_cpf", "passportNumber", "nino", "tax_number")),
        *(("iban", key) for key in ("iban", "customerIban")),
        *(("ssn", key) for key in ("ssn", "socialSecurityNumber")),
    ],
)
def test_plain_digits_are_found_by_their_key(kind, key):
    """
    A run of digits has no sign of its own; the key tells, in JSON and in text, as string and as number.
    """
    for digits in ("612345678", "5551234567", "1234567"):
        for document in (json.dumps({key: digits}), json.dumps({key: int(digits)}), f"{key}={digits} x"):
            assert digits not in filtered(document, engine(kind))
            if kind != "ssn":
                assert document == filtered(document)
        assert f'{{"order":{digits},"m":"id {digits}"}}' == filtered(
            f'{{"order":{digits},"m":"id {digits}"}}', engine(kind)
        )


def test_mail():
    """
    The word for mail addresses switches on the rule of the pack.
    """
    assert "to [REDACTED:email] ok" == headrig.redact("to ada@example.com ok", pii=["email"])
    assert "to ada@example.com ok" == headrig.redact("to ada@example.com ok", pii=KINDS[1:])


@pytest.mark.parametrize("kinds", [["emial"], ["phone", "passport"], ["hunter2"], [""]])
def test_a_kind_that_nobody_knows(kinds):
    """
    The error names the place and the known words.
    """
    with pytest.raises(headrig.errors.ConfigError, match=rf"^pii\[{len(kinds) - 1}\]: unknown value; ") as caught:  # type: ignore[attr-defined]
        headrig.Redactor(pii=kinds)
    assert kinds[-1] == "" or kinds[-1] not in str(caught.value)


ORDINARY = (
    "2026-11-30 12:44:55,123 INFO started in 0.532 s",
    "2026-11-30T12:44:55.123456789Z",
    "30/Nov/2026:12:44:55 +0000",
    "version 1.2.3.4 of libc-2.31.0.1",
    "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
    "550e8400-e29b-41d4-a716-446655440000",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "1700000000 1700000000123 1700000000123456",
    "rust std::dec::f64::consts",
    "@@ -100,7 +1234567890 @@",
    "total 123 456 789 bytes",
    "0001 0002 0003 0004",
    "#415-555-0132",
    "10 000 000 000",
    "127.0.0.1:8080 ::1",
    "AB12CD34 DE12 tables",
    "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
    "12 345 678 902",
    "request_id=219-09",
    "0x7ffd2341 2341 2346",
)


@pytest.mark.parametrize("line", [*ORDINARY, *CLEAN])
def test_ordinary_lines_stay(line):
    """
    Times, versions, hashes, identifiers and counts are nobody's number, with every kind on. Addresses of machines and of
    mail are what they are.
    """
    out = filtered(line, engine(*KINDS))
    found = Counter(TOKEN.findall(out)) - Counter(TOKEN.findall(line))

    assert not {*found} - ({"ipv4", "ipv6", "email", "mac_address"} if line in CLEAN else set()), out


def test_no_line_costs_more_than_its_length():
    """
    Hostile rows of what numbers are made of are read in time that grows with their length.
    """
    seeded = random.Random(7)
    for alphabet in ("1 ", "1-", "+1", "(1", "1:", "a:", "1.", "DE89 ", "0123456789 ", ":", "(", "+", "12-"):
        line = (alphabet * 100_000)[:200_000]
        assert len(filtered(line, engine(*KINDS))) > 0
    noise = "".join(seeded.choices("0123456789 -.:()+/abcXYZ", k=200_000))
    once = filtered(noise, engine(*KINDS))
    assert once == filtered(once, engine(*KINDS))
