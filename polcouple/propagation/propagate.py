"""A prepared run directory: i-PI and the driver at work in it, from where the run stands to a given step."""

from __future__ import annotations

import math
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeAlias

from polcouple.errors import InputError
from polcouple.ipi.checkpoints import checkpoints, restart_file
from polcouple.ipi.files import output_names, progress_file
from polcouple.ipi.input import read_xml, set_total_steps, step_of, time_step_ps, write_xml
from polcouple.ipi.output import cut_unfinished
from polcouple.ipi.sockets import SocketAddress, other_sockets, own_sockets, socket_addresses
from polcouple.log import log
from polcouple.propagation.driver_log import DriverWarnings
from polcouple.propagation.guard import foreign_client, locked, remove_stale_sockets, require_usable
from polcouple.propagation.programs import Programs, RunFailedError, require_success, start_programs
from polcouple.propagation.progress import Progress
from polcouple.propagation.record import file_words, read_driver_part, read_record, recorded_start

_POLL = 0.2
_RESTART = "RESTART"


class Display(Protocol):
    """What shows the progress of one start; see :class:`polcouple.propagation.progress.Progress`."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def look(self) -> None:
        """Show what is new."""

    def end(self, state: str, step: int) -> None:
        """Show how it ended, and the step that was reached."""


#: a run that is followed; it returns the step reached
Propagation: TypeAlias = Generator[None, None, int]


def propagate(directory: Path, last_step: int, driver_words: list[str], forced: Sequence[str] = ()) -> int:
    """Run i-PI and the driver in a prepared directory, from where it stands to ``last_step``.

    Args:
        driver_words: options of polcouple-driver.
        forced: changes that the user goes over, for the record.

    Returns:
        The step reached: less than ``last_step`` where somebody asked i-PI to stop.

    Raises:
        RunFailedError: one of the two ended early.
        InputError: another run is at work in the directory.
    """
    return finished(propagation(directory, last_step, driver_words, forced))


def finished(run: Propagation) -> int:
    """Wait for a run to end; the step that it reached."""
    while True:
        try:
            next(run)
            time.sleep(_POLL)
        except StopIteration as end:
            return int(end.value)
        except KeyboardInterrupt as stop:
            run.throw(stop)


def propagation(
    directory: Path,
    last_step: int,
    driver_words: list[str],
    forced: Sequence[str] = (),
    show: Callable[[Path, ElementTree.Element, int, int], Display] = Progress,
    say: Callable[[str], None] = log,
) -> Propagation:
    """:func:`propagate` for a caller that does other things meanwhile, such as following other runs.

    Args:
        show: makes what shows the progress, of i-PI's properties, its input, first and last step.
        say: told a line at the beginning and at the end.

    Yields:
        While the run goes on; its programs end when the generator is closed or something is thrown into it.
    """
    with locked(directory) as lock:
        restart = restart_file(directory)
        root = read_xml(restart or directory / "input.xml")
        first = step_of(root)
        input_name = "restart.xml" if restart else "input.xml"
        if restart:
            _take_own_names(root, read_xml(directory / "input.xml"))
            names = output_names(root)
            for path in directory.iterdir():
                if names.fullmatch(path.name):
                    cut_unfinished(path)
        set_total_steps(root, last_step)
        write_xml(root, directory / input_name)
        (directory / "EXIT").unlink(missing_ok=True)
        addresses = socket_addresses(root, directory / input_name)
        for address in addresses:
            require_usable(address, own_name=False)
        remove_stale_sockets(addresses)
        for name in other_sockets(root):
            log(f"forces of another program: start the one that serves {name} once i-PI listens there")
        say(f"running in {directory}; what i-PI and the driver say is in i-pi.log and driver.log there")
        warnings = DriverWarnings(directory / "driver.log")
        begun = read_xml(directory / "input.xml")
        progress = show(directory / progress_file(begun), begun, first, last_step)
        with recorded_start(directory, first, last_step, forced) as start, progress:
            programs = start_programs(directory, input_name, driver_words, lock)
            try:
                yield from _follow(programs, directory, addresses, progress, warnings)
                start.status = "done"
            except (KeyboardInterrupt, GeneratorExit):
                start.status = "stopped"
                raise
            finally:
                programs.stop()
                warnings.show()
                remove_stale_sockets(addresses)
                start.reached = first
                with suppress(InputError):  # nothing complete was written
                    start.reached = step_reached(directory)
                if (directory / _RESTART).is_file():
                    start.restart = file_words(directory / _RESTART)
                if start.status == "done" and start.reached < last_step:
                    start.status = "stopped"
                progress.end(start.status, start.reached)
        if "summary" in start.driver:
            say(f"driver: {start.driver['summary']}")
        return start.reached


def step_reached(directory: Path) -> int:
    """Step that a run directory's run would go on from; 0 where none was done."""
    restart = restart_file(directory)
    return 0 if restart is None else step_of(read_xml(restart))


