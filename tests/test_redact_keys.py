"""Which keys make a value secret, and which values then are none."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redaction_forms import assert_gone, assert_untouched, secrets

FORMS = ("raw", "json", "json_in_json", "percent", "coloured", "coloured_json", "indented")
RANDOM = secrets(20, 32, "0123456789abcdefghijklmnopqrstuvwxyz")
WORDS = ["service", "instance", "uploads", "invoice", "node", "orders", "europe", "report", "payment", "worker"]
STORES = ["service.instance.id", "uploads/2026/11/30/invoice-000123.pdf", "node.kubernetes.io/not-ready"]


def names(count: int, joined: str) -> list[str]:
    """Names as people write them, of three to five words."""
    seeded = random.Random(joined)
    return [joined.join(seeded.choices(WORDS, k=seeded.randint(3, 5))) for _ in range(count)]


def spellings(name: str) -> list[str]:
    """A key of several words as languages spell it."""
    words = name.split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    return [name, name.upper(), camel, camel[0].upper() + camel[1:], name.replace("_", "-"), name.replace("_", ".")]


@pytest.mark.parametrize("key", ["key", "session", "auth", "token", "Key", "TOKEN"])
@pytest.mark.parametrize("name", [*STORES, *names(8, "."), *names(8, "/"), *names(8, "-"), *names(8, "_")])
def test_a_bare_key_with_a_name_holds_no_secret(key: str, name: str) -> None:
    """
    What people call things by stays under a key that says little, however long it is.
    """
    assert_untouched(json.dumps({key: name}), FORMS)


@pytest.mark.parametrize("key", ["key", "session", "auth", "token"])
@pytest.mark.parametrize("secret", RANDOM)
def test_a_bare_key_with_a_random_value_holds_one(key: str, secret: str) -> None:
    """
    What nobody would call a thing goes.
    """
    assert_gone(json.dumps({"level": "INFO", key: secret}), secret, forms=FORMS)
    assert_gone(f"{{'{key}': '{secret}', 'n': 1}}", secret, forms=FORMS)


@pytest.mark.parametrize("sibling", ["value", "bucket", "effect", "operator", "topic", "offset", "eTag", "size", "ttl"])
@pytest.mark.parametrize("digest", RANDOM[:5])
def test_a_key_of_a_thing_is_its_name(sibling: str, digest: str) -> None:
    """
    A `key` beside a value, a bucket or the like names a thing, before and after it.
    """
    assert_untouched(json.dumps({"key": digest, sibling: "x"}), FORMS)
    assert_untouched(json.dumps({"object": {sibling: 5, "key": digest}, "n": [{"key": digest, sibling: None}]}), FORMS)


ABOUT = [
    ("PasswordLastSet", "9/16/2020 11:40:05 PM"),
    ("password_last_changed_on", "2026-11-30"),
    ("CountOfCredentialsReturned", "0"),
    ("numberOfSecrets", "12"),
    ("cvc_check", "pass"),
    ("card_number_last4", "4242"),
    ("cookie_consent", "accepted"),
    ("cookieConsentCategories", "all"),
    ("otp_channel", "sms"),
    ("secret_refresh_interval", "30s"),
    ("api_key_permissions", "read-only"),
    ("credentials", "include"),
    ("credentials", "same-origin"),
    ("secrets", "read"),
    ("secrets", "120"),
    ("authorization", "allowed"),
    ("authorization", "not required"),
    ("is_secret", "yes"),
    ("has_password", "no"),
    ("requiresPin", "0"),
    ("secret", "2026-11-30T12:00:00.123Z"),
    ("secret", "Mon, 30 Nov 2026 12:00:00 GMT"),
    ("otp", "sent"),
    ("pin", "GPIO17"),
    ("pin", "verified"),
    ("cookies", "disabled"),
    ("api_key", "missing"),
    ("private_key", "not found"),
    ("session_cookie_samesite", "lax"),
    ("credential_storage_level", "high"),
    ("password_policy_upper", "1"),
    ("password_strength_score", "weak"),
]


@pytest.mark.parametrize(("key", "value"), ABOUT)
def test_what_is_said_about_a_secret_stays(key: str, value: str) -> None:
    """
    Dates, counts, states and places are no secrets under keys that tell about one.
    """
    assert_untouched(json.dumps({key: value, "n": 1}), FORMS)
    assert_untouched(json.dumps({"permissions": {key: value}})[:-1], FORMS)


@pytest.mark.parametrize("key", ["permissions", "scopes", "grants"])
@pytest.mark.parametrize("state", ["read", "write", "none", "read, write", "READ_ONLY", "enabled", "optional"])
def test_a_permission_is_no_secret(key: str, state: str) -> None:
    """
    What may be done with secrets is none.
    """
    assert_untouched(json.dumps({key: {"contents": "read", "secrets": state, "cookies": state}}), FORMS)


@pytest.mark.parametrize("key", ["secrets", "cookies", "credentials", "api_key", "pin", "otp"])
@pytest.mark.parametrize("count", [0, 1, 7, 42, 99])
def test_a_count_is_no_secret(key: str, count: int) -> None:
    """
    A number of one or two digits is how many there are.
    """
    assert_untouched(json.dumps({key: count}), FORMS)


@pytest.mark.parametrize("text", ["Debugger PIN: 593-762-075", " * Debugger PIN: 111-222-333", "pin: 987-654-321"])
def test_a_number_in_three_groups_is_no_pin(text: str) -> None:
    """
    The number of a development server's console is not taken for a PIN.
    """
    assert_untouched(text, FORMS)


@pytest.mark.parametrize("key", ["password", "db_password", "passwd", "PWD_NEW", "passphrase", "passcode"])
@pytest.mark.parametrize("value", ["allowed", "read", "none-given", "2026-11-30", "GPIO17", "42", "true story"])
def test_a_password_may_be_any_word(key: str, value: str) -> None:
    """
    Under a key that names a password everything is secret in a document.
    """
    assert json.dumps({key: value})[:-2].endswith(value)
    assert_gone(json.dumps({"level": "INFO", key: value}), f'"{value}"', forms=("raw",))


@pytest.mark.parametrize("key", ["password_check", "verify_password", "passwordConfirmation", "use_password"])
@pytest.mark.parametrize("secret", ["hunter2hunter2", "letmein", "Tr0ub4dor&3", "correct horse battery"])
def test_a_qualified_password_is_one_unless_its_value_tells_about_it(key: str, secret: str) -> None:
    """
    A form's second field for a password holds it.
    """
    assert_gone(json.dumps({key: secret}), secret, forms=FORMS)
    assert_untouched(json.dumps({"password_check": "failed", "has_password": "yes"}), FORMS)


@pytest.mark.parametrize(
    "key",
    [
        *(spelling for name in ["atera_key", "billing_key", "acme_prod_key"] for spelling in spellings(name)),
        *["X-Foo-Key", "aterakey", "ateraapikey", "acmetoken", "key1", "atera_key_2", "s7_acme_key", "facebook.key"],
        *["acme_token", "acme_secret", "acme_pat", "acme_auth", "acmeApiKey", "CYPRESS_RECORD_KEY", "acme2_key"],
    ],
)
@pytest.mark.parametrize("secret", RANDOM[:4])
def test_a_key_of_anything_with_a_random_value_is_secret(key: str, secret: str) -> None:
    """
    Whatever word stands before `key`, a value that looks random is a credential, in a document and in text.
    """
    assert_gone(json.dumps({key: secret}), secret, forms=FORMS)
    assert_gone(f"call with {key}={secret} done", secret, forms=FORMS)
    assert_gone(f"{key}: '{secret}'", secret, forms=FORMS)


@pytest.mark.parametrize(
    "before",
    [
        "cache",
        "sort",
        "partition",
        "primary",
        "foreign",
        "routing",
        "idempotency",
        "object",
        "s3",
        "message",
        "event",
        "public",
        "dedup",
        "row",
        "index",
        "map",
        "hash",
        "lookup",
        "cursor",
        "group",
        "shard",
        "redis",
        "kafka",
        "host",
        "trace",
        "request",
        "registry",
        "translation",
        "unique",
        "last_evaluated",
        "next",
    ],
)
@pytest.mark.parametrize("digest", RANDOM[:3])
def test_a_key_of_an_entry_is_none(before: str, digest: str) -> None:
    """
    What finds an entry in a cache, a table or a queue looks random and is no secret.
    """
    for key in spellings(f"{before}_key"):
        assert_untouched(json.dumps({key: digest}), FORMS)
        assert_untouched(f"miss {key}={digest} done", FORMS)


@pytest.mark.parametrize("key", ["monkey", "hockey_team", "keyboard", "turkey", "survey", "money", "journey_id"])
def test_a_word_that_ends_like_one_is_none(key: str) -> None:
    """
    An animal and a game hold no secrets.
    """
    assert_untouched(json.dumps({key: "ring-tailed and playful"}), FORMS)


@given(st.sampled_from(["secrets", "authorization", "api_key", "otp"]), st.text(max_size=12))
def test_values_of_credentials_go_or_stay_whole(key: str, value: str) -> None:
    """
    Under a key that names a credential a value is left alone or gone, and a second run changes nothing.
    """
    assert_gone(json.dumps({key: value}), forms=FORMS)


@pytest.mark.parametrize("key", ["sessionid", "session", "client.session", "token", "auth", "x_key"])
@pytest.mark.parametrize("number", ["0x14ede63a5a70002", "0x7ffd3a2b1c9d", "0xDEADBEEF12345678", "0x0123456789abcdef"])
def test_a_number_of_64_bits_is_no_session(key: str, number: str) -> None:
    """
    ZooKeeper's id of a session, a handle and an address open nothing.
    """
    assert_untouched(json.dumps({key: number}), FORMS)
    assert_untouched(f"closed {key}: {number}, {key}={number}", FORMS)


@pytest.mark.parametrize("key", ["session", "sessionid", "Copilot-Session", "X-Session", "user_session"])
def test_the_id_of_a_session_goes(key: str) -> None:
    """
    Whoever has it has the session; an access key's id is none by its key.
    """
    uuid = "7132136d-bbb4-43e1-8dab-7ae2836ef60e"
    assert_gone(json.dumps({key: uuid}), uuid, forms=FORMS)
    assert_gone(f"{key}: {uuid}", uuid, forms=FORMS)
    assert_untouched(json.dumps({"accessKeyId": "b1946ac92492d2347c6235b4"}), FORMS)
