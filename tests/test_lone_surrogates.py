r"""
Half of a surrogate pair in an escape, such as `\ud83d`: valid JSON that not every reader takes. By every door it is written
as `\ufffd` and counted, all else stays, and jq reads on.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from functools import cache

import aiohttp
import pytest
from headrig_process import headrig
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.config import load
from headrig.engine import Engine
from headrig.sources import HttpSourceConfig, TcpConfig, UdpConfig, UnixConfig

ARRIVAL = 1_800_000_000.0
ODD = [
    rb'{"i":1}',
    rb'{"i":2,"m":"\ud83d"}',
    rb'{"i":3,"m":"\ude00"}',
    rb'{"i":4,"m":"a\uD83Db\uDE00c","whole":"\ud83d\ude00"}',
    rb'{"i":5,"\ud800":{"\udfff":["\ud83d\ud83d\ude00"]}}',
    rb'{"i":6,"m":"\\ud83d","n":"\\\ud83d\\"}',
    rb'{"i":7}',
]
MENDED = [
    rb'{"i":1}',
    rb'{"i":2,"m":"\ufffd"}',
    rb'{"i":3,"m":"\ufffd"}',
    rb'{"i":4,"m":"a\ufffdb\ufffdc","whole":"\ud83d\ude00"}',
    rb'{"i":5,"\ufffd":{"\ufffd":["\ufffd\ud83d\ude00"]}}',
    rb'{"i":6,"m":"\\ud83d","n":"\\\ufffd\\"}',
    rb'{"i":7}',
]
COUNT = 8
COUNTED = 'headrig_normalized_total{kind="lone_surrogates"}'
LINES = b"".join(line + b"\n" for line in ODD)
# An escape, and whether it is half of a pair whose other half is not beside it.
ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|u....|.)")


def mended(line: bytes) -> bytes:
    """The line as it should be written: read by a plain rule of one expression."""
    return ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], line)


@cache
def engine(spec: bytes) -> Engine:
    """One for each spec: compiling the rules takes longer than all else here."""
    return Engine(spec)


def process(lines: bytes, spec: bytes = b"") -> tuple[bytes, dict[str, int]]:
    done = engine(spec).lane("in").process(lines, ARRIVAL)
    return bytes(done.lines), done.normalized


def test_either_half_in_keys_and_values():
    """
    Each lone half becomes U+FFFD, in keys and values and at any depth; whole pairs and all other bytes stay.
    """
    assert MENDED == [mended(line) for line in ODD]
    assert (b"".join(line + b"\n" for line in MENDED), {"lone_surrogates": COUNT}) == process(LINES)


def test_jq_reads_on(tmp_path):
    """
    Every line is read by jq 1.6, which ends at half of a surrogate pair.
    """
    (tmp_path / "log").write_bytes(process(LINES)[0])
    done = subprocess.run(["jq", "-c", ".i", tmp_path / "log"], capture_output=True, check=True)

    assert list(range(1, len(ODD) + 1)) == [int(line) for line in done.stdout.split()]


def test_pass():
    """
    Where the settings say so it stays, and is not counted.
    """
    assert (LINES, {}) == process(LINES, b'{"lone_surrogates":"pass"}')


halves = st.sampled_from(
    [rb"\ud83d", rb"\uDE00", rb"\ude00", rb"\uDBFF", rb"\udc00", rb"\u00e9", rb"\n", rb"\\", rb"\"", b"u"]
)
plain = st.sampled_from(
    [b"", b" ", b"x", b"d83d", "é".encode(), b"a word", b"password=hunter2secret ", b"ghp_" + b"Ab0" * 12]
)
strings = st.lists(halves | plain, max_size=6).map(b"".join).map(lambda text: b'"' + text + b'"')
members = st.tuples(strings | st.just(b'"password"') | st.just(b'"level"'), strings | st.just(b"[1,{}]"))
lines = st.lists(members, max_size=5).map(
    lambda all_: b"{" + b",".join(key + b":" + value for key, value in all_) + b"}"
)
PATHS = r"""
import sys
from headrig.engine import Engine
engine = Engine()
for line in sys.stdin.buffer:
    done = engine.lane("in").process(line, 1800000000.0)
    sys.stdout.buffer.write(repr((bytes(done.lines), done.normalized, done.redactions)).encode() + b"\n")
