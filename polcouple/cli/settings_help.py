"""The settings of every backend below the options in ``--help``, from the backends' own declarations."""

from __future__ import annotations

import argparse

from polcouple.backends.base import backend_names, backend_origin, options_class
from polcouple.errors import InputError

#: stands for the settings until help is printed: the backends are imported for that alone
_SETTINGS = "settings of the backends"


def add_settings_help(parser: argparse.ArgumentParser) -> None:
    """Have the help of a command end with the settings of every backend."""
    parser.formatter_class = _SettingsFormatter
    parser.epilog = _SETTINGS


class _SettingsFormatter(argparse.HelpFormatter):
    def add_text(self, text: str | None) -> None:
        if text != _SETTINGS:
            super().add_text(text)
            return
        for name in backend_names():
            try:
                options, origin = options_class(name), backend_origin(name)
            except InputError as error:  # of another package; the others are shown all the same
                self.start_section(f"settings of backend {name}: none to be had")
                super().add_text(str(error).replace("%", "%%"))
                self.end_section()
                continue
            package = "" if origin.own else f" of the package {origin}"
            self.start_section(f"settings of backend {name}{package} (KEY=VALUE)")
            for key, field in options.model_fields.items():
                default = field.get_default(call_default_factory=True)
                # as it is written after KEY=
                shown = (
                    "none" if default is None else list(default) if isinstance(default, tuple) else default
                )
                words = f"{field.description} ({shown})".replace("%", "%%")
                self.add_argument(argparse.Action([key], key, nargs=0, help=words))
            if not options.model_fields:
                super().add_text("none")
            self.end_section()
