"""
The two bounded queues of the flow: one per source, where lines become batches on their way to the core, and one per
sink. Lines in flight are counted here. Everything runs on the event loop, so each step is whole to the others.
"""

from headrig.queues.core import CoreQueue, Partials, RawBatch, Ready
from headrig.queues.sink import SinkQueue

__all__ = ["CoreQueue", "Partials", "RawBatch", "Ready", "SinkQueue"]
