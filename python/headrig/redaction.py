"""
`headrig.redact()` and `headrig.Redactor`: the core's redaction for Python values. A mapping is shown to the core as one
JSON document; what the core leaves alone stays the very object it was.
"""

import json
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Unpack, overload

from headrig.engine import DEPTH_MAX, engine_of, engine_spec
from headrig.errors import ConfigError
from headrig.redact_settings import RedactSettings, redact_spec, warn_of_skipped

Callback = Callable[[str, str], str | None]
"""Takes a rule's name and a path (empty in text), gives what is written instead of the token; None: the token."""


_DOCUMENT = re.compile(r'[ \t\r\n]*[{\["]')
_DOCUMENT_BYTES = re.compile(_DOCUMENT.pattern.encode())
_CONTAINERS = (dict, list, tuple, set, frozenset)
_LEVELS_MAX = DEPTH_MAX * 3 // 4
"""Levels shown to the core at a time: some are those of the document around them."""
_INTEGER_BITS_MAX = 4096
"""Longer integers are no secrets, and Python refuses to write the longest."""
_ANSWER_CHARACTERS_MAX = 256
"""A longer answer of a callback is not written: it is no mark."""
_UNFIT = re.compile(r"[\"'\\\x00-\x1f\x7f]")
"""What would have to be escaped in JSON, how often depends on the place."""
_COMPONENT = re.compile(r"""\[(?:(?P<index>\d+|\*)|(?P<quoted>"[^"]*"|'[^']*'))\]|(?P<name>[^.\[\]]+)""")
_SURROGATES = range(0xD800, 0xE000)
_STAND_INS = range(0xF0000, 0x110000, len(_SURROGATES))
"""Private-use blocks of the size of the surrogates, which UTF-8 can carry in their place."""


_STAND_IN = "things"
"""A text that is a secret under a key that says so, and nowhere else: a number there may be a count."""


