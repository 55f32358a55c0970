"""
`headrig.redact()`: the core's redaction for Python values. A mapping is shown to the core as one JSON document; what the
core leaves alone stays the very object it was.
"""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import Any, overload

from headrig.engine import DEPTH_MAX, Engine

_DOCUMENT = re.compile(r'[ \t\r\n]*[{\["]')
_DOCUMENT_BYTES = re.compile(_DOCUMENT.pattern.encode())
_CONTAINERS = (dict, list, tuple, set, frozenset)
_LEVELS_MAX = DEPTH_MAX * 3 // 4
"""Levels shown to the core at a time: some are those of the document around them."""
_INTEGER_BITS_MAX = 4096
"""Longer integers are no secrets, and Python refuses to write the longest."""
_SURROGATES = range(0xD800, 0xE000)
_STAND_INS = range(0xF0000, 0x110000, len(_SURROGATES))
"""Private-use blocks of the size of the surrogates, which UTF-8 can carry in their place."""


class _Key(str):
    """A member's name that equals no other, so that `1` and `"1"` stay two members."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@overload
def redact(value: str) -> str: ...
@overload
def redact(value: bytes) -> bytes: ...
@overload
def redact(value: Mapping[Any, Any]) -> dict[Any, Any]: ...
@overload
def redact(value: list[Any]) -> list[Any]: ...
@overload
def redact(value: tuple[Any, ...]) -> tuple[Any, ...]: ...
def redact(value: str | bytes | Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Any:
    """
    The value with every secret replaced by its token; the type it was given.

    A `str` or `bytes` that is one JSON document is redacted as such, any other as text. Of a mapping, list or tuple, nested
    mappings, lists, tuples and sets keep their shape; leaves without a secret are the same objects. Raises `TypeError` for
    other types and `ValueError` for a value that contains itself.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _engine().redact(value, _DOCUMENT_BYTES.match(value) is not None)
    if isinstance(value, Mapping | list | tuple):
        return _redacted(_copied(value))
    raise TypeError(f"redact takes str, bytes, a mapping, a list or a tuple, not {type(value).__name__}")


@cache
def _engine() -> Engine:
    """The built-in rules, compiled once per process; safe to share between threads."""
    return Engine(b'{"metrics":{"builtin":false},"recent_bytes_max":0}')


# Another thread may have been compiling a rule as the process forked.
os.register_at_fork(after_in_child=_engine.cache_clear)


def _text(text: str) -> str:
    json_like = _DOCUMENT.match(text) is not None
    try:
        return _engine().redact(text.encode(), json_like).decode()
    except UnicodeEncodeError:
        first = _free_block(text)
    there = {code: first + index for index, code in enumerate(_SURROGATES)}
    back = {stand_in: code for code, stand_in in there.items()}
    return _engine().redact(text.translate(there).encode(), json_like).decode().translate(back)


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


def _redacted(value: Any) -> Any:
    """A container, shown to the core as one document."""
    document = json.dumps(_shown(value, 0)).encode()
    return _merged(value, _members(document), _members(_engine().redact(document, True)), 0)


def _members(document: bytes) -> Any:
    """A document as lists, objects as lists of pairs, every number as 0: only what became a string is of interest."""
    return json.loads(document, object_pairs_hook=list, parse_int=_zero, parse_float=_zero)


def _zero(_: str) -> int:
    return 0


def _shown(value: Any, level: int) -> Any:
    """What the core is shown: 0 stands for what JSON has no word for, and for what is too deep."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _INTEGER_BITS_MAX else 0
    if isinstance(value, float):
        return value if isfinite(value) else 0
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, _CONTAINERS) or level == _LEVELS_MAX:
        return 0
    if isinstance(value, dict):
        return {_Key(_shown_key(key)): _shown(item, level + 1) for key, item in value.items()}
    return [_shown(item, level + 1) for item in value]


def _shown_key(key: Any) -> str:
    return key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)


def _merged(value: Any, before: Any, after: Any, level: int) -> Any:
    """The value with what differs between the two documents."""
    if isinstance(value, _CONTAINERS):
        if level == _LEVELS_MAX:
            return _masked(value, after) if isinstance(after, str) else _redacted(value)
        if isinstance(value, dict):
            return _merged_members(value, before, after, level + 1)
        items = zip(value, before, after, strict=True)
        return type(value)(_merged(item, was, now, level + 1) for item, was, now in items)
    if after == before:
        return value
    return type(value)(after.encode("utf-8", "surrogateescape")) if isinstance(value, bytes | bytearray) else after


def _merged_members(value: dict[Any, Any], before: Any, after: Any, level: int) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for (key, item), (key_was, was), (key_now, now) in zip(value.items(), before, after, strict=True):
        if key_now == key_was:
            new = key
        else:
            # Two keys may be masked alike; neither member may be lost.
            names = (key_now, *(f"{key_now} ({number})" for number in range(2, len(value) + 2)))
            new = next(name for name in names if name not in merged and name not in value)
        merged[new] = _merged(item, was, now, level)
    return merged


def _masked(value: Any, token: str) -> Any:
    """A container under a secret key: every leaf that may hold something becomes the token."""
    if isinstance(value, dict):
        return {key: _masked(item, token) for key, item in value.items()}
    if isinstance(value, _CONTAINERS):
        return type(value)(_masked(item, token) for item in value)
    if value is None or isinstance(value, bool) or (isinstance(value, str | bytes | bytearray) and not value):
        return value
    return type(value)(token.encode()) if isinstance(value, bytes | bytearray) else token
