"""
The contract of components: sources, sinks, notifiers and the status server. A component is one class of settings, which
declares what it claims of the machine, which variables make one, how it opens, and what to call it for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import msgspec

from headrig.errors import ConfigError
from headrig.filesystem import Created
from headrig.limits import Limits
from headrig.model import Clock, WhenFull
from headrig.net.sockets import Sockets
from headrig.telemetry import Metrics

if TYPE_CHECKING:
    from headrig.net.router import Route

Routes = Mapping[tuple[str, str], "Route"]
"""Method and path to what answers."""


class Claim(NamedTuple):
    """Something that a component takes, or sends to. Conflicts between components are found from claims alone."""

    kind: Literal["tcp", "udp", "unix", "file", "route", "stdin"]
    name: str
    """As in the settings: `host:port` (tcp, udp), a path of the file system (unix, file), a path on `[http]` (route)."""
    key: str
    """The key of the settings that it comes from."""
    sends: bool = False
    """The component only sends there; no component of the same run may take it."""
    guarded: bool = True
    """A route is guarded if not everyone who reaches it may use it; an address, if it requires a token."""


class Variable(NamedTuple):
    """An environment variable that stands for a field of a component's settings."""

    field: str
    unit: Literal["text", "entries", "bytes", "seconds", "milliseconds", "port"] = "text"
    """Unit of the variable. `bytes` and `seconds` may be written as `256MiB` and `1d`, `milliseconds` become seconds in the field, a `port` becomes `host:port`."""
    program: Literal["run", "service"] | None = None
    """Where the variable applies; None: in `headrig run` and in `headrig.install()`."""
    needed: bool = False
    """The component is made only if this variable is set."""


@dataclass(frozen=True, slots=True)
class OpenContext:
    """What a component is given when it opens."""

    path: str
    """Path of its table in the settings, such as `sinks.out`; its errors begin with it."""
    clock: Clock
    limits: Limits
    data_dir: str | None
    """Directory for state; None if there is none."""
    sockets: Sockets
    telemetry: Metrics
    created: Created = field(default_factory=Created)
    """Makes files and directories, and takes them back when the start is refused."""

    @property
    def name(self) -> str:
        """The ID of the component."""
        return self.path.rpartition(".")[2]

    def at(self, path: str) -> OpenContext:
        """The same for another component."""
        return replace(self, path=path)


class ComponentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Settings of one component: a `[sources.ID]`, `[sinks.ID]` or `[notifiers.ID]` table, told apart by `type`, or
    `[http]`.

    Must define `open`. The other members have defaults, for a component that claims nothing of the machine. Only `open`
    may change anything on the machine; `problems` may look at it.
    """

    env: ClassVar[Mapping[str, Variable]] = {}
    """Variables and their fields. Without a settings file, a component is made if all variables it needs are set."""

    @property
    def kind(self) -> str:
        """Its `type`."""
        return str(self.__struct_config__.tag or "")

    @property
    def where(self) -> str:
        """Where it takes, writes or sends, for people. Never shows a secret."""
        return self.kind

    def claims(self) -> Iterator[Claim]:
        """What it takes, and where it sends."""
        yield from ()

    def problems(self, at: str) -> Iterator[ConfigError]:  # noqa: ARG002
        """Errors in these settings that show without opening the component; `at` is the path of its table."""
        yield from ()

    def open(self, context: OpenContext) -> AbstractAsyncContextManager[Any]:
        """
        Open a `Source`, `Sink`, `Notifier` or `StatusServer`, which lives as long as the body of the context manager.

        Raises `ConfigError` or `UnavailableError`, and then leaves nothing open.
        """
        raise NotImplementedError

    def routes(self, opened: Any) -> Routes:  # noqa: ARG002
        """Routes that an open component serves on `[http]`. By default a request must show the token of `[http]`."""
        return {}


class SourceComponentConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every source's settings have."""

    renewable: ClassVar[bool] = False
    """An open source is `Listening`: it can take other settings of its type and keep its connections."""

    def feeding(self, where: str, status: str, *, guarded: bool) -> str:  # noqa: ARG002
        """
        A command that sends a file to a source open at `where`; may be empty. `status` is the address of `[http]`, which
        wants a token if it is `guarded`.
        """
        return ""


class SinkComponentConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every sink's settings have."""

    when_full: WhenFull = "block"
    required: bool = True
    """An acknowledging source waits for this sink."""
    flush_entries_max: int = 0
    """Lines that may wait to be written together. 0 or 1: write at once."""
    flush_seconds: float = 0.0
    """Longest such wait; the first of both bounds counts. If a source waits for an answer, the sink writes at once."""
    remote: ClassVar[bool] = False
    """Whether it depends on another machine: then retries go by `[limits]`, otherwise they come within seconds."""

    @property
    def accepts_partly(self) -> bool:
        """After a failure, lines that the sink has already taken count as accepted, whatever becomes of the rest."""
        return True
