"""The status server: `/metrics`, `/health`, `/ready`, and what sources mount on it."""

from headrig.web.server import PAGES, HttpServerConfig

__all__ = ["PAGES", "HttpServerConfig"]
