"""
Turns one table of settings into one struct and reports everything that is wrong in it: unknown keys, missing keys, and
each wrong value. No error repeats a value; `errors.shown` describes it instead.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from headrig.config.environment import Expanded, Unresolved
from headrig.config.literals import as_written
from headrig.config.secret_files import look_at_private, read_secret
from headrig.errors import ConfigError
from headrig.errors import shown as kind_of
from headrig.model import FilePath
from headrig.nearest import hint
from headrig.units import EXAMPLES, scaled, unit_of

T = TypeVar("T", bound=msgspec.Struct)

_REFUSAL: Final = re.compile(
    r"Expected `([^`]+)`( of length [<>]=? \S+| [<>]=? \S+| matching regex '.*')?(?:, got `([^`]+)`)?"
)
"""How msgspec says that a type or a bound is not met."""
_KINDS: Final = {
    "str": ("a string", "write it in quotes"),
    "int": ("a whole number", "write a whole number, without quotes"),
    "float": ("a number", "write a number, without quotes"),
    "bool": ("true or false", "write true or false, without quotes"),
    "array": ("an array", "write [ … ]"),
    "object": ("a table", "write { … }"),
}
"""What msgspec calls a type: what people call it, and the remedy."""
_BOUNDS: Final = {">=": "{} or more", ">": "more than {}", "<=": "{} or less", "<": "less than {}"}
_WRONG: Final = object()
"""In place of a value of which an error tells."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Findings(list[ConfigError]):
    """What is wrong with settings, in order, and beside it what is worth a line though it can be used."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []


def table(  # noqa: PLR0913  # by keyword, each with a default
    cls: type[T],
    given: object,
    at: str,
    errors: Findings,
    *,
    more: Collection[str] = (),
    names: Mapping[str, str] = _NOTHING,
    fixed: Mapping[str, Any] = _NOTHING,
) -> T | None:
    """
    The struct that the table at `at` describes; None after any error, each of which is in `errors`.

    `more` are keys that somebody else reads: worth a suggestion, but not taken. `names` are keys that go by another name
    than their field; errors call them as they were written. `fixed` are fields that no key says.
    """
    if not isinstance(given, Mapping):
        errors.append(no_table(given, at))
        return None
    before = len(errors)
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls) if field.name not in fixed}
    tag_field = cls.__struct_config__.tag_field
    secrets = {f"{name}_file": name for name, field in fields.items() if _extra(field.type).get("secret")}
    known = [*names, *fields, *secrets, *filter(None, [tag_field])]
    errors.extend(unknown(key, f"{at}.{key}", [*known, *more]) for key in given if key not in known)
    keys = _keys(given, fields, names, at, errors)
    values = {name: value(given[key], fields[name].type, name, f"{at}.{key}", errors) for name, key in keys.items()}
    for name, field in fields.items():
        if name in keys:
            continue
        if field.required and f"{name}_file" not in given:
            key = next((key for key, of in names.items() if of == name), name)
            errors.append(ConfigError("missing", path=f"{at}.{key}", remedy=f"add {key} = …"))
    if len(errors) > before or _WRONG in values.values():
        return None
    for key in secrets.keys() & given.keys():
        found = value(given[key], FilePath, key, f"{at}.{key}", errors)
        values[secrets[key]] = found if found is _WRONG else _secret(found, secrets[key], given, f"{at}.{key}", errors)
    if len(errors) > before or _WRONG in values.values():
        return None
    try:
        return cls(**fixed, **{fields[name].name: made for name, made in values.items()})
    except ValueError as error:
        errors.append(ConfigError(str(error), path=at, remedy="change the table"))
        return None


def tagged(union: object, given: object, at: str, errors: Findings, *, more: Collection[str] = ()) -> Any:
    """The member of a union of components that the table's `type` names, made from the table."""
    members = {str(member.__struct_config__.tag): member for member in get_args(union) or (union,)}
    if not isinstance(given, dict):
        errors.append(no_table(given, at))
        return None
    kind = given.get("type")
    if isinstance(kind, str) and kind in members:
        return table(members[kind], given, at, errors, more=more)
    if not isinstance(kind, Unresolved):
        remedy = hint(kind, sorted(members), "types")
        reason = "missing" if kind is None else "unknown type"
        errors.append(ConfigError(reason, path=f"{at}.type", remedy=remedy))
    _whatever_type(members.values(), given, at, errors, more)
    return None


def value(given: Any, kind: Any, name: str, path: str, errors: Findings) -> Any:
    """What the value of a key becomes as a field of this type and name; what it cannot be is in `errors`."""
    if isinstance(given, Unresolved):
        return _WRONG
    struct = _struct_in(kind)
    if struct is not None and isinstance(given, dict):
        made = table(struct, given, path, errors)
        return _WRONG if made is None else made
    if _holds(given, Unresolved):
        return _WRONG
    unit = unit_of(name)
    if unit is not None and isinstance(given, str) and (number := scaled(given, unit)) is not None:
        given = number
    try:
        converted = as_written(_convert(given, kind), given, kind, path)
        if _extra(kind).get("private"):
            look_at_private(str(converted), path, errors.warnings)
        return converted
    except msgspec.ValidationError as error:
        errors.append(_worded(str(error), given, kind, unit, path))
    except ConfigError as error:
        errors.append(error)
    return _WRONG


def no_table(given: object, at: str) -> ConfigError:
    """The error for what should be a table."""
    return ConfigError(f"expected a table, got {shown(given)}", path=at, remedy=f"write [{at}]")


