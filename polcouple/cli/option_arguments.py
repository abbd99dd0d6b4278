"""Command-line options made from a pydantic model: each option is declared once."""

from __future__ import annotations

import argparse
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from polcouple.errors import InputError

_Options = TypeVar("_Options", bound=BaseModel)


def add_option_arguments(parser: argparse.ArgumentParser, options: type[BaseModel]) -> None:
    """One ``--field-name`` per field; a bool becomes a flag, a tuple takes several words."""
    for name, field in options.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        default = "none" if field.default is None else field.default
        kind: Any = field.annotation
        if kind is bool:
            parser.add_argument(flag, action="store_true", default=None, help=field.description)
        elif get_origin(kind) is tuple:
            shown = " ".join(str(value) for value in field.default)
            parser.add_argument(flag, nargs="+", metavar="N", help=f"{field.description} ({shown})")
        elif get_origin(kind) is Literal:
            parser.add_argument(flag, choices=get_args(kind), help=f"{field.description} ({default})")
        else:
            parser.add_argument(flag, metavar="X", help=f"{field.description} ({default})")


def options_from_arguments(args: argparse.Namespace, options: type[_Options]) -> _Options:
    """The options given on the command line over the defaults.

    Raises:
        InputError: a value that the option does not take, naming it.
    """
    given = {name: getattr(args, name) for name in options.model_fields if getattr(args, name) is not None}
    try:
        return options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-")
        raise InputError(f"{flag}: {first['msg']} (got {first['input']!r})") from None


def add_ipi_atoms(parser: argparse.ArgumentParser) -> None:
    """Whether i-PI is to have the electrodes' atoms of a new case."""
    parser.add_argument(
        "--ipi-atoms",
        choices=("all", "liquid"),
        default="all",
        help="what i-PI has; with liquid, the electrode is in electrode.xyz and not in init.xyz (all)",
    )
