"""Names and passwords before the `@` of a URL."""

from __future__ import annotations

import pytest
from redaction_forms import assert_gone, assert_untouched, secrets

import headrig

FORMS = ("raw", "json", "json_in_json", "coloured", "coloured_json", "indented")


def test_token_in_the_place_of_the_user_of_a_url() -> None:
    """
    A name before the `@` that looks random is the token, whatever stands as its password.
    """
    for token in secrets(20, 40):
        for text in (
            f"https://{token}@git.example.com/a/b.git",
            f"https://{token}:@api.example.com/v1",
            f"git clone https://{token}:x-oauth-basic@github.com/a/b.git",
            f"remote=https://{token}:x@example.com:8443/",
            f"pushed to https://{token}:{token[::-1]}@example.com.",
        ):
            assert_gone(text, token, token[::-1], forms=FORMS)


def test_password_of_a_url_with_a_slash() -> None:
    """
    In addresses of databases and queues a password may hold slashes and question marks that nobody escaped.
    """
    for secret in secrets(20, 12):
        for scheme in ("redis", "rediss", "postgres", "postgresql", "mysql", "amqp", "mongodb+srv", "smtp"):
            for password in (f"{secret}/x9", f"{secret}//", f"{secret}?a", f"a1/{secret}/b#2"):
                text = f"connect {scheme}://svc:{password}@db.internal:5432/shop failed"
                assert_gone(text, secret, forms=("raw", "json", "json_in_json"))
                assert headrig.redact(text).endswith("@db.internal:5432/shop failed")


@pytest.mark.parametrize(
    "text",
    [
        "https://lore.kernel.org/git/99b0adb6-26ba-293c-3a8f-679f59e7cb4d@web.de/T",
        "https://example.com/a:b@c",
        "https://example.com/@scope/package",
        "https://medium.com/@author/a-title-1234567890ab",
        "http://localhost:8080/assets/icon@2x.png",
        "http://localhost:${PORT}/assets/icon@2x.png",
        "https://example.com?mail=a:b@example.com",
        "https://example.com#a:b@example.com",
        "redis://cache.internal:6379/0?from=ops@example.com",
        "postgres://db.internal:5432/shop@v2",
        "git+ssh://git@github.com:org/repo.git@v1.0",
        "pip install git+https://github.com/org/repo.git@9f8e7d6c5b4a39281706",
        "npm http fetch GET https://registry.npmjs.org/@types/node/-/node-20.1.0.tgz",
        "oci://registry.example.com:5000/image@sha256:9f8e7d6c5b4a39281706",
        "https://user@example.com/a",
        "ssh://deploy@host.example.com:22/srv/git/a.git",
        "sip://alice@example.com",
        "https://continuous-integration-user@example.com/",
        "https://first.last-of-a-long-name@example.com/",
        "ftp://ftp.example.com/pub/a@b",
        "file://C:/Users/alice/a@b",
    ],
)
def test_at_sign_of_a_url_that_ends_no_credentials(text: str) -> None:
    """
    An `@` behind a path, a query or a port, or behind a name that a person has, parts no password from a host.
    """
    assert_untouched(text, FORMS)
