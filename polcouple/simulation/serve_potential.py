"""A network's potential of a case's liquid served to i-PI, beside the electrode's forces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polcouple.case.model import read_case
from polcouple.errors import InputError
from polcouple.ipi.initialize import start_beside
from polcouple.ipi.input import read_xml
from polcouple.ipi.sockets import SocketAddress, other_addresses
from polcouple.log import log
from polcouple.nn.model_files import find_model
from polcouple.nn.potential.flag import Extrapolation
from polcouple.nn.potential.potential import load_potential
from polcouple.propagation.reporter import Reporter


@dataclass(frozen=True)
class PotentialService:
    """What to serve, and where.

    Attributes:
        case: its directory.
        model: directory of the potential.
        input: i-PI's input in the case's directory, or RESTART.
        address: of the socket, in place of the input's.
        extrapolation, check_every, keep: see
            :class:`polcouple.propagation.potential_forces.PotentialForces`. With ``label``, ``keep`` is the
            file of the labelled frames.
        labels_by: the method of these labels (:class:`polcouple.propagation.frame_labels.FrameLabels`).
        patience: seconds to wait for i-PI to appear.
        report_period: seconds between lines of progress.
    """

    case: Path
    model: Path
    input: str = "input.xml"
    address: SocketAddress | None = None
    extrapolation: Extrapolation = "warn"
    check_every: int = 10
    keep: Path | None = None
    labels_by: str | None = None
    patience: float = 60.0
    report_period: float = 10.0


def serve_potential(service: PotentialService) -> None:
    """Serve the liquid's own forces until i-PI says EXIT.

    Raises:
        PolcoupleError: case, input, model or positions are refused, members differ and that is to stop the
            run, or i-PI is not there or gone.
    """
    path = service.case / service.input
    address, start = service.address, None
    if address is None:
        address, start = _liquid_socket(path), start_beside(path)
    case = read_case(service.case, start)
    potential = load_potential(find_model(service.model))
    from polcouple.propagation.attend import attend
    from polcouple.propagation.frame_labels import FrameLabels
    from polcouple.propagation.potential_forces import PotentialForces, of_the_liquid

    keep, labels = service.keep, None
    if service.labels_by is not None and keep is not None:
        labels, keep = FrameLabels(service.labels_by, keep), None
    how, every = service.extrapolation, service.check_every
    forces = PotentialForces(case, potential, how, every, keep, labels)
    liquid = of_the_liquid(case)
    count, members = len(liquid.ipi_indices), len(potential.members)
    log(f"{count} atoms of the liquid by {potential.name}, networks: {members}")
    if potential.difference_to:
        log(f"added to the case's own force field of the liquid, which must be {potential.difference_to}")
    reporter = Reporter(service.report_period)
    attend(
        [address],
        [forces],
        liquid,
        service.case,
        reporter,
        service.patience,
        {"potential": str(potential.name)},
    )


def _liquid_socket(path: Path) -> SocketAddress:
    """The only socket that is not ours.

    Raises:
        InputError: there is none, or there are several.
    """
    found = other_addresses(read_xml(path))
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        raise InputError(
            f"{path}: one <ffsocket> without a part must stand beside part: electrode, found {names}; name"
            " the socket with --unix or --host"
        )
    return found[0][1]
