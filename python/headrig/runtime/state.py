"""What a run consists of at the moment. Code that runs one component gets only the parts it needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrig.delivery.ledger import Ledger
from headrig.delivery.loop import DeliveryContext
from headrig.delivery.owner import Owner
from headrig.engine import Engine
from headrig.runtime.running import RunningSink, RunningSource
from headrig.runtime.source_queue import Partials


@dataclass(slots=True, kw_only=True)
class RunState(DeliveryContext):
    """What a run consists of right now. Delivery loops know it as a `DeliveryContext` only."""

    engine: Engine
    ledger: Ledger
    partials: Partials
    sources: dict[str, RunningSource] = field(default_factory=dict)
    sinks: dict[str, RunningSink] = field(default_factory=dict)
    owner: Owner | None = None
    """The claim to keep the state in `data_dir`; None without one."""
    leaving: set[RunningSource | RunningSink] = field(default_factory=set)
    """Taken out by a reload, not finished yet."""