def require_same_step(directory: Path) -> None:
    """Refuse to go on with another time step: times of a run are its steps' numbers times one.

    Raises:
        InputError: RESTART has another time step than the input that the run began with.
    """
    restart = restart_file(directory)
    if restart is None:
        return
    try:
        began = time_step_ps(read_xml(directory / "input.xml"), directory / "input.xml")
        now = time_step_ps(read_xml(restart), restart)
    except InputError:  # no dynamics: there are no times
        return
    if not math.isclose(began, now, rel_tol=1e-6):
        raise InputError(
            f"{restart}: a <timestep> of {1e3 * now:g} fs, and the run began with {1e3 * began:g} fs; times"
            " of a run are of one time step: begin another one whose <initialize> reads this file"
        )


def of_another_run(directory: Path) -> str | None:
    """What says that the run would go on from another run's RESTART; None where nothing does.

    Every run directory has names of its own for its unix sockets, and i-PI writes them into its checkpoints;
    and the record of a run that ended in good order knows its RESTART.
    """
    restart = restart_file(directory)
    if restart is None:
        return None
    record = read_record(directory)
    last = record.starts[-1] if record is not None and record.starts else None
    changed = last is not None and restart.name == _RESTART and last.restart not in ("", file_words(restart))
    own, there = (_own_names(read_xml(path)) for path in (directory / "input.xml", restart))
    if not there or there == own:
        # whoever ran i-PI by hand since has gone to another step
        if last is None or not changed or step_of(read_xml(restart)) != last.reached:
            return None
        return f"{restart} is not as the run left it at step {last.reached}: edited, or of another run"
    return (
        f"{restart} is of another run: its i-PI listened at {', '.join(sorted(there))}, this one's at"
        f" {', '.join(sorted(own)) or 'no unix socket'}"
    )


def _take_own_names(root: ElementTree.Element, begun: ElementTree.Element) -> None:
    """Have another run's RESTART, gone on with by force, use this run's sockets."""
    own = {one.get("name"): one for one in own_sockets(begun)}
    for socket in own_sockets(root):
        theirs, ours = socket.find("address"), own.get(socket.get("name"))
        if theirs is not None and ours is not None and ours.get("mode") == socket.get("mode") == "unix":
            theirs.text = ours.findtext("address")


def _own_names(root: ElementTree.Element) -> set[str]:
    """Addresses of the driver's unix sockets."""
    sockets = [one for one in own_sockets(root) if one.get("mode", "inet").strip() == "unix"]
    return {(one.findtext("address") or "").strip() for one in sockets}


def _follow(
    programs: Programs,
    directory: Path,
    addresses: Sequence[SocketAddress],
    progress: Display,
    warnings: DriverWarnings,
) -> Iterator[None]:
    """Show progress, and what the driver warns of, until i-PI ends; between two looks the caller is asked.

    Raises:
        RunFailedError: one of the two ended early, with its last words, or another program answers i-PI, too.
    """
    kept = checkpoints(read_xml(directory / "input.xml"), directory)
    while programs.ipi.poll() is None:
        yield
        for address in addresses:
            if foreign_client(address, programs.driver.pid):
                raise RunFailedError(
                    f"another program than this run's driver answers its i-PI at {address}: end it, or choose"
                    f" another <port>, and begin anew; steps in {directory} may have its forces"
                )
        if programs.driver.poll() not in (None, 0) and programs.ipi.poll() is None:
            break
        for checkpoint in kept:
            checkpoint.keep()
        warnings.show()
        progress.look()
    progress.look()
    require_success(programs, directory)
    answers = read_driver_part(directory).get("evaluations") if programs.driver.returncode == 0 else None
    if addresses and answers == 0:
        raise RunFailedError(
            f"none of the forces in {directory} are of this run's driver: another program answered its i-PI;"
            " end it and begin anew"
        )
