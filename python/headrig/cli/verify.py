"""
`headrig verify`: a canary. Fake secrets, new each time, are sent through every door of the settings and looked for wherever
something comes out: sinks, notices, the page of metrics, the file of a service's handler. Nothing leaves this machine but,
with `--remote`, what was found clean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import secrets
import string
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrig.cli import complain
from headrig.cli.printing import say
from headrig.config import Config, read
from headrig.config.finding import find
from headrig.redaction import redact

if TYPE_CHECKING:
    from headrig.cli.rehearsal import Rehearsal

_CLEAN, _LEAK = 0, 1
_ARRIVAL_SECONDS = 10.0
"""Longest wait for the lines of one door: it is this machine, and a few of them."""
_ALPHANUMERIC = string.ascii_letters + string.digits
_DATAGRAM_KINDS = ("udp",)
_UNDECIDED = "the other side has not answered in time"
LINES = 5
"""Of a canary, each with a secret."""
_REFUSED = 300
"""From here on, the status of an answer says that lines were not taken."""


@dataclass(frozen=True)
class Canary:
    """Lines for one door, each with a secret of its own and a word that says where it came in."""

    door: str
    word: str
    lines: tuple[str, ...]
    planted: tuple[str, ...]

    @classmethod
    def at(cls, door: str) -> Canary:
        """New secrets for a door."""
        word = "canary" + secrets.token_hex(8)
        token, routed, *values = f"ghp_{_random(36)}", f"ghp_{_random(36)}", _random(20), _random(20), _random(20)
        return cls(
            door,
            word,
            (
                json.dumps({"level": "INFO", "message": word, "password": values[0]}),
                json.dumps({"level": "INFO", "message": f"{word} sent with {token} to it"}),
                json.dumps({"level": "INFO", "message": word, "body": json.dumps({"api_key": values[1]})}),
                f"{word} login with password={values[2]} failed",
                json.dumps({"event": "request_completed", "route": f"/{word}/{routed}", "status": 200}),
            ),
            (token, routed, *values),
        )

    def seen(self, text: str) -> int:
        """How many of its lines are in a text."""
        return text.count(self.word)

    def leaked(self, text: str) -> int:
        """How many of its secrets are."""
        return sum(secret in text for secret in self.planted)


def execute(arguments: argparse.Namespace) -> int:
    """One line for each way from a door out; gives 1 if a secret came out, 69 if some way could not be looked at."""
    found = find(arguments.config, os.environ)
    config, errors = read(found.path, os.environ)
    for error in errors:
        complain(str(found.explain(error)))
    if config is None:
        return os.EX_CONFIG
    logging.getLogger("headrig").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="headrig-verify-") as folder:
        ways = [*asyncio.run(_run(config, Path(folder), remote=arguments.remote)), *_handler(Path(folder))]
    say("verify", [_worded(way) for way in ways])
    leaks, unseen = sum(way.leaked > 0 for way in ways), sum(not way.leaked and bool(way.unseen) for way in ways)
    say("verify", [f"{len(ways)} ways: {len(ways) - leaks - unseen} clean, {leaks} with leaks, {unseen} not looked at"])
    return _LEAK if leaks else os.EX_UNAVAILABLE if unseen else _CLEAN


@dataclass(frozen=True)
class _Way:
    door: str
    out: str
    leaked: int
    unseen: str = ""
    """Why it could not be looked at; empty if it was."""
    clean: str = "clean"
    """What is said of it when all is well."""


def _worded(way: _Way) -> str:
    verdict = (
        f"{way.leaked} secrets came out" if way.leaked else f"not looked at: {way.unseen}" if way.unseen else way.clean
    )
    return f"{way.door} -> {way.out}: {'LEAK: ' if way.leaked else ''}{verdict}"


async def _run(config: Config, folder: Path, *, remote: bool) -> list[_Way]:
    from headrig.cli.rehearsal import rehearsal  # noqa: PLC0415  # aiohttp, once the settings are right

    async with rehearsal(config, folder) as running:
        canaries, notice, arrived = await _plant(running, config, folder)
        page = await _page(running)
    sinks = [f"sinks.{name}" for name in config.sinks]
    ways = [_way(canary, out, running, arrived[canary.door]) for canary in canaries for out in sinks]
    if json.loads(config.engine_spec).get("metrics", {}).get("builtin", True):
        trouble = "nothing of it is counted there"
        ways += [
            _Way(each.door, "/metrics", each.leaked(page), "" if each.seen(page) else trouble) for each in canaries
        ]
    ways += [_way(notice, f"notifiers.{name}", running, "") for name in config.notifiers]
    return ways + (await _remote(config, folder, running, ways) if remote else [])


async def _plant(running: Rehearsal, config: Config, folder: Path) -> tuple[list[Canary], Canary, dict[str, str]]:
    """New secrets into every door and notice, delivered as far as they can be; what was in the way, by door."""
    canaries = [Canary.at(f"sources.{name}") for name in config.sources]
    arrived = {canary.door: await _send(running, config, canary, folder) for canary in canaries}
    notice = Canary.at("notices")
    for title in notice.lines:
        running.pipeline.alerting.sent.send(title, title, labels={"canary": title})
    await running.pipeline.flush()
    await running.pipeline.alerting.notifiers.flush()
    return canaries, notice, arrived


async def _remote(config: Config, folder: Path, rehearsed: Rehearsal, ways: list[_Way]) -> list[_Way]:
    """Whether the other sides take what is sent to them. Only what all ways to it showed to be clean is sent."""
    from headrig.cli.rehearsal import rehearsal  # noqa: PLC0415  # as above

    paths = [path for path in config.components if path in rehearsed.bodies]
    good = {path for path in paths if all(not way.leaked and not way.unseen for way in ways if way.out == path)}
    async with rehearsal(config, folder, good) as running, asyncio.TaskGroup() as tasks:
        planting = tasks.create_task(_plant(running, config, folder))
        # A side that refuses is not waited for as long as a run would.
        while not planting.done() and any(_not_taken(running, path) == _UNDECIDED for path in good):  # noqa: ASYNC110  # as below
            await asyncio.sleep(0.01)
        trouble = {
            path: _not_taken(running, path) if path in good else "nothing is sent that is not clean" for path in paths
        }
        planting.cancel()
    return [_Way(path, config.components[path].where, 0, trouble[path], "clean, and taken") for path in paths]


def _not_taken(running: Rehearsal, path: str) -> str:
    """Why the other side of a sink or notifier did not take everything; empty if it did."""
    kind, _, name = path.partition(".")
    state, health = running.pipeline.state, running.pipeline.status.health().components[path]
    taken = (state.ledger.sinks if kind == "sinks" else state.ledger.notifiers)[name].delivered
    lines = LINES * (len(state.ledger.sources) if kind == "sinks" else 1)
    if taken >= lines:
        return ""
    return _UNDECIDED if health.status == "ok" else f"the other side took {taken} of {lines}: {health.reason}"


def _way(canary: Canary, out: str, running: Rehearsal, trouble: str) -> _Way:
    text = running.written(out)
    missing = len(canary.lines) - canary.seen(text)
    unseen = (
        running.skipped.get(out)
        or trouble
        or (f"{missing} of {len(canary.lines)} lines did not come" if missing > 0 else "")
    )
    return _Way(canary.door, out, canary.leaked(text), unseen)


async def _send(running: Rehearsal, config: Config, canary: Canary, folder: Path) -> str:
    """Send a canary's lines in at its door, and wait until they are taken; gives what was in the way."""
    name = canary.door.removeprefix("sources.")
    where, account = running.pipeline.state.sources[name].source.where, running.pipeline.state.ledger.sources[name]
    body = "".join(f"{line}\n" for line in canary.lines).encode()
    try:
        async with asyncio.timeout(_ARRIVAL_SECONDS):
            await _deliver(where, config.sources[name].kind, body, folder / f"{name}.sock")
            while account.received < len(canary.lines):  # noqa: ASYNC110  # a count has no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        return "the door did not take it in time"
    except OSError as error:
        return f"the door did not take it: {error.strerror}"
    return ""


