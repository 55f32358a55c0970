"""
Datagrams of one or more lines. A sender is never held back: while the queue to the core is full, datagrams are counted
and dropped. They are read from the kernel in bursts and framed together, so the cost per line stays small.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from headrig.component import Claim, OpenContext, SourceComponentConfig
from headrig.engine import LINE_BYTES_MAX, Framer
from headrig.errors import ConfigError
from headrig.limits import KIB, MIB, READ_BYTES, Limits
from headrig.model import Address, Intake
from headrig.net.sockets import Listener, host_port, is_loopback

Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

DATAGRAMS_PER_TURN: Final = 256
"""Datagrams read from the kernel before other tasks of the loop run."""
SENDERS_REMEMBERED: Final = 1024
"""Senders whose permission is cached; when the cache is full, it is emptied."""
_SO_RXQ_OVFL: Final = 40
"""Linux: with each datagram the kernel reports how many it has dropped so far."""
_DROPS: Final = struct.Struct("=I")


class UdpConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="udp"):
    """Take datagrams of newline-delimited lines; what comes too fast is dropped and counted."""

    listen: Address
    """`host:port`."""
    allow_from: tuple[str, ...] = ()
    """Networks that may send, such as `10.0.0.0/8`; empty: everyone who can reach it."""
    insecure_listen: bool = False
    """Accept that anyone can send to an address that others can reach."""
    datagram_bytes_max: Annotated[int, Meta(ge=64, le=64 * KIB, extra={"unit": "bytes"})] = 64 * KIB
    """Longest datagram taken whole; a longer one is cut and counted."""
    receive_buffer_bytes: Annotated[int, Meta(ge=4 * KIB, le=1024 * MIB, extra={"unit": "bytes"})] = 4 * MIB
    """Size of the kernel's buffer for waiting datagrams; the kernel grants at most net.core.rmem_max."""

    renewable: ClassVar[bool] = True

    @property
    def where(self) -> str:
        """Its address."""
        return f"udp {self.listen}"

    def claims(self) -> Iterator[Claim]:
        """Its address; TCP may have the same port."""
        yield Claim("udp", self.listen, "listen")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        for index, network in enumerate(self.allow_from):
            try:
                ipaddress.ip_network(network)
            except ValueError:
                path = f"{at}.allow_from[{index}]"
                yield ConfigError("not a network", path=path, remedy='write it as "10.0.0.0/8"')
        try:
            host, _ = host_port(self.listen, f"{at}.listen")
        except ConfigError as error:
            yield error
            return
        if not (self.allow_from or self.insecure_listen or is_loopback(host)):
            yield ConfigError(
                f"{self.listen} takes datagrams from other machines without allow_from",
                path=f"{at}.listen",
                remedy="listen on 127.0.0.1, set allow_from, or accept the risk with insecure_listen = true",
            )

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[UdpSource]:
        """Bind."""
        listener = Listener(context.sockets.udp(self.listen, f"{context.path}.listen"))
        source = UdpSource(self, listener, context.limits)
        try:
            yield source
        finally:
            context.sockets.release(source.listener.bound)

    def feeding(self, where: str, status: str, *, guarded: bool) -> str:  # noqa: ARG002
        """By netcat."""
        host, port = host_port(where.removeprefix("udp "), "")
        return f"nc -u -w 0 {host} {port} < app.log"


