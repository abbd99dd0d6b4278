"""``python -m polcouple.cli``: the command ``polcouple``."""

from polcouple.cli.commands import main

main()
