"""`headrig.Handler`: what becomes of one record, byte for byte and with the values that break others."""

import dataclasses
import errno
import json
import logging
import logging.config
import logging.handlers
import queue
import re
import stat

import pytest

import headrig

FAKE = "fake-hunter2-fake"
LEAK = re.compile(r"api[_-]?key|password|secret")
"""The runbook's check for leaks."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs/app.log"


@pytest.fixture
def handler(path):
    handler = headrig.Handler(path)
    yield handler
    handler.close()


@pytest.fixture
def log(handler):
    log = logging.Logger("app.api")  # noqa: LOG001
    log.addHandler(handler)
    return log


def lines(path, handler) -> list[str]:
    handler.flush()
    return path.read_text().split("\n")[:-1]


def events(path, handler) -> list[dict]:
    return [json.loads(line) for line in lines(path, handler)]


def record(**attributes) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "app.api", "created": 1_795_414_573.462, "msg": "hello", **attributes})


def test_a_line_is_compact_and_in_order(path, handler):
    """
    Time, level, message, logger, trace, span, event, the service's own fields, what collides, error: in this order.
    """
    fields = {"order": 7, "event": "request_completed", "spanId": "s", "level": "own", "traceId": "t"}
    error = ValueError("no")
    handler.handle(
        record(
            levelname="ERROR", levelno=40, msg="%s failed", args=("it",), exc_info=(ValueError, error, None), **fields
        )
    )

    expected = (
        '{"timestamp":"2026-11-23T06:16:13.462Z","level":"ERROR","message":"it failed","logger":"app.api",'
        '"traceId":"t","spanId":"s","event":"request_completed","order":7,"fields":{"level":"own"},'
        '"error":{"name":"ValueError","message":"no","stack":"ValueError: no"}}'
    )

    assert [expected] == lines(path, handler)


def test_levels(path, handler):
    """
    The five levels have the runbook's names, others their own.
    """
    for number in (10, 20, 30, 40, 50):
        handler.handle(record(levelname=logging.getLevelName(number), levelno=number))
    handler.handle(record(levelname="NOTICE", levelno=25))
    expected = ["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL", "NOTICE"]

    assert expected == [event["level"] for event in events(path, handler)]


def test_files_are_not_for_others(path, handler):
    """
    File and directory are made with the modes 0640 and 0750, less what the umask takes.
    """
    assert 0 == stat.S_IMODE(path.stat().st_mode) & ~0o640
    assert 0 == stat.S_IMODE(path.parent.stat().st_mode) & ~0o750


def test_secrets_do_not_arrive(path, handler, log):
    """
    Secrets in message, arguments, extras, nested extras, exception text and JSON inside strings are masked, and the
    runbook's check for leaks prints nothing.
    """
    log.info("login with password=" + FAKE)  # noqa: G003
    log.info("login with password=%s and %s", FAKE, "more")
    log.info("extra", extra={"api_key": FAKE, "nested": {"deep": [{"client_secret": FAKE}]}})
    log.info("json", extra={"body": json.dumps({"password": FAKE, "inner": json.dumps({"secret": FAKE})})})
    log.info("object", extra={"user": User("ada", FAKE)})
    log.info("bad arguments password=%s %s", FAKE)  # noqa: PLE1206
    with headrig.bind(secret=FAKE):
        log.info("bound")
    try:
        raise RuntimeError(f'{{"password": "{FAKE}"}}')  # noqa: TRY301
    except RuntimeError:
        log.exception("failed")
    found = lines(path, handler)

    assert 8 == len(found)
    assert [] == [line for line in found if FAKE in line]
    assert [] == [line for line in found if LEAK.search(line) and "REDACTED" not in line]


@dataclasses.dataclass
class User:
    name: str
    password: str


@pytest.mark.parametrize("attributes", [{"created": "soon"}, {"levelno": None, "levelname": None}, {"name": None}])
def test_half_records(attributes, path, handler):
    """
    A record from elsewhere, with attributes missing or of another type, is one valid line.
    """
    handler.handle(record(**attributes))

    assert ["hello"] == [event["message"] for event in events(path, handler)]


def test_colliding_fields_move(path, handler):
    """
    A field with a name that the line has itself goes to `fields`, counted; an `error` that is an object stays.
    """
    handler.handle(record(timestamp=1, logger="x", error="text", fields=[2]))
    handler.handle(record(error={"name": "Timeout"}))
    first, second = events(path, handler)

    assert {"timestamp": 1, "logger": "x", "error": "text", "fields": [2]} == first["fields"]
    assert {"name": "Timeout"} == second["error"]
    assert 4 == handler.counts()["collisions"]


def test_formatter_makes_the_message(path, handler, log):
    """
    What a formatter makes of a record is its message; one that raises costs nothing but its form.
    """
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    log.info("a")
    handler.setFormatter(logging.Formatter("%(missing)s"))
    log.info("b")
    handler.setFormatter(None)
    log.info("c")

    assert ["<a>", "b", "c"] == [event["message"] for event in events(path, handler)]
    assert 1 == handler.counts()["failures"]


def test_filters(path, handler, log):
    """
    Filters refuse and change records, also one added late; one that raises lets the record pass.
    """

    def no_secrets(record):
        if record.msg == "raise":
            raise ValueError
        record.seen = True
        return record.msg != "refused"

    log.info("before")
    handler.addFilter(no_secrets)
    for message in ("refused", "kept", "raise"):
        log.info(message)

    assert [("before", None), ("kept", True), ("raise", None)] == [
        (event["message"], event.get("seen")) for event in events(path, handler)
    ]


def test_filters_and_formatters_set_past_their_methods(path, handler, log):
    """
    A change of `filters`, in the list or of the list, and of `formatter` holds from the next record on.
    """

    def never(record):
        return False

    handler.filters.append(never)
    log.info("appended")
    handler.filters.clear()
    log.info("cleared")
    own: list = []
    handler.filters = own
    own.append(never)
    log.info("replaced")
    own.clear()
    handler.formatter = logging.Formatter("<%(message)s>")
    log.info("formatted")

    assert ["cleared", "<formatted>"] == [event["message"] for event in events(path, handler)]


def test_subclasses_are_called(path):
    """
    A subclass with its own `emit` is not passed over.
    """

    class Loud(headrig.Handler):
        def emit(self, record):
            record.msg = record.msg.upper()
            super().emit(record)

    handler = Loud(path)
    handler.handle(record())

    assert ["HELLO"] == [event["message"] for event in events(path, handler)]
    handler.close()


def test_value_that_logs(path, handler, log):
    """
    A value whose text is made by code that logs gives two lines, neither inside the other.
    """

    class Chatty:
        def __str__(self) -> str:
            log.info("inner")
            return "text"

    log.info("outer", extra={"value": Chatty()})

    assert ["inner", "outer"] == [event["message"] for event in events(path, handler)]


def test_stop_is_not_swallowed(path, handler, log):
    """
    An interrupt that arrives while a value is written is raised, after its record was taken.
    """

    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log.info("last words", extra={"value": Interrupted()})

    assert ["last words"] == [event["message"] for event in events(path, handler)]


def test_dict_config(path):
    """
    `headrig.Handler` works in a logging configuration, with level, filter and formatter.
    """
    handlers = {"out": {"class": "headrig.Handler", "path": str(path), "level": "WARNING", "formatter": "short"}}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(name)s %(message)s"}},
            "handlers": handlers,
            "loggers": {"configured": {"handlers": ["out"], "propagate": False}},
        }
    )
    log = logging.getLogger("configured")
    log.info("no")
    log.warning("yes")
    (handler,) = log.handlers

    assert ["configured yes"] == [event["message"] for event in events(path, handler)]
    log.removeHandler(handler)
    handler.close()


def test_behind_a_queue(path, handler):
    """
    Behind `QueueHandler`, which leaves only the text of an exception, the error still has name and message.
    """
    waiting: queue.Queue = queue.Queue()
    log = logging.Logger("queued")  # noqa: LOG001
    log.addHandler(logging.handlers.QueueHandler(waiting))
    try:
        raise KeyError("fake")  # noqa: TRY301
    except KeyError:
        log.exception("failed")
    taken = waiting.get()
    taken.exc_info = None
    taken.exc_text = "Traceback (most recent call last):\n  …\nKeyError: 'fake'"
    handler.handle(taken)

    (event,) = events(path, handler)
    assert ("KeyError", "'fake'") == (event["error"]["name"], event["error"]["message"])


def test_after_close(path, handler, log):
    """
    What is logged after `close` is written, and closing twice does no harm.
    """
    handler.close()
    handler.close()
    log.info("late")

    assert ["late"] == [event["message"] for event in events(path, handler)]


def test_sums_agree(path, handler, log):
    """
    Received = written + dropped + waiting.
    """
    for number in range(1000):
        log.info("n", extra={"n": number})
    handler.flush()
    counts = handler.counts()

    assert 1000 == counts["received"] == counts["written"]
    assert 0 == counts["dropped"] == counts["waiting"]
    assert list(range(1000)) == [event["n"] for event in events(path, handler)]


def test_unusable_path(tmp_path):
    """
    A file that cannot be opened is an error at once, not at the first record.
    """
    with pytest.raises(IsADirectoryError) as caught:
        headrig.Handler(tmp_path)
    assert (errno.EISDIR, str(tmp_path)) == (caught.value.errno, caught.value.filename)