class UdpSource:
    """One bound socket."""

    endless = True

    def __init__(self, config: UdpConfig, listener: Listener, limits: Limits) -> None:
        self.listener = listener
        self._config = config
        self._framer = Framer(limits.line_bytes_max or LINE_BYTES_MAX)
        self._loop = asyncio.get_running_loop()
        self._intake: Intake | None = None
        self._kernel_drops: dict[socket.socket, int] = {}
        """The kernel's last count of dropped datagrams, by socket."""
        self._settle_in()

    @property
    def port(self) -> int:
        """The port bound, for a `listen` with port 0."""
        return self.listener.port

    async def read(self, intake: Intake) -> None:
        """Read datagrams until the stop, and then the ones that the kernel still holds."""
        self._intake = intake
        self._listen(intake)
        try:
            await intake.stopping.wait()
        finally:
            self._leave(self.listener)
        for bound in self.listener.bound:
            await self._empty(bound, intake)

    async def renew(self, changed: UdpSource) -> None:
        """Go on with other settings."""
        intake, before = self._intake, self.listener
        if intake is None:
            return
        self._leave(before)
        for bound in before.bound:
            if (same := changed.listener.same_socket(bound)) is None:
                await self._empty(bound, intake)
            elif bound in self._kernel_drops:
                self._kernel_drops[same] = self._kernel_drops[bound]
            self._kernel_drops.pop(bound, None)
        if intake.stopping.is_set():
            return
        self.listener, changed.listener = changed.listener, before
        self._config = changed._config
        self._settle_in()
        self._listen(intake)

    def tune(self, limits: Limits) -> None:
        """Take new bounds. The framer is empty between datagrams, because a datagram ends its last line."""
        self._framer = Framer(limits.line_bytes_max or LINE_BYTES_MAX)

    def _settle_in(self) -> None:
        """Know where it is, and whom it lets in."""
        host = self._config.listen.rpartition(":")[0]
        self.where = f"udp {host}:{self.listener.port}"
        self._networks: Networks = tuple(ipaddress.ip_network(network) for network in self._config.allow_from)
        self._allowed: dict[str, bool] = {}

    def _listen(self, intake: Intake) -> None:
        for bound in self.listener.bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._config.receive_buffer_bytes)
            bound.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            self._loop.add_reader(bound.fileno(), self._burst, bound, intake)

    def _leave(self, listener: Listener) -> None:
        for bound in listener.bound:
            self._loop.remove_reader(bound.fileno())

    async def _empty(self, bound: socket.socket, intake: Intake) -> None:
        """Read the datagrams that the kernel holds, at most as many as it can hold, even if somebody goes on sending."""
        rest_bytes: float = bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        while rest_bytes > 0:
            rest_bytes -= self._burst(bound, intake) or math.inf
            await asyncio.sleep(0)

    def _burst(self, bound: socket.socket, intake: Intake) -> int:
        """Read waiting datagrams, within bounds; gives their bytes."""
        chunks: list[bytes] = []
        size = received_bytes = 0
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                data, control, flags, sender = bound.recvmsg(
                    self._config.datagram_bytes_max, socket.CMSG_SPACE(_DROPS.size)
                )
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                intake.failed("io")
                break
            received_bytes += len(data) or 1
            self._count_drops(bound, control, intake)
            if self._networks and not self._admits(sender[0]):
                intake.failed("peer_refused")
                continue
            if flags & socket.MSG_TRUNC:
                intake.failed("datagram_bytes_max")
            if data:
                chunks.append(data if data.endswith(b"\n") else data + b"\n")
                size += len(data)
            if size >= READ_BYTES:
                break
        if chunks:
            self._take(chunks, size, intake)
        return received_bytes

    def _take(self, chunks: list[bytes], size: int, intake: Intake) -> None:
        intake.received_bytes(size)
        lines, count = self._framer.feed(b"".join(chunks))
        if intake.full:
            intake.reject("queue_full", count)
        else:
            intake.add(lines, count)

    def _count_drops(self, bound: socket.socket, control: list[tuple[int, int, bytes]], intake: Intake) -> None:
        for level, kind, data in control:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL) and len(data) >= _DROPS.size:
                drops: int = _DROPS.unpack_from(data)[0]
                # The kernel's counter has 32 bits.
                if new := (drops - self._kernel_drops.get(bound, 0)) % 2**32:
                    intake.failed("kernel_drop", count=new)
                    self._kernel_drops[bound] = drops

    def _admits(self, host: str) -> bool:
        known = self._allowed.get(host)
        if known is None:
            address = ipaddress.ip_address(host.partition("%")[0])
            address = getattr(address, "ipv4_mapped", None) or address
            known = any(address in network for network in self._networks)
            if len(self._allowed) >= SENDERS_REMEMBERED:
                self._allowed.clear()
            self._allowed[host] = known
        return known
