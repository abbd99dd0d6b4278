"""The whole of a driver's work for an i-PI: connect, answer, say how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from polcouple.case.case import Case
from polcouple.errors import PolcoupleError, ProtocolError
from polcouple.ipi.sockets import SocketAddress
from polcouple.log import log
from polcouple.propagation.driver import Forces, connect, serve, stop_ipi
from polcouple.propagation.fellow_drivers import alike
from polcouple.propagation.reporter import Reporter


def attend(
    addresses: Sequence[SocketAddress],
    providers: Sequence[Forces],
    case: Case,
    directory: Path,
    reporter: Reporter,
    patience: float,
    decides: Mapping[str, str],
    server: int | None = None,
) -> None:
    """Serve an i-PI until it says EXIT; input that must not be computed with stops it.

    Args:
        providers: one for each of ``addresses``.
        directory: of i-PI.
        patience: seconds to wait for i-PI to appear.
        decides: see :func:`polcouple.propagation.fellow_drivers.alike`.
        server: process of the only i-PI to serve; None for whoever listens.

    Raises:
        PolcoupleError: positions are refused, i-PI is not there or gone, or another driver serves it in
            another way.
    """
    # a run that has started its own i-PI looks for other drivers itself
    with alike(addresses if server is None else (), decides), ExitStack() as connected:
        streams = connect(addresses, patience, log, server)
        for stream in streams:
            connected.callback(stream.close)
        log(f"connected to {', '.join(str(address) for address in addresses)}")
        reporter.providers = list({id(one): one for one in providers}.values())
        try:
            report = serve(addresses, streams, providers, case, reporter.progress)
        except ProtocolError:
            raise
        except PolcoupleError:
            stop_ipi(directory, streams)
            raise
    log("i-PI said EXIT; " + reporter.summary(report))
