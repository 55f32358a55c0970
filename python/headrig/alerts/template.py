"""
Fills in the titles and messages of alerts: `${value}`, `${threshold}`, `${labels.route}`. `string.Template` replaces
names in one pass, so a dollar in a label's value stays text. Names are checked when a threshold is made, not when it
fires.
"""

import string
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Final

NAMES: Final = ("value", "threshold", "severity", "category", "name", "metric", "labels")
"""What a template may name, and `labels.NAME` for each label the threshold is grouped by."""


class Template(string.Template):
    """Dots belong to a name only between braces: `$value.` ends a sentence."""

    idpattern = r"(?a:[_a-z][_a-z0-9]*)"
    braceidpattern = r"(?a:[_a-z][_a-z0-9]*(?:\.[_a-z0-9.]+)?)"

    @property
    def names(self) -> Iterator[str]:
        """Every name in it. ValueError at a dollar that begins none; its text says where."""
        for match in self.pattern.finditer(self.template):
            if match["invalid"] is not None:
                raise ValueError(f"the dollar at character {match.start() + 1} begins no name")
            name = match["named"] or match["braced"]
            if name is not None:
                yield name


def allowed(group_by: Collection[str]) -> list[str]:
    """Names that a template of a threshold grouped by these labels may hold."""
    return [*NAMES, *(f"labels.{label}" for label in group_by)]


def render(template: str, names: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """The text with every name replaced once; a label that this alert does not have is empty."""
    known = {**names, "labels": ", ".join(f"{name}={text}" for name, text in labels.items())}
    known.update((f"labels.{name}", text) for name, text in labels.items())
    made = Template(template)
    return made.substitute({name: known.get(name, "") for name in made.names})


def number(value: float) -> str:
    """The shortest decimal that is this number, without exponent: 5, 7.5, 104857600."""
    if value == 0:
        return "0"
    text = format(Decimal(repr(float(value))), "f")
    return text.removesuffix(".0")
