"""The commands: one module each, and what they share."""

from polcouple.cli.commands import main

__all__ = ["main"]
