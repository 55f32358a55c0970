"""`headrig validate FILE`: everything that is wrong with it, or one line that says what is in it."""

import argparse
import json
import os

from headrig.cli import complain
from headrig.config import Config, read
from headrig.config.spec import unanchored


def execute(arguments: argparse.Namespace) -> int:
    """Print the errors to standard error, exit 78; or the summary, exit 0."""
    config, errors = read(arguments.file, os.environ)
    for error in errors:
        complain(str(error))
    if config is None:
        return os.EX_CONFIG
    for name in unanchored(config.engine_spec):
        print(f"{arguments.file}: redact.rules.{name}: no anchor: searched on every string")
    print(f"{arguments.file}: ok ({_summary(config)})")
    return os.EX_OK


def _summary(config: Config) -> str:
    spec = json.loads(config.engine_spec)
    counts = {
        "source": len(config.sources),
        "sink": len(config.sinks),
        "rule of its own": len(spec.get("redact", {}).get("rules", [])),
        "metric of its own": len(spec.get("metrics", {}).get("rules", [])),
    }
    return ", ".join(f"{count} {_plural(word, count)}" for word, count in counts.items())


def _plural(word: str, count: int) -> str:
    first, space, rest = word.partition(" ")
    return word if count == 1 else f"{first}s{space}{rest}"
