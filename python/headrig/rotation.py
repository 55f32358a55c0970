"""When a log file is rotated and what becomes of it then: settings that a sink and a service's handler have alike."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypedDict

from headrig.errors import ConfigError, shown

Unit = Literal["bytes", "seconds", "entries", "text"]
COMPRESSIONS: Final = ("gzip", "zstd")
NUMBER_MAX: Final = 2**53
"""Larger whole numbers are not exact as seconds."""
VARIABLES: Final[dict[str, tuple[str, Unit]]] = {
    "LOG_FILE_ROTATE_BYTES": ("rotate_bytes", "bytes"),
    "LOG_FILE_ROTATE_SECONDS": ("rotate_seconds", "seconds"),
    "LOG_FILE_KEEP": ("keep", "entries"),
    "LOG_FILE_TOTAL_BYTES_MAX": ("total_bytes_max", "bytes"),
    "LOG_FILE_COMPRESS": ("compress", "text"),
    "LOG_FILE_COMPRESS_DELAY": ("compress_delay", "entries"),
}
"""The variable for each field, in `headrig run` and in a service, and its unit."""
_REMEDIES: Final = {
    "bytes": 'set bytes, or a size such as "256MiB"',
    "seconds": 'set seconds, or a duration such as "1d"',
    "entries": "set a whole number",
}


if TYPE_CHECKING:

    class RotationSettings(TypedDict, total=False):
        """The fields of `Rotation` as keyword arguments; None counts as not given."""

        rotate_bytes: int | None
        rotate_seconds: float | None
        keep: int | None
        total_bytes_max: int | None
        compress: Literal["gzip", "zstd"] | None
        compress_delay: int | None


class Rotation(NamedTuple):
    """As the settings have it; without size and period nothing is rotated."""

    rotate_bytes: int | None = None
    rotate_seconds: float | None = None
    keep: int | None = None
    total_bytes_max: int | None = None
    compress: str | None = None
    compress_delay: int = 0

    def core(self) -> dict[str, Any]:
        """As the core takes it: in whole seconds."""
        seconds = None if self.rotate_seconds is None else int(self.rotate_seconds)
        return {**self._asdict(), "rotate_seconds": seconds}

    def problems(self) -> Iterator[tuple[str, str, str]]:
        """What cannot be used: name of the field, reason and remedy."""
        for name, value in self._asdict().items():
            if value is not None and (wrong := _wrong(name, value)) is not None:
                yield (name, *wrong)
        if self.rotate_bytes is None and self.rotate_seconds is None:
            for name in self._fields:
                if getattr(self, name):
                    yield name, "nothing is rotated", "give rotate_bytes or rotate_seconds as well"


def _wrong(name: str, value: object) -> tuple[str, str] | None:
    if name == "compress":
        return None if value in COMPRESSIONS else ("unknown compression", f"give {' or '.join(COMPRESSIONS)}")
    least = 0 if name == "compress_delay" else 1
    kinds, remedy = ((int, float), "seconds") if name == "rotate_seconds" else ((int,), "a whole number")
    if isinstance(value, bool) or not isinstance(value, kinds):
        return f"cannot be used: {shown(value, number=True)}", f"give {remedy}, {least} or more"
    if value > NUMBER_MAX:
        return "cannot be used", f"give {NUMBER_MAX} or less"
    if value >= least:
        return None if value % 1 == 0 else ("not a whole number of seconds", "give whole seconds")
    due = name.startswith("rotate_") and value < least
    return ("too small for a rotation" if due else "cannot be used", f"give {least} or more")


def rotation_of(
    arguments: Mapping[str, Any], environ: Mapping[str, str], *, path: object, shipped: bool = False
) -> Rotation:
    """
    The rotation of a handler that writes to that path: its arguments, and variables for those that are None. Raises
    ConfigError at the argument or the variable that cannot be used, or has no effect because there is no file, and
    TypeError for another argument.
    """
    for name in arguments:
        if name not in Rotation._fields:
            raise TypeError(f"got an unexpected keyword argument {name!r}")
    given = {name: value for name, value in arguments.items() if value is not None}
    origins: dict[str, str] = {}
    for variable, (field, unit) in VARIABLES.items():
        if field not in given and (text := environ.get(variable, "").strip()):
            given[field] = _read(variable, text, unit)
            origins[field] = variable
    rotation = Rotation(**given)

    def error(name: str, reason: str, remedy: str) -> ConfigError:
        file = "environment" if name in origins else ""
        return ConfigError(reason, file=file, path=origins.get(name, name), remedy=remedy)

    for problem in rotation.problems():
        raise error(*problem)
    # Where lines are shipped, variables of the environment may be meant for another program.
    useless = [name for name in given if not shipped or name not in origins]
    if useless and path is None:
        remedy = "leave it out" if shipped else "give a path as well"
        raise error(useless[0], "there is no file to rotate", remedy)
    return rotation


def _read(variable: str, text: str, unit: Unit) -> Any:
    if unit == "text":
        return text
    if text.isascii() and text.isdigit() and len(text) <= len(str(NUMBER_MAX)):
        return int(text)
    from headrig.units import scaled  # noqa: PLC0415  # most services set none of these, or whole numbers

    value = scaled(text, unit) if unit in ("bytes", "seconds") else None
    if value is None:
        raise ConfigError("cannot be used", file="environment", path=variable, remedy=f"{_REMEDIES[unit]}, or unset it")
    return value
