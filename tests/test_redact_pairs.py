"""Secrets that a sibling names: pairs in one object, tables with their columns, values that are wrapped."""

from __future__ import annotations

import json
import random

import pytest
from redaction_forms import assert_gone, assert_untouched, filtered, secrets

import headrig

FORMS = ("raw", "json", "json_in_json", "percent", "coloured", "coloured_json", "indented")
DOCUMENTS = ("raw", "json")
SECRETS = secrets()
NAMES = ["password", "db.password", "DB_PASSWORD", "/app/db/password", "spring.datasource.password", "contraseña"]
CHANGES = [
    ("old", "new"),
    ("from", "to"),
    ("before", "after"),
    ("current", "previous"),
    ("oldValue", "newValue"),
    ("old_value", "new_value"),
    ("original", "updated"),
    ("removed", "added"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("one", "other"), CHANGES)
@pytest.mark.parametrize("label", ["field", "name", "key", "attribute", "property", "column", "fieldName"])
def test_both_values_of_a_change_go(name: str, one: str, other: str, label: str) -> None:
    """
    A change of a secret shows neither what it was nor what it is, in whatever order the members are.
    """
    old, new = SECRETS[:2]
    change = [(label, name), (one, old), (other, new), ("by", "bob")]
    for turned in (change, change[::-1], [change[1], change[0], *change[2:]]):
        assert_gone(json.dumps({"changes": [dict(turned)]}, ensure_ascii=False), old, new, forms=("raw", "json"))
    assert_gone(repr({"changes": [dict(change)]}), old, new, forms=("raw", "json"))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "template",
    [
        '{"key":"password","stringValue":"%s"}',
        '{"key":"db.password","value":{"stringValue":"%s"}}',
        '{"attributes":[{"key":"http.request.header.authorization","value":{"stringValue":"%s"}}]}',
        '{"key":"http.request.header.cookie","value":{"arrayValue":{"values":[{"stringValue":"%s"}]}}}',
        '{"Name":"DB_PASSWORD","Value":"%s"}',
        '{"name":"/prod/db/password","type":"SecureString","value":"%s"}',
        '{"op":"replace","path":"/user/password","value":"%s"}',
        '{"password":{"value":"%s"}}',
        '{"acme_token":{"S":"%s"}}',
        '{"Parameters":[{"ParameterKey":"MasterPassword","ParameterValue":"x"},{"Name":"secret","Value":"%s"}]}',
        '{"type":"too_short","loc":["body","password"],"msg":"too short","input":"%s"}',
        '{"id":"api_key","label":"API key","value":"%s"}',
        '{"setting":"smtp_password","value":"%s"}',
    ],
)
def test_a_value_that_a_sibling_names_goes(template: str, secret: str) -> None:
    """
    OpenTelemetry, cloud consoles, JSON Patch and validators write a key and its value as two members.
    """
    assert_gone(template % secret, secret, forms=DOCUMENTS)


@pytest.mark.parametrize("columns", ["columns", "fields", "headers", "cols", "column_names", "names", "keys"])
@pytest.mark.parametrize("rows", ["rows", "values", "data", "records", "params"])
def test_cells_below_a_secret_column_go(columns: str, rows: str) -> None:
    """
    A table shows nothing below the name of a secret and all of the rest, whatever rows there are.
    """
    seeded = random.Random(columns + rows)
    for width in range(2, 6):
        names = seeded.sample(["id", "name", "email", "created", "city"], width)
        at = seeded.randrange(width)
        names[at] = seeded.choice(["password", "Passwd", "api_key", "clientSecret", "pin"])
        table = [[f"plain{row}{column}" for column in range(width)] for row in range(3)]
        hidden = seeded.sample(SECRETS, 3)
        for row, secret in zip(table, hidden, strict=True):
            row[at] = secret
        described = [{"name": name, "type": "text"} for name in names]
        for document in (
            {columns: names, rows: table},
            {rows: table, "n": 3, columns: names},
            {"result": {columns: described, rows: table}},
        ):
            assert_gone(json.dumps(document), *hidden, forms=DOCUMENTS)
        assert_gone(json.dumps({columns: names, rows: table[0]}), hidden[0], forms=DOCUMENTS)


