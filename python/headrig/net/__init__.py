"""Sockets, HTTP over them, and addresses: all that knows about networks and nothing about lines."""
