"""
headrig takes secrets out of log streams, counts what operators ask about and loses no line silently.
Importing it imports nothing: each name is fetched when it is first used.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from headrig.engine import core_version as __version__
    from headrig.model import Category, Severity
    from headrig.redaction import Redactor, redact
    from headrig.service.api import metrics, record_metric, register_threshold, resolve_alert, send_alert
    from headrig.service.context import bind
    from headrig.service.handler import Handler, flush
    from headrig.service.install import install

__all__ = [
    "Category",
    "Handler",
    "Redactor",
    "Severity",
    "__version__",
    "bind",
    "flush",
    "install",
    "metrics",
    "record_metric",
    "redact",
    "register_threshold",
    "resolve_alert",
    "send_alert",
]

_HOMES = {
    "Category": ("headrig.model", "Category"),
    "Handler": ("headrig.service.handler", "Handler"),
    "Redactor": ("headrig.redaction", "Redactor"),
    "Severity": ("headrig.model", "Severity"),
    "__version__": ("headrig.engine", "core_version"),
    "bind": ("headrig.service.context", "bind"),
    "flush": ("headrig.service.handler", "flush"),
    "install": ("headrig.service.install", "install"),
    "metrics": ("headrig.service.api", "metrics"),
    "record_metric": ("headrig.service.api", "record_metric"),
    "redact": ("headrig.redaction", "redact"),
    "register_threshold": ("headrig.service.api", "register_threshold"),
    "resolve_alert": ("headrig.service.api", "resolve_alert"),
    "send_alert": ("headrig.service.api", "send_alert"),
}


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
