"""Rotation of a service's file, and of that of `headrig run`, by arguments and variables."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_process import service

from headrig import config
from headrig.errors import ConfigError
from headrig.rotation import NUMBER_MAX, VARIABLES, Rotation, rotation_of
from headrig.service.handler import Handler
from headrig.units import scaled

BURST = """
import logging, headrig
handler = headrig.install(ARGUMENTS)
log = logging.getLogger("app")
for n in range(2000):
    log.info("n", extra={"n": n})
    if n % 10 == 9: assert headrig.flush()
"""
NAME = r"app\.log\.\d{8}T\d{6}-\d{4}"


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ("path='app.log', rotate_bytes=4096", {}),
        ("rotate_bytes=4096", {"LOG_FILE": "app.log"}),
        ("path='app.log'", {"LOG_FILE_ROTATE_BYTES": "4096"}),
        ("", {"LOG_FILE": "app.log", "LOG_FILE_ROTATE_BYTES": "4KiB"}),
        ("rotate_bytes=4096", {"LOG_FILE": "app.log", "LOG_FILE_ROTATE_BYTES": "1GB"}),
        ("path='app.log', rotate_bytes=4096, structured=False", {}),
    ],
)
def test_rotates(tmp_path, arguments, variables):
    """
    A service's file is rotated at its size, and no line is lost or torn. An argument comes before its variable.
    """
    done = service(BURST.replace("ARGUMENTS", arguments), tmp_path, **variables)
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))

    assert 0 == done.returncode
    assert len(names) > 10
    assert all(re.fullmatch(NAME, name) for name in names[1:])
    assert all((tmp_path / name).stat().st_size <= 4096 for name in names)
    text = "".join((tmp_path / name).read_text() for name in [*names[1:], names[0]])
    assert list(range(2000)) == [json.loads(line)["n"] for line in text.splitlines()]


def test_keeps_and_compresses(tmp_path):
    """
    As many files stay as told, and those that are not the newest are compressed.
    """
    arguments = "path='app.log', rotate_bytes=4096, keep=5, compress='gzip', compress_delay=2"
    # Whoever starts next tidies what an exit interrupted.
    again = """
