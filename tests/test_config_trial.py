"""What `validate` tries on the machine: all that a start would find, without a start's traces and disturbing nobody."""

import asyncio
import os
import socket
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
import trustme
from headrig_process import headrig
from running import free_port, running

from headrig import config
from headrig.config.data_dir import data_dir
from headrig.config.decode import Findings
from headrig.config.trial import tried
from headrig.delivery.owner import FILE, Owner
from headrig.errors import ConfigError, UnavailableError
from headrig.notifiers import SlackConfig
from headrig.sinks import FileConfig, ForwardConfig, HttpSinkConfig
from headrig.sources import HttpSourceConfig, TcpConfig, UdpConfig, UnixConfig
from headrig.testing import context

NOBODY = 65534
"""A user without rights of its own."""
TRIALS = 100
TRIES_PER_TRIAL = 10
COMMANDS = 24


def below(folder: Path) -> list[str]:
    """Everything in a folder, with the size of what is a file."""
    return sorted(f"{each} {each.lstat().st_size if each.is_file() else ''}" for each in folder.rglob("*"))


def opens(settings) -> str | None:
    """What opening says, and closing again; None: nothing."""

    async def attempt() -> None:
        async with settings.open(context("sinks.out")):
            pass

    try:
        asyncio.run(attempt())
    except (ConfigError, UnavailableError) as error:
        return error.path
    except ValueError:
        return "sinks.out.path"
    return None


def looks(settings) -> str | None:
    """What looking says."""
    found = [*settings.problems("sinks.out"), *tried({"sinks.out": settings}).errors]
    return found[0].path if found else None


