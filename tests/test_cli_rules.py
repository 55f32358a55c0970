"""`headrig rules`: the rules of redaction by name, what each takes, and which take something of a line."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from headrig_process import headrig
from redaction_forms import filtered

from headrig.cli.filtering import FILTER
from headrig.engine import EVENT_SECONDS_MAX, Engine
from headrig.errors import RuleError

PACKS = Path(__file__).parents[1] / "python/headrig/rules"
RULES = [rule for path in PACKS.glob("*.toml") for rule in tomllib.loads(path.read_text()).get("rule", [])]
KEYS = tomllib.loads((PACKS / "keys.toml").read_text())
WRONG_RULES = ["slack_tokens", "githubtoken", "aws-key", "jwt_", "private", "x", "", "Slack_Token"]


def listed(*words: str, **more: object) -> dict[str, tuple[str, str]]:
    """State and kind by name."""
    lines = headrig("rules", "list", *words, **more).stdout.decode().splitlines()
    return {name: (state, kind) for name, state, kind in map(str.split, lines)}


def test_list():
    """
    Every rule of the packs has a line, with whether it is on; so has every rule that redacts an example.
    """
    known = listed()
    lane = Engine(FILTER).lane("test")
    examples = [example for rule in RULES for example in rule.get("examples", ())] + KEYS["examples"]
    redacted = lane.process("".join(f"{example}\n" for example in examples).encode(), EVENT_SECONDS_MAX).redactions

    assert {rule["name"]: "on" if rule.get("enabled", True) else "off" for rule in RULES}.items() <= {
        name: state for name, (state, _) in known.items()
    }.items()
    assert set() == set(redacted) - set(known)
    assert 300 < len(redacted)


def test_settings(tmp_path):
    """
    Settings switch rules and add some; what a pattern of theirs says is not printed.
    """
    (tmp_path / "headrig.toml").write_text(
        '[redact]\ndisable = ["slack_token"]\nenable = ["email"]\nkeys = ["badgeNumber"]\n'
        "[[redact.rules]]\nname = 'mine'\npattern = 'fakesecret[0-9]+'\nanchors = ['fakesecret']\n"
    )
    known = listed("-c", "headrig.toml", cwd=tmp_path)
    shown = headrig("rules", "show", "mine", "-c", "headrig.toml", cwd=tmp_path)

    assert ("off", "on", "on", "on") == tuple(
        known[name][0] for name in ("slack_token", "email", "badge_number", "mine")
    )
    assert b"mine: on" in shown.stdout
    assert b"fakesecret" not in shown.stdout


@pytest.mark.parametrize("rule", RULES[::37], ids=lambda rule: rule["name"])
def test_show(rule):
    """
    A rule is shown with its state, what it takes and its examples.
    """
    done = headrig("rules", "show", rule["name"])
    shown = done.stdout.decode()

    assert 0 == done.returncode
    assert shown.startswith(f"{rule['name']}: o")
    assert all(f"example: {example}\n" in shown for example in rule.get("examples", ()) if example.isprintable())


@pytest.mark.parametrize("name", WRONG_RULES[:4])
def test_unknown_rule(name):
    """
    A name that nobody knows is a wrong usage, with the nearest one; the others are shown.
    """
    done = headrig("rules", "show", name, "password")

    assert 64 == done.returncode
    assert re.fullmatch(rb"headrig rules: no rule of this name; did you mean \w+\?\n", done.stderr)
    assert done.stdout.startswith(b"password: on\n  takes: the value of a key with the words: password\n")


@pytest.mark.parametrize("rule", RULES[::37], ids=lambda rule: rule["name"])
def test_line(rule):
    """
    Of a line is said which rule takes something, where and why; nothing of the secret is printed.
    """
    for at, example in enumerate(rule.get("examples", ())[:2] if rule.get("enabled", True) else ()):
        by_argument = headrig("rules", "test", "--", example)
        by_input = by_argument if at else headrig("rules", "test", stdin=example.encode())
        redacted = filtered(example)
        before = redacted.index("[REDACTED:")
        kept = redacted[before:].partition("]")[2][:4]
        secret = example[before : example.index(kept, before + 1) if kept else None]

        assert (0, by_argument.stdout) == (by_argument.returncode, by_input.stdout)
        assert f"1:{len(example[:before].encode()) + 1}: ".encode() in by_argument.stdout
        assert secret not in by_argument.stdout.decode()


def test_line_without_a_secret():
    """
    That no rule takes anything is said, and ends with 1.
    """
    done = headrig("rules", "test", "password reset requested by user 5")

    assert (1, b"no rule takes anything of it\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize("words", [[], ["show"], ["list", "x"], ["lst"], ["test", "--all"]], ids=" ".join)
def test_usage(words):
    """
    Words that say nothing are a wrong usage.
    """
    assert 64 == headrig("rules", *words, stdin=b"").returncode


def refusal(kind: str, name: str) -> str:
    own = {"name": "own_rule", "pattern": "abcdefg", "anchors": ["abcd"]}
    spec = json.dumps({"redact": {kind: [name], "rules": [own]}})
    with pytest.raises(RuleError) as refused:
        Engine(spec.encode())
    return str(refused.value)


@pytest.mark.parametrize(
    "name",
    sorted({key for of in ("secret", "credential", "plural", "likely", "short") for key in KEYS[of] if key.isascii()})[
        ::5
    ],
)
@pytest.mark.parametrize("kind", ["disable", "enable"])
def test_rules_for_keys_are_not_switched(name, kind):
    """
    To switch a rule for keys by its name is refused, with what works instead.
    """
    if name not in {rule["name"] for rule in RULES}:
        assert refusal(kind, name) == (
            f"{name}: is a rule for values of keys, which cannot be switched by name; "
            "list the keys to leave alone in allow_keys instead"
        )


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_names_are_refused(name):
    """
    A name that is none is refused with the nearest that is one; a rule of one's own is taken away, not switched.
    """
    assert re.fullmatch(rf"{name}: no built-in rule of this name; did you mean \w+\?", refusal("disable", name))
    assert "own_rule: is a rule of your own; take its [[redact.rules]] away instead" == refusal("disable", "own_rule")
