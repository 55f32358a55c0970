"""
The rule packs alone: each pattern is run by Python's `re` at its anchors, with none of the core, so that the core's own
run of the same examples has a referee. Checks in code are the core's; rules that have one are only held to find.
"""

import re
import tomllib
from pathlib import Path

import pytest

PACKS = Path(__file__).parents[2] / "python/headrig/rules"
CLEAN = (Path(__file__).parent / "clean.txt").read_text().splitlines()
RULES = [rule for path in sorted(PACKS.glob("*.toml")) for rule in tomllib.loads(path.read_text()).get("rule", [])]
ANCHORED = [rule for rule in RULES if rule.get("anchors")]
UNCHECKED = [rule for rule in ANCHORED if "check" not in rule]
ANCHOR_BYTES_MIN = 4
LEAD = re.compile(rb"[A-Za-z0-9+/_-]*")
CANDIDATES = {"digits", "at", "assign", "word"}


def anchor(rule):
    flags = re.IGNORECASE if rule["pattern"].startswith("(?i)") else 0
    return re.compile(b"|".join(re.escape(text.encode()) for text in rule["anchors"]), flags)


def is_word(text):
    return re.fullmatch(rb"[A-Za-z0-9_]", text) is not None


def spans(rule, text):
    """Where the rule finds something: the span that is replaced."""
    pattern, starts = re.compile(rule["pattern"].encode()), anchor(rule)
    for offset in range(len(text)):
        match = starts.match(text, offset) and pattern.match(text, offset)
        first = offset - rule.get("lead_bytes", 0)
        if not match or first < 0 or not LEAD.fullmatch(text[first:offset]):
            continue
        touches = (first > 0 and is_word(text[first - 1 : first])) or is_word(text[match.end() : match.end() + 1])
        if not (rule.get("whole_word", True) and touches):
            yield match.span(1) if pattern.groups else (first, match.end())


def masked(rule, text):
    for first, last in reversed(list(spans(rule, text))):
        text = text[:first] + b"[REDACTED:%s]" % rule["name"].encode() + text[last:]
    return text


def named(rules):
    return pytest.mark.parametrize("rule", rules, ids=[rule["name"] for rule in rules])


@named(RULES)
def test_rule_hangs_on_anchors_or_on_a_candidate(rule):
    """
    A rule has long enough anchors and a pattern with at most one group, or a candidate mask and a check.
    """
    if rule in ANCHORED:
        assert ANCHOR_BYTES_MIN <= min(len(text) for text in rule["anchors"])
        assert 1 >= re.compile(rule["pattern"].encode()).groups
    else:
        assert rule["candidate"] in CANDIDATES
        assert rule["check"]


@named(ANCHORED)
def test_rule_finds_its_examples(rule):
    """
    Every example holds something, and once it is masked the rule finds nothing more.
    """
    for example in rule["examples"]:
        assert [] != list(spans(rule, example.encode()))
        assert [] == list(spans(rule, masked(rule, example.encode())))


@named(ANCHORED)
def test_matches_begin_with_an_anchor(rule):
    """
    A free search finds nothing in the examples that a search at the anchors would miss.
    """
    for example in rule["examples"]:
        found = re.search(rule["pattern"].encode(), example.encode())

        assert anchor(rule).match(example.encode(), found.start())


@named(UNCHECKED)
def test_rule_leaves_the_counterexamples_of_all(rule):
    """
    What one rule must leave alone no other rule touches either.
    """
    starts = anchor(rule)
    near = [text for other in RULES for text in other["counterexamples"] if starts.search(text.encode())]

    assert [] == [text for text in near if list(spans(rule, text.encode()))]


@named(UNCHECKED)
def test_rule_leaves_ordinary_lines(rule):
    """
    Ordinary log text that looks a little like a credential stays.
    """
    assert [] == [line for line in CLEAN if list(spans(rule, line.encode()))]