@pytest.fixture
def places() -> Iterator[Path]:
    """A folder that every user may look into, with what stands in the way of files."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield filled(Path(folder))


def filled(folder: Path) -> Path:
    (folder / "file").write_text("here\n")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
    (folder / "to_new").symlink_to("new_by_link.log")
    (folder / "to_gone").symlink_to("gone/new.log")
    (folder / "to_folder").symlink_to("folder")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
    for name, mode in (("read_only", 0o555), ("closed", 0o666), ("open", 0o777)):
        (folder / name).mkdir()
        (folder / name / "there.log").write_text("")
        (folder / name / "there.log").chmod(0o666)
        (folder / name).chmod(mode)
    for name, mode in (("write_only", 0o222), ("read_alone", 0o444)):
        (folder / "open" / name).write_text("")
        (folder / "open" / name).chmod(mode)
    return folder


PLACES = (
    *(
        "/proc/x.log",
        "/proc/self/x.log",
        "/proc/self/new/x.log",
        "/sys/x.log",
        "/dev/pts/x",
        "/dev/fd/987",
        "/dev/null",
    ),
    *("new.log", "new/er/new.log", "file", "folder", "folder/", "new/", "file/new.log", "fifo", "loop", "loop/new.log"),
    *(
        "to_new",
        "to_gone",
        "to_folder",
        "to_folder/new.log",
        "socket",
        "socket/new.log",
        "zero\0.log",
        "new\0/zero.log",
    ),
    *("n" * 255, "n" * 256, f"new/{'n' * 256}", f"{'n' * 256}/new.log", f"new/{'ä' * 128}"),
)
GUARDED = ("read_only", "closed", "open")


@pytest.mark.parametrize("place", PLACES)
def test_looking_tells_what_opening_tells(places, place):
    """
    A file is refused by looking exactly where opening it is refused, and looking leaves nothing.
    """
    settings = FileConfig(path=place if place.startswith("/") else f"{places}/{place}")
    before = below(places)
    looked = looks(settings)

    assert before == below(places)
    assert opens(settings) == looked


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be taken on by root alone")
@pytest.mark.parametrize("folder", GUARDED)
@pytest.mark.parametrize("name", ["there.log", "new.log", "new/new.log", "write_only", "read_alone"])
def test_looking_as_another_user(places, folder, name):
    """
    The same holds for permissions, of the user that runs.
    """
    settings = FileConfig(path=f"{places}/{folder}/{name}")
    os.seteuid(NOBODY)
    try:
        looked, opened = looks(settings), opens(settings)
    finally:
        os.seteuid(0)

    assert opened == looked


@pytest.mark.parametrize("kind", ["unix", "http"])
@pytest.mark.parametrize(
    "place", ["new.sock", "new/new.sock", "file", "file/a.sock", "socket", "/proc/a.sock", "/sys/a"]
)
def test_looking_at_socket_files(places, place, kind):
    """
    A socket file as well.
    """
    path = place if place.startswith("/") else f"{places}/{place}"
    made = UnixConfig(path=path) if kind == "unix" else HttpSourceConfig(listen=f"unix:{path}")
    before = below(places)
    looked = looks(made)

    assert before == below(places)
    assert opens(made) == looked


@pytest.mark.parametrize("kind", [TcpConfig, UdpConfig, HttpSourceConfig])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "192.0.2.1", "nobody.invalid", "a" * 64])
def test_addresses(kind, host):
    """
    An address that is none of this machine, or no name, is refused by trying exactly where opening refuses it.
    """
    settings = kind(listen=f"{host}:0", insecure_listen=True)

    assert opens(settings) == looks(settings)
    assert (host in ("127.0.0.1", "localhost")) == (looks(settings) is None)


REMOTE = {
    "http": lambda ca_file: HttpSinkConfig(endpoint="https://fake.example/in", ca_file=ca_file),
    "forward": lambda ca_file: ForwardConfig(to="https://fake.example", ca_file=ca_file),
    "slack": lambda ca_file: SlackConfig(url="https://fake.example/in", ca_file=ca_file),
}


@pytest.mark.parametrize("kind", REMOTE)
@pytest.mark.parametrize("place", ["authority.pem", "junk.pem", "file", "folder", "gone.pem", "/dev/null"])
def test_looking_at_authorities(places, kind, place):
    """
    A file of authorities is refused by looking exactly where opening refuses it, in words for people.
    """
    trustme.CA().cert_pem.write_to_path(places / "authority.pem")
    (places / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    settings = REMOTE[kind](place if place.startswith("/") else f"{places}/{place}")

    assert opens(settings) == looks(settings)
    assert (place == "authority.pem") == (looks(settings) is None)
    assert not any("_ssl" in str(problem) for problem in settings.problems("sinks.out"))


@pytest.mark.parametrize("lock", [None, "file", "folder", "fifo", "link", "socket"])
def test_looking_at_the_lock(places, lock):
    """
    A folder for state is refused by looking exactly where the lock in it cannot be used, and looking does not take it.
    """
    if lock is not None:
        (places / ("to_new" if lock == "link" else lock)).rename(places / "folder.lock")
        (places / "state").mkdir()
        (places / "folder.lock").rename(places / "state" / FILE)
    errors = Findings()
    before = below(places)
    data_dir(f"{places}/state", {}, "run", errors)

    assert before == below(places)
    if errors:
        with pytest.raises(ConfigError):
            Owner(f"{places}/state", lambda: 0.0)
    else:
        owner = Owner(f"{places}/state", lambda: 0.0)
        assert owner.held
        owner.release()
    assert (lock in (None, "file")) == (not errors)


@pytest.mark.parametrize("kind", [TcpConfig, UdpConfig])
def test_in_use_is_a_note(tmp_path, kind):
    """
    What is in use is a note and no error: it may be by the run that these settings are for.
    """
    with (
        socket.socket(type=socket.SOCK_STREAM if kind is TcpConfig else socket.SOCK_DGRAM) as taken,
        ExitStack() as stack,
    ):
        taken.bind(("127.0.0.1", 0))
        if kind is TcpConfig:
            taken.listen()
        served = stack.enter_context(socket.socket(socket.AF_UNIX))
        served.bind(str(tmp_path / "in.sock"))
        listen = "{}:{}".format(*taken.getsockname())
        (tmp_path / "headrig.toml").write_text(
            f'[sources.in]\ntype = "{kind.__struct_config__.tag}"\nlisten = "{listen}"\n'
            '[sources.more]\ntype = "unix"\npath = "in.sock"\n[sinks.out]\ntype = "stdout"\n'
        )
        done = headrig("validate", cwd=tmp_path)

    assert (0, b"") == (done.returncode, done.stderr)
    assert [
        f"headrig.toml: sources.in.listen: {listen} is in use now",
        "headrig.toml: sources.more.path: in.sock is there now: served, or left behind and then replaced",
    ] == done.stdout.decode().splitlines()[:2]


def test_errors_of_trying_stand_beside_the_others(tmp_path):
    """
    What trying finds is told of with its line, in one go with what is wrong otherwise, and nothing is told of twice.
    """
    (tmp_path / "headrig.toml").write_text(
        '[sources.in]\ntype = "tcp"\nlisten = "192.0.2.1:99"\ninsecure_listen = true\n'
        '[sources.more]\ntype = "tcp"\nlisten = "nowhere"\n[sinks.out]\ntype = "file"\npath = "/proc/x.log"\n'
    )
    done = headrig("validate", cwd=tmp_path)

    assert 78 == done.returncode
    assert ["headrig.toml:7", "headrig.toml:10", "headrig.toml:3"] == [
        line.split(": ")[0] for line in done.stderr.decode().splitlines()
    ]


class Load:
    """Lines that go to a run by every door, one connection after the other, until it is told to end."""

    def __init__(self, run) -> None:
        self.sent = 0
        self._run = run
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _send(self) -> None:
        lines = b'{"level":"info","message":"a line under load"}\n' * 100
        while not self._over.is_set():
            self._run.send(lines)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(self._run.unix))
                connection.sendall(lines)
            url = f"http://127.0.0.1:{self._run.http}/ingest"
            headers = {"Content-Type": "application/x-ndjson"}
            with urllib.request.urlopen(urllib.request.Request(url, lines, headers)) as answer:
                assert 200 == answer.status
            self.sent += 300


def test_a_thousand_trials_beside_a_run(tmp_path):
    """
    A run under load loses nothing while its settings are validated a thousand times, and nothing is left of that.
    """
    more = f'[sources.udp]\ntype = "udp"\nlisten = "127.0.0.1:{free_port()}"'
    with running(tmp_path, more) as run:
        before = below(tmp_path)
        with Load(run) as load:
            for _ in range(TRIALS):
                read, errors = config.read(str(tmp_path / "headrig.toml"), {}, trying=True)
                assert [] == errors
                assert 5 == sum(warning.endswith((" now", "replaced")) for warning in read.warnings)
                for _ in range(TRIES_PER_TRIAL - 1):
                    outcome = tried(read.components)
                    assert (0, 4) == (len(outcome.errors), len(outcome.notes))
            for _ in range(COMMANDS):
                assert 0 == headrig("validate", str(tmp_path / "headrig.toml"), cwd=tmp_path).returncode
        lines = run.lines(load.sent)

        assert load.sent == len(lines)
        assert {line.split()[0] for line in before} == {line.split()[0] for line in below(tmp_path)}
        assert 0 == run.metric("headrig_ledger_imbalance")
