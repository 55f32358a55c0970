"""`headrig validate`: everything that is wrong, or one line."""

from pathlib import Path

from headrig_process import headrig

from headrig import config

DATA = Path(__file__).parent / "data/config"


def test_right_file(tmp_path):
    """
    A file that can be used is one line that says what is in it.
    """
    done = headrig("validate", str(DATA / "good/smallest.toml"), cwd=tmp_path)
    start, rest = done.stdout.decode().split(" (")

    assert (0, b"", f"{DATA}/good/smallest.toml: ok") == (done.returncode, done.stderr, start)
    assert rest.startswith("1 source, 1 sink, ")
    assert rest.endswith(" redaction rules, 0 metrics of its own, 4 thresholds, 1 notifier)\n")


def test_wrong_file():
    """
    Everything that is wrong goes to standard error, and the exit code is 78.
    """
    path = DATA / "bad/several.toml"
    done = headrig("validate", str(path))

    assert (78, b"") == (done.returncode, done.stdout)
    assert [str(error) for error in config.check(str(path), {})] == done.stderr.decode().splitlines()


def test_missing_file(tmp_path):
    """
    A file that is not there is settings that cannot be used.
    """
    done = headrig("validate", "gone.toml", cwd=tmp_path)

    assert 78 == done.returncode
    assert b"gone.toml: cannot be read: No such file or directory; give the path of a readable file\n" == done.stderr


def test_cost_of_a_rule(tmp_path):
    """
    A rule that must be searched on every string is named; a switched-off one is not.
    """
    (tmp_path / "headrig.toml").write_text(
        '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n'
        '[[redact.rules]]\nname = "loose"\npattern = "[0-9]{3}-[a-z]{4}"\n'
        '[[redact.rules]]\nname = "off"\nenabled = false\npattern = "[0-9]{4}-[a-z]{4}"\n'
        '[[redact.rules]]\nname = "tight"\npattern = "badge-[0-9]+"\n'
    )
    done = headrig("validate", "headrig.toml", cwd=tmp_path)

    assert 0 == done.returncode
    assert (
        "headrig.toml: redact.rules.loose: no literal of four bytes in all its matches: searched on every string"
        == done.stdout.decode().split("\n")[0]
    )
    assert 2 == len(done.stdout.splitlines())


def test_rules_are_counted(tmp_path):
    """
    The number of redaction rules follows what the settings switch on, off and add.
    """

    def rules(redact: str) -> int:
        text = f'[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n[redact]\n{redact}'
        (tmp_path / "headrig.toml").write_text(text)
        done = headrig("validate", "headrig.toml", cwd=tmp_path)
        return int(done.stdout.split(b" redaction")[0].split()[-1])

    default = rules("")

    assert default >= 60
    assert default + 1 == rules('enable = ["email"]')
    assert default - 1 == rules('disable = ["github_token"]')
    assert default + 1 == rules('rules = [{ name = "badge", anchors = ["badge-"], pattern = "badge-[0-9]+" }]')
    assert 0 == rules("enabled = false")
