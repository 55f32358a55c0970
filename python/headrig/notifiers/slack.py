"""
Notices to a Slack channel by its incoming webhook (docs.slack.dev, "Sending messages using incoming webhooks"). The
address of a webhook is its secret. A notice is accepted if the answer is status 200 with the body `ok`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from headrig.component import ComponentConfig, OpenContext, Variable
from headrig.errors import ConfigError, Retryable
from headrig.limits import NOTICE_POST_SECONDS
from headrig.model import FilePath, Notice, SecretAddress, Severity
from headrig.net.url import client_tls, origin, tls_problems, url_problems

if TYPE_CHECKING:
    from headrig.net.http_client import Answer, Poster

HEADER_CHARACTERS_MAX: Final = 150
"""Slack's bound of a header block."""
SECTION_CHARACTERS_MAX: Final = 3000
"""Slack's bound of the text of a section block."""
CONTEXT_CHARACTERS_MAX: Final = 1000
"""Longest line of details, in characters: nobody reads labels of a thousand characters in a chat."""

KNOWN_ANSWERS: Final = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "invalid_blocks",
        "invalid_payload",
        "invalid_token",
        "no_active_hooks",
        "no_service",
        "no_service_id",
        "no_team",
        "no_text",
        "posting_to_general_channel_denied",
        "rate_limited",
        "rollup_error",
        "team_disabled",
        "too_many_attachments",
        "user_not_found",
    }
)
"""Error codes of Slack that an error may name; nothing else of an answer is repeated."""

_MARKS: Final = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.WARNING: "🟡", Severity.INFO: "🔵"}
_REASONS: Final = {
    "threshold": "",
    "recovered": "",
    "manual": "",
    "no_data": " (no data)",
    "removed": " (threshold removed)",
    "changed": " (threshold changed)",
}


class SlackConfig(ComponentConfig, frozen=True, kw_only=True, tag="slack"):
    """Post notices to a Slack channel."""

    url: SecretAddress | None = None
    """The address of the incoming webhook. Whoever has it can post."""
    timeout_seconds: Annotated[float, Meta(gt=0, extra={"unit": "seconds"})] = NOTICE_POST_SECONDS
    """Longest wait for an answer; then the request is tried again."""
    ca_file: FilePath | None = None
    """PEM file of certificate authorities to trust instead of the system's."""
    env: ClassVar = {"SLACK_WEBHOOK_URL": Variable("url", needed=True)}

    def __repr__(self) -> str:
        """Only the kind: the address is a secret."""
        return "SlackConfig(…)"

    @property
    def where(self) -> str:
        """The other side: the path is the secret."""
        return origin((self.url or "").strip())

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        if not self.url:
            yield ConfigError("missing", path=f"{at}.url", remedy="add url = … or url_file = …")
            return
        yield from url_problems(self.url.strip(), f"{at}.url")
        yield from tls_problems(self.url.strip(), self.ca_file, at)

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[SlackNotifier]:
        """Prepare; the first connection is made when there is a notice."""
        # aiohttp is loaded by what sends, not by what only reads settings.
        from headrig.net.http_client import Poster  # noqa: PLC0415

        url = (self.url or "").strip()
        tls = client_tls(self.ca_file, f"{context.path}.ca_file") if url.lower().startswith("https:") else None
        poster = Poster(url, {}, timeout_seconds=self.timeout_seconds, tls=tls)
        try:
            yield SlackNotifier(poster)
        finally:
            await poster.close()


class SlackNotifier:
    """One webhook."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    async def notify(self, notice: Notice) -> None:
        """Post it."""
        answer = await self._poster.exchange(
            msgspec.json.encode(body(notice)), {"Content-Type": "application/json; charset=utf-8"}
        )
        word = _word(answer)
        if answer.refusal is not None:
            refused = answer.refusal
            refused.args = (f"Slack {refused}{f' ({word})' if word else ''}",)
            raise refused
        if answer.status != 200 or answer.body.strip() != b"ok":
            # A proxy that answers 200 to everything is not Slack: better to send the notice again than to lose it.
            raise Retryable(f"Slack answered {answer.status}{f' ({word})' if word else ' without its ok'}", "other")


def body(notice: Notice) -> dict[str, Any]:
    """The request body: a header, the message, and a line of details."""
    status = f"{notice.status.upper()}{_REASONS[notice.reason]}"
    mark = "✅" if notice.status == "resolved" else _MARKS[notice.severity]
    when = datetime.fromtimestamp(notice.time_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    below = [notice.severity.value, notice.category, *([notice.threshold] if notice.threshold else []), when]
    if notice.labels:
        below.append(", ".join(f"{name}={text}" for name, text in notice.labels.items()))
    head = f"{mark} {status}: {notice.title}"
    return {
        "text": fitted(f"{head}\n{notice.message}", SECTION_CHARACTERS_MAX),
        "blocks": [
            {"type": "header", "text": _plain(" ".join(head.split()), HEADER_CHARACTERS_MAX)},
            {"type": "section", "text": _plain(notice.message, SECTION_CHARACTERS_MAX)},
            {"type": "context", "elements": [_plain(" · ".join(below), CONTEXT_CHARACTERS_MAX)]},
        ],
    }


def fitted(text: str, characters_max: int) -> str:
    """The text with Slack's three characters escaped, shortened to the bound without breaking an escape."""
    escaped = [_ESCAPES.get(character, character) for character in text]
    length = sum(map(len, escaped))
    if length > characters_max:
        while length > characters_max - 1:
            length -= len(escaped.pop())
        escaped.append("…")
    return "".join(escaped)


_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _plain(text: str, characters_max: int) -> dict[str, Any]:
    # Slack refuses a block with an empty text.
    return {"type": "plain_text", "text": fitted(text, characters_max) or " ", "emoji": False}


def _word(answer: Answer) -> str:
    """The reason that Slack gives, if it is one of its known error codes."""
    text = answer.body[:64].strip().decode("ascii", "replace")
    return text if text in KNOWN_ANSWERS else ""
