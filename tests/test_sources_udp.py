"""Datagrams to lines: what is taken, what is refused, and what is dropped and counted when they come too fast."""

import asyncio
import socket

import pytest

from headrig.errors import UnavailableError
from headrig.limits import Limits
from headrig.sources import UdpConfig

pytestmark = pytest.mark.asyncio

ERRORS = 'component_errors_total{component_id="in",component_kind="source",component_type="udp",'


@pytest.fixture
def udp(start, memory):
    """Start with one UDP source, and give a function that sends datagrams to it."""

    async def starter(limits=None, **settings):
        source = UdpConfig(**({"listen": "127.0.0.1:0"} | settings))
        run = await start({"in": source}, memory, limits=limits or Limits(drain_seconds=2.0))

        def send(*datagrams: bytes) -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for datagram in datagrams:
                    sender.sendto(datagram, ("127.0.0.1", run.port()))

        return run, send

    return starter


async def test_lines_arrive(udp, sink):
    """
    A datagram holds one line or several; its last line needs no newline; an empty one is nothing.
    """
    run, send = await udp()
    send(b'{"n":1}', b'{"n":2}\n', b'{"n":3}\n{"n":4}', b"", b'{"n":5}\r\n')
    await run.until(lambda: len(sink.lines) == 5)

    assert b"".join(b'{"n":%d}\n' % n for n in range(1, 6)) == sink.text


async def test_secret_is_redacted(udp, sink):
    """
    What comes by datagram is redacted like everything else, and broken lines are wrapped.
    """
    run, send = await udp()
    send(b"plain password=hunter2-0000 text", b'{"password":"hunter2"}')
    await run.until(lambda: len(sink.lines) == 2)

    assert b"hunter2" not in sink.text


async def test_full_queue_drops_and_counts(udp, sink):
    """
    A sink that holds everything back never holds a sender: what does not fit is rejected as `queue_full`.
    """
    sink.open.clear()
    small = Limits(core_queue_bytes_max=4000, sink_queue_bytes_max=4000, drain_seconds=2.0)
    run, send = await udp(small)
    account = run.pipeline.state.ledger.sources["in"]
    sent = 0
    while account.rejected["queue_full"] == 0:
        send(*[b'{"n":1}\n{"n":2}'] * 10)
        sent += 20
        await run.until(lambda sent=sent: account.received == sent)

    assert account.accepted == sent - account.rejected["queue_full"]
    sink.open.set()
    await run.until(lambda: len(sink.lines) == account.accepted)


async def test_long_datagram_is_cut(udp, sink):
    """
    Of a datagram over the bound the beginning is taken, as a broken line, and it is counted.
    """
    run, send = await udp(datagram_bytes_max=64)
    send(b'{"text":"' + b"x" * 100 + b'"}', b"{}")
    await run.until(lambda: len(sink.lines) == 2)

    assert b'"broken":"' in sink.lines[0]
    assert 1 == run.page()[ERRORS + 'error_type="datagram_bytes_max",stage="receiving"}']


async def test_only_allowed_networks_send(udp, sink):
    """
    With `allow_from` nobody else is heard; who is refused is counted.
    """
    run, send = await udp(allow_from=("10.0.0.0/8", "fd00::/8"))
    send(b"{}", b"{}")
    await run.until(lambda: run.page().get(ERRORS + 'error_type="peer_refused",stage="receiving"}') == 2)

    assert 0 == run.pipeline.state.ledger.sources["in"].received
    other, send = await udp(allow_from=("10.0.0.0/8", "127.0.0.0/8"))
    send(b"{}")
    await other.until(lambda: sink.lines == [b"{}"])


async def test_mapped_addresses_are_known(start, memory, sink):
    """
    On a socket for both protocols an IPv4 sender is known by its IPv4 address.
    """
    run = await start({"in": UdpConfig(listen="[::]:0", allow_from=("127.0.0.0/8",))}, memory)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"{}", ("127.0.0.1", run.port()))
    await run.until(lambda: sink.lines == [b"{}"])


async def test_kernel_drops_are_counted(udp, sink):
    """
    What the kernel had no room for is counted as soon as another datagram comes: all that was sent is accounted for.
    """
    run, send = await udp(receive_buffer_bytes=4096)
    # Nothing is read while this test does not let the loop turn.
    send(*[b'{"n":1}' + b" " * 1000] * 100)
    received = run.pipeline.state.ledger.sources["in"]
    await run.until(lambda: received.received > 0)
    send(b"{}")
    await run.until(lambda: b"{}" in sink.lines)

    drops = run.page()[ERRORS + 'error_type="kernel_drop",stage="receiving"}']
    assert (True, 101) == (drops > 0, received.received + drops)


async def test_stop_reads_what_waits(udp, sink):
    """
    What the kernel holds when the stop comes is still read.
    """
    run, send = await udp()
    send(*[b'{"n":%d}' % n for n in range(500)])
    await run.stop()

    assert 500 == len(sink.lines)


async def test_many_datagrams(udp, sink):
    """
    A sender within the kernel's buffer loses nothing, in order.
    """
    run, send = await udp()
    account = run.pipeline.state.ledger.sources["in"]
    for start in range(0, 20_000, 100):
        send(*[b'{"n":%d}' % n for n in range(start, start + 100)])
        while account.received < start + 100:  # noqa: ASYNC110 (what a test waits for has no event)
            await asyncio.sleep(0)
    await run.until(lambda: len(sink.lines) == 20_000)

    assert [b'{"n":%d}' % n for n in range(20_000)] == sink.lines


async def test_address_in_use(udp, start, memory):
    """
    An address that another process has is not taken away from it.
    """
    run, _ = await udp()
    with pytest.raises(UnavailableError, match=r"sources\.in\.listen: 127\.0\.0\.1:\d+ is in use"):
        await start({"in": UdpConfig(listen=f"127.0.0.1:{run.port()}")}, memory)


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({"listen": "127.0.0.1:514"}, []),
        ({"listen": "localhost:514"}, []),
        ({"listen": "0.0.0.0:514"}, ["sources.in.listen"]),
        ({"listen": "0.0.0.0:514", "insecure_listen": True}, []),
        ({"listen": "0.0.0.0:514", "allow_from": ("10.0.0.0/8", "192.0.2.7")}, []),
        (
            {"listen": "[::]:514", "allow_from": ("everyone", "10.0.0.1/8")},
            [f"sources.in.allow_from[{n}]" for n in (0, 1)],
        ),
        ({"listen": "514"}, ["sources.in.listen"]),
    ],
)
async def test_problems(settings, paths):
    """
    Outside loopback it must be said who may send, or that anyone may.
    """
    assert paths == [error.path for error in UdpConfig(**settings).problems("sources.in")]
