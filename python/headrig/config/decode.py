"""
One table of settings into one struct, with an error for everything that is wrong in it: unknown keys, missing keys,
each value by itself. No error repeats a value: `errors.shown` says what may be said of it.
"""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar, get_args

import msgspec

from headrig.config.environment import Expanded
from headrig.errors import ConfigError
from headrig.errors import shown as kind_of
from headrig.units import EXAMPLES, scaled, unit_of

T = TypeVar("T", bound=msgspec.Struct)

_REFUSAL = re.compile(
    r"Expected `([^`]+)`( of length [<>]=? \S+| [<>]=? \S+| matching regex '.*')?(?:, got `([^`]+)`)?"
)
"""How msgspec says that a type or a bound is not met."""
_KINDS = {
    "str": ("a string", "write it in quotes"),
    "int": ("a whole number", "write it without quotes"),
    "float": ("a number", "write it without quotes"),
    "bool": ("true or false", "write it without quotes"),
    "array": ("an array", "write [ … ]"),
    "object": ("a table", "write { … }"),
}
"""What msgspec calls a type: what people call it, and the remedy."""


def table(cls: type[T], given: object, at: str, errors: list[ConfigError], more: Collection[str] = ()) -> T | None:
    """
    The struct that the table at `at` describes; None after any error, each of which is in `errors`.

    `more` are keys that somebody else reads: worth a suggestion, but not taken.
    """
    before = len(errors)
    if not isinstance(given, dict):
        errors.append(ConfigError(f"expected a table, got {shown(given)}", path=at, remedy=f"write [{at}]"))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    known = [*fields, *filter(None, [cls.__struct_config__.tag_field])]
    errors.extend(unknown(key, f"{at}.{key}", [*known, *more]) for key in given if key not in known)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        path = f"{at}.{name}"
        secret = f"{name}_file" in fields
        if name in given:
            values[name] = _value(given[name], field.type, name, path, errors)
        elif secret and f"{name}_file" in given:
            values[name] = None
        elif field.required:
            errors.append(ConfigError("missing", path=path, remedy=f"add {name} = …"))
    if len(errors) > before:
        return None
    _read_secrets(values, at, errors)
    if len(errors) > before:
        return None
    try:
        return cls(**{fields[name].name: value for name, value in values.items()})
    except ValueError as error:
        errors.append(ConfigError(str(error), path=at, remedy="change the table"))
        return None


def tagged(union: object, given: object, at: str, errors: list[ConfigError], more: Collection[str] = ()) -> Any:
    """The member of a union of parts that the table's `type` names, made from the table."""
    members = {str(member.__struct_config__.tag): member for member in get_args(union) or (union,)}
    if not isinstance(given, dict):
        errors.append(ConfigError(f"expected a table, got {shown(given)}", path=at, remedy=f"write [{at}]"))
        return None
    kinds = ", ".join(sorted(members))
    kind = given.get("type")
    if kind is None:
        errors.append(ConfigError("missing", path=f"{at}.type", remedy=f"known types: {kinds}"))
    elif not isinstance(kind, str) or kind not in members:
        errors.append(ConfigError("unknown type", path=f"{at}.type", remedy=_near(kind, sorted(members), "types")))
    else:
        return table(members[kind], given, at, errors, more)
    return None


def unknown(key: str, path: str, known: Iterable[str], what: str = "key") -> ConfigError:
    """The error for a key or table nobody reads: the nearest known one, else all of them."""
    return ConfigError(f"unknown {what}", path=path, remedy=_near(key, sorted(known), f"{what}s"))


def shown(value: object, *, number: bool = False) -> str:
    """What an error says of a value: the variable that it came from, else its kind."""
    return f"the value of {', '.join(value.names)}" if isinstance(value, Expanded) else kind_of(value, number=number)


def _near(given: object, known: list[str], what: str) -> str:
    """The remedy for a word that nobody knows: the nearest known one, else all of them."""
    near = difflib.get_close_matches(str(given), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known {what}: {', '.join(known)}"


def _value(value: Any, kind: Any, name: str, path: str, errors: list[ConfigError]) -> Any:
    struct = _struct_in(kind)
    if struct is not None and isinstance(value, dict):
        return table(struct, value, path, errors)
    unit = unit_of(name)
    if unit is not None and isinstance(value, str) and (number := scaled(value, unit)) is not None:
        value = number
    try:
        return _convert(value, kind)
    except msgspec.ValidationError as error:
        errors.append(_worded(str(error), value, kind, unit, path))
        return None


def _convert(value: Any, kind: Any) -> Any:
    plain = _plain(value)
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        if not _holds_whole(value):
            raise
        # Only now: a field that takes a string keeps it, `"0660"` must not become 660.
        return msgspec.convert(plain, kind, strict=False)


def _plain(value: Any) -> Any:
    """The value without subclasses of str: msgspec takes none."""
    if isinstance(value, Expanded):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _holds_whole(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_whole, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Expanded) and value.whole


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds or may hold."""
    kinds = (kind, *get_args(kind))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)


def _worded(message: str, value: Any, kind: Any, unit: str | None, path: str) -> ConfigError:
    """What msgspec says, in the words of the settings."""
    message, _, inside = message.partition(" - at `$")
    path += inside.rstrip("`").replace("[...]", "")
    match = _REFUSAL.fullmatch(message)
    got = shown(value, number=unit is not None or bool(match and match[1].split(" | ")[0] in ("int", "float")))
    if inside and match and match[3]:
        got = _KINDS.get(match[3], (match[3], ""))[0]
    if message.startswith("Invalid enum value"):
        return ConfigError("unknown value", path=path, remedy=_near(value, _literals(kind), "values"))
    expected, bound = "something else", ""
    if match:
        first = match[1].split(" | ")[0]
        expected, remedy = _KINDS.get(first, (match[1], "change the value"))
        bound = match[2] or ""
    else:
        remedy = "change the value"
    if unit is not None:
        expected, remedy = ("a size", EXAMPLES[unit]) if unit == "bytes" else ("a duration", EXAMPLES[unit])
        remedy = f"write {remedy}"
    if bound:
        expected, remedy = f"{expected}{bound}", "change the value"
    return ConfigError(f"expected {expected}, got {got}", path=path, remedy=remedy)


def _literals(kind: Any) -> list[str]:
    """The values that a `Literal`, or a union with one, knows."""
    found = [str(known) for known in get_args(kind) if isinstance(known, str)]
    return found or [known for part in get_args(kind) for known in _literals(part)]


def _read_secrets(values: dict[str, Any], at: str, errors: list[ConfigError]) -> None:
    """Where a struct has both, `token_file` gives `token` the file's content, one newline at its end stripped."""
    for name, file_name in [(name, values.get(f"{name}_file")) for name in values]:
        if file_name is None:
            continue
        path = f"{at}.{name}_file"
        if values[name]:
            errors.append(ConfigError(f"{name} is given as well", path=path, remedy="give one of the two"))
            continue
        try:
            with open(file_name, encoding="utf-8") as file:
                values[name] = file.read().removesuffix("\n")
            values[f"{name}_file"] = None
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror or "unreadable") if isinstance(error, OSError) else "not UTF-8 text"
            errors.append(ConfigError(f"cannot read the file: {reason}", path=path, remedy="give a readable file"))
