"""Command-line options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import yaml

from polcouple.backends.base import ChargeBackend, backend_names
from polcouple.case.model import Case
from polcouple.cli.settings_help import add_settings_help
from polcouple.coupling.electrodes import create_electrodes
from polcouple.dftb.parameter_sets import find_slako
from polcouple.engines.base import NATIVE, engine_names
from polcouple.errors import InputError


def add_backend_arguments(
    parser: argparse.ArgumentParser, default: str | None = None, required: bool = True
) -> None:
    """``--backend NAME`` (required unless there is a default), ``--set KEY=VALUE`` and ``--slako SET``."""
    add_settings_help(parser)
    parser.add_argument(
        "--backend",
        required=required and default is None,
        default=default,
        metavar="NAME",
        help=f"where the electrode charges come from: {', '.join(backend_names())}",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="a setting of the backend (all are listed below), over the one in system.yaml; may be repeated;"
        " values with a slash are paths from here",
    )
    parser.add_argument(
        "--slako",
        metavar="SET",
        help="name of an installed parameter set, or directory of .skf files, for backends with the setting"
        " slako",
    )


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """``--platform``, ``--threads`` and ``--refresh``."""
    parser.add_argument(
        "--platform",
        default=NATIVE,
        help=f"what computes the forces: an engine, {', '.join(engine_names())}, or OpenMM's CPU, CUDA, HIP,"
        f" OpenCL or Reference ({NATIVE})",
    )
    parser.add_argument("--threads", type=_positive, help="processors for the forces, at most (all)")
    parser.add_argument(
        "--refresh", type=_positive, metavar="N", help="evaluations between refreshes, over system.yaml's"
    )


def backend_from_arguments(args: argparse.Namespace, case: Case) -> ChargeBackend:
    """The backend that ``args`` asks for, with system.yaml's settings for it.

    Raises:
        InputError: unknown backend or setting.
    """
    settings = backend_settings(args, case)
    return create_electrodes(case, args.backend, settings)


def backend_settings(args: argparse.Namespace, case: Case) -> dict[str, Any]:
    """system.yaml's settings of the backend with those of the command line over them, not yet validated.

    Raises:
        InputError: a ``--set`` that is not KEY=VALUE.
    """
    return dict(case.system.backends.get(args.backend, {})) | given_settings(args)


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The backend's settings on the command line alone.

    Raises:
        InputError: a ``--set`` that is not KEY=VALUE, or a parameter set that is not installed.
    """
    settings = _parse_settings(args.settings)
    if args.slako:
        settings["slako"] = given_slako(args.slako)
    return settings


def given_slako(text: str) -> str:
    """The directory of .skf files that ``--slako`` names, a set or a path from here.

    Raises:
        InputError: there is no such set or folder.
    """
    return str(find_slako(text, Path.cwd()).resolve())


def parse_backend(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of ``NAME[:KEY=VALUE,...]``.

    Raises:
        InputError: a setting that is not KEY=VALUE.
    """
    name, _, rest = text.partition(":")
    settings = {}
    for part in filter(None, re.split(r",(?![^\[{]*[\]}])", rest)):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"--backend {text}: write NAME:KEY=VALUE,KEY=VALUE")
        settings[key] = _value(value, f"--backend {text}")
    return name, settings


def setting_word(key: str, value: Any) -> str:
    """``KEY=VALUE`` from which the value is read back as it is, whatever its type."""
    if isinstance(value, str) and _value(value, key) == value:
        return f"{key}={value}"
    return f"{key}={setting_text(value)}"


def setting_text(value: Any) -> str:
    """A value as YAML on one line: null, true, .inf, and quotes about text that would be one of these."""
    return str(yaml.safe_dump([value], default_flow_style=True, width=10**6))[1:-2]


def _parse_settings(settings: list[str]) -> dict[str, Any]:
    parsed = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise InputError(f"--set {setting}: write KEY=VALUE, for example --set accuracy=1e-7")
        parsed[key.strip()] = _value(value, f"--set {setting[:80]}")
    return parsed


def _value(text: str, where: str) -> Any:
    """What was typed after the equals sign; with a slash it is a path, from the working directory."""
    if "/" in text:
        return str(Path(text).resolve())
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InputError(f"{where}: the value is not valid YAML") from None


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value
