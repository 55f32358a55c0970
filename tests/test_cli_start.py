"""What `headrig run` goes by and what it reads, for each kind of standard input and each place of settings."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, NamedTuple

import pytest
from headrig_process import STARTED, Run, headrig

from tests.running import until

LINES = b'{"n":1}\n{"password":"fake-hunter2"}\n'
SETTINGS = """
[sources.in]
type = "tcp"
listen = "127.0.0.1:0"

[sinks.out]
type = "file"
path = "app.log"
"""


class Stdin(NamedTuple):
    """A standard input, and the other side of it."""

    descriptor: int | None
    kind: str | None
    """What headrig calls it; None: it is no source."""
    feed: IO[bytes] | None = None
    lines: int = 0
    """What it will have read, when the other side has fed it."""


@contextmanager
def connected(name: str, tmp_path) -> Iterator[Stdin]:
    """A standard input of the kind that has this name."""
    with ExitStack() as stack:
        if name == "file":
            (tmp_path / "lines").write_bytes(LINES)
            yield Stdin(stack.enter_context((tmp_path / "lines").open("rb")).fileno(), "file", lines=2)
        elif name in ("pipe of a slow producer", "pipe whose producer is gone", "pipe left open by a supervisor"):
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            feed = stack.enter_context(os.fdopen(writing, "wb", buffering=0))
            if name == "pipe whose producer is gone":
                feed.close()
            slow = name == "pipe of a slow producer"
            yield Stdin(reading, "pipe", feed if slow else None, lines=2 if slow else 0)
        elif name == "socket":
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            feed = stack.enter_context(os.fdopen(ours.detach(), "wb", buffering=0))
            yield Stdin(theirs.fileno(), "socket", feed, lines=2)
        elif name == "terminal":
            controlling, terminal = os.openpty()
            stack.callback(os.close, controlling)
            stack.callback(os.close, terminal)
            yield Stdin(terminal, None)
        elif name == "null":
            yield Stdin(stack.enter_context(open(os.devnull, "rb")).fileno(), None)
        else:
            yield Stdin(None, None)


KINDS = (
    *("file", "pipe of a slow producer", "pipe whose producer is gone", "pipe left open by a supervisor", "socket"),
    *("terminal", "null", "closed"),
)


def feed(stdin: Stdin) -> None:
    """The other side sends its lines, late, and ends."""
    if stdin.feed is not None:
        stdin.feed.write(LINES)
        stdin.feed.close()


@pytest.mark.parametrize("name", KINDS)
def test_defaults_by_standard_input(name, tmp_path):
    """
    Without settings a file, pipe or socket is all that is read, whenever its first line comes: it says so, opens no port, ends
    where that ends, and says what it did. With any other it listens.
    """
    with connected(name, tmp_path) as stdin, Run(cwd=tmp_path, stdin=stdin.descriptor, PORT="0") as run:
        only = f"; reads standard input only, because it is a {stdin.kind}; --listen opens the listeners"
        first, reads = run.said[0], [line.split()[1:3] for line in run.said if line.startswith("  reads ")]
        feed(stdin)
        if stdin.kind is None or name == "pipe left open by a supervisor":
            run.signal(signal.SIGTERM)
        code = run.end()

    assert 0 == code
    assert first.endswith(f" runs with built-in defaults{only if stdin.kind else ''}")
    if stdin.kind is None:
        assert ["tcp", "unix", "http"] == [kind for kind, _ in reads]
        assert not run.said[-1].startswith("headrig is done")
    else:
        assert [["standard", "input"]] == reads
        assert not any("http://" in line for line in run.said)
        done = f"headrig is done: {stdin.lines} lines in, {stdin.lines} out, {stdin.lines // 2} redaction"
        assert run.said[-1].startswith(done)
        assert stdin.lines == (tmp_path / "data/app.log").read_bytes().count(b"\n")


BROKEN = "[nonsense]\n"
PLACES = {
    "directory": ({"headrig.toml": SETTINGS}, (), {}, "headrig.toml, found in the working directory"),
    "variable": (
        {"headrig.toml": BROKEN, "b.toml": SETTINGS},
        (),
        {"HEADRIG_CONFIG": "b.toml"},
        "b.toml, named by HEADRIG_CONFIG",
    ),
    "argument": (
        {"headrig.toml": BROKEN, "b.toml": BROKEN, "c.toml": SETTINGS},
        ("-c", "c.toml"),
        {"HEADRIG_CONFIG": "b.toml"},
        "c.toml",
    ),
}
"""By who names the settings: the files there are, the arguments, the variables, and what the first line says."""


@pytest.mark.parametrize(
    ("place", "names"), [("directory", KINDS), ("variable", ("null", *KINDS[:2])), ("argument", ("null", *KINDS[:2]))]
)
def test_settings_by_standard_input(place, names, tmp_path):
    """
    With settings, wherever they were found, they decide what is read, whatever standard input is; what is left unread is said.
    """
    files, arguments, variables, says = PLACES[place]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with ExitStack() as stack:
        stdins = [stack.enter_context(connected(name, tmp_path)) for name in names]
        runs = [Run(*arguments, cwd=tmp_path, stdin=stdin.descriptor, **variables) for stdin in stdins]
        for run in runs:
            stack.push(run)
        for run in runs:
            run.until(STARTED)
            run.signal(signal.SIGTERM)
        codes = [run.end() for run in runs]

    assert [0] * len(names) == codes
    for stdin, run in zip(stdins, runs, strict=True):
        unread = f"  leaves  standard input, a {stdin.kind}, unread: no source has the type stdin"
        assert run.said[0].endswith(f" runs with {says}")
        assert ["tcp"] == [line.split()[1] for line in run.said if line.startswith("  reads ")]
        assert (stdin.kind is not None) == (unread in run.said)


def test_two_pipes_at_once(tmp_path):
    """
    Two runs that read a pipe, in one directory and beside a PORT that is taken: both run, both end, neither producer is hurt.
    """
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stdins = [stack.enter_context(connected("pipe of a slow producer", tmp_path)) for _ in range(2)]
        port = str(server.getsockname()[1])
        runs = [stack.enter_context(Run(cwd=tmp_path, stdin=stdin.descriptor, PORT=port)) for stdin in stdins]
        for stdin in stdins:
            feed(stdin)
        codes = [run.end() for run in runs]

    assert [0, 0] == codes
    assert 4 == (tmp_path / "data/app.log").read_bytes().count(b"\n")


@pytest.mark.parametrize("name", ["file", "pipe of a slow producer", "null"])
def test_listen(name, tmp_path):
    """
    With `--listen` it listens whatever standard input is, reads that too, and goes on when it has ended.
    """
    with (
        connected(name, tmp_path) as stdin,
        Run("--listen", cwd=tmp_path, stdin=stdin.descriptor, PORT="0", LOG_FILE_BUFFER_SIZE="1") as run,
    ):
        feed(stdin)
        until(lambda: (tmp_path / "data/app.log").read_bytes().count(b"\n") == stdin.lines)
        run.send(b'{"by":"tcp"}\n')
        run.signal(signal.SIGTERM)
        code = run.end()

    beside = f"; reads standard input, which is a {stdin.kind}, beside the listeners" if stdin.kind else ""
    assert 0 == code
    assert run.said[0].endswith(f" runs with built-in defaults{beside}")
    assert stdin.lines + 1 == (tmp_path / "data/app.log").read_bytes().count(b"\n")


def test_listen_beside_settings(tmp_path):
    """
    `--listen` means nothing to settings from a file: it is refused and not passed over.
    """
    (tmp_path / "headrig.toml").write_text(SETTINGS)
    done = headrig("run", "--listen", cwd=tmp_path)

    assert 64 == done.returncode
    assert b"headrig run: --listen is for the built-in defaults: headrig.toml says where to listen\n" == done.stderr


REMEDY = "make it a readable file, or give the path of another"


@pytest.mark.parametrize("verb", ["run", "validate"])
@pytest.mark.parametrize(
    ("what", "variables", "complaint"),
    [
        ("directory", {}, f"headrig.toml: cannot be read: Is a directory; {REMEDY}"),
        ("dangling link", {}, f"headrig.toml: cannot be read: No such file or directory; {REMEDY}"),
        (
            "file",
            {"HEADRIG_CONFIG": "gone.toml"},
            (
                "environment: HEADRIG_CONFIG: gone.toml cannot be read: No such file or directory; "
                "give the path of a readable file, or unset it"
            ),
        ),
    ],
)
def test_settings_that_cannot_be_read(verb, what, variables, complaint, tmp_path):
    """
    Settings that were found are never passed over because they cannot be read, and a variable is named.
    """
    path = tmp_path / "headrig.toml"
    if what == "directory":
        path.mkdir()
    elif what == "dangling link":
        path.symlink_to("gone")
    else:
        path.write_text(SETTINGS)
    done = headrig(verb, cwd=tmp_path, **variables)

    assert (78, complaint) == (done.returncode, done.stderr.decode().rstrip("\n"))


@pytest.mark.parametrize("place", PLACES)
def test_validate_looks_where_run_looks(place, tmp_path):
    """
    `headrig validate` without a file proves what `headrig run` would use.
    """
    files, arguments, variables, says = PLACES[place]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = headrig("validate", *arguments[1:], cwd=tmp_path, **variables)

    assert (0, says.split(",")[0]) == (done.returncode, done.stdout.decode().split(":")[0])


def test_validate_the_defaults(tmp_path):
    """
    Where there is no file, the defaults and the variables that change them are proven.
    """
    right, wrong = headrig("validate", cwd=tmp_path), headrig("validate", cwd=tmp_path, LOG_FILE_BUFFER_SIZE="many")

    assert (0, b"built-in defaults: ok (3 sources, 1 sink, ") == (right.returncode, right.stdout[:42])
    assert (78, b"environment: LOG_FILE_BUFFER_SIZE: ") == (wrong.returncode, wrong.stderr[:35])


def test_reload_what_was_found(tmp_path):
    """
    SIGHUP reads the file again that was found at the start, also when another would be found by now.
    """
    (tmp_path / "headrig.toml").write_text(SETTINGS)
    with Run(cwd=tmp_path) as found, Run(cwd=tmp_path, HEADRIG_CONFIG="headrig.toml") as named:
        (tmp_path / "headrig.toml").write_text(SETTINGS.replace("app.log", "new.log"))
        for run in (found, named):
            run.signal(signal.SIGHUP)
            run.until("SIGHUP: reloaded")
            run.send(b'{"n":1}\n')
            run.signal(signal.SIGTERM)
            assert 0 == run.end()

    assert b'{"n":1}\n' * 2 == (tmp_path / "new.log").read_bytes()


def test_reload_the_defaults(tmp_path):
    """
    A run on the defaults stays with them, and with the pipe it reads, though a file appears where it would be found.
    """
    with connected("pipe of a slow producer", tmp_path) as stdin, Run(cwd=tmp_path, stdin=stdin.descriptor) as run:
        (tmp_path / "headrig.toml").write_text(SETTINGS)
        run.signal(signal.SIGHUP)
        run.until("SIGHUP: reloaded")
        feed(stdin)
        assert 0 == run.end()

    assert 2 == (tmp_path / "data/app.log").read_bytes().count(b"\n")


def test_input_that_breaks_off(tmp_path):
    """
    A read that fails is no end like any other: the last line says so.
    """
    ours, theirs = socket.socketpair()
    with theirs, Run(cwd=tmp_path, stdin=theirs.fileno()) as run:
        # A socket that is closed with something unread resets its peer.
        theirs.send(b"unread")
        ours.close()
        run.end()

    assert "headrig is done: 0 lines in, 0 out, 0 redactions, 0 broken, 0 dropped, 1 error" == run.said[-1]


def test_the_last_line_counts_everything(tmp_path):
    """
    What went to each sink, what was redacted, broken and dropped, and why; the ledger's own numbers.
    """
    sinks = SETTINGS.split("\n\n")[1] + '[sinks.more]\ntype = "stdout"\n'
    (tmp_path / "headrig.toml").write_text(f'[sources.in]\ntype = "stdin"\n{sinks}')
    done = headrig("run", stdin=b"\n" + LINES + b"nonsense\n\n", cwd=tmp_path)

    last = "headrig is done: 5 lines in, 3 out to out, 3 out to more, 1 redaction, 1 broken, 2 dropped (2 blank)"
    assert (0, last) == (done.returncode, done.stderr.decode().splitlines()[-1])


def test_help_says_where_settings_come_from():
    """
    `run --help` names the places in their order, and what `--listen` does.
    """
    said = " ".join(headrig("run", "--help").stdout.decode().split())

    assert "-c FILE settings; without it $HEADRIG_CONFIG, else ./headrig.toml, else the built-in defaults" in said
    assert "--listen with the built-in defaults: listen also when standard input is read" in said