def unknown(key: str, path: str, known: Iterable[str], what: str = "key") -> ConfigError:
    """The error for a key or table nobody reads: the nearest known one, else all of them."""
    return ConfigError(f"unknown {what}", path=path, remedy=hint(key, sorted(known), f"{what}s"))


def shown(value: object, *, number: bool = False) -> str:
    """What an error says of a value: the variable that it came from, else its kind."""
    if isinstance(value, Expanded) and value.names:
        return f"the value of {', '.join(value.names)}"
    return kind_of(value, number=number)


def _keys(
    given: Mapping[str, Any], fields: Mapping[str, Any], names: Mapping[str, str], at: str, errors: Findings
) -> dict[str, str]:
    """By field, the key that it was given by."""
    keys: dict[str, str] = {}
    for key in given:
        field = names.get(key, key)
        if field in keys:
            reason = f"given twice, also as {keys[field]}"
            errors.append(ConfigError(reason, path=f"{at}.{key}", remedy="give one of the two"))
        elif field in fields:
            keys[field] = key
    return keys


def _secret(file: str, name: str, given: Mapping[str, Any], path: str, errors: Findings) -> Any:
    """What a file holds, in place of the key of that name."""
    if name in given:
        errors.append(ConfigError(f"{name} is given as well", path=path, remedy="give one of the two"))
        return _WRONG
    try:
        return read_secret(file, path, errors.warnings)
    except ConfigError as error:
        errors.append(error)
        return _WRONG


def _whatever_type(
    members: Iterable[type[msgspec.Struct]],
    given: Mapping[str, Any],
    at: str,
    errors: Findings,
    more: Collection[str],
) -> None:
    """What is wrong with a table whatever its `type` will be: so much can be said while nobody knows that."""
    known: dict[str, list[Any]] = {}
    for member in members:
        for field in msgspec.structs.fields(member):
            known.setdefault(field.encode_name, []).append(field.type)
            if _extra(field.type).get("secret"):
                known.setdefault(f"{field.encode_name}_file", []).append(FilePath)
    for key in given:
        path = f"{at}.{key}"
        if key in known:
            tries = [Findings() for _ in known[key]]
            for kind, found in zip(known[key], tries, strict=True):
                value(given[key], kind, key, path, found)
            fewest = min(tries, key=len)
            errors.extend(fewest)
        elif key != "type":
            errors.append(unknown(key, path, [*known, *more]))


def _convert(given: Any, kind: Any) -> Any:
    plain = _plain(given)
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError:
        if not _holds_whole(given):
            raise
        # Only now: a field that takes a string keeps it, `"0660"` must not become 660.
        return msgspec.convert(plain, kind, strict=False)


def _plain(given: Any) -> Any:
    """The value without subclasses of str: msgspec takes none."""
    if isinstance(given, str):
        return str(given)
    if isinstance(given, list | tuple):
        return [_plain(item) for item in given]
    if isinstance(given, dict):
        return {key: _plain(item) for key, item in given.items()}
    return given


def _leaves(given: Any) -> Iterator[Any]:
    if isinstance(given, dict | list | tuple):
        for item in given.values() if isinstance(given, dict) else given:
            yield from _leaves(item)
    else:
        yield given


def _holds(given: Any, kind: type) -> bool:
    return any(isinstance(leaf, kind) for leaf in _leaves(given))


def _holds_whole(given: Any) -> bool:
    return any(isinstance(leaf, Expanded) and leaf.whole for leaf in _leaves(given))


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds or may hold."""
    kinds = (kind, *get_args(kind))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)


def _worded(message: str, given: Any, kind: Any, unit: str | None, path: str) -> ConfigError:
    """What msgspec says, in the words of the settings."""
    message, _, inside = message.partition(" - at `$")
    path += inside.rstrip("`").replace("[...]", "")
    extra = _extra(kind)
    if message.startswith("Invalid enum value"):
        remedy = hint(given, _literals(kind), "values", extra.get("synonyms"))
        return ConfigError("unknown value", path=path, remedy=remedy)
    match = _REFUSAL.fullmatch(message)
    first, bound, got = (match[1].split(" | ")[0], match[2] or "", match[3]) if match else ("", "", None)
    if "out of range" in message:
        first = "float"
    expected, remedy = _KINDS.get(first, (first or "something else", "change the value"))
    if unit is not None:
        expected, remedy = "a size" if unit == "bytes" else "a duration", f"write {EXAMPLES[unit]}"
    if bound:
        sign, _, number = bound.removesuffix(".0").strip().rpartition(" ")
        expected = f"{expected} {sign} {number}"
        remedy = f"write {_BOUNDS[sign].format(number)}" if sign in _BOUNDS else "change the value"
    if inside and got:
        said = _KINDS.get(got, (got, ""))[0]
    else:
        said = shown(given, number=unit is not None or first in ("int", "float"))
    return ConfigError(
        f"expected {extra.get('expected', expected)}, got {said}", path=path, remedy=extra.get("remedy", remedy)
    )


def _extra(kind: Any) -> dict[str, Any]:
    """What a field says about itself to those who give it a wrong value."""
    found: dict[str, Any] = {}
    for meta in getattr(kind, "__metadata__", ()):
        found.update(getattr(meta, "extra", None) or {})
    for part in get_args(kind):
        found = {**_extra(part), **found}
    return found


def _literals(kind: Any) -> list[str]:
    """The values that a `Literal`, an enumeration, or a union with one, knows."""
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return [str(member.value) for member in kind.__members__.values()]
    if get_origin(kind) is not None or get_args(kind):
        found = [str(known) for known in get_args(kind) if isinstance(known, str)]
        return found or [known for part in get_args(kind) for known in _literals(part)]
    return []
