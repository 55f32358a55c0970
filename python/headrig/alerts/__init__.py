"""Thresholds, the states of their alerts, and the outboxes of notices. It knows notifiers only by their protocol."""