class _Key(str):
    """A member's name that equals no other, so that `1` and `"1"` stay two members."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Redactor:
    """
    Redaction with settings of one's own: the words of `[redact]`, as keywords. Safe to share between threads; also
    `install(redact=…)` and `Handler(redact=…)` take one.

    With `callback`, what it gives for a rule's name and a path is written in place of the token: at most 256 characters
    without quotes, backslashes and control characters. Gives it anything else, or raises, the token is written. Raises
    `ConfigError` for settings that cannot be used.
    """

    __slots__ = ("_callback", "_deep", "_remove", "_spec", "spec")

    def __init__(self, *, callback: Callback | None = None, **settings: Unpack[RedactSettings]) -> None:
        self._take(redact_spec(settings, "") if settings else {}, callback)
        warn_of_skipped(self.spec)

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Redactor":
        """One of settings as the core takes them: `redact_spec` gave them."""
        made = cls.__new__(cls)
        made._take(spec, None)  # noqa: SLF001  # a class may
        return made

    def _take(self, spec: Mapping[str, Any], callback: Callback | None) -> None:
        self.spec = spec
        """The settings as the core takes them. They may hold a key, so they are never shown."""
        if callback is not None and not callable(callback):
            raise ConfigError("cannot be called", path="callback", remedy="give a function of a rule and a path")
        if callback is not None and "replacement" in self.spec:
            raise ConfigError("excludes replacement", path="callback", remedy="keep one of them")
        self._callback = callback
        self._spec = engine_spec(self.spec)
        # A container that is too deep to be shown with the rest has other paths.
        places = ("paths", "allow_paths", "remove")
        self._deep = engine_spec({key: value for key, value in self.spec.items() if key not in places})
        self._remove = [_components(path) for path in self.spec.get("remove", ())]

    def __repr__(self) -> str:
        """No settings: one of them is a key."""
        return "Redactor(…)"

    @property
    def callback(self) -> Callback | None:
        """What was given as `callback`."""
        return self._callback

    @overload
    def redact(self, value: str) -> str: ...
    @overload
    def redact(self, value: bytes) -> bytes: ...
    @overload
    def redact(self, value: Mapping[Any, Any]) -> dict[Any, Any]: ...
    @overload
    def redact(self, value: list[Any]) -> list[Any]: ...
    @overload
    def redact(self, value: tuple[Any, ...]) -> tuple[Any, ...]: ...
    def redact(self, value: str | bytes | Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Any:
        """
        The value with every secret replaced by its token; the type it was given.

        A `str` or `bytes` that is one JSON document is redacted as such, any other as text. Of a mapping, list or tuple,
        nested mappings, lists, tuples and sets keep their shape; leaves without a secret are the same objects. Raises
        `TypeError` for other types and `ValueError` for a value that contains itself.
        """
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes):
            return self._bytes(value, _DOCUMENT_BYTES.match(value) is not None, self._spec)
        if isinstance(value, Mapping | list | tuple):
            copied = _copied(value)
            if self._remove and self.spec.get("enabled", True):
                copied = _without(copied, self._remove)
            return self._container(copied, self._spec)
        raise TypeError(f"redact takes str, bytes, a mapping, a list or a tuple, not {type(value).__name__}")

    def member(self, key: Any, value: Any) -> Any:
        """The value as it is shown under a key, wherever that is; the same object where nothing in it is secret."""
        members = {key: _copied(value)}
        document = json.dumps(_shown(members, 0)).encode()
        after = self._bytes(document, True, self._deep)
        if after == document:
            return value
        return next(iter(self._merged(members, _members(document), _members(after), 0).values()))

    def _bytes(self, document: bytes, json_like: bool, spec: bytes) -> bytes:
        engine = engine_of(spec)
        if self._callback is None:
            return engine.redact(document, json_like)
        at = 0
        parts: list[bytes] = []
        for start, end, rule, token, path in engine.find(document, json_like):
            parts += (document[at:start], _answered(self._callback, token, rule, path))
            at = end
        return b"".join((*parts, document[at:]))

    def _text(self, text: str) -> str:
        json_like = _DOCUMENT.match(text) is not None
        try:
            return self._bytes(text.encode(), json_like, self._spec).decode()
        except UnicodeEncodeError:
            first = _free_block(text)
        there = {code: first + index for index, code in enumerate(_SURROGATES)}
        back = {stand_in: code for code, stand_in in there.items()}
        return self._bytes(text.translate(there).encode(), json_like, self._spec).decode().translate(back)

    def _container(self, value: Any, spec: bytes) -> Any:
        """A container, shown to the core as one document."""
        document = json.dumps(_shown(value, 0)).encode()
        return self._merged(value, _members(document), _members(self._bytes(document, True, spec)), 0)

    def _merged(self, value: Any, before: Any, after: Any, level: int) -> Any:
        """The value with what differs between the two documents."""
        if isinstance(value, _CONTAINERS):
            if level == _LEVELS_MAX:
                return _masked(value, after) if after != before else self._container(value, self._deep)
            if isinstance(value, dict):
                return self._merged_members(value, before, after, level + 1)
            items = zip(value, before, after, strict=True)
            return type(value)(self._merged(item, was, now, level + 1) for item, was, now in items)
        if after == before:
            return value
        return type(value)(after.encode("utf-8", "surrogateescape")) if isinstance(value, bytes | bytearray) else after

    def _merged_members(self, value: dict[Any, Any], before: Any, after: Any, level: int) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        for (key, item), (key_was, was), (key_now, now) in zip(value.items(), before, after, strict=True):
            if key_now == key_was:
                new = key
            else:
                # Two keys may be masked alike; neither member may be lost.
                names = (key_now, *(f"{key_now} ({number})" for number in range(2, len(value) + 2)))
                new = next(name for name in names if name not in merged and name not in value)
            merged[new] = self._merged(item, was, now, level)
        return merged


_BUILT_IN = Redactor()


@overload
def redact(value: str, *, callback: Callback | None = ..., **settings: Unpack[RedactSettings]) -> str: ...
@overload
def redact(value: bytes, *, callback: Callback | None = ..., **settings: Unpack[RedactSettings]) -> bytes: ...
@overload
def redact(
    value: Mapping[Any, Any], *, callback: Callback | None = ..., **settings: Unpack[RedactSettings]
) -> dict[Any, Any]: ...
@overload
def redact(value: list[Any], *, callback: Callback | None = ..., **settings: Unpack[RedactSettings]) -> list[Any]: ...
@overload
def redact(
    value: tuple[Any, ...], *, callback: Callback | None = ..., **settings: Unpack[RedactSettings]
) -> tuple[Any, ...]: ...
def redact(
    value: str | bytes | Mapping[Any, Any] | list[Any] | tuple[Any, ...],
    *,
    callback: Callback | None = None,
    **settings: Unpack[RedactSettings],
) -> Any:
    """
    The value with every secret replaced by its token; the type it was given: `Redactor(…).redact(value)`.

    A `str` or `bytes` that is one JSON document is redacted as such, any other as text. Of a mapping, list or tuple, nested
    mappings, lists, tuples and sets keep their shape; leaves without a secret are the same objects. Raises `TypeError` for
    other types, `ValueError` for a value that contains itself, and `ConfigError` for settings that cannot be used.
    """
    redactor = Redactor(callback=callback, **settings) if settings or callback is not None else _BUILT_IN
    return redactor.redact(value)


def _answered(callback: Callback, token: bytes, rule: str, path: str) -> bytes:
    """The token, or what the callback gives in its place. A member that is taken out has none."""
    try:
        answer = callback(rule, path) if token else None
    except Exception:  # noqa: BLE001  # the secret goes all the same
        return token
    if not isinstance(answer, str) or len(answer) > _ANSWER_CHARACTERS_MAX or _UNFIT.search(answer):
        return token
    try:
        written = answer.encode()
    except UnicodeEncodeError:
        return token
    return b'"' + written + b'"' if token.startswith(b'"') else written


def _components(path: str) -> list[str | int | None]:
    """The parts of a path that the core has taken: a name, an index, or None for any member; -1 is any element."""
    parts: list[str | int | None] = []
    for found in _COMPONENT.finditer(path):
        index, quoted, name = found["index"], found["quoted"], found["name"]
        if index is not None:
            parts.append(-1 if index == "*" else int(index))
        else:
            parts.append(quoted[1:-1] if quoted is not None else None if name == "*" else name)
    return parts


def _without(value: Any, paths: list[list[str | int | None]]) -> Any:
    """The containers without the members that the paths name, as the core takes them out of a document."""
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            name = _shown_key(key)
            rests = [path[1:] for path in paths if path[0] is None or path[0] == name]
            if [] not in rests:
                kept[key] = _without(item, rests) if rests else item
        return kept
    if isinstance(value, list | tuple):
        items = []
        for index, item in enumerate(value):
            rests = [path[1:] for path in paths if isinstance(path[0], int) and path[0] in (-1, index)]
            items.append(_without(item, rests) if rests else item)
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _free_block(text: str) -> int:
    """The first private-use block of which the text has no character."""
    taken = {(ord(character) - _STAND_INS.start) // len(_SURROGATES) for character in set(text)}
    return next(first for index, first in enumerate(_STAND_INS) if index not in taken)


def _copied(value: Any, above: tuple[int, ...] = ()) -> Any:
    """The containers as plain ones of our own, which nobody changes while they are read; leaves as they are."""
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return value
    if id(value) in above:
        raise ValueError("the value contains itself")
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {key: _copied(item, above) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return frozenset(value) if isinstance(value, frozenset) else set(value)
    items = [_copied(item, above) for item in value]
    return tuple(items) if isinstance(value, tuple) else items


def _members(document: bytes) -> Any:
    """A document as lists, objects as lists of pairs, every number as 0: only what became a string is of interest."""
    return json.loads(document, object_pairs_hook=list, parse_int=_zero, parse_float=_zero)


def _zero(_: str) -> int:
    return 0


def _shown(value: Any, level: int) -> Any:
    """What the core is shown. `_STAND_IN` stands for what JSON has no word for, and for what is too deep."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _INTEGER_BITS_MAX else _STAND_IN
    if isinstance(value, float):
        return value if isfinite(value) else 0
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, _CONTAINERS) or level == _LEVELS_MAX:
        return _STAND_IN
    if isinstance(value, dict):
        return {_Key(_shown_key(key)): _shown(item, level + 1) for key, item in value.items()}
    return [_shown(item, level + 1) for item in value]


def _shown_key(key: Any) -> str:
    return key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)


def _masked(value: Any, token: str) -> Any:
    """A container under a secret key: every leaf that may hold something becomes the token."""
    if isinstance(value, dict):
        return {key: _masked(item, token) for key, item in value.items()}
    if isinstance(value, _CONTAINERS):
        return type(value)(_masked(item, token) for item in value)
    if value is None or isinstance(value, bool) or (isinstance(value, str | bytes | bytearray) and not value):
        return value
    return type(value)(token.encode()) if isinstance(value, bytes | bytearray) else token
