"""Thresholds, the states of their alerts, and the outboxes that notices wait in. Knows notifiers only as the protocol."""
