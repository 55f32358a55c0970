"""
The arguments of a message as it is put together. `%(password)s` names a secret that the finished message no longer tells
from other words, so what a mapping holds under a secret key is redacted before it gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from headrig.redaction import Redactor

_CONVERSION: Final = re.compile(r"%(?:\(([^)]*)\))?[#0 +-]*\d*(?:\.\d+)?[hlL]?[a-zA-Z%]")


class Arguments:
    """Puts messages together, with settings of redaction, or the built-in rules for None."""

    def __init__(self, redact: Mapping[str, Any] | Redactor | None) -> None:
        self._redact = redact
        self._redactor: Redactor | None = None

    def shown(self, args: Any) -> Any:
        """Arguments that may be shown: a mapping hands out redacted values, anything else stays."""
        if not isinstance(args, Mapping) or isinstance(args, _Shown):
            return args
        if self._redactor is None:
            from headrig.redaction import Redactor  # noqa: PLC0415  # few messages name their arguments

            given = self._redact
            self._redactor = given if isinstance(given, Redactor) else Redactor.of(given or {})
        return _Shown(args, self._redactor)

    def message(self, message: object, args: Any) -> str:
        """The message with its arguments in it. Raises what formatting raises."""
        text = str(message)
        return text % self.shown(args) if args else text

    def filled(self, message: object, args: Any) -> tuple[str, list[Any]]:
        """A message filled with the arguments that fit, and the arguments that are left over."""
        named = self.shown(args) if isinstance(args, Mapping) else None
        rest = [] if named is not None or args is None else list(args) if isinstance(args, tuple) else [args]

        def fill(found: re.Match[str]) -> str:
            if found[0].endswith("%"):
                return "%"
            if found[1] is None and not rest:
                return found[0]
            try:
                value = rest.pop(0) if found[1] is None else (named or {})[found[1]]
            except KeyError:
                return found[0]
            try:
                return found[0].replace(f"({found[1]})", "", 1) % (value,)
            except Exception:  # noqa: BLE001  # the conversion does not fit; the value may be readable all the same
                return text_of(value)

        return _CONVERSION.sub(fill, text_of(message)), rest


class _Shown(Mapping[Any, Any]):
    """A mapping whose values are redacted as they are asked for."""

    __slots__ = ("_args", "_redactor")

    def __init__(self, args: Mapping[Any, Any], redactor: Redactor) -> None:
        self._args = args
        self._redactor = redactor

    def __getitem__(self, key: Any) -> Any:
        value = self._args[key]
        try:
            return self._redactor.member(key, value)
        except Exception:  # noqa: BLE001  # whatever a value does: one that contains itself has a text all the same
            return self._redactor.member(key, text_of(value))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._args)

    def __len__(self) -> int:
        return len(self._args)

    def __repr__(self) -> str:
        """As the mapping, with redacted values; as itself if nothing in it is secret."""
        shown = {key: self[key] for key in self._args}
        same = all(value is self._args[key] for key, value in shown.items())
        return repr(self._args) if same else repr(shown)

    def __str__(self) -> str:
        shown = repr(self)
        return str(self._args) if shown == repr(self._args) else shown


def text_of(value: object) -> str:
    """Its `str()`, or a note if that raises."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # whatever a value does
        return f"[unprintable {type(value).__name__}]"
