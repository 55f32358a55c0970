"""The obvious way in Python: orjson for each line, `re` over its bytes with the default pack's patterns.

usage: peer_orjson.py LINES RULES OUTPUT WARM_LINES REPS; prints one JSON object. Run by `headrig-bench table`.
Two ways to run the rules are tried on the first lines, in turn and as one alternation before that; the faster is timed.
"""

import json
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

TRIAL_LINES = 300
FIELDS = ("timestamp", "level", "message", "logger", "traceId", "event", "route", "status", "duration_ms")


class Rule(NamedTuple):
    """One pattern; group 1, if it has one, is what is replaced."""

    token: bytes
    pattern: re.Pattern[bytes]
    luhn: bool


class Answer(NamedTuple):
    """One pass: redacted lines, how many were not JSON, how many redactions."""

    lines: list[bytes]
    broken: int
    redactions: int


def translate(pattern: str, whole_word: bool) -> str:
    """Rust's syntax to Python's, as far as the pack uses it."""
    pattern = pattern.replace("(?-u:", "(?:").replace("(?-u)", "").replace(r"\z", r"\Z")
    if flags := re.match(r"\(\?([ims]+)\)", pattern):
        pattern = f"(?{flags[1]}:{pattern[flags.end() :]})"
    return f"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])" if whole_word else pattern


def compile_rules(path: Path) -> tuple[list[Rule], list[str]]:
    """The rules that `re` can express, and the names of those it cannot."""
    rules, untranslated = [], []
    for rule in json.loads(path.read_bytes()):
        try:
            pattern = re.compile(translate(rule["pattern"], rule["whole_word"]).encode())
        except re.error:
            untranslated.append(rule["name"])
            continue
        rules.append(Rule(f"[REDACTED:{rule['name']}]".encode(), pattern, rule["luhn"]))
    return rules, untranslated


def luhn(text: bytes) -> bool:
    """Luhn's check over the digits of a text."""
    digits = [byte - 48 for byte in reversed(text) if 48 <= byte <= 57]
    return (sum(digits[::2]) + sum(digit * 2 // 10 + digit * 2 % 10 for digit in digits[1::2])) % 10 == 0


def replacement(rule: Rule) -> Callable[[re.Match[bytes]], bytes]:
    """What `sub` calls for a match of the rule."""
    group = 1 if rule.pattern.groups else 0

    def replace(match: re.Match[bytes]) -> bytes:
        secret = match[group] or b""
        if secret.startswith(b"[REDACTED") or (rule.luhn and not luhn(match[0])):
            return match[0]
        start, end = match.span(group)
        offset = match.start()
        return match[0][: start - offset] + rule.token + match[0][end - offset :]

    return replace


def run(lines: list[bytes], rules: list[Rule], any_rule: re.Pattern[bytes] | None) -> Answer:
    """Parse and redact every line; `any_rule`, if given, is asked before the rules are run in turn."""
    subs = [(rule.pattern.search, rule.pattern.sub, replacement(rule), rule.token) for rule in rules]
    out, broken, redactions = [], 0, 0
    for received in lines:
        line = received
        try:
            event = orjson.loads(received)
        except orjson.JSONDecodeError:
            broken += 1
        else:
            if isinstance(event, dict):
                _ = [event.get(field) for field in FIELDS]
        if any_rule is None or any_rule.search(line):
            for search, sub, replace, token in subs:
                if search(line):
                    line = sub(replace, line)
                    redactions += line.count(token)
        out.append(line)
    return Answer(out, broken, redactions)


def combine(rules: list[Rule]) -> re.Pattern[bytes]:
    """One alternation of all rules."""
    return re.compile(b"|".join(b"(?:" + rule.pattern.pattern + b")" for rule in rules))


def timed(lines: list[bytes], rules: list[Rule], any_rule: re.Pattern[bytes] | None) -> tuple[float, Answer]:
    """Seconds of one pass, and its answer."""
    begin = time.perf_counter()
    answer = run(lines, rules, any_rule)
    return time.perf_counter() - begin, answer


def main() -> None:
    """Time the passes, write the last one's output, print the report."""
    source, rules_path, target = map(Path, sys.argv[1:4])
    warm_lines, reps = int(sys.argv[4]), int(sys.argv[5])
    lines = source.read_bytes().split(b"\n")[:-1]
    rules, untranslated = compile_rules(rules_path)
    ways = {"in turn": None, "one alternation first": combine(rules)}
    strategy = min(ways, key=lambda way: timed(lines[:TRIAL_LINES], rules, ways[way])[0])
    warm = run(lines[:warm_lines], rules, ways[strategy])
    passes = [timed(lines[warm_lines:], rules, ways[strategy]) for _ in range(reps)]
    last = passes[-1][1]
    target.write_bytes(b"".join(line + b"\n" for line in warm.lines + last.lines))
    report = {
        "seconds": [seconds for seconds, _ in passes],
        "lines": len(warm.lines) + len(last.lines),
        "broken": warm.broken + last.broken,
        "redactions": warm.redactions + last.redactions,
        "strategy": strategy,
        "untranslated": untranslated,
        "versions": f"Python {platform.python_version()}, orjson {orjson.__version__}",
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
