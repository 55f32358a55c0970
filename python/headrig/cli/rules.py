"""`headrig rules list|show|test`: the rules of redaction, what each takes, and which take something of a line."""

import argparse
import json
import os
import re
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrig.cli import complain
from headrig.cli.filtering import ARRIVAL_SECONDS, InputFile, UnreadableError, filter_spec, read_buffer
from headrig.cli.locating import details
from headrig.cli.printing import say
from headrig.engine import Engine
from headrig.nearest import nearest

_TAKEN, _NOT_TAKEN = 0, 1
_PACKS = Path(__file__).parents[1] / "rules"
_OF_WORDS = "the value of a key with the words: {}"
_KEY_LISTS = {
    "secret": _OF_WORDS,
    "credential": f"{_OF_WORDS}, unless it is a state, a date or a small number",
    "plural": f"{_OF_WORDS}, unless it is a state, a date or a number",
    "exact": "the value of the key {} itself, when it is long and looks random",
    "likely": "the value of a key whose last word is {}, when it looks random",
    "short": "the value of a key whose last word is {}, when letters stand beside digits or signs in it",
}
"""The lists of keys whose words name a rule, and what it takes."""
_IN_CODE = {
    "key": "the value of a key such as stripe_key, whose first word is a service or an owner, when it looks random",
    "learned": "a value that the process itself holds, where learn is set, in any encoding",
    "budget": "a text that would cost too much to search, as a whole",
}


@dataclass(slots=True)
class _Rule:
    name: str
    kind: str
    """`key`, `pattern`, `code`, or `yours`."""
    takes: str
    on: bool = True
    pattern: str = ""
    examples: list[str] = field(default_factory=list)


def execute(arguments: argparse.Namespace) -> int:
    """List all rules, show some, or print what takes something of a line; then 1 says that nothing did."""
    spec = filter_spec(arguments.config)
    if spec is None:
        return os.EX_CONFIG
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    known = _rules(json.loads(spec).get("redact", {}))
    if arguments.what == "list":
        width = max(map(len, known))
        say("rules", [f"{rule.name:<{width}}  {_state(rule):<3}  {rule.kind}" for rule in known.values()])
        return os.EX_OK
    if arguments.what == "show":
        return _show(known, arguments.words)
    return _test(known, Engine(spec), arguments.words)


def _show(known: dict[str, _Rule], names: list[str]) -> int:
    code = os.EX_OK
    for name in names:
        rule = known.get(name)
        if rule is None:
            near = nearest(name, known)
            complain(
                f"headrig rules: no rule of this name; {f'did you mean {near}?' if near else 'see: headrig rules list'}"
            )
            code = os.EX_USAGE
            continue
        parts = [f"{rule.name}: {_state(rule)}", f"  takes: {rule.takes}"]
        parts += [f"  pattern: {rule.pattern}"] if rule.pattern else []
        parts += [f"  example: {example}" for example in rule.examples]
        say("rules", parts)
    return code


def _test(known: dict[str, _Rule], engine: Engine, words: list[str]) -> int:
    taken = 0
    try:
        for line, start, end, name, path in _findings(engine, words):
            rule = known.get(name)
            why = f"{rule.kind} rule: {rule.takes}" if rule else "of the core"
            say("rules", [f"{line}:{start + 1}: {name}{details(end - start, path)}; {why}"])
            taken += 1
    except UnreadableError as error:
        complain(str(error))
        return error.exit_code
    if not taken:
        say("rules", ["no rule takes anything of it"])
    return _TAKEN if taken else _NOT_TAKEN


def _findings(engine: Engine, words: list[str]) -> Iterator[tuple[int, int, int, str, str]]:
    """What is found in the lines given as words, else in those of standard input."""
    lane, first = engine.lane("rules"), 0
    if words:
        given = "".join(f"{word}\n" for word in words).encode("utf-8", "surrogateescape")
        yield from lane.explain(given, ARRIVAL_SECONDS)[1]
        return
    with InputFile("rules", "-") as file:
        for lines, _ in file.batches(file.reader(), read_buffer()):
            processed, findings = lane.explain(lines, ARRIVAL_SECONDS)
            for line, start, end, name, path in findings:
                yield first + line, start, end, name, path
            first += processed.lines_in


def _state(rule: _Rule) -> str:
    return "on" if rule.on else "off"


def _rules(redact: dict[str, Any]) -> dict[str, _Rule]:
    """All rules by name, as the settings switch them."""
    rules = [*_of_keys(), *_of_packs(), *_own(redact)]
    known = {rule.name: rule for rule in reversed(rules)}
    for names, on in ((redact.get("disable", ()), False), (redact.get("enable", ()), True)):
        for name in names:
            known[name].on = on
    for rule in known.values():
        rule.on = rule.on and redact.get("enabled", True)
    return dict(sorted(known.items()))


def _of_keys() -> Iterator[_Rule]:
    pack = tomllib.loads((_PACKS / "keys.toml").read_text())
    for name, takes in _IN_CODE.items():
        yield _Rule(name, "key" if name == "key" else "code", takes)
    for of, takes in _KEY_LISTS.items():
        for key in pack[of]:
            yield _Rule(_name(key), "key", takes.format(" ".join(_words(key))))


def _of_packs() -> Iterator[_Rule]:
    for path in sorted(_PACKS.glob("*.toml")):
        for rule in tomllib.loads(path.read_text()).get("rule", []):
            yield _Rule(
                rule["name"],
                "code" if "candidate" in rule else "pattern",
                _takes(rule),
                rule.get("enabled", True),
                rule.get("pattern", ""),
                rule.get("examples", []),
            )


def _own(redact: dict[str, Any]) -> Iterator[_Rule]:
    """Those of the settings. Their patterns may hold what nobody should see."""
    for rule in redact.get("rules", ()):
        yield _Rule(rule["name"], "yours", "what [[redact.rules]] of the settings says", rule.get("enabled", True))
    for key in redact.get("keys", ()):
        yield _Rule(_name(key), "key", _OF_WORDS.format(" ".join(_words(key))))


def _takes(rule: dict[str, Any]) -> str:
    check = f", if it passes the check {rule['check']}" if "check" in rule else ""
    if "candidate" in rule:
        return f"what stands at {rule['candidate']}{check}"
    return f"text that matches its pattern{check}"


def _words(key: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+|[A-Z]", key)]


def _name(key: str) -> str:
    return "_".join(_words(key))
