"""`headrig leaks` and `headrig redact --explain`: where a secret is and by which rule, never what it is."""

import gzip
import json
import random
import re
import signal
import subprocess
from pathlib import Path

import pytest
from headrig_process import COMMAND, headrig
from redaction_forms import secrets

NONE = """password reset requested by user 5
{"event":"password reset requested","user":5}
token expired, please log in again
the secret of a good log is a short line
{"tokens":512,"max_tokens":1024,"passwordHint":null}
ssh key exchange finished in 3 ms
{"password":"[REDACTED:password]","note":"token [REDACTED:github_token]"}
password=[REDACTED:password]
"""
"""What an honest scanner says nothing of."""


def places():
    """Twenty lines: one, its secret, the keys that lead there."""
    seeded = random.Random(11)
    for secret in secrets(20):
        nested = {"a": [{"n": 1}, {"db": {"password": secret}}], "z": True}
        kinds = [
            (json.dumps(nested, separators=(",", ":")), "a[1].db.password"),
            (json.dumps({"msg": f"failed with password={secret}"}), "msg"),
            (f"INFO login with password={secret} failed", ""),
            (json.dumps({"api_key": secret, "x": "é"}, ensure_ascii=False), "api_key"),
        ]
        line, path = seeded.choice(kinds)
        yield seeded.choice(["", "\ufeff"]) + line + seeded.choice(["", "\r"]), secret, path


PLACES = list(places())


def test_explain(tmp_path):
    """
    A secret is said with file, line, column, length in bytes and the keys that lead to it; the text of it never.
    """
    names = [f"{at}.log" for at in range(len(PLACES))]
    for name, (line, _, _) in zip(names, PLACES, strict=True):
        (tmp_path / name).write_bytes(f"first\n\n{line}\n".encode())
    done = headrig("redact", "--explain", *names, cwd=tmp_path)

    assert (0, b"") == (done.returncode, done.stderr)
    for name, said, (line, secret, path) in zip(names, done.stdout.decode().splitlines(), PLACES, strict=True):
        column = line.encode().index(secret.encode()) + 1
        found = re.fullmatch(rf"{name}:3:(\d+): (\w+), (\d+) bytes(?:, at (\S+))?", said)
        assert found, said
        assert (column, len(secret), path) == (int(found[1]), int(found[3]), found[4] or "")
        assert secret not in done.stdout.decode()


def test_explain_agrees_with_the_filter(tmp_path):
    """
    There are as many places as there are redactions, over many batches and files.
    """
    (tmp_path / "one").write_text("\n".join(line for line, _, _ in PLACES) * 700)
    (tmp_path / "two.gz").write_bytes(gzip.compress((tmp_path / "one").read_bytes()))
    stats = headrig("redact", "one", "two.gz", "--stats", "json", cwd=tmp_path)
    one = json.loads(headrig("redact", "one", "--stats", "json", cwd=tmp_path).stderr)
    explained = headrig("redact", "--explain", "one", "two.gz", cwd=tmp_path).stdout.decode().splitlines()

    assert 65 == stats.returncode
    assert 2 * sum(one["redactions"].values()) == len(explained)
    assert len({line.split(":", 1)[1] for line in explained}) == len(explained) / 2


@pytest.mark.parametrize("key", ["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", "\x1b[31m", "\u202e"])
def test_keys_of_a_path_are_safe_to_print(key):
    """
    A key that is a secret is not shown, and one that would move a terminal's cursor is escaped.
    """
    done = headrig(
        "redact", "--explain", stdin=json.dumps({key: {"password": "fake-hunter2"}}, ensure_ascii=False).encode()
    )

    assert b"password" in done.stdout
    assert not {"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", "\x1b", "\u202e"} & set(
        re.split(r"[\s.]", done.stdout.decode())
    )
    assert b"ghp_" not in done.stdout
    assert b"\x1b" not in done.stdout


