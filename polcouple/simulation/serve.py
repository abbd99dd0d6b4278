"""A case's forces served to i-PI over its sockets, until it says EXIT."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from polcouple.backends.base import backend_options
from polcouple.case.model import Case, read_case
from polcouple.check.forces import require_whole_forces
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.ipi.initialize import start_beside
from polcouple.ipi.input import evaluations_per_step, read_xml, require_sound_beads, step_of, time_step_ps
from polcouple.ipi.sockets import SocketAddress, socket_addresses
from polcouple.log import log
from polcouple.number_words import charge as charge_words
from polcouple.propagation.record import described, file_words, write_driver_part
from polcouple.propagation.reporter import Reporter

if TYPE_CHECKING:
    from polcouple.coupling.moving_recorder import MovingRecorder
    from polcouple.coupling.recorder import FrameRecorder
    from polcouple.coupling.recording_schedule import RecordingSchedule


@dataclass(frozen=True)
class Recording:
    """Frames that are appended to ``dataset`` every so many steps, ``after`` so many."""

    dataset: Path
    every: int = 1
    after: int = 0


@dataclass(frozen=True)
class Service:
    """What to serve, and where.

    Attributes:
        case: its directory.
        backend: name, with the settings ``given`` over those of system.yaml.
        input: i-PI's input in the case's directory, or RESTART.
        address: of one socket, in place of the input's.
        platform: that computes the forces, with ``threads`` at most (None: all processors).
        refresh: evaluations between refreshes of the charges; None for system.yaml's.
        patience: seconds to wait for i-PI to appear.
        report_period: seconds between lines of progress.
        server: process of the only i-PI to serve.
        recording: frames to keep.
    """

    case: Path
    backend: str
    given: Mapping[str, Any] = field(default_factory=dict)
    input: str = "input.xml"
    address: SocketAddress | None = None
    platform: str = NATIVE
    threads: int | None = None
    refresh: int | None = None
    patience: float = 60.0
    report_period: float = 10.0
    server: int | None = None
    recording: Recording | None = None


def serve_case(service: Service) -> None:
    """Serve until i-PI says EXIT. Input that must not be computed with stops i-PI, too.

    Raises:
        PolcoupleError: case, input, backend or positions are refused, or i-PI is not there or gone.
    """
    reporter, message = Reporter(service.report_period), ""
    try:
        _serve(service, reporter)
    except BaseException as error:
        message = described(error)
        raise
    finally:
        if service.case.is_dir():
            with suppress(OSError):  # a full disk has been told of
                write_driver_part(service.case, reporter.part(message))


def _serve(service: Service, reporter: Reporter) -> None:
    path = service.case / service.input
    root, addresses = None, [service.address] if service.address is not None else []
    if not addresses:
        root = read_xml(path)
        addresses = socket_addresses(root, path)
        require_sound_beads(root, path)
    case = read_case(service.case, None if root is None else start_beside(path))
    if root is not None:
        require_whole_forces(path, case)
    # OpenMM and ASE are imported only now, when the input is known to be good
    from polcouple.propagation.attend import attend
    from polcouple.propagation.kept_lists import keep_lists, recall_lists
    from polcouple.propagation.providers import create_providers

    interval = service.refresh or case.system.refresh.interval
    backend_options(service.backend, case.backend_settings(service.backend, service.given))
    providers = create_providers(
        case,
        service.backend,
        service.given,
        (address.part for address in addresses),
        platform=service.platform,
        threads=service.threads,
        interval=interval,
        first_evaluation=0 if root is None else step_of(root) * evaluations_per_step(root, path),
        observer=_recorder(service, case, root),
    )
    log(
        f"{len(case)} atoms, {charge_words(case.total_charge)} on {len(case.electrode)} electrode atoms,"
        f" backend {service.backend}, charges every {interval} evaluation(s)"
    )
    served = [providers[address.part] for address in addresses]
    recall_lists(service.case, providers)
    decides = what_decides_answers(service, case, interval)
    attend(addresses, served, case, service.case, reporter, service.patience, decides, service.server)
    keep_lists(service.case, providers)


def what_decides_answers(service: Service, case: Case, interval: int) -> dict[str, str]:
    """Names and values of what decides a driver's answers at given positions.

    Args:
        interval: evaluations between two charges.
    """
    from polcouple.coupling.electrodes import backend_identity

    decides = {
        "backend": backend_identity(case, service.backend, service.given),
        "refresh": str(interval),
        "system": hashlib.sha256(case.system.model_dump_json().encode()).hexdigest(),
        "order of atoms": " ".join(case.symbols),
    }
    if case.given is not None:
        decides["force field"] = file_words(case.given.path)
    if not case.mobile:
        decides["electrode"] = case.electrode.fingerprint()
    return decides


def _recorder(service: Service, case: Case, root: Element | None) -> FrameRecorder | MovingRecorder | None:
    recording = service.recording
    if recording is None:
        return None
    if root is None:
        raise InputError("--record needs i-PI's input for the time step; leave --unix and --host away")
    from polcouple.coupling.recorder import FrameRecorder, open_datasets
    from polcouple.coupling.recording_schedule import RecordingSchedule

    path = service.case / service.input
    if case.mobile:
        require_one_part(root, path)
    start = case.positions if case.mobile else case.electrolyte_positions(case.positions)
    schedule = RecordingSchedule(
        start,
        recording.every,
        recording.after,
        time_step_ps(root, path),
        evaluations_per_step(root, path),
    )
    origin = "polcouple-driver --record"
    if case.mobile:
        return _moving_recorder(service, recording.dataset, case, schedule, origin)
    datasets = open_datasets(recording.dataset, case, store_positions=False, origin=origin)
    return FrameRecorder(datasets, case, schedule)


def _moving_recorder(
    service: Service, path: Path, case: Case, schedule: RecordingSchedule, origin: str
) -> MovingRecorder:
    from polcouple.coupling.mobile import held_of
    from polcouple.coupling.moving_recorder import MovingRecorder, label_set, open_moving, reference_level

    dataset, held = open_moving(path, case, origin), held_of(case)
    reference = reference_level(dataset, case, service.backend, service.given)
    wanted = label_set(case, service.backend, service.given, held, reference)
    return MovingRecorder(dataset, dataset.number_of(wanted), held, schedule)


def require_one_part(root: Element, path: Path) -> None:
    """Refuse to record labels of an electrode that moves where i-PI sums forces of several parts.

    Raises:
        InputError: with the cure.
    """
    parts = sorted({address.part for address in socket_addresses(root, path)})
    if parts != ["all"]:
        raise InputError(
            f"{path}: i-PI asks for the parts {', '.join(parts)} of the forces, and labels are of all forces;"
            " sample by an input with one <ffsocket> of part: all (--input input.xml)"
        )
