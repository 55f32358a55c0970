"""Secrets in files: one rule for every key that may name one."""

import json
import os
import re
from pathlib import Path

import pytest
import trustme

from headrig import config
from headrig.limits import SECRET_BYTES_MAX

BASE = '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n'
SECRET = "fake-" + "s3cret-" * 5
KEYS = {
    "http.token": ("[http]\n", lambda loaded: loaded.http.token),
    "sources.web.token": (
        '[http]\n[sources.web]\ntype = "http"\n',
        lambda loaded: loaded.sources["web"].token,
    ),
    "sinks.ship.token": (
        '[sinks.ship]\ntype = "forward"\nto = "https://a.example"\n',
        lambda loaded: loaded.sinks["ship"].token,
    ),
    "sinks.post.auth_header": (
        '[sinks.post]\ntype = "http"\nendpoint = "https://a.example"\n',
        lambda loaded: loaded.sinks["post"].auth_header,
    ),
    "notifiers.chat.url": (
        '[notifiers.chat]\ntype = "slack"\n',
        lambda loaded: loaded.notifiers["chat"].url,
    ),
    "redact.token.hmac_key": (
        "[redact.token]\n",
        lambda loaded: json.loads(loaded.engine_spec)["redact"]["token"]["hmac_key"],
    ),
}
"""Every key that may name a file, with the table it stands in, and where its secret then is."""


@pytest.fixture(params=KEYS)
def key(request):
    """Each of them."""
    return request.param


def read(tmp_path: Path, key: str, content: bytes | None = None, *, mode: int = 0o600, more: str = ""):
    """Settings whose secret is in a file; without content the file is what lies there."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    name = key.rpartition(".")[2]
    path = tmp_path / "headrig.toml"
    path.write_text(f'{BASE}{KEYS[key][0]}{name}_file = "{file}"\n{more}')
    loaded, errors = config.read(str(path), {})
    return loaded, [re.sub(r"^.*headrig.toml:[0-9]+: ", "", str(error)) for error in errors]


def secret(key: str, text: str = SECRET) -> str:
    """One that the key takes."""
    return f"https://hooks.example/{text}" if key.endswith("url") else text


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_newline_is_no_secret(tmp_path, key, end):
    """
    A file gives what is in it, without the newline that an editor put at its end.
    """
    loaded, errors = read(tmp_path, key, f"{secret(key)}{end}".encode())

    assert [] == errors
    assert secret(key) == KEYS[key][1](loaded)
    assert () == loaded.warnings


def test_only_one_newline(tmp_path):
    """
    What else is in the file belongs to the secret: blanks, a second newline, a carriage return alone.
    """
    for content in (" " + SECRET, SECRET + "\n\n", SECRET + "\r", SECRET + "\n\r\n"):
        loaded, _ = read(tmp_path, "redact.token.hmac_key", content.encode())

        assert content.removesuffix("\r\n" if content.endswith("\r\n") else "\n") == KEYS["redact.token.hmac_key"][1](
            loaded
        )


@pytest.mark.parametrize(
    ("lay", "reason"),
    [
        (lambda file: None, "cannot read the file: No such file or directory"),
        (lambda file: file.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda file: file.symlink_to("/dev/zero"), "not a regular file"),
        (lambda file: file.symlink_to("/dev/tty"), ""),
        (lambda file: file.write_bytes(b""), "the file is empty"),
        (lambda file: file.write_bytes(b"\n"), "the file is empty"),
        (lambda file: file.write_bytes(b"\xff" + SECRET.encode()), "cannot read the file: not UTF-8 text"),
        (
            lambda file: file.write_bytes(SECRET.encode() * SECRET_BYTES_MAX),
            f"the file is larger than {SECRET_BYTES_MAX} bytes",
        ),
    ],
    ids=["missing", "directory", "pipe", "device", "terminal", "empty", "newline", "bytes", "large"],
)
def test_unusable_file(tmp_path, key, lay, reason):
    """
    A file that is none, holds nothing, too much or no text is an error at its key, at once, that shows nothing of it.
    """
    lay(tmp_path / "secret")
    loaded, errors = read(tmp_path, key)

    assert loaded is None
    assert [True] == [error.startswith(f"{key}_file: {reason}") for error in errors]
    assert "s3cret" not in "".join(errors)


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_readable_by_everyone(tmp_path, key, mode, warned):
    """
    A file that every user of the machine can read is worth a warning; the group may be that of the service.
    """
    loaded, _ = read(tmp_path, key, secret(key).encode(), mode=mode)
    warning = f"{key}_file: every user of this machine can read the file; chmod o= it"

    assert (warned, ()) == (warning in loaded.warnings, tuple(set(loaded.warnings) - {warning}))


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o600, False)])
@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_private_key_readable_by_everyone(tmp_path, kind, mode, warned):
    """
    So is the private key of a listener; its certificate is for everyone.
    """
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    (tmp_path / "key.pem").chmod(mode)
    (tmp_path / "cert.pem").chmod(0o644)
    path = tmp_path / "headrig.toml"
    tls = f'tls = {{ cert_file = "{tmp_path}/cert.pem", key_file = "{tmp_path}/key.pem" }}\n'
    token = f'token = "{SECRET}"\n' if kind == "http" else ""
    path.write_text(f'{BASE}[sources.door]\ntype = "{kind}"\nlisten = "127.0.0.1:0"\n{token}{tls}')
    loaded, errors = config.read(str(path), {})
    warning = "sources.door.tls.key_file: every user of this machine can read the file; chmod o= it"

    assert ([], [warning] * warned) == (errors, list(loaded.warnings))


def test_given_twice(tmp_path, key):
    """
    A secret and a file for it are one too many.
    """
    name = key.rpartition(".")[2]
    _, errors = read(tmp_path, key, secret(key).encode(), more=f'{name} = "{secret(key)}"\n')

    assert [f"{key}_file: {name} is given as well; give one of the two"] == errors


def test_read_again(tmp_path, key):
    """
    Whoever reads the settings again, as a reload does, finds what the file holds now.
    """
    before, _ = read(tmp_path, key, secret(key).encode())
    after, _ = read(tmp_path, key, secret(key, "fake-" + "other-s3cret" * 4).encode())

    assert KEYS[key][1](before) != KEYS[key][1](after)
    assert "s3cret" not in f"{before!r}{after!r}"


def test_no_key_is_forgotten():
    """
    Every key of a source, sink, notifier or table that may name a file is tried here.
    """
    from test_config_secrets import parts, secret_keys  # noqa: PLC0415

    from headrig.config.spec import TokenTable  # noqa: PLC0415
    from headrig.web import HttpServerConfig  # noqa: PLC0415

    structs = [struct for _, struct, _ in parts()] + [TokenTable, HttpServerConfig]

    assert len(KEYS) == sum(len(secret_keys(struct)) for struct in structs)