def test_none(tmp_path):
    """
    A line without a secret, or of which they are gone, is none, and is not printed.
    """
    names = [f"{at}.log" for at in range(len(NONE.splitlines()))]
    for name, line in zip(names, NONE.splitlines(), strict=True):
        (tmp_path / name).write_text(line)
    done = headrig("leaks", *names, cwd=tmp_path)

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_leaks(tmp_path):
    """
    A secret is one: file, line, column and rule, and the exit code is 1; once it is redacted there is none.
    """
    names = [f"{at}.log" for at in range(len(PLACES))]
    for name, (line, _, _) in zip(names, PLACES, strict=True):
        (tmp_path / name).write_bytes(f"first\n{line}\n".encode())
    done = headrig("leaks", *names, cwd=tmp_path)
    assert 1 == done.returncode
    for name, said, (line, secret, _) in zip(names, done.stdout.decode().splitlines(), PLACES, strict=True):
        column = line.encode().index(secret.encode()) + 1
        assert re.fullmatch(rf"{name}:2:{column}: \w+", said)

    assert 0 == headrig("redact", "--in-place", *names, cwd=tmp_path).returncode
    assert 0 == headrig("leaks", *names, cwd=tmp_path).returncode
    assert 1 == headrig("leaks", stdin=PLACES[0][0].encode()).returncode


def test_exit_codes(tmp_path):
    """
    It ends as grep does: 2 for a file that could not be read whole and for a wrong usage, whatever was found.
    """
    (tmp_path / "bad").write_text("password=fake-hunter2\n")
    (tmp_path / "good.gz").write_bytes(gzip.compress(b"fine\n" * 100))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"fine\n" * 100)[:-9])

    assert 0 == headrig("leaks", "good.gz", cwd=tmp_path).returncode
    for files in (["missing"], ["bad", "missing"], ["cut.gz"], ["."], [""]):
        done = headrig("leaks", *files, cwd=tmp_path)
        assert 2 == done.returncode
        name = files[-1] or "''"
        assert done.stderr.startswith(f"headrig leaks: {name}: ".encode())
    assert 2 == headrig("leaks", "--verbose").returncode
    assert 64 == headrig("redact", "--verbose").returncode


def test_a_step_of_ci(tmp_path):
    """
    As a step of a shell script it stops the script, and says where to look.
    """
    (tmp_path / "a.log").write_text("fine\npassword=fake-hunter2\n")
    script = '"$@" leaks *.log > found && echo clean'
    done = subprocess.run(["/bin/sh", "-ec", script, "sh", *COMMAND], cwd=tmp_path, capture_output=True, check=False)

    assert (1, b"", b"a.log:2:10: password\n") == (done.returncode, done.stdout, (tmp_path / "found").read_bytes())


def test_settings(tmp_path):
    """
    With `-c` the rules of the settings are looked for.
    """
    (tmp_path / "headrig.toml").write_text('[redact]\nkeys = ["badge"]\nallow_keys = ["password"]\n')
    found = headrig("leaks", "-c", "headrig.toml", stdin=b'{"badge":"x1y2z3","password":"fake"}\n', cwd=tmp_path)

    assert (1, b"-:1:11: badge\n") == (found.returncode, found.stdout)


@pytest.mark.parametrize(
    "words", [["leaks"], ["redact", "--explain"], ["rules", "list"], ["rules", "test"]], ids=" ".join
)
def test_output_that_takes_no_more(words):
    """
    A full disk is said and a failure, to `leaks` as to grep; a reader that has left is neither.
    """
    line = b"password=fake-hunter2\n" * 20_000
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, *words], input=line, stdout=full, stderr=-1, check=False)
    left = subprocess.run(
        ["/bin/sh", "-c", '"$@" | head -n 1', "sh", *COMMAND, *words], input=line, capture_output=True, check=False
    )

    assert (
        2 if words == ["leaks"] else 74,
        f"headrig {words[0]}: standard output: No space left on device; free some space\n".encode(),
    ) == (
        done.returncode,
        done.stderr,
    )
    assert (b"", 1) == (left.stderr, left.stdout.count(b"\n"))


@pytest.mark.parametrize("words", [["leaks"], ["redact"], ["redact", "--explain"], ["rules", "test"]], ids=" ".join)
def test_a_signal_for_a_run(words):
    """
    A signal that tells a run to flush ends no other verb.
    """
    with subprocess.Popen([*COMMAND, *words], stdin=-1, stdout=-1) as running:
        running.stdin.write(b"password=fake-hunter2\n")
        running.stdin.flush()
        first = running.stdout.readline()
        running.send_signal(signal.SIGUSR1)
        running.stdin.write(b"password=fake-hunter3\n")
        running.stdin.close()

        assert b"password" in first
        assert b"password" in running.stdout.readline()
    assert running.returncode in (0, 1)
