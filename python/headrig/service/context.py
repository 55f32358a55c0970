"""Fields that every record logged in a context carries: `with headrig.bind(trace_id=…, order=7): …`."""

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final

_FIELDS: Final[ContextVar[dict[str, Any] | None]] = ContextVar("headrig_fields", default=None)
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")

bound_fields: Final = _FIELDS.get
"""The fields of the running context, None when there are none. Not to be changed."""


@contextmanager
def bind(
    *, trace_id: str | None = None, span_id: str | None = None, traceparent: str | None = None, **fields: Any
) -> Generator[None]:
    """
    Add fields to every record logged inside, in this thread or task and in tasks started there.

    `traceparent` is the W3C header of that name; a malformed one is ignored. `trace_id` and `span_id` come before it.
    Inner fields win over outer ones, a record's own `extra` over both.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found and not (found[0].startswith("00") and found[3]):
        fields = {"traceId": found[1], "spanId": found[2], **fields}
    if trace_id is not None:
        fields["traceId"] = trace_id
    if span_id is not None:
        fields["spanId"] = span_id
    token = _FIELDS.set({**(_FIELDS.get() or {}), **fields})
    try:
        yield
    finally:
        # A generator that was closed in another context cannot reset the fields there.
        with suppress(ValueError):
            _FIELDS.reset(token)
