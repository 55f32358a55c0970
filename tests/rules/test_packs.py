"""
The rule packs alone: each pattern is run by Python's `re` over whole texts, with none of the core, so that the core's own
run of the same examples has a referee. Checks in code are the core's; rules that have one are only held to find.
"""

import re
import tomllib
from pathlib import Path

import pytest

PACKS = Path(__file__).parents[2] / "python/headrig/rules"
CLEAN = (Path(__file__).parent / "clean.txt").read_text().splitlines()
RULES = [rule for path in sorted(PACKS.glob("*.toml")) for rule in tomllib.loads(path.read_text()).get("rule", [])]
PATTERNED = [rule for rule in RULES if "pattern" in rule]
UNCHECKED = [rule for rule in PATTERNED if "check" not in rule]
CANDIDATES = {"digits", "at", "assign", "word"}


def is_alphanumeric(text):
    return re.fullmatch(rb"[A-Za-z0-9]", text) is not None


def spans(rule, text):
    """Where the rule finds something: the span that is replaced."""
    pattern = re.compile(rule["pattern"].encode())
    for offset in range(len(text)):
        match = pattern.match(text, offset)
        if not match:
            continue
        ascii_begins = text[offset] < 0x80
        inside = not rule.get("inside_word") and ascii_begins and is_alphanumeric(text[max(0, offset - 1) : offset])
        ended = text[: match.end()].endswith((b" ", b"\t", b"\r", b"\n", b'"', b"'"))
        goes_on = not ended and is_alphanumeric(text[match.end() : match.end() + 1])
        if not (rule.get("whole_word", True) and (inside or goes_on)):
            yield match.span(1) if pattern.groups else match.span()


def masked(rule, text):
    for first, last in reversed(list(spans(rule, text))):
        text = text[:first] + b"[REDACTED:%s]" % rule["name"].encode() + text[last:]
    return text


def named(rules):
    return pytest.mark.parametrize("rule", rules, ids=[rule["name"] for rule in rules])


@named(RULES)
def test_rule_is_a_pattern_or_a_candidate(rule):
    """
    A rule has a pattern with at most one group and no anchors of its own, or a candidate mask and a check.
    """
    if rule in PATTERNED:
        assert "anchors" not in rule
        assert 1 >= re.compile(rule["pattern"].encode()).groups
    else:
        assert rule["candidate"] in CANDIDATES
        assert rule["check"]


@named(PATTERNED)
def test_rule_finds_its_examples(rule):
    """
    Every example holds something, and once it is masked the rule finds nothing more.
    """
    for example in rule["examples"]:
        assert [] != list(spans(rule, example.encode()))
        assert [] == list(spans(rule, masked(rule, example.encode())))


@named(UNCHECKED)
def test_rule_leaves_the_counterexamples_of_all(rule):
    """
    What one rule must leave alone no other rule touches either.
    """
    assert [] == [text for other in RULES for text in other["counterexamples"] if list(spans(rule, text.encode()))]


@named(UNCHECKED)
def test_rule_leaves_ordinary_lines(rule):
    """
    Ordinary log text that looks a little like a credential stays.
    """
    assert [] == [line for line in CLEAN if list(spans(rule, line.encode()))]
