"""
The public API as a type checker sees it. Never run: `make check` has mypy read it.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_type

import headrig

assert_type(headrig.__version__, str)
assert_type(headrig.install(path="app.log", level="info"), headrig.Handler)
assert_type(headrig.install(to="unix:/run/headrig.sock", token="fake"), headrig.Handler)
assert_type(headrig.flush(1.0), bool)
headrig.register_threshold("a", {"metric": "m", "window": 300000})
headrig.register_threshold("a", metric="m", operator="gt", value=1, window="5m", severity=headrig.Severity.HIGH)
headrig.record_metric("m", 1, labels={"a": "b"}, time_seconds=0.0)
key = headrig.send_alert("t", "m", severity=headrig.Severity.INFO, category=headrig.Category.ERROR, labels={}, key=None)
assert_type(key, str)
headrig.resolve_alert(key)
application: Callable[..., Any] = headrig.metrics()
with headrig.bind(trace_id="t", order=7):
    pass

assert_type(headrig.redact("password=x"), str)
assert_type(headrig.redact(b"password=x"), bytes)
assert_type(headrig.redact("x", paths=["a"], replacement="***", callback=lambda rule, path: rule + path), str)
assert_type(headrig.Redactor(keys=["badge"], rules=[{"name": "a", "pattern": "b"}]).redact([1]), list[Any])
headrig.install(redact={"token": {"keep_last": 4}})
headrig.Handler(redact=headrig.Redactor(remove=["a"]))
headrig.Redactor(kees=["badge"])  # type: ignore[call-arg]


def redacts_mappings(event: Mapping[str, Any], known: dict[str, str]) -> None:
    """A mapping comes back as a dictionary."""
    headrig.redact(event)["message"]
    headrig.redact(known)["message"]


headrig.redact(1)  # type: ignore[call-overload]
