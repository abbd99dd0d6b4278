"""``polcouple-driver``: serve a case's forces to i-PI."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from polcouple.case.model import Case, read_case
from polcouple.check.inputs import require_whole_forces
from polcouple.cli.exits import guarded
from polcouple.cli.options import (
    add_backend_arguments,
    add_engine_arguments,
    backend_from_arguments,
    backend_settings,
)
from polcouple.coupling.electrodes import backend_identity
from polcouple.errors import InputError, PolcoupleError, ProtocolError
from polcouple.ipi.initialize import start_beside
from polcouple.ipi.input import (
    SocketAddress,
    read_xml,
    require_sound_beads,
    socket_addresses,
    step_of,
    time_step_ps,
)
from polcouple.log import log
from polcouple.propagation.record import described, driver_part, write_driver_part

if TYPE_CHECKING:
    from polcouple.coupling.forces import ForceProvider
    from polcouple.coupling.recorder import FrameRecorder
    from polcouple.propagation.driver import DriverReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the driver."""
    parser.add_argument("--case", type=Path, default=Path(), metavar="DIR", help="case directory (here)")
    parser.add_argument("--input", default="input.xml", help="i-PI's input in that directory, or RESTART")
    add_backend_arguments(parser)
    add_engine_arguments(parser)
    parser.add_argument("--unix", metavar="NAME", help="unix socket instead of the input's")
    parser.add_argument("--host", help="inet socket instead of the input's (with --port)")
    parser.add_argument("--port", type=int, default=31415, help="port of --host (31415)")
    parser.add_argument(
        "--part", choices=("all", "bonded", "nonbonded"), default="all", help="forces for --unix or --host"
    )
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
    """Serve until i-PI says EXIT. Input that must not be computed with stops i-PI, too."""
    reporter, message = Reporter(args.report), ""
    try:
        _serve(args, reporter)
    except BaseException as error:
        message = described(error)
        raise
    finally:
        if args.case.is_dir():
            with suppress(OSError):  # a full disk has been told of
                write_driver_part(args.case, reporter.part(message))
    return 0


def _serve(args: argparse.Namespace, reporter: Reporter) -> None:
    root = None if args.unix or args.host else read_xml(args.case / args.input)
    addresses = _addresses(args, root)
    if root is not None:
        require_sound_beads(root, args.case / args.input)
        require_whole_forces(args.case / args.input)
    case = read_case(args.case, None if root is None else start_beside(args.case / args.input))
    # OpenMM and ASE are imported only now, when the input is known to be good
    from polcouple.coupling.forces import ForceProvider
    from polcouple.coupling.held_state import held_states
    from polcouple.propagation.driver import connect, serve, stop_ipi

    interval = args.refresh or case.system.refresh.interval
    backend = backend_from_arguments(args, case)
    recorder = _recorder(args, case, root)
    settings = backend_identity(case, args.backend, backend_settings(args, case))
    first_step = 0 if root is None else step_of(root)
    held = held_states(case, backend, settings, interval, first_step, counted=recorder is not None)
    providers = {
        part: ForceProvider(case, backend, part, args.platform, args.threads, interval, recorder, held)
        for part in {address.part for address in addresses}
    }
    log(
        f"{len(case)} atoms, {case.total_charge:+g} e on {len(case.electrode)} electrode atoms,"
        f" backend {args.backend}, charges every {interval} evaluation(s)"
    )
    streams = connect(addresses, args.wait, log, args.server)
    log(f"connected to {', '.join(str(address) for address in addresses)}")
    reporter.providers = list(providers.values())
    try:
        report = serve(
            addresses, streams, [providers[a.part] for a in addresses], len(case), reporter.progress
        )
    except ProtocolError:
        raise
    except PolcoupleError:
        stop_ipi(args.case, streams)
        raise
    finally:
        for stream in streams:
            stream.close()
    log("i-PI said EXIT; " + reporter.summary(report))


class Reporter:
    """Prints steps per second and the split of time, at most every ``period`` seconds.

    The first step, in which backends prepare themselves, is reported apart from the others.
    """

    def __init__(self, period: float) -> None:
        self.providers: list[ForceProvider] = []
        self._report: DriverReport | None = None
        self._period = period
        self._last = time.perf_counter()
        self._first: dict[str, float] = {}
        self._warned: set[str] = set()

    def progress(self, report: DriverReport) -> None:
        """Called after every answer."""
        self._report = report
        self._first = self._first or self._seconds(report)
        for provider in self.providers:
            for warning in provider.warnings - self._warned:
                log(f"warning: {warning}")
            self._warned |= provider.warnings
        if time.perf_counter() - self._last >= self._period:
            self._last = time.perf_counter()
            log(self.summary(report))

    def summary(self, report: DriverReport) -> str:
        """One line: evaluations, rate and where the time went."""
        line = f"{report.evaluations} steps"
        if report.evaluations:
            line += f", the first in {self._first['wall']:.2f} s"
        if report.evaluations > 1:
            since = {name: t - self._first.get(name, 0.0) for name, t in self._seconds(report).items()}
            count = report.evaluations - 1
            line += f", then {count / since.pop('wall'):.1f} steps/s; per step: "
            line += ", ".join(f"{name} {1e3 * seconds / count:.2f} ms" for name, seconds in since.items())
        return line

    def part(self, message: str) -> dict[str, Any]:
        """What the driver tells of itself at its end; ``message`` says why it failed."""
        report = self._report
        warnings = sorted({warning for provider in self.providers for warning in provider.warnings})
        if report is None:
            return driver_part("0 steps", {}, 0, warnings, message)
        return driver_part(self.summary(report), self._seconds(report), report.evaluations, warnings, message)

    def _seconds(self, report: DriverReport) -> dict[str, float]:
        """Wall time so far and its parts."""
        seconds = {"wall": report.seconds, "i-PI and socket": report.waited}
        for provider in self.providers:
            for name, value in provider.timings.seconds.items():
                seconds[name] = seconds.get(name, 0.0) + value
        return seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(
        prog="polcouple-driver", description="Serve a case's energy and forces to i-PI over its socket."
    )
    add_arguments(parser)
    sys.exit(guarded(run, parser.parse_args(argv), "polcouple-driver"))


def _addresses(args: argparse.Namespace, root: Element | None) -> list[SocketAddress]:
    """Where to connect: what the options say, or else i-PI's input."""
    if args.unix:
        return [SocketAddress("unix", args.unix, part=args.part)]
    if args.host:
        return [SocketAddress("inet", args.host, args.port, args.part)]
    assert root is not None
    return socket_addresses(root, args.case / args.input)


def _recorder(args: argparse.Namespace, case: Case, root: Element | None) -> FrameRecorder | None:
    if args.record is None:
        return None
    if root is None:
        raise InputError("--record needs i-PI's input for the time step; leave --unix and --host away")
    from polcouple.coupling.recorder import FrameRecorder, open_dataset

    dataset = open_dataset(args.record, case, store_positions=False, origin="polcouple-driver --record")
    time_step = time_step_ps(root, args.case / args.input)
    return FrameRecorder(dataset, case, args.record_every, args.record_after, time_step)


if __name__ == "__main__":
    main()
