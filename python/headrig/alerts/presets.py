"""
The four alerts of the runbook, which are on by default. Each looks at the last minute and fires once that has been bad
for the stated time, so that fifteen seconds of trouble page nobody. Too few events for a percentage or quantile count
as no data.
"""

from typing import Final

from headrig.alerts.threshold import Threshold
from headrig.model import Category, Severity

MIN_SAMPLES: Final = 20
"""One error among fewer requests than this would already be above 5 %."""

PRESETS: Final = {
    preset.name: preset
    for preset in (
        Threshold(
            name="high-error-rate",
            metric="error.rate",
            operator="gt",
            value=5.0,
            window_seconds=60.0,
            for_seconds=300.0,
            min_samples=MIN_SAMPLES,
            severity=Severity.CRITICAL,
            category=Category.ERROR,
            title="High Error Rate",
            message="Error rate is ${value}%, threshold is ${threshold}%",
        ),
        Threshold(
            name="high-latency",
            metric="latency.p95",
            operator="gt",
            value=2.0,
            window_seconds=60.0,
            for_seconds=300.0,
            min_samples=MIN_SAMPLES,
            severity=Severity.WARNING,
            category=Category.PERFORMANCE,
            title="High Latency",
            message="95th percentile is ${value} s, threshold is ${threshold} s",
        ),
        Threshold(
            name="memory-usage-high",
            metric="memory.heap",
            operator="gt",
            value=90.0,
            window_seconds=60.0,
            for_seconds=600.0,
            severity=Severity.WARNING,
            category=Category.SYSTEM,
            title="Memory Usage High",
            message="Heap is ${value}% full, threshold is ${threshold}%",
        ),
        Threshold(
            name="ai-provider-errors",
            metric="ai.error.rate",
            operator="gt",
            value=10.0,
            window_seconds=60.0,
            for_seconds=300.0,
            min_samples=MIN_SAMPLES,
            group_by=("provider",),
            severity=Severity.CRITICAL,
            category=Category.PROVIDER,
            title="AI Provider Errors",
            message="${labels.provider} fails ${value}% of requests, threshold is ${threshold}%",
        ),
    )
}
