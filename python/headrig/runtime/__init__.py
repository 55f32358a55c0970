"""`headrig run`: how a batch gets from sources to sinks and alerts, and how a run starts, reloads and ends."""
