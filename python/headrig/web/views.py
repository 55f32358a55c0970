"""What a run shows to whoever asks, as it crosses from the runtime: reading it changes nothing."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec


class ComponentHealth(msgspec.Struct, frozen=True):
    """How one component is."""

    status: Literal["ok", "degraded", "dead"]
    """`degraded`: it works and is not well. `dead`: its task has ended and should not have; only a restart helps."""
    reason: str
    """What is wrong, or what it has found; mostly empty when it is well."""
    since_seconds: float
    """Since the epoch: since when it is so, as far as anybody has looked."""


class Health(msgspec.Struct, frozen=True):
    """How a run is: the body of `/health`."""

    status: Literal["ok", "degraded", "draining"]
    components: dict[str, ComponentHealth]
    """By the path of the table in the settings, `sinks.out`."""

    def good(self, *, strict: bool = False) -> bool:
        """It may go on as it is: it works, or when it is asked strictly, all of it is well."""
        if self.status == "draining" or any(each.status == "dead" for each in self.components.values()):
            return False
        return self.status == "ok" or not strict


class Readiness(msgspec.Struct, frozen=True):
    """Whether every source takes lines: the body of `/ready`."""

    status: Literal["ready", "not ready"]
    sources: dict[str, str]
    """Where each listens or reads, by its name."""


class Views(Protocol):
    """What pages are made of."""

    def health(self) -> Health:
        """How it is."""

    def ready(self) -> Readiness:
        """Whether it takes lines."""

    async def metrics_page(self) -> bytes:
        """Prometheus text."""