async def _deliver(where: str, of: str, body: bytes, path: Path) -> None:
    if of == "http":
        from aiohttp import ClientError, ClientSession  # noqa: PLC0415  # for this door alone

        kind = {"Content-Type": "application/x-ndjson"}
        try:
            async with ClientSession() as session, session.post(where, data=body, headers=kind) as answer:
                status = answer.status
        except ClientError as error:
            raise OSError(0, type(error).__name__) from None
        if status >= _REFUSED:
            raise OSError(status, f"the answer was {status}")
        return
    port = int((re.findall(r":(\d+)", where) or ["0"])[0])
    if of in _DATAGRAM_KINDS:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
        )
        # As senders do: what a datagram has beyond `datagram_bytes_max` is cut off.
        for line in body.splitlines(keepends=True):
            transport.sendto(line)
        transport.close()
        return
    opening = asyncio.open_connection("127.0.0.1", port) if port else asyncio.open_unix_connection(str(path))
    _, writer = await opening
    writer.write(body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _page(running: Rehearsal) -> str:
    from aiohttp import ClientError, ClientSession  # noqa: PLC0415  # as above

    http = running.pipeline.components.http
    try:
        async with ClientSession() as session, session.get(f"{http[0].where if http else ''}/metrics") as answer:
            return await answer.text()
    except (ClientError, OSError):
        return ""


def _handler(folder: Path) -> Iterable[_Way]:
    """What a service's handler writes, with the rules that it has."""
    from headrig.service.handler import Handler, flush  # noqa: PLC0415  # the other half of headrig

    canary, path = Canary.at("handler"), folder / "handler.log"
    logger = logging.Logger("headrig.verify")  # noqa: LOG001  # nobody else has it, and no level holds lines back
    handler = Handler(path)
    logger.addHandler(handler)
    for line in canary.lines:
        logger.info("%s", line)
    flush(_ARRIVAL_SECONDS)
    handler.close()
    text = path.read_text("utf-8", "replace")
    unseen = "" if canary.seen(text) >= len(canary.lines) else "lines did not come"
    return [_Way("handler", "its file", canary.leaked(text), unseen)]


def _random(length: int) -> str:
    """A value that no rule takes for a word: nothing of it comes out but by mistake."""
    while True:
        value = "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
        if re.search("[0-9]", value) and re.search("[a-z]", value) and redact(value) == value:
            return value
