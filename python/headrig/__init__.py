"""
headrig takes secrets out of log streams, counts what operators ask about and loses no line silently.
Importing it imports nothing: each name is fetched when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from headrig.engine import core_version as __version__
    from headrig.redaction import redact

__all__ = ["__version__", "redact"]

_HOMES = {"__version__": ("headrig.engine", "core_version"), "redact": ("headrig.redaction", "redact")}


def __getattr__(name: str) -> object:
    """Fetch a public name from its home, once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'headrig' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # importing headrig imports nothing

    module, attribute = _HOMES[name]
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
