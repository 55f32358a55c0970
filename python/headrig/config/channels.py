"""
The runbook's variables of alert channels: Slack, Telegram, mail. A channel that is half set is an error, so that nobody
learns in an incident that there never was one. Both doors read them here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from headrig.errors import ConfigError

SLACK: Final = "SLACK_WEBHOOK_URL"
TELEGRAM: Final = ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID")
MAIL: Final = ("SMTP_HOST", "ALERT_EMAIL_FROM", "ALERT_EMAIL_TO")
LOGIN: Final = ("SMTP_USER", "SMTP_PASS")
PORT: Final = "SMTP_PORT"
CHANNELS: Final = (SLACK, *TELEGRAM, *MAIL, *LOGIN, PORT)
"""Every one of them."""


def channels(environ: Mapping[str, str], errors: list[ConfigError]) -> dict[str, Any]:
    """The `[notifiers]` tables that the variables stand for; the console is always one of them."""
    tables: dict[str, Any] = {"console": {"type": "console"}}
    if url := environ.get(SLACK):
        tables["slack"] = {"type": "slack", "url": url}
    _whole(TELEGRAM, TELEGRAM, environ, errors)
    _whole(MAIL, (*MAIL, *LOGIN, PORT), environ, errors)
    _whole(LOGIN, LOGIN, environ, errors)
    port = environ.get(PORT, "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        errors.append(ConfigError("not a port", file="environment", path=PORT, remedy="set one up to 65535"))
    return tables


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
    """An error per variable that is missing though another of its channel is set."""
    given = next((name for name in mentioned if environ.get(name)), None)
    for name in needed:
        if given is not None and not environ.get(name):
            remedy = f"set it, or unset {given}"
            reason = f"is not set, though {given} is"
            errors.append(ConfigError(reason, file="environment", path=name, remedy=remedy))
