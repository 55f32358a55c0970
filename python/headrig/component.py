"""
The contract of components: sources, sinks, notifiers and the status server. A component is one class of settings, which
says what it takes of the machine, which variables make one, how it opens, and where that is for people.
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
    """What one component takes, or where it sends. Conflicts between components are found from these alone."""

    kind: Literal["tcp", "udp", "unix", "file", "route", "stdin"]
    name: str
    """As the settings have it: `host:port` (tcp, udp), a path of the machine (unix, file), a path on `[http]` (route)."""
    key: str
    """The key of the settings that says so."""
    sends: bool = False
    """Nothing is taken there: whoever takes it is sent to, and must not be of the same run."""
    guarded: bool = True
    """Of a route: not everyone who reaches it may use it. Of the address it is served at: not without a token."""


class Variable(NamedTuple):
    """An environment variable that stands for a field of a component's settings."""

    field: str
    unit: Literal["text", "entries", "milliseconds", "port"] = "text"
    """How the variable is written. Seconds are what the field of `milliseconds` has, `host:port` that of a `port`."""
    door: Literal["run", "service"] | None = None
    """Where it makes this component; None: in `headrig run` and by `headrig.install()`."""
    needed: bool = False
    """Without it there is none to be made."""


@dataclass(frozen=True, slots=True)
class OpenContext:
    """What a component is given when it opens."""

    path: str
    """Of its table in the settings, `sinks.out`: what its errors begin with."""
    clock: Clock
    limits: Limits
    data_dir: str | None
    """Where state may be kept; None: nowhere."""
    sockets: Sockets
    telemetry: Metrics
    created: Created = field(default_factory=Created)
    """Makes files and directories, and takes them back when the start is refused."""

    @property
    def name(self) -> str:
        """Its ID."""
        return self.path.rpartition(".")[2]

    def at(self, path: str) -> OpenContext:
        """The same for another component."""
        return replace(self, path=path)


class ComponentConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Settings of one component: a `[sources.ID]`, `[sinks.ID]` or `[notifiers.ID]` table, told apart by `type`, or `[http]`.

    Must have `open`. The rest has a default that fits a component which takes nothing of the machine. Never touches the
    machine but in `open`, and in `problems` by looking.
    """

    env: ClassVar[Mapping[str, Variable]] = {}
    """Variables to fields, the first of a field first. Without a file, one is made once all that it needs are set."""

    @property
    def kind(self) -> str:
        """Its `type`."""
        return str(self.__struct_config__.tag or "")

    @property
    def where(self) -> str:
        """Where it takes, writes or sends, for people. Never shows a secret."""
        return self.kind

    def claims(self) -> Iterator[Claim]:
        """What it takes and where it sends."""
        yield from ()

    def problems(self, at: str) -> Iterator[ConfigError]:  # noqa: ARG002
        """One error per thing that can be seen wrong with it alone, without opening it; `at` is its table."""
        yield from ()

    def open(self, context: OpenContext) -> AbstractAsyncContextManager[Any]:
        """
        Its life: a `Source`, `Sink`, `Notifier` or `StatusServer` for as long as the body of the context manager.

        Raises `ConfigError` or `UnavailableError`, and then leaves nothing open.
        """
        raise NotImplementedError

    def routes(self, opened: Any) -> Routes:  # noqa: ARG002
        """What one that is open serves on `[http]`. Each route says what a request must show; by default, the token of `[http]`."""
        return {}


class SourceComponentConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every source's settings have."""

    renewable: ClassVar[bool] = False
    """An open one is `Listening`: it goes on with other settings of its type and keeps its connections."""

    def feeding(self, where: str, status: str) -> str:  # noqa: ARG002
        """A command that sends a file to one that is open at `where`; `status` is the address of `[http]`. Empty: none."""
        return ""


class SinkComponentConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every sink's settings have."""

    when_full: WhenFull = "block"
    required: bool = True
    """An acknowledging source waits for this sink."""
    flush_entries_max: int = 0
    """Lines that may wait for company before they are written. 0 or 1: write at once."""
    flush_seconds: float = 0.0
    """Longest wait for company. Whichever bound comes first; a waiting source never waits for company."""
    remote: ClassVar[bool] = False
    """It depends on another machine: it is tried again by the bounds of `[limits]`, else within seconds."""

    @property
    def accepts_partly(self) -> bool:
        """What the sink has taken of its batches when it fails is accepted, whatever becomes of the rest."""
        return True