from headrig.engine import LogFile
from headrig.rotation import Rotation
later = LogFile("app.log", mode=0o640, rotation=Rotation(10**6, keep=5, compress="gzip", compress_delay=2).core())
later.append([b'{}\\n'], 0, 0.0)
later.wait_until_tidy()
"""
    assert 0 == service(BURST.replace("ARGUMENTS", arguments), tmp_path).returncode
    done = service(again, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("."))

    assert (0, "") == (done.returncode, done.stderr)
    assert [".gz", ".gz", ".gz", "", ""] == [re.sub(NAME, "", name) for name in names[1:]]


WRONG = [
    ({"rotate_bytes": 0}, "rotate_bytes: too small for a rotation; give 1 or more"),
    ({"rotate_bytes": -5}, "rotate_bytes: too small for a rotation; give 1 or more"),
    ({"rotate_bytes": "1MB"}, "rotate_bytes: cannot be used: a string; give a whole number, 1 or more"),
    ({"rotate_bytes": 1.5}, "rotate_bytes: cannot be used: 1.5; give a whole number, 1 or more"),
    ({"rotate_bytes": True}, "rotate_bytes: cannot be used: true; give a whole number, 1 or more"),
    ({"rotate_bytes": 2**70}, f"rotate_bytes: cannot be used; give {NUMBER_MAX} or less"),
    ({"rotate_seconds": 0.5}, "rotate_seconds: too small for a rotation; give 1 or more"),
    ({"rotate_seconds": float("nan")}, "rotate_seconds: cannot be used; give 1 or more"),
    ({"rotate_seconds": float("inf")}, f"rotate_seconds: cannot be used; give {NUMBER_MAX} or less"),
    ({"rotate_seconds": 1.5}, "rotate_seconds: not a whole number of seconds; give whole seconds"),
    ({"rotate_seconds": "daily"}, "rotate_seconds: cannot be used: a string; give seconds, 1 or more"),
    ({"rotate_bytes": 1, "keep": 0}, "keep: cannot be used; give 1 or more"),
    ({"rotate_bytes": 1, "keep": -1}, "keep: cannot be used; give 1 or more"),
    ({"rotate_bytes": 1, "total_bytes_max": 0}, "total_bytes_max: cannot be used; give 1 or more"),
    ({"rotate_bytes": 1, "compress": "lz4"}, "compress: unknown compression; give gzip or zstd"),
    ({"rotate_bytes": 1, "compress": True}, "compress: unknown compression; give gzip or zstd"),
    ({"rotate_bytes": 1, "compress_delay": -1}, "compress_delay: cannot be used; give 0 or more"),
    ({"keep": 7}, "keep: nothing is rotated; give rotate_bytes or rotate_seconds as well"),
    ({"total_bytes_max": 7}, "total_bytes_max: nothing is rotated; give rotate_bytes or rotate_seconds as well"),
    ({"compress": "gzip"}, "compress: nothing is rotated; give rotate_bytes or rotate_seconds as well"),
    ({"compress_delay": 1}, "compress_delay: nothing is rotated; give rotate_bytes or rotate_seconds as well"),
]


@pytest.mark.parametrize(("arguments", "complaint"), WRONG)
def test_wrong_arguments(tmp_path, arguments, complaint):
    """
    A rotation that cannot be used is refused at its name, before a file is made.
    """
    with pytest.raises(ConfigError) as caught:
        Handler(tmp_path / "app.log", **arguments)

    assert complaint == str(caught.value)
    assert [] == list(tmp_path.iterdir())


def test_nothing_to_rotate():
    """
    Standard output is not rotated, and lines that are shipped are not this process's to rotate.
    """
    with pytest.raises(ConfigError, match="rotate_bytes: there is no file to rotate; give a path as well"):
        Handler(rotate_bytes=1000)
    with pytest.raises(ConfigError, match="environment: LOG_FILE_ROTATE_SECONDS: there is no file to rotate"):
        rotation_of({}, {"LOG_FILE_ROTATE_SECONDS": "1d"}, path=None)
    with pytest.raises(ConfigError, match="rotate_bytes: there is no file to rotate; leave it out"):
        rotation_of({"rotate_bytes": 1000}, {}, path=None, shipped=True)
    assert Rotation(rotate_seconds=86_400.0) == rotation_of(
        {}, {"LOG_FILE_ROTATE_SECONDS": "1d"}, path=None, shipped=True
    )


def test_unknown_arguments(tmp_path):
    """
    A keyword that neither the handler nor a rotation has is refused as by any function.
    """
    with pytest.raises(TypeError, match="unexpected keyword argument 'rotate_byte'"):
        Handler(tmp_path / "app.log", rotate_byte=1)


TEXTS = {
    "LOG_FILE_ROTATE_BYTES": ["4096", "1MB", "1.5 MiB", "256MiB", "1GB"],
    "LOG_FILE_ROTATE_SECONDS": ["86400", "1d", "12h", "1h30m", "90s"],
    "LOG_FILE_KEEP": ["1", "7", "365"],
    "LOG_FILE_TOTAL_BYTES_MAX": ["1", "10GB"],
    "LOG_FILE_COMPRESS": ["gzip", "zstd"],
    "LOG_FILE_COMPRESS_DELAY": ["0", "1", "12"],
}


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in TEXTS.items()}))
def test_variables_mean_the_same_in_a_service_and_a_run(texts):
    """
    Whatever the variables say, the handler and the file sink of `headrig run` have the same rotation.
    """
    texts = {"LOG_FILE_ROTATE_BYTES": "1GB", **texts}
    rotation = rotation_of({}, texts, path="app.log")
    sink = config.load(None, {"LOG_FILE": "app.log", **texts}).sinks["file"]

    assert rotation == tuple(getattr(sink, name) for name in Rotation._fields)
    for name, text in texts.items():
        field, unit = VARIABLES[name]
        value = scaled(text, unit) if unit in ("bytes", "seconds") and not text.isdigit() else text
        assert str(value) == str(getattr(rotation, field))


@pytest.mark.parametrize("text", ["-1", "x", "1 kilo", "1e3", "²", "0x10", "1,000", "9" * 40, "1MBs", "canary-value"])
@pytest.mark.parametrize("name", [name for name, (_, unit) in VARIABLES.items() if unit != "text"])
def test_wrong_variables(name, text):
    """
    A variable that cannot be used is refused by name, with what to write and without its value, in a service and in a run.
    """
    with pytest.raises(ConfigError) as caught:
        rotation_of({}, {name: text}, path="app.log")
    with pytest.raises(ConfigError) as of_run:
        config.load(None, {"LOG_FILE": "app.log", name: text})

    assert str(caught.value).startswith(f"environment: {name}: ")
    assert "unset it" in str(caught.value)
    assert name in str(of_run.value)
    assert not any(text in str(error) for error in (caught.value, of_run.value) if len(text) > 2)
