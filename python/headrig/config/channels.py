"""
Variables of the runbook for channels that headrig cannot deliver to yet: Telegram and mail. A half-configured channel
is an error all the same, so that nobody finds out during an incident. `headrig run` and `install()` both read them
here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from headrig.config.variables import half_set
from headrig.errors import ConfigError

TELEGRAM: Final = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID")
MAIL: Final = ("SMTP_HOST", "ALERT_EMAIL_FROM", "ALERT_EMAIL_TO")
LOGIN: Final = ("SMTP_USER", "SMTP_PASS")
PORT: Final = "SMTP_PORT"
CHANNELS: Final = (*TELEGRAM, *MAIL, *LOGIN, PORT)
"""Every one of them."""


def channel_problems(environ: Mapping[str, str], errors: list[ConfigError]) -> None:
    """An error for each that is missing or cannot be used."""
    _whole(TELEGRAM, TELEGRAM, environ, errors)
    _whole(MAIL, (*MAIL, *LOGIN, PORT), environ, errors)
    _whole(LOGIN, LOGIN, environ, errors)
    port = environ.get(PORT, "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        errors.append(ConfigError("not a port", file="environment", path=PORT, remedy="set one up to 65535"))


def undelivered(environ: Mapping[str, str]) -> list[str]:
    """One warning per channel that is set and that nothing is delivered to yet."""
    known = (("Telegram", TELEGRAM), ("mail", MAIL))
    return [
        f"{', '.join(names)}: notices are not delivered by {channel} yet"
        for channel, names in known
        if all(environ.get(name) for name in names)
    ]


def _whole(
    needed: Sequence[str], mentioned: Sequence[str], environ: Mapping[str, str], errors: list[ConfigError]
) -> None:
    given = next((name for name in mentioned if environ.get(name)), None)
    if given is not None:
        errors.extend(half_set(name, given) for name in needed if not environ.get(name))