"""


@given(lines)
@settings(max_examples=500)
def test_any_line(line):
    """
    Nothing but lone halves changes in a line without secrets; a second run changes nothing, whatever was redacted.
    """
    once, counts = process(line + b"\n")
    plain = process(line + b"\n", b'{"redact":{"enabled":false}}')

    assert mended(line) + b"\n" == plain[0]
    assert json.loads(once) is not None
    assert b"hunter2" not in once
    assert (once, {}) == process(once)
    assert counts.get("lone_surrogates", 0) <= plain[1].get("lone_surrogates", 0)
    kept, _ = process(line + b"\n", b'{"lone_surrogates":"pass"}')
    assert once == mended(kept)


def test_every_path():
    """
    The vector kernels and the plain walker write the same, and count the same.
    """
    odd = [mixed for key in ODD for mixed in (key, key.replace(b"i", b"\\ud800"), b"  " + key, key[:-1] + b',"n":NaN}')]
    given_lines = b"".join(line + b"\n" for line in odd * 30)
    answers = {
        subprocess.run(
            [sys.executable, "-c", PATHS],
            input=given_lines,
            capture_output=True,
            env=os.environ | {"HEADRIG_CORE_PATH": path},
            check=True,
        ).stdout
        for path in ("scalar", Engine().path)
    }

    assert 1 == len(answers)


@pytest.mark.asyncio
@pytest.mark.parametrize("door", ["tcp", "unix", "udp", "http", "array"])
async def test_doors(start, memory, sink, tmp_path, door):
    """
    It is mended and counted whichever way it came.
    """
    sources = {
        "tcp": TcpConfig(listen="127.0.0.1:0"),
        "unix": UnixConfig(path=str(tmp_path / "in.sock")),
        "udp": UdpConfig(listen="127.0.0.1:0"),
        "http": HttpSourceConfig(listen="127.0.0.1:0"),
        "array": HttpSourceConfig(listen="127.0.0.1:0"),
    }
    run = await start({"in": sources[door]}, memory)
    match door:
        case "tcp":
            await run.send(LINES)
        case "unix":
            _, writer = await asyncio.open_unix_connection(tmp_path / "in.sock")
            writer.write(LINES)
            writer.close()
            await writer.wait_closed()
        case "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(LINES, ("127.0.0.1", run.port()))
        case _:
            body = b"[" + b",".join(ODD) + b"]" if door == "array" else LINES
            kind = "application/json" if door == "array" else "application/x-ndjson"
            url = run.pipeline.state.sources["in"].source.where
            async with aiohttp.ClientSession() as session, session.post(url, data=body, headers={"Content-Type": kind}):
                pass
    await run.until(lambda: len(sink.lines) == len(MENDED))

    assert MENDED == sink.lines
    assert COUNT == run.page()[COUNTED]


def test_standard_input(tmp_path):
    """
    The same for a run that reads standard input.
    """
    config = tmp_path / "headrig.toml"
    config.write_text('[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n')
    done = headrig("run", "-c", str(config), stdin=LINES)

    assert (0, MENDED) == (done.returncode, done.stdout.splitlines())


def test_filter(tmp_path):
    """
    `headrig redact` leaves it, as all that is no secret; with `replace` in its settings it mends it, and says how often.
    """
    broken = b'{"cut":"\\ud83d\n'
    (tmp_path / "headrig.toml").write_text('[lines]\nlone_surrogates = "replace"\n')
    done = headrig("redact", "-c", "headrig.toml", "--stats", "json", stdin=LINES + broken, cwd=tmp_path)

    assert LINES + broken == headrig("redact", stdin=LINES + broken).stdout
    assert [*MENDED, broken.strip()] == done.stdout.splitlines()
    assert {"lone_surrogates": COUNT} == json.loads(done.stderr)["normalized"]


def test_settings(tmp_path):
    """
    `lone_surrogates = "pass"` of `[lines]` keeps it, in a run and in the filter; other words are refused.
    """
    config = tmp_path / "headrig.toml"
    parts = '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n[lines]\nlone_surrogates = '
    config.write_text(parts + '"pass"')

    assert ODD == headrig("run", "-c", str(config), stdin=LINES).stdout.splitlines()
    assert ODD == headrig("redact", "-c", str(config), stdin=LINES).stdout.splitlines()
    assert "pass" == json.loads(load(str(config), {}).engine_spec)["lone_surrogates"]
    config.write_text(parts + '"keep"')
    refused = headrig("validate", str(config))
    assert 78 == refused.returncode
    assert b"lines.lone_surrogates" in refused.stderr + refused.stdout


def test_service(tmp_path):
    """
    A service's own handler writes it as text, so that nothing is lost; nothing of it is an escape.
    """
    program = (
        "import headrig, logging\n"
        f"headrig.install(path={str(tmp_path / 'app.log')!r})\n"
        r"logging.getLogger().warning('half \ud83d', extra={'k\ude00': '\udbff'})" + "\n"
        "assert headrig.flush(10)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    (line,) = (tmp_path / "app.log").read_bytes().splitlines()

    assert json.loads(line)["message"] == r"half \ud83d"
    assert line == mended(line)
