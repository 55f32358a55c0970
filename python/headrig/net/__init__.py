"""Sockets, HTTP over them, and addresses: knows about networks and nothing about lines."""
