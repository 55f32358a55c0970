"""The command line as such: verbs, usage, exit codes, and what an error becomes."""

import io
import os
import signal
import subprocess
import sys
from functools import partial

import pytest
from headrig_process import COMMAND, headrig

import headrig as public
from headrig import cli
from headrig.cli import redact
from headrig.errors import ConfigError, DeliveryError, UnavailableError


@pytest.fixture
def in_process():
    """
    `main` takes the process that it runs in for its own and ignores SIGUSR1 there; later tests start others from it.
    """
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_version():
    """
    `--version` gives name and version.
    """
    done = headrig("--version")

    assert (0, f"headrig {public.__version__}\n".encode()) == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    "arguments", [[], ["saw"], ["run", "--set"], ["validate", "a", "b"], ["redact", "--stats", "xml"]]
)
def test_usage(arguments):
    """
    What the command line cannot mean ends with 64, and says so.
    """
    done = headrig(*arguments)

    assert (64, b"") == (done.returncode, done.stdout)
    assert done.stderr.startswith(b"usage: headrig")


@pytest.mark.parametrize(
    ("arguments", "verb", "said"),
    [
        (["rnu"], "", "unknown verb; did you mean run?"),
        (["Validate"], "", "unknown verb; did you mean validate?"),
        (["fake-s3cret"], "", "unknown verb; known verbs: run, validate, redact, leaks, rules, verify"),
        (["--vresion"], "", "unknown option --vresion; did you mean --version?"),
        (["-c", "fake-s3cret"], "", "no verb before -c; write headrig run -c …"),
        (["--stats=fake-s3cret"], "", "no verb before --stats; write headrig redact --stats …"),
        (["-pfake-s3cret"], "", "unknown option -p; known options: -h, --help, --version"),
        ([], "", "no verb; known verbs: run, validate, redact, leaks, rules, verify"),
        (["run", "--lisen"], " run", "unknown option --lisen; did you mean --listen?"),
        (["run", "-pfake-s3cret"], " run", "unknown option -p; known options: -h, --help, -c, --listen"),
        (["run", "--listen=fake-s3cret"], " run", "argument --listen: takes no value"),
        (["run", "fake-s3cret"], " run", "more arguments than it takes"),
        (["redact", "--statz=fake-s3cret"], " redact", "unknown option --statz; did you mean --stats?"),
        (["redact", "--stats", "jsn"], " redact", "argument --stats: unknown value; did you mean json?"),
        (["validate", "a", "fake-s3cret"], " validate", "more arguments than it takes"),
    ],
)
def test_wrong_words(arguments, verb, said, capsys):
    """
    A word that the command line does not know is told the nearest one, with the usage of its verb, and is not repeated.
    """
    with pytest.raises(SystemExit) as ended:
        cli.parsed(arguments)
    usage, *_, last = capsys.readouterr().err.splitlines()

    assert 64 == ended.value.code
    assert usage.startswith(f"usage: headrig{verb} [")
    assert f"headrig{verb}: {said}" == last
    assert "s3cret" not in last


def test_help_names_every_verb():
    """
    `--help` shows what there is.
    """
    done = headrig("--help")

    assert 0 == done.returncode
    assert all(verb in done.stdout for verb in (b"run", b"validate", b"redact"))


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("wrong", path="a.b", file="f.toml", remedy="right it"), 78, "f.toml: a.b: wrong; right it\n"),
        (UnavailableError("in use", path="a.b", remedy="free it"), 69, "a.b: in use; free it\n"),
        (DeliveryError("standard output: no space", "io"), 74, "standard output: no space\n"),
        (ExceptionGroup("all", [ConfigError("one"), ExceptionGroup("more", [ConfigError("two")])]), 78, "one\ntwo\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_errors(error, code, said, monkeypatch, capsys):
    """
    An error of the tree is one line, and its exit code is its own.
    """

    def fail(_):
        raise error

    monkeypatch.setattr(redact, "execute", fail)

    assert (code, said) == (cli.main(["redact"]), capsys.readouterr().err)


@pytest.mark.usefixtures("in_process")
def test_bug(monkeypatch, capsys):
    """
    Anything else is a bug: 70, and a traceback that shows no secret.
    """

    def fail(_):
        raise ValueError("cannot parse password=fake-hunter2-fake")

    monkeypatch.setattr(redact, "execute", fail)
    code, said = cli.main(["redact"]), capsys.readouterr().err

    assert 70 == code
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.endswith("ValueError: cannot parse password=[REDACTED:password]\n")


@pytest.mark.usefixtures("in_process")
def test_bug_in_a_group(monkeypatch, capsys):
    """
    A bug beside an error of the tree is still a bug.
    """

    def fail(_):
        raise ExceptionGroup("both", [ConfigError("one"), ValueError("two")])

    monkeypatch.setattr(redact, "execute", fail)

    assert 70 == cli.main(["redact"])
    assert "ValueError: two" in capsys.readouterr().err


def test_import_is_free():
    """
    `import headrig` imports nothing else.
    """
    code = "import sys; before = set(sys.modules); import headrig; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "headrig\n" == done.stdout


def test_public_names():
    """
    The package shows what it has, and says what it has not.
    """
    assert {"Handler", "__version__", "bind", "flush", "install", "redact"} <= set(dir(public))
    assert [] == [name for name in dir(public) if not hasattr(public, name)]
    with pytest.raises(AttributeError, match="module 'headrig' has no attribute 'missing'"):
        public.missing  # noqa: B018


def test_closed_standard_error(monkeypatch):
    """
    A complaint nobody can read is no error.
    """

    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())

    assert cli.complain("unheard") is None


def closed(descriptor: int, *arguments: str) -> subprocess.CompletedProcess:
    """Run a verb with one standard descriptor closed."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, preexec_fn=partial(os.close, descriptor), check=False
    )


SOURCE = '[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n'
SINK = '[sinks.out]\ntype = "file"\npath = "{path}/app.log"\n'


@pytest.mark.parametrize(
    ("descriptor", "settings", "says"),
    [
        (0, '[sources.in]\ntype = "stdin"\n' + SINK, "1: sources.in: standard input is closed; connect it"),
        (1, SOURCE + '[sinks.out]\ntype = "stdout"\n', "4: sinks.out: standard output is closed; connect it"),
    ],
    ids=["source", "sink"],
)
def test_closed_descriptor_of_a_part(tmp_path, descriptor, settings, says):
    """
    A source or sink on a standard descriptor that came closed is an error: no other file takes its number.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(settings.format(path=tmp_path))
    done = closed(descriptor, "run", "-c", str(path))

    assert 78 == done.returncode
    assert f"{path}:{says}" in done.stderr.decode()


def test_closed_standard_output(tmp_path):
    """
    Nobody to tell the summary is no failure.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(SOURCE + SINK.format(path=tmp_path))
    done = closed(1, "validate", str(path))

    assert (0, b"") == (done.returncode, done.stderr)


def test_complaints_without_standard_error(tmp_path):
    """
    Complaints never come out among the lines.
    """
    done = closed(2, "redact", str(tmp_path / "missing"))

    assert (65, b"") == (done.returncode, done.stdout)
