"""
Addresses of servers that headrig sends to, and the secrets that go with them: what can be wrong, and as much of an
address as may be shown. Nothing here connects: reading settings must not load aiohttp.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from headrig.errors import ConfigError
from headrig.net.binding import reason_of
from headrig.net.sockets import host_port

_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")


def url_problems(url: str, path: str, remedy: str = "write https://host/path") -> Iterator[ConfigError]:
    """What is wrong with the address of a server. Never quotes it: it may hold a secret."""
    parts = _split(url)
    if parts is None:
        yield ConfigError("not an address", path=path, remedy=remedy)
        return
    if parts.username is not None or parts.password is not None:
        yield ConfigError("holds a user or a password", path=path, remedy="give them in a header of their own")


def tls_problems(url: str, ca_file: str | None, at: str) -> Iterator[ConfigError]:
    """What is wrong with `ca_file`."""
    if ca_file is None:
        return
    if not url.lower().startswith("https:"):
        yield ConfigError("only https has certificates", path=f"{at}.ca_file", remedy="remove it, or use https")
    elif not os.access(ca_file, os.R_OK):
        yield ConfigError("cannot read the file", path=f"{at}.ca_file", remedy="give a readable PEM file")
    else:
        try:
            client_tls(ca_file, f"{at}.ca_file")
        except ConfigError as error:
            yield error


def value_problems(value: str | None, path: str) -> Iterator[ConfigError]:
    """What is wrong with a secret that travels in a header. Never quotes it."""
    if value is not None and _HEADER_VALUE.fullmatch(value.strip()) is None:
        yield ConfigError(
            "cannot be sent in a header", path=path, remedy="give printable ASCII in one line, and not nothing"
        )


def client_tls(ca_file: str | None, path: str) -> ssl.SSLContext:
    """TLS that verifies the server; `ConfigError` at `path` when the file cannot be used."""
    try:
        made = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        # What OpenSSL says of a file that holds none is for its own authors.
        reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else reason_of(error)
        raise ConfigError(f"cannot use the file: {reason}", path=path, remedy="give a readable PEM file") from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def origin(url: str) -> str:
    """Scheme, host and port, as much of an address as may be shown."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts is not None else "an address"


def address(url: str) -> str:
    """`host:port` as a listener would write it, to find a sink that feeds its own process."""
    parts = _split(url)
    if parts is None:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        host_port(f"{parts.netloc.rpartition('@')[2]}{'' if parts.port else ':80'}", "")
    except (ValueError, ConfigError):
        return None
    return parts if parts.scheme in ("http", "https") and url.isprintable() and " " not in url else None
