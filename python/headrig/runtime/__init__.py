"""`headrig run`: the way of a batch from sources to sinks and alerts, and how a run starts, reloads and ends."""
