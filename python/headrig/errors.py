"""
Everything headrig raises on purpose. Bad settings raise an error; bad data is counted and never raises.

HeadrigError
├── ConfigError         refuses to start; text = file, path, what, how to fix (exit 78)
│   └── RuleError       a rule, metric or expression cannot be used
├── DecodeError         a stream that a peer sends is not what it says it is: it is refused, counted and answered
├── UnavailableError    something outside is in the way: a port in use, a socket that is served (exit 69)
└── DeliveryError       a sink or notifier gave up (`reason`: a closed set, also the metric label)
    ├── Rejected        on some lines, which it names
    └── Retryable       the same call may succeed later
        └── Misconfigured   once somebody mends the settings, here or at the other side
"""

from collections.abc import Iterable
from operator import index
from typing import ClassVar, Final, Literal

DeliveryReason = Literal["auth", "rate_limit", "client", "server", "timeout", "closed", "io", "bug", "other"]
"""`bug`: a component raised something that is no `DeliveryError`; only the delivery loop gives this reason."""

_KINDS: Final = (
    (str, "a string"),
    (int | float, "a number"),
    (dict, "a table"),
    (list | tuple, "an array"),
    (type(None), "nothing"),
)


def shown(value: object, *, number: bool = False) -> str:
    """
    Describe an unusable value in an error by its kind. A secret may stand anywhere, even in the wrong place, so no
    value is repeated; only where a `number` belongs, a number may be shown.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if number and isinstance(value, int | float):
        # An integer of thousands of digits has no text.
        return "a number of that size" if isinstance(value, int) and abs(value) >= 10**15 else repr(value)
    return next((words for kind, words in _KINDS if isinstance(value, kind)), f"a {type(value).__name__}")


class HeadrigError(Exception):
    """Root of the tree. `exit_code` is the exit code of a command that ends with this error (sysexits)."""

    exit_code: ClassVar[int] = 70


class _Located(HeadrigError):
    """
    An error that an operator can act on: says where it is, what it is and what to do. `file`, `line` and `column` (from
    1; 0: unknown) may be filled in by callers.
    """

    def __init__(self, reason: str, *, path: str = "", file: str = "", remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.file = file
        self.line = 0
        self.column = 0
        self.remedy = remedy

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = ": ".join(part for part in (where, self.path, self.reason) if part)
        return f"{text}; {self.remedy}" if self.remedy else text


class ConfigError(_Located):
    """The settings cannot be used. `path` is the key (`sinks.out.path`), `remedy` says what to write instead."""

    exit_code = 78


class RuleError(ConfigError):
    """A redaction rule, metric or expression cannot be used. Raised by the core as `RuleError(rule, reason)`."""

    def __init__(self, rule: str, reason: str, *, path: str = "", file: str = "", remedy: str = "") -> None:
        super().__init__(f"{rule}: {reason}", path=path, file=file, remedy=remedy)
        self.args = (rule, reason)
        self.rule = rule


class DecodeError(HeadrigError):
    """A stream cannot be split into events. Says at which byte of the stream, never what stands there."""


class UnavailableError(_Located):
    """Something outside the settings is in the way, such as a port in use."""

    exit_code = 69


class DeliveryError(HeadrigError):
    """A sink or notifier gave up. Everything that it has not accepted is dropped under `reason`."""

    exit_code = 74

    def __init__(self, text: str, reason: DeliveryReason = "other", *, remedy: str = "") -> None:
        super().__init__(text)
        self.reason: DeliveryReason = reason
        self.remedy = remedy
        """What an operator can do about it."""


class Rejected(DeliveryError):
    """
    Some lines were refused: `lines`, numbered from 0 over all lines that the sink was given. Raises ValueError if
    empty.

    Of the other lines, those within the sink's `accepted_bytes` were accepted, and the rest come again. With `final`,
    the refused lines are dropped under `reason`; without it they come again as well.
    """

    def __init__(
        self,
        text: str,
        reason: DeliveryReason = "client",
        *,
        lines: Iterable[int],
        final: bool = True,
        remedy: str = "",
    ) -> None:
        super().__init__(text, reason, remedy=remedy)
        self.lines = sorted(set(map(index, lines)))
        """In ascending order."""
        if not self.lines:
            raise ValueError("no line is named")
        self.final = final


class Retryable(DeliveryError):
    """The same lines may be accepted later. They come again, but not before the time that the other side asked for."""

    def __init__(
        self,
        text: str,
        reason: DeliveryReason = "other",
        *,
        retry_after_seconds: float | None = None,
        retry_at_seconds: float | None = None,
    ) -> None:
        super().__init__(text, reason)
        self.retry_after_seconds = retry_after_seconds
        self.retry_at_seconds = retry_at_seconds
        """Since the epoch."""


class Misconfigured(Retryable):
    """
    The other side refuses everything because of settings, on either side, whatever the content.

    The lines are kept and come again until somebody has corrected the settings.
    """

    def __init__(self, text: str, reason: DeliveryReason = "other", *, remedy: str = "") -> None:
        super().__init__(text, reason)
        self.remedy = remedy
