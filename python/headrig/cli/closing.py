"""The last line of a run whose input ended: how many lines came in, and what became of them."""

from collections import Counter

from headrig import telemetry
from headrig.runtime.state import RunState


def summary(state: RunState) -> str:
    """A one-line summary of a run that has drained, from its ledger."""
    sources, sinks = state.ledger.sources.values(), state.ledger.sinks.values()
    dropped = sum((each.dropped + each.rejected for each in sources), Counter[str]())
    dropped += sum((each.dropped for each in sinks), Counter[str]())
    reasons = ", ".join(f"{lines} {reason}" for reason, lines in sorted(dropped.items()))
    out = ", ".join(f"{sink.delivered} out{f' to {sink.id}' * (len(sinks) > 1)}" for sink in sinks)
    counted = {
        family: round(state.metrics.total(family))
        for family in (telemetry.REDACTIONS, telemetry.BROKEN, telemetry.ERRORS)
    }
    parts = [
        f"{_plural(sum(each.received for each in sources), 'line')} in",
        out,
        _plural(counted[telemetry.REDACTIONS], "redaction"),
        f"{counted[telemetry.BROKEN]} broken",
        f"{dropped.total()} dropped{f' ({reasons})' if reasons else ''}",
    ]
    if errors := counted[telemetry.ERRORS]:
        parts.append(_plural(errors, "error"))
    return f"headrig is done: {', '.join(parts)}"


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
