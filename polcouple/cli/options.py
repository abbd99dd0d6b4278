"""Command-line options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import math
from typing import Any

from polcouple.backends.base import ChargeBackend, backend_names
from polcouple.backends.setting_words import parse_settings
from polcouple.case.model import Case
from polcouple.cli.settings_help import add_settings_help
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.held_values import HeldValues
from polcouple.engines.base import NATIVE, engine_names
from polcouple.propagation.plan import RunPlan


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
    parser.add_argument("--threads", type=positive, help="processors for the forces, at most (all)")
    parser.add_argument(
        "--refresh", type=positive, metavar="N", help="evaluations between refreshes, over system.yaml's"
    )


def add_held_arguments(parser: argparse.ArgumentParser) -> None:
    """``--potentials``, ``--fermi-levels`` and ``--total-charges``."""
    parser.add_argument(
        "--potentials", type=float, nargs="+", default=[], metavar="U",
        help="of an electrode that moves, in V: its Fermi level is that of the neutral electrode in the"
        " case's start structure less e U, so that electrons leave where U grows",
    )  # fmt: skip
    parser.add_argument(
        "--fermi-levels", type=float, nargs="+", default=[], metavar="E", help="of one that moves, in eV"
    )
    parser.add_argument(
        "--total-charges", type=float, nargs="+", default=[], metavar="Q", help="of the electrode, e"
    )


def held_values(args: argparse.Namespace) -> HeldValues:
    """What the three options say.

    Raises:
        InputError: a number given twice, or one that is not finite.
    """
    return HeldValues(tuple(args.potentials), tuple(args.fermi_levels), tuple(args.total_charges))


def backend_from_arguments(args: argparse.Namespace, case: Case) -> ChargeBackend:
    """The backend that ``args`` asks for, with system.yaml's settings for it.

    Raises:
        InputError: unknown backend or setting.
    """
    return create_electrodes(case, args.backend, given_settings(args))


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The backend's settings on the command line alone.

    Raises:
        InputError: a ``--set`` that is not KEY=VALUE, or a parameter set that is not installed.
    """
    return parse_settings(args.settings, args.slako)


def run_plan(args: argparse.Namespace) -> RunPlan:
    """The plan of a command whose ``args`` name case, input, backend and engine.

    Raises:
        InputError: a setting is malformed.
    """
    return RunPlan(
        args.case,
        args.input,
        args.backend,
        given_settings(args),
        args.platform,
        args.threads,
        args.refresh,
    )


def positive(text: str) -> int:
    """A positive number of the command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def positive_length(text: str) -> float:
    """A positive, finite length of the command line."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive length")
    return value


def finite(text: str) -> float:
    """A finite number of the command line."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value
