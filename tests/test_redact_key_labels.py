"""Keys and tokens of services behind their labels, in the ways that people write labels in notes and messages."""

from __future__ import annotations

import itertools
import string

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

WHOLE = ["raw", "json", "json_in_json"]
SERVICES = ["acme", "codeship", "infrahub", "evently", "Nu-get", "packcloud", "MAIL_JET", "deepvoice", "x1"]
LABELS = [
    "{} token {}", "{}-token {}", "{} TOKEN-{}", "{}_token_{}", "{}TOKEN {}", "{}_SECRETTOKEN {}", "{} token 1 == {}",
    "{} token is {}", "{} Token 2: {}", "{} secret {}", "{}-secret-{}", "{} Client Secret = {}", "{}_SECRET {}",
    "{}KEY {}", "{}KEY-{}", "{} KEY_{}", "{}KEYofteam-{}", "{}_ACCESS_KEY {}", "{}PRIVATEKEY-{}", "{} PRIVATE KEY {}",
    "{} privatekey {}", "{}_privatekey-{}", "{} PrivateKey {}", "{} private access key {}", "{} access key {}",
    "{} api-key {}", "{}_api_key {}", "{} master key is {}", "{} license key {}", "{} secretkey {}", "{} secret token {}",
]  # fmt: skip
ALPHABETS = [
    string.ascii_letters + string.digits,
    string.digits + "abcdef",
    string.ascii_lowercase + string.digits,
    string.ascii_uppercase + string.digits,
]


@pytest.mark.parametrize("label", LABELS)
def test_a_key_behind_its_label(label: str) -> None:
    """
    A random value goes, whatever stands between it and the word for it, and whatever the service is called.
    """
    values = [value for alphabet in ALPHABETS for value in secrets(5, 24, alphabet)]
    for service, value in zip(itertools.cycle(SERVICES), values, strict=False):
        assert_gone("using " + label.format(service, value), value, forms=WHOLE)


@pytest.mark.parametrize(
    "value", ["ABCDEF1234567890QRST", "1234567890abcdefghijklmnopqrstuvwxyza", "abcdefgh12345ijklmnop"]
)
def test_a_row_of_digits_before_letters_is_no_name(value: str) -> None:
    """
    Names have their digits at the end, or few of them.
    """
    for label in LABELS[:20]:
        assert_gone("using " + label.format("acme", value), value, forms=WHOLE)


NAMES = [
    "orders_20261130", "Base64UrlSafeEncoder", "idx_orders_2026", "default-x7d2f", "fk-orders-users-12",
    "authentication-2", "identifier-of-demo2", "Utf8ToLatinConverter", "v2-primary-of-the-cluster", "2026-11-30",
    "com.shop.Orders2Service", "sha256-of-the-file", "eu-central-1", "x86_64-linux-gnu", "http2-prior-knowledge",
    "of-tenant-000123", "rotated", "not", "12345678", "550e8400",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_behind_a_label_stays(name: str) -> None:
    """
    What people call things stays behind every label.
    """
    for label in LABELS:
        if "= " not in label and ": " not in label:
            assert_untouched("using " + label.format("acme", name), forms=WHOLE)


@pytest.mark.parametrize(
    "of", ["cache", "deleted", "for", "the", "lock", "redis", "signing", "host", "public", "object", "partition", "GPG"]
)
def test_keys_of_entries_stay(of: str) -> None:
    """
    Entries of stores and public keys are named by random values, too: only some words make a `key` a secret.
    """
    for value in secrets(20, 32, "0123456789abcdef"):
        assert_untouched(f"lookup of {of} key {value} took 3 ms", forms=["raw", "json"])


@pytest.mark.parametrize("sign", ["{}({})", "{} ({})", "{}<{}>", "{}->{}", "{} => {}", "{}\t{}", "{} '{}'", "{} `{}`"])
def test_a_sign_between_a_label_and_its_value(sign: str) -> None:
    """
    Brackets, arrows, quotes and tabs stand between a word for a secret and a random value.
    """
    for word in ("token", "Token", "secret", "secret key", "private key", "SECRET_KEY"):
        for value in secrets(4, 24):
            assert_gone("note: " + sign.format(word, value), value, forms=WHOLE)


@pytest.mark.parametrize("name", ["snyk_private", "STATUSPAGE_ACCESS", "anypoint-api", "githubPrivate", "slack.access"])
def test_what_a_service_gives_out(name: str) -> None:
    """
    Behind a service's name a word that says little elsewhere holds its key, if the value is random.
    """
    for value in secrets(20, 32, string.hexdigits.lower()):
        assert_gone(f"{name}={value}", value)
    assert_untouched(f"{name}=enabled for the team")
    assert_untouched(f"{name.rsplit('_', 1)[-1].rsplit('-', 1)[-1]} enabled")


def test_a_key_of_a_service_may_be_a_number() -> None:
    """
    A number under a service's key opens something; under the key of another word it is one of many.
    """
    numbers = [value[2:] for value in secrets(20, 18, string.digits)]
    for service, number in zip(itertools.cycle(["asana", "GitHub", "stripe", "mailjet"]), numbers, strict=False):
        assert_gone(f'{service}_key = "{number}"', number)
        assert_untouched(f'order_key = "{number}"')


@pytest.mark.parametrize("option", ["--key", "--auth", "--session", "--pat", "--jwt", "--cookie", "--private"])
def test_an_option_that_says_little(option: str) -> None:
    """
    A random value behind it goes, a name and a path stay.
    """
    for value in secrets(20, 32):
        assert_gone(f"ran demo login {option} {value} --verbose", value, forms=WHOLE)
        assert_gone(f"ran demo login {option}={value}", value, forms=WHOLE)
    for value in ("/etc/demo/server.key", "server-key", "kerberos", "$VALUE", "./cookies.txt"):
        assert_untouched(f"ran demo login {option} {value} --verbose")
