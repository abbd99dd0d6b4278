"""One run on one page that needs nothing else: what it did, how well, of what it is, what it warned of."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from polcouple.analysis.gather import LEAST_FRAMES, Liquid, gather
from polcouple.analysis.replicas import Exchanges, by_ensemble, read_exchanges
from polcouple.analysis.runs import Run, read_run, require_frames
from polcouple.analysis.watching import Standing, Watched
from polcouple.errors import InputError
from polcouple.files import write_whole
from polcouple.log import log
from polcouple.number_words import fixed
from polcouple.output_paths import require_suffix
from polcouple.propagation.record import Record, read_record
from polcouple.report import density_figure, held_potential
from polcouple.report.charge_sections import charge_section, potential_section
from polcouple.report.charge_series import charge_series_section
from polcouple.report.energy_sections import (
    asked_temperature,
    energy_section,
    name_of,
    temperature_section,
    time_section,
    title_of,
)
from polcouple.report.html import numbers_text, page, pictures
from polcouple.report.liquid_sections import liquid_sections
from polcouple.report.replica_sections import replica_sections
from polcouple.report.section import Cell, Figure, Section, Table
from polcouple.report.words import BAND

#: characters of a setting's value that are shown
_LONGEST = 200


def write_run_report(directory: Path, output: Path, skip_ps: float = 0.0) -> None:
    """Read a run through and write its page; what cannot be shown is said there, with the reason.

    Args:
        directory: of a run, finished or not.
        output: the page, .html; an earlier page is replaced when the new one is complete.
        skip_ps: left out of the run, but for its warnings and settings.

    Raises:
        InputError: no run, another ending, or a time to skip that is negative or beyond the run's end.
    """
    require_suffix(output, ".html")
    if not output.parent.is_dir():
        raise InputError(f"{output}: no directory {output.parent}; make it, or name another place")
    if skip_ps < 0:
        raise InputError(f"--skip {skip_ps:g}: give a time in ps that is not negative")
    now = Watched(directory).look()
    if skip_ps and now.time_ps is not None and skip_ps >= now.time_ps:
        raise InputError(f"--skip {skip_ps:g}: the run has only {now.time_ps:g} ps")
    sections = _sections(directory, now, skip_ps)
    about = {"run": str(directory.resolve()), "skip_ps": skip_ps}
    data = base64.b64encode(numbers_text(about, sections).encode()).decode()
    footer = (
        "Errors are one standard error, by blocks; after '&gt;' a lower bound: the run is short against the"
        ' correlation. <a download="numbers.json" href="data:application/json;base64,'
        f'{data}">All numbers of this page as JSON</a>.'
    )
    title = f"Run {directory.resolve().name}"
    write_whole(output, page(title, sections, pictures(sections), footer, files=False))


def _sections(directory: Path, now: Standing, skip_ps: float) -> list[Section]:
    record = read_record(directory)
    shown: list[Section] = []

    def part(what: str, make: Callable[[], Sequence[Section]]) -> None:
        """Sections, or the reason why there are none."""
        try:
            shown.extend(make())
        except InputError as error:
            log(f"not shown: {what}: {error}")
            shown.append(Section(what, (f"Not shown: {error}.",)))

    names = [system.name for system in now.systems]
    several = len(names) > 1
    exchanges = read_exchanges(directory) if several else None
    for name in names if several else [None]:
        part(title_of("Energy account", name), partial(_account, energy_section, directory, skip_ps, name))
        if exchanges is None:
            part(
                title_of("Temperature", name),
                partial(_account, temperature_section, directory, skip_ps, name),
            )
    if exchanges is not None:
        part("Replicas", lambda: replica_sections(directory, skip_ps, names, exchanges))
    part("Electrode charges", lambda: _charges(_views(directory, skip_ps, names, exchanges)))
    part("The liquid", lambda: _liquid(_views(directory, skip_ps, names, exchanges)))
    starts = [] if record is None else record.starts
    return [
        _summary(directory, now, record),
        _warnings(now, record),
        *shown,
        time_section(starts[-1].driver if starts else {}),
        *([] if record is None else [_starts(record), _settings(record), _versions(record)]),
    ]


def _account(
    make: Callable[[Path, float, str | None], tuple[Section, Any]],
    directory: Path,
    skip_ps: float,
    system: str | None,
) -> list[Section]:
    return [make(directory, skip_ps, system)[0]]


class _Views(NamedTuple):
    """Runs by their names on the page: trajectories, and the frames of each ensemble.

    They are the same where no replicas are exchanged; the only run of a directory has its backend's name.
    """

    followed: dict[str, Run]
    ensembles: dict[str, Run]


def _views(directory: Path, skip_ps: float, names: Sequence[str], exchanges: Exchanges | None) -> _Views:
    if len(names) < 2:
        run = read_run(directory, skip_ps, finished=False)
        return _Views({run.backend: run}, {run.backend: run})
    replicas = {name: read_run(directory, skip_ps, finished=False, system=name) for name in names}
    if exchanges is None:
        return _Views(replicas, replicas)
    found = by_ensemble(list(replicas.values()), exchanges)
    return _Views(replicas, dict(zip(exchanges.names, found, strict=True)))


def _charges(views: _Views) -> list[Section]:
    found = []
    for name, run in views.ensembles.items():
        section = charge_series_section(run, name if len(views.ensembles) > 1 else None)
        if section is None:
            raise InputError(f"{run.directory}: no frames of charges yet")
        found.append(section)
    return found


def _liquid(views: _Views) -> list[Section]:
    """Densities, orientation, ions, memory of the charges, and the potential; a curve for each run."""
    for run in (*views.followed.values(), *views.ensembles.values()):
        require_frames(run, LEAST_FRAMES)
    ensembles = [gather(run, name) for name, run in views.ensembles.items()]
    followed = ensembles
    if views.followed is not views.ensembles:
        followed = [gather(run, name) for name, run in views.followed.items()]
    found = [_profile(faces[0], len(ensembles) > 1) for faces in ensembles]
    for liquids, trajectories in zip(zip(*ensembles, strict=True), zip(*followed, strict=True), strict=True):
        found += [section for section, _ in liquid_sections(liquids, trajectories)]
    found.append(charge_section([faces[0] for faces in followed])[0])
    found.append(potential_section([faces[0] for faces in ensembles])[0])
    if ensembles[0][0].run.case.system.potential is not None:
        found.append(held_potential.section(list(views.ensembles.values()), list(views.ensembles))[0])
    return found


def _profile(liquid: Liquid, several: bool) -> Section:
    """Number densities along z."""
    run, times = liquid.run, liquid.run.steps * liquid.run.time_step_ps
    layers = density_figure.electrode_layers(run.case, liquid.slab)
    found = density_figure.Densities(liquid.profiles, layers, float(times[0]), float(times[-1]), len(run))
    caption = (
        f"Number densities, means of {found.frames} frames from {found.start_ps:g} to {found.end_ps:g} ps."
        f" Dotted: the bulk, the liquid's middle half. Grey: layers of the electrodes. {BAND}"
    )
    name = liquid.label if several else None
    return Section(
        title_of("Densities along z", name),
        (),
        (Figure(name_of("densities_along_z", name), density_figure.draw(found), caption),),
    )


def _summary(directory: Path, now: Standing, record: Record | None) -> Section:
    """What is to be known first, a row each."""
    wanted = "" if now.last_step is None else f" of {now.last_step}"
    rows: list[tuple[Cell, ...]] = [
        ("state", f"{now.state}{': ' if now.message else ''}{now.message}"),
        ("steps", "none written" if now.step is None else f"{now.step}{wanted}"),
        ("simulated (ps)", now.time_ps),
    ]
    several = len(now.systems) > 1
    if several:
        names = ", ".join(system.name for system in now.systems)
        rows.append(("replicas", f"{names}: files follow a replica, whose temperature may be exchanged"))
    elif (asked := asked_temperature(directory)) is not None:
        rows.append(("temperature asked for (K)", asked))
    for system in now.systems:
        of = f", {system.name}" if several else ""
        rows += [
            (f"temperature, whole run{of} (K)", system.mean_temperature),
            (f"drift of the conserved quantity, whole run{of} (kJ/mol/ps)", system.drift),
        ]
        rows += [
            (
                f"charge of {one.name}, now{of} (e)",
                fixed(one.total, 4, sign=True).replace("-", "\N{MINUS SIGN}"),
            )
            for one in system.charges
        ]
    held = None if record is None else (record.made_of.system.get("potential") or {}).get("voltage_volt")
    if held is not None:
        rows.append(("voltage held, first electrode against the last (V)", held))
    rows += [("speed (ns/day)", now.ns_per_day), ("warnings", len(now.warnings))]
    if record is not None:
        made = record.made_of
        rows += [
            ("charges by", made.backend),
            ("refreshed every", f"{made.refresh} evaluation(s)"),
            ("forces by", made.platform),
            ("case", made.case),
            ("input", made.input),
        ]
    return Section(
        "The run", tables=(Table("run", ("what", "value"), rows, f"Directory: {directory.resolve()}"),)
    )


def _warnings(now: Standing, record: Record | None) -> Section:
    rows: list[tuple[Cell, ...]] = [("driver", warning) for warning in now.warnings]
    for number, start in enumerate([] if record is None else record.starts, start=1):
        if start.status in ("failed", "stopped") and start.message:
            rows.append((f"start {number}, {start.status}", start.message))
        rows += [(f"start {number}, forced", change) for change in start.forced]
    if not rows:
        return Section("Warnings", ("None.",))
    caption = "Warnings of a kind, which differ in their numbers alone, are in one row."
    return Section("Warnings", tables=(Table("warnings", ("of", "what"), rows, caption),))


def _starts(record: Record) -> Section:
    columns = ("start", "began", "ended", "from step", "to", "reached", "status", "command")
    rows: list[tuple[Cell, ...]] = [
        (
            str(number),
            start.began,
            start.ended or "not yet",
            start.first_step,
            start.last_step,
            start.reached,
            start.status,
            start.command,
        )
        for number, start in enumerate(record.starts, start=1)
    ]
    return Section("Starts", tables=(Table("starts", columns, rows, "Of i-PI and the driver, as typed."),))


def _settings(record: Record) -> Section:
    made = record.made_of
    rows: list[tuple[Cell, ...]] = []
    for group, values in (
        (f"backend {made.backend}", made.settings),
        ("system.yaml", made.system),
        ("i-PI", made.elements),
        ("files", made.files),
    ):
        rows += [(f"{group}: {name}", text) for name, text in _flat(values).items()]
    rows.append(("seed", "from the clock" if made.seed is None else str(made.seed)))
    return Section("Settings", tables=(Table("settings", ("setting", "value"), rows, "Defaults included."),))


def _versions(record: Record) -> Section:
    rows = list(record.versions.items()) + list(record.made_of.origins.items())
    return Section("Versions", tables=(Table("versions", ("of", "version"), rows, "As they were loaded."),))


def _flat(value: Any, where: str = "") -> dict[str, str]:
    """Leaves of nested dictionaries and lists as text, by their places."""
    if isinstance(value, Mapping):
        inner = {f"{where}.{key}" if where else str(key): item for key, item in value.items()}
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        inner = {f"{where}[{number}]": item for number, item in enumerate(value)}
    else:
        return {where: "none" if value is None else _shortened(str(value))}
    return {place: leaf for key, item in inner.items() for place, leaf in _flat(item, key).items()}


def _shortened(text: str) -> str:
    """A long list by its beginning and its length; run.json has all of it."""
    if len(text) <= _LONGEST:
        return text
    entries = text.count(",") + 1
    return f"{text[:_LONGEST]} ... ({entries} entries)" if entries > 1 else f"{text[:_LONGEST]} ..."
