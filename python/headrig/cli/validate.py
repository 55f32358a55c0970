"""`headrig validate [FILE]`: prints all errors of the settings, or a one-line summary."""

import argparse
import json
import os
import tomllib
from pathlib import Path
from typing import Any

from headrig.cli import complain
from headrig.config import Config, read
from headrig.config.default import DEFAULT_NAME
from headrig.config.finding import find
from headrig.engine import Engine


def execute(arguments: argparse.Namespace) -> int:
    """Print the errors to standard error, exit 78; or the summary, exit 0."""
    found = find(arguments.file, os.environ)
    settings = found.path or DEFAULT_NAME
    config, errors = read(found.path, os.environ, trying=True)
    for error in errors:
        complain(str(found.explain(error)))
    if config is None:
        return os.EX_CONFIG
    for name in Engine(config.engine_spec).searched_everywhere:
        print(f"{settings}: redact.rules.{name}: no literal of four bytes in all its matches: searched on every string")
    for warning in config.warnings:
        print(f"{settings}: {warning}")
    print(f"{settings}: ok ({_summary(config)})")
    return os.EX_OK


def _summary(config: Config) -> str:
    spec = json.loads(config.engine_spec)
    counts = {
        "source": len(config.sources),
        "sink": len(config.sinks),
        "redaction rule": _rules(spec.get("redact", {})),
        "metric of its own": len(spec.get("metrics", {}).get("rules", [])),
        "threshold": len(config.thresholds),
        "notifier": len(config.notifiers),
    }
    return ", ".join(f"{count} {_plural(word, count)}" for word, count in counts.items())


def _rules(redact: dict[str, Any]) -> int:
    """The number of content rules that are on: built-in ones, as the settings switch them, and the user's."""
    on: dict[str, bool] = {}
    for pack in (Path(__file__).parents[1] / "rules").glob("*.toml"):
        on.update((rule["name"], rule.get("enabled", True)) for rule in tomllib.loads(pack.read_text()).get("rule", []))
    on.update(dict.fromkeys(redact.get("disable", []), False))
    on.update(dict.fromkeys(redact.get("enable", []), True))
    on.update((rule["name"], rule.get("enabled", True)) for rule in redact.get("rules", []))
    return sum(on.values()) if redact.get("enabled", True) else 0


def _plural(word: str, count: int) -> str:
    first, space, rest = word.partition(" ")
    if count == 1:
        return word
    return f"{word}s" if not rest.startswith("of ") else f"{first}s{space}{rest}"
