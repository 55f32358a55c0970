"""The status server: `/metrics`, `/health`, `/ready`, and what sources mount on it."""

from headrig.web.server import HttpServerConfig

__all__ = ["HttpServerConfig"]
