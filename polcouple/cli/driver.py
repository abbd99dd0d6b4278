"""``polcouple-driver``: serve a case's forces to i-PI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from polcouple.backends.base import backend_names
from polcouple.cli.exits import guarded
from polcouple.cli.options import add_backend_arguments, add_engine_arguments, given_settings
from polcouple.errors import InputError
from polcouple.ipi.parts import Part
from polcouple.ipi.sockets import SocketAddress
from polcouple.nn.grand.outside import Outside
from polcouple.nn.kinds import GRAND_POTENTIAL, MACE
from polcouple.nn.model_files import find_model, load_description
from polcouple.nn.potential.flag import Extrapolation
from polcouple.output_paths import require_suffix
from polcouple.simulation.serve import Recording, Service, serve_case
from polcouple.simulation.serve_potential import PotentialService, serve_potential


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the driver."""
    parser.add_argument("--case", type=Path, default=Path(), metavar="DIR", help="case directory (here)")
    parser.add_argument("--input", default="input.xml", help="i-PI's input in that directory, or RESTART")
    add_backend_arguments(parser, required=False)
    add_engine_arguments(parser)
    parser.add_argument(
        "--potential",
        type=Path,
        metavar="MODEL",
        help="serve this network's forces in place of a backend's: a potential's are the liquid's, for the"
        " socket beside part: electrode; a grand potential's are of all atoms",
    )
    parser.add_argument(
        "--at",
        type=float,
        metavar="U",
        help="of a grand potential: the electrode's potential, V (fermi_level_ev of system.yaml)",
    )
    parser.add_argument(
        "--outside",
        choices=get_args(Outside),
        default="warn",
        help="where it lies outside the grand potential's training (warn)",
    )
    parser.add_argument(
        "--extrapolation",
        choices=get_args(Extrapolation),
        default="warn",
        help="where the network's members differ much: tell of it, stop i-PI, or label the frame by"
        " --labels-by and add it to --keep (warn)",
    )
    parser.add_argument(
        "--check-every", type=int, default=10, metavar="N", help="steps between looks at that; 0: never (10)"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE.xyz", help="append such frames, to be labelled")
    parser.add_argument(
        "--labels-by",
        metavar="METHOD",
        help="GFN1-xTB or GFN2-xTB (of tblite), or MODULE:NAME of a calculator of ASE: what labelled the"
        " network's own frames",
    )
    parser.add_argument("--unix", metavar="NAME", help="unix socket instead of the input's")
    parser.add_argument("--host", help="inet socket instead of the input's (with --port)")
    parser.add_argument("--port", type=int, default=31415, help="port of --host (31415)")
    parser.add_argument("--part", choices=get_args(Part), default="all", help="forces for --unix or --host")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="how long to wait for i-PI to appear (60)"
    )
    parser.add_argument(
        "--report", type=float, default=10.0, metavar="SECONDS", help="time between progress lines (10)"
    )
    # the process of the only i-PI to serve: `polcouple run` gives its own
    parser.add_argument("--server", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, metavar="DATASET", help="append frames to this dataset")
    parser.add_argument("--record-every", type=int, default=1, metavar="N", help="steps between frames")
    parser.add_argument("--record-after", type=int, default=0, metavar="N", help="steps before them")


def run(args: argparse.Namespace) -> int:
    """Serve until i-PI says EXIT."""
    if args.potential is not None:
        args.potential = _model_directory(args.potential)
        if load_description(args.potential).get("kind") in (GRAND_POTENTIAL, MACE):
            _serve_grand_potential(args)
        else:
            serve_potential(_potential_service(args))
        return 0
    if args.at is not None:
        raise InputError("--at is of a grand potential: name one by --potential")
    if args.backend is None:
        raise InputError(f"name a backend ({', '.join(backend_names())}) with --backend, or a --potential")
    recording = None
    if args.record is not None:
        recording = Recording(args.record, args.record_every, args.record_after)
    serve_case(
        Service(
            case=args.case,
            backend=args.backend,
            given=given_settings(args),
            input=args.input,
            address=_address(args),
            platform=args.platform,
            threads=args.threads,
            refresh=args.refresh,
            patience=args.wait,
            report_period=args.report,
            server=args.server,
            recording=recording,
        )
    )
    return 0


def _require_no_backend(args: argparse.Namespace) -> None:
    named = {
        "--backend": args.backend,
        "--set": args.settings,
        "--slako": args.slako,
        "--record": args.record,
    }
    for option, value in named.items():
        if value:
            raise InputError(f"{option} has no say in a network's own forces; leave it out with --potential")


def _model_directory(given: Path) -> Path:
    """Of a path, or of a shipped model's name."""
    is_name = len(given.parts) == 1 and not given.is_dir()
    return find_model(str(given) if is_name else given)


def _serve_grand_potential(args: argparse.Namespace) -> None:
    # its networks need modules that no backend does
    from polcouple.simulation.serve_grand import GrandService, serve_grand_potential

    _require_no_backend(args)
    if args.keep is not None or args.extrapolation != "warn" or args.labels_by is not None:
        raise InputError(
            "--keep, --extrapolation and --labels-by are of potentials; leave them out with a grand potential"
        )
    serve_grand_potential(
        GrandService(
            args.case,
            args.potential,
            args.at,
            args.outside,
            args.input,
            _address(args),
            args.wait,
            args.report,
        )
    )


def _potential_service(args: argparse.Namespace) -> PotentialService:
    _require_no_backend(args)
    if args.at is not None:
        raise InputError("--at is of a grand potential, and this is a potential")
    if args.keep is not None:
        require_suffix(args.keep, ".xyz")
    if args.extrapolation == "label" and (args.labels_by is None or args.keep is None):
        raise InputError("--extrapolation label needs --labels-by METHOD and --keep FILE.xyz")
    if args.extrapolation != "label" and args.labels_by is not None:
        raise InputError("--labels-by has no say without --extrapolation label")
    return PotentialService(
        args.case,
        args.potential,
        args.input,
        _address(args),
        args.extrapolation,
        args.check_every,
        args.keep,
        args.labels_by,
        args.wait,
        args.report,
    )


def _address(args: argparse.Namespace) -> SocketAddress | None:
    """Where to connect in place of what i-PI's input says."""
    if args.unix:
        return SocketAddress("unix", args.unix, part=args.part)
    if args.host:
        return SocketAddress("inet", args.host, args.port, args.part)
    return None


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(
        prog="polcouple-driver", description="Serve a case's energy and forces to i-PI over its socket."
    )
    add_arguments(parser)
    sys.exit(guarded(run, parser.parse_args(argv), "polcouple-driver"))


if __name__ == "__main__":
    main()
