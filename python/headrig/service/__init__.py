"""headrig inside a Python service: what `install()` sets up, the handler, and the public calls."""
