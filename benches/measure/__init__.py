"""Benches of the two doors: what a log call costs a service, and what a line costs `headrig run`."""
