"""
The loggers, each set up as its own documentation says for JSON in a file. A target is a function that takes the path
and gives two more: one that logs a record, and one that returns once all records are in the file.
"""

import logging
import re
from collections.abc import Callable
from typing import NamedTuple

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MESSAGE = "request handled"
EVENT = "request_completed"
ROUTE = "/api/v1/items/{id}"
SECRET = "hunter2-fake-for-show"
"""Logged once under `password` before the clock runs: who redacts must not let it through."""
FIELDS = {"traceId": TRACE, "route": ROUTE, "status": 200, "duration": 0.01234}
"""What every line must hold, with its user and its event."""

Log = Callable[[int], None]
Flush = Callable[[], None]
Running = tuple[Log, Flush, Callable[[str], None]]
"""Log record number so-and-so; have all in the file; log a record with this password."""


class Target(NamedTuple):
    """One row of the table."""

    name: str
    start: Callable[[str], Running]
    needs: str = ""
    """What to install, if anything."""
    redacts: bool = False
    writes: bool = True
    structured: bool = True
    """The fields come out as JSON."""
    note: str = ""


def stdlib(handler: logging.Handler) -> Running:
    """A logger of the standard library with this handler alone."""
    logger = logging.getLogger("app.api")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers[:] = [handler]
    info = logger.info

    def log(number: int) -> None:
        info(
            "request handled",
            extra={
                "traceId": TRACE,
                "event": EVENT,
                "route": ROUTE,
                "status": 200,
                "duration": 0.01234,
                "user_id": number,
            },
        )

    def leak(secret: str) -> None:
        info("request handled", extra={"password": secret})

    return log, handler.flush, leak


def keywords(info: Callable[..., object], flush: Flush) -> Running:
    """A logger that takes fields as keywords."""

    def log(number: int) -> None:
        info("request handled", traceId=TRACE, kind=EVENT, route=ROUTE, status=200, duration=0.01234, user_id=number)

    def leak(secret: str) -> None:
        info("request handled", password=secret)

    return log, flush, leak


class MsgspecFormatter(logging.Formatter):
    """The fastest formatter that Python alone gives: the record's own fields through msgspec."""

    OURS = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])

    def __init__(self) -> None:
        import msgspec  # noqa: PLC0415  # each target imports what it measures

        super().__init__()
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": record.created,
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        for name, value in record.__dict__.items():
            if name not in self.OURS:
                line[name] = value  # noqa: PERF403  # the comprehension would build a second dictionary
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return self._encode(line).decode()


class RedactingFormatter(MsgspecFormatter):
    """The same, and seven kinds of secret out of the finished line by one `re.sub`."""

    SECRETS = re.compile(
        r'(?i:pass(?:word|wd)|secret|token|api[_-]?key)["\' ]{0,3}[:=]["\' ]{0,3}[^"\',\s}]+'
        r"|(?i:bearer) +[\w.~+/=-]{8,}"
        r"|\bAKIA[0-9A-Z]{16}\b"
        r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
        r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"
        r"|\b(?:\d[ -]?){13,16}\b"
        r"|[\w.+-]+@[\w-]+\.[\w.]+"
    )

    def format(self, record: logging.LogRecord) -> str:
        return self.SECRETS.sub("[REDACTED]", super().format(record))


def file_handler(path: str, formatter: logging.Formatter) -> Running:
    handler = logging.FileHandler(path)
    handler.setFormatter(formatter)
    return stdlib(handler)


def start_json_logger(path: str) -> Running:
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    return file_handler(path, JsonFormatter(["asctime", "levelname", "name", "message"]))


def start_structlog(path: str) -> Running:
    import orjson  # noqa: PLC0415
    import structlog  # noqa: PLC0415

    file = open(path, "ab")  # noqa: SIM115  # it lives as long as the process
    processors = structlog.processors
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            processors.add_log_level,
            processors.format_exc_info,
            processors.TimeStamper(fmt="iso", utc=True),
            processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file),
    )
    return keywords(structlog.get_logger().info, file.flush)


def start_loguru(path: str) -> Running:
    from loguru import logger  # noqa: PLC0415

    logger.remove()
    logger.add(path, serialize=True)
    return keywords(logger.info, logger.complete)


def start_logust(path: str) -> Running:
    from logust import logger  # noqa: PLC0415

    logger.remove()
    logger.add(path, serialize=True)
    return keywords(logger.info, logger.complete)


def start_picologging(path: str) -> Running:
    import picologging  # noqa: PLC0415

    handler = picologging.FileHandler(path)
    # Its `asctime` puts stray bytes into the file (0.9.3), newlines among them.
    handler.setFormatter(picologging.Formatter("%(created)f %(levelname)s %(name)s %(message)s"))
    logger = picologging.getLogger("app.api")
    logger.setLevel(picologging.INFO)
    logger.addHandler(handler)
    info = logger.info
    text = "request handled traceId=%s event=%s route=%s status=%s duration=%s user_id=%s"

    def log(number: int) -> None:
        info(text, TRACE, EVENT, ROUTE, 200, 0.01234, number)

    return log, handler.flush, lambda secret: info("request handled password=%s", secret)


def start_headrig(path: str) -> Running:
    import headrig  # noqa: PLC0415

    return stdlib(headrig.Handler(path))


def start_headrig_without_ring(path: str) -> Running:
    import headrig  # noqa: PLC0415

    return stdlib(headrig.Handler(path, ring=False))


BASE = "stdlib + msgspec"
TARGETS = [
    Target("NullHandler", lambda _: stdlib(logging.NullHandler()), writes=False, note="the floor of any handler"),
    Target("headrig.Handler", start_headrig, redacts=True, note="default redaction on, lines outlive a kill"),
    Target("headrig.Handler, no ring", start_headrig_without_ring, redacts=True, note="default redaction on"),
    Target(BASE, lambda path: file_handler(path, MsgspecFormatter()), needs="msgspec"),
    Target(
        "stdlib + msgspec + re.sub",
        lambda path: file_handler(path, RedactingFormatter()),
        needs="msgspec",
        redacts=True,
        note="seven kinds of secret",
    ),
    Target("stdlib + python-json-logger", start_json_logger, needs="python-json-logger"),
    Target("structlog + orjson", start_structlog, needs="structlog", note="no caller, no LogRecord"),
    Target("loguru serialize", start_loguru, needs="loguru"),
    Target("logust serialize", start_logust, needs="logust"),
    Target("picologging", start_picologging, needs="picologging", structured=False, note="text: it drops extra="),
]