@pytest.mark.parametrize("rows", ["rows", "values", "data"])
def test_a_table_of_pairs_shows_neither(rows: str) -> None:
    """
    Rows that are pairs themselves, and cells that are objects, hide nothing from each other.
    """
    table = [["password", SECRETS[0]], [SECRETS[1], "x"], [{"name": "pin", "value": SECRETS[2]}, 5]]
    assert_gone(json.dumps({"columns": ["secret", "n"], rows: table}), *SECRETS[:3], forms=("raw", "json"))


@pytest.mark.parametrize(
    "document",
    [
        {"columns": ["name", "city"], "rows": [["bob", "Rome"], ["eve", "Bonn"]]},
        {"columns": ["name", "password"], "rows": [["only one cell"], ["three", "cells", "here"]]},
        {"field": "email", "old": "a@example.com", "new": "b@example.com"},
        {"key": "service.name", "value": {"stringValue": "checkout-service-eu-west-1"}},
        {"name": "password_policy", "value": "strict", "before": 1, "after": 2},
        {"name": "token_count", "value": 1200, "from": 1, "to": 1300},
        {"key": "secrets", "current": 120, "previous": 118},
        {"path": "/users/password", "status": 200, "value": 12.5},
        {"fields": {"password": None}, "data": [1, 2]},
        {"key": "team", "operator": "In", "values": ["payments", "orders"]},
    ],
)
def test_other_members_stay(document: dict[str, object]) -> None:
    """
    Pairs and tables of ordinary things come out as they are.
    """
    assert_untouched(json.dumps(document), FORMS)


def test_a_wide_table_costs_no_more_than_its_cells() -> None:
    """
    Tables in tables and many columns are read once.
    """
    table: object = "x"
    for _ in range(20):
        table = {"columns": ["a", "password"], "rows": [[table, "hunter2hunter2"]] * 2}
        if len(json.dumps(table)) > 100_000:
            break
    assert_gone(json.dumps(table), "hunter2hunter2", forms=("raw",))


@pytest.mark.parametrize("key", ["password", "db_password", "api_key", "client_secret", "pin"])
@pytest.mark.parametrize(
    "token", ["[REDACTED]", "[REDACTED:password]", "[REDACTED:card:…1234]", "[REDACTED:x#0123456789abcdef]"]
)
def test_members_behind_a_token_stay(key: str, token: str) -> None:
    """
    A token without quotes under a secret key is no list of which all that follows is a part.
    """
    for rest in ('"a": [1], "b": "c"', '"user": "joe", "n": 5', '"list": ["x", {"y": "z"}]', '"done": true'):
        for text in (f'got {{"{key}": {token}, {rest}}} in 5 ms', f'"{key}":{token},{rest}'):
            assert_untouched(text, forms=DOCUMENTS)
            assert_untouched(text.replace('"', "'"), forms=DOCUMENTS)


def test_secrets_beside_a_token_in_a_list_go() -> None:
    """
    What a list under a secret key holds beside a token is a secret still.
    """
    for secret in SECRETS:
        for items in (f"[REDACTED:x], '{secret}'", f"'{secret}', [REDACTED:x]", f"['{secret}'], [REDACTED:x]"):
            text = f"got {{'passwords': [{items}], 'user': 'joe'}} at once"
            assert_gone(text, secret, forms=DOCUMENTS)
            assert "'user': 'joe'" in headrig.redact(text)


@pytest.mark.parametrize("opening", ["secret={x", "password: {", '"api_key": [', "credentials = ("])
@pytest.mark.parametrize(
    "line",
    [
        'ssword=[Rijklmnop0246kE"c"{"message":"login wey":"fake-key","nested":{"cdientSecret":["a"earer abc0246913578","u":"h',
        '"a"b1"c","d":"e1" f2"g"',
        "'x'y2\"z\",'w':\"q1\" r2'",
        '["a1"b2,"c":"d","e"f3"',
        '"pssword":[""b":null',
        '{"password":["x1"token:  [y2e+3,"b":[null}',
    ],
)
def test_quotes_without_a_partner_below_a_secret(opening: str, line: str) -> None:
    """
    Tokens part the rest of such a line in another way: what was masked once is not parted anew by a second run.
    """
    for text in (f"{opening}\n {line}", f"{opening} {line}\n{line}", f"x {opening}\n\n{line}\n{line}\n}}"):
        once = filtered(text)
        assert filtered(once) == once
