"""A grand potential served to i-PI: all forces of a case at its electrode's potential."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from polcouple.case.case import Case
from polcouple.case.model import read_case
from polcouple.errors import InputError
from polcouple.ipi.initialize import start_beside
from polcouple.ipi.input import read_xml
from polcouple.ipi.sockets import SocketAddress, other_addresses, socket_addresses
from polcouple.log import log
from polcouple.nn.grand.model import GrandModel, load_grand_model
from polcouple.nn.grand.outside import Outside
from polcouple.nn.model_files import find_model
from polcouple.propagation.reporter import Reporter


@dataclass(frozen=True)
class GrandService:
    """What to serve, and where.

    Attributes:
        case: its directory.
        model: directory of the grand potential.
        potential: of the electrode in V, in place of the case's Fermi level.
        outside: what is done where that lies outside the levels of the training.
        input: i-PI's input in the case's directory, or RESTART.
        address: of the socket, in place of the input's.
        patience: seconds to wait for i-PI to appear.
        report_period: seconds between lines of progress.
    """

    case: Path
    model: Path
    potential: float | None = None
    outside: Outside = "warn"
    input: str = "input.xml"
    address: SocketAddress | None = None
    patience: float = 60.0
    report_period: float = 10.0


def serve_grand_potential(service: GrandService) -> None:
    """Serve all forces until i-PI says EXIT.

    Raises:
        PolcoupleError: case, input, model or positions are refused, or i-PI is not there or gone.
    """
    path = service.case / service.input
    address, start = service.address, None
    if address is None:
        address, start = _socket(path), start_beside(path)
    case = read_case(service.case, start)
    potential = load_grand_model(find_model(service.model))
    _require_all_atoms(case)
    level = _level(service, case, potential)
    from polcouple.propagation.attend import attend
    from polcouple.propagation.grand_forces import GrandForces

    forces = GrandForces(case, potential, level)
    log(f"{len(case)} atoms by {potential.name} at a Fermi level of {level:.4f} eV")
    reporter = Reporter(service.report_period)
    decides = {"potential": str(potential.name), "Fermi level": f"{level:.6f} eV"}
    attend([address], [forces], case, service.case, reporter, service.patience, decides)


def _level(service: GrandService, case: Case, potential: GrandModel) -> float:
    """mu in eV.

    Raises:
        InputError: neither option nor case name one, or it lies outside and that is refused.
    """
    if service.potential is not None:
        level = potential.level(service.potential)
    elif case.system.potential is not None and case.system.potential.fermi_level_ev is not None:
        level = case.system.potential.fermi_level_ev
    else:
        raise InputError(
            f"{service.case / 'system.yaml'}: names no potential.fermi_level_ev; give the electrode's"
            " potential by --at (V)"
        )
    text = potential.outside(level)
    if text is not None and service.outside == "refuse":
        raise InputError(text)
    return level


def _require_all_atoms(case: Case) -> None:
    if len(case.ipi_indices) != len(case):
        raise InputError(
            "a grand potential is of all atoms; the case keeps some from i-PI (ipi_atoms: liquid)"
        )


def _socket(path: Path) -> SocketAddress:
    """The only socket, or the only one without a part.

    Raises:
        InputError: there is none, or there are several.
    """
    root = read_xml(path)
    found = [address for _, address in other_addresses(root)] or socket_addresses(root, path)
    if len(found) != 1:
        names = ", ".join(map(str, found)) or "none"
        raise InputError(f"{path}: one <ffsocket> expected, found {names}; name it with --unix or --host")
    return found[0]
