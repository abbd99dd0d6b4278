"""``polcouple check``: what would spoil a run, found before it starts."""

from polcouple.check.command import add_arguments, run

__all__ = ["add_arguments", "run"]
