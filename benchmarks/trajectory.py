"""Trajectories of a case from a given start without thermostat, and what they conserve.

Velocity Verlet, or the reversible multiple time stepping of Tuckerman, Berne and Martyna, J. Chem. Phys. 97,
1990 (1992), with ``part: slow`` outside and ``part: fast`` inside, as i-PI has it.

What such a step conserves is not the energy but, to the next order in the inner step h and the outer one H,
the shadow energy (Skeel and Hardy, SIAM J. Sci. Comput. 23, 1172 (2001), and the same expansion of the
symmetric product of three exponentials for the outer step)

    E + h^2 (v.V_f''.v / 12 - F_f.F_f / 24 m) + H^2 ((v.V_s''.v - F_f.F_s / m) / 12 - F_s.F_s / 24 m),

f the fast and s the slow part. The energy itself goes up and down with every vibration of a bond, which
hides a drift in a short run. v.V''.v is from the forces of the steps before and after.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.case.model import Case
from polcouple.coupling.difference import SlowForces
from polcouple.coupling.forces import Forces
from polcouple.engines.base import NATIVE
from polcouple.errors import InputError
from polcouple.files import write_npz
from polcouple.nn.grand.model import load_grand_model
from polcouple.propagation.grand_forces import GrandForces
from polcouple.propagation.providers import create_providers
from polcouple.units import FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

STEP_FS = 0.5
#: the backend of a run by a network alone
NETWORK = "network"
_DT = STEP_FS * FS_TO_ATOMIC_TIME
_KT = 300.0 * KELVIN_TO_HARTREE
#: of Langevin dynamics, in 1/ps
_FRICTION = 5.0


@dataclass(frozen=True)
class Method:
    """A backend, the steps between its answers where something cheaper is in between, an engine.

    Attributes:
        network: directory of the grand potential that is in between, or alone where the backend is
            ``network``; None: the case's ``fast_backend``.
    """

    backend: str
    inner: int = 1
    platform: str = NATIVE
    network: str | None = None

    def identity(self, case: Case) -> str:
        """What a run's numbers depend on but for its start."""
        fast = case.system.fast_backend
        both = [self.backend] if self.inner == 1 or fast is None else [self.backend, fast]
        if self.backend == NETWORK:
            both = []
        network = f" {self.network}" if self.network else ""
        return _identity(case, both, f"{self.inner} {self.platform}{network}")


@dataclass(frozen=True, eq=False)
class Start:
    """Positions (N, 3) in bohr of all atoms and momenta (N, 3), zero where nothing moves."""

    positions: np.ndarray
    momenta: np.ndarray


#: numbers by name of positions (N, 3), velocities (N, 3) and electrode charges (n,), atomic units
Observe = Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, float]]


def nothing(*_: np.ndarray) -> Mapping[str, float]:
    """For runs of which only the energy is wanted."""
    return {}


def moving_atoms(case: Case) -> np.ndarray:
    """Indices of what the case's trajectories move."""
    return np.arange(len(case)) if case.mobile else case.electrolyte_indices


def warmed_start(case: Case, stages: Mapping[str, float], kept: Path | None = None) -> Start:
    """The case's positions at 300 K after Langevin dynamics with one backend after the other.

    Args:
        stages: ps by backend.
        kept: the file that has it already, or will.
    """
    identity = _identity(case, stages, str(dict(stages)))
    if kept is not None and kept.exists():
        stored = _read(kept, identity)
        return Start(stored["positions"], stored["momenta"])
    momenta, moving = np.zeros_like(case.positions), moving_atoms(case)
    spread = np.sqrt(case.topology.masses[moving, None] * _KT)
    momenta[moving] = spread * np.random.default_rng(1).standard_normal((len(moving), 3))
    start = Start(case.positions.copy(), momenta)
    for backend, picoseconds in stages.items():
        print(f"{picoseconds:g} ps of Langevin dynamics with {backend}", file=sys.stderr, flush=True)
        start = _langevin(case, start, backend, picoseconds)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"positions": start.positions, "momenta": start.momenta}
        write_npz(kept, {"identity": np.array(identity)} | arrays)
    return start


def _langevin(case: Case, start: Start, backend: str, picoseconds: float) -> Start:
    """BAOAB of Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013)."""
    provider, moving = _providers(case, Method(backend))["fast"], moving_atoms(case)
    masses, rng = case.topology.masses[moving, None], np.random.default_rng(2)
    kept = np.exp(-_FRICTION * 1e-3 * STEP_FS)
    kick = np.sqrt(masses * _KT * (1.0 - kept**2))
    positions, momenta = start.positions.copy(), start.momenta[moving]
    forces = provider.evaluate(positions, case.cell).forces[moving]
    for _ in range(round(1000.0 * picoseconds / STEP_FS)):
        momenta += 0.5 * _DT * forces
        positions[moving] += 0.5 * _DT * momenta / masses
        momenta = kept * momenta + kick * rng.standard_normal(momenta.shape)
        positions[moving] += 0.5 * _DT * momenta / masses
        forces = provider.evaluate(positions, case.cell).forces[moving]
        momenta += 0.5 * _DT * forces
    full = np.zeros_like(positions)
    full[moving] = momenta
    return Start(positions, full)


def run_name(inner: int) -> str:
    """Of a run of `dftb`."""
    return "dftb" if inner == 1 else f"dftb every {inner * STEP_FS:g} fs"


def kept_file(folder: Path | None, name: str) -> Path | None:
    """That of a run."""
    return folder / f"{name.replace(' ', '_')}.npz" if folder else None


def kept_shadows(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,) in ps and shadow energies (n,) in K per moving atom of a trajectory's file."""
    with np.load(file) as stored:
        inner = int(str(stored["identity"]).split()[0])
        shadows = stored["records"][1:, list(stored["names"]).index("shadow")]
        moving = len(stored["state_momenta"])
    times = 1e-3 * STEP_FS * inner * np.arange(1, 1 + len(shadows))
    return times, shadows / (KELVIN_TO_HARTREE * moving)


def _identity(case: Case, backends: Iterable[str], more: str) -> str:
    """Of what is computed with a case and some backends."""
    settings = {name: case.backend_settings(name) for name in backends}
    system = case.system.model_dump_json(exclude={"backends", "fast_backend"})
    atoms = hashlib.sha256(case.positions.tobytes() + case.cell.tobytes()).hexdigest()
    return f"{more} {settings} {atoms} {system}"


def _read(file: Path, identity: str) -> dict[str, np.ndarray]:
    """The arrays of a file, which must be of the same calculation."""
    with np.load(file) as stored:
        arrays = dict(stored)
    if str(arrays["identity"]) != identity:
        raise InputError(f"{file}: is of another case, or of other settings; keep this one in another folder")
    return arrays


def _providers(case: Case, method: Method) -> dict[str, Forces]:
    """``fast``, and ``slow`` if there is one."""
    engine = {"platform": method.platform, "threads": 1}
    network = None if method.network is None else _network_forces(case, method.network)
    if network is not None and method.backend == NETWORK:
        return {"fast": network}
    if method.inner == 1 or network is not None:
        whole = create_providers(case, method.backend, {}, ["all"], **engine)["all"]
        return {"fast": whole} if network is None else {"fast": network, "slow": SlowForces(whole, network)}
    made = create_providers(case, method.backend, {}, ["fast", "slow"], **engine)
    return {"fast": made["fast"], "slow": made["slow"]}


def _network_forces(case: Case, network: str) -> GrandForces:
    """Those of a grand potential's directory, at the case's Fermi level."""
    potential = case.system.potential
    assert potential is not None and potential.fermi_level_ev is not None
    return GrandForces(case, load_grand_model(Path(network)), potential.fermi_level_ev)


class Trajectory:
    """A trajectory that goes on where the file that it keeps ends.

    Args:
        case: all of whose atoms move if its electrode is mobile, and its liquid otherwise.
        observe: what else is written down at every outer step.
        kept: the file; None keeps nothing.

    Attributes:
        seconds: of processor time that steps took, without what is made once.
    """

    def __init__(
        self, case: Case, method: Method, start: Start, observe: Observe = nothing, kept: Path | None = None
    ) -> None:
        self._case, self._inner, self._observe, self._kept = case, method.inner, observe, kept
        self._identity = method.identity(case)
        self._moving = moving_atoms(case)
        self._masses = case.topology.masses[self._moving, None]
        self._parts = _providers(case, method)
        self._names: tuple[str, ...] = ()
        self._records: list[list[float]] = []
        self.seconds = 0.0
        self._state = {"positions": start.positions.copy(), "momenta": start.momenta[self._moving]}
        if kept is not None and kept.exists():
            stored = _read(kept, self._identity)
            self._state = {name[6:]: stored[name] for name in stored if name.startswith("state_")}
            self._names = tuple(map(str, stored["names"]))
            self._records = stored["records"].tolist()
            self.seconds = float(stored["seconds"])
        first = self._evaluated(self._state["positions"], "fast") | self._evaluated(
            self._state["positions"], "slow"
        )
        if "fast" not in self._state:
            unknown = np.full_like(self._state["momenta"], np.nan)
            self._state |= first | {"fast_before": unknown, "slow_before": unknown}

    @property
    def times(self) -> np.ndarray:
        """(n,) in ps, of the points that are recorded; the first is the start."""
        return 1e-3 * STEP_FS * self._inner * np.arange(len(self._records))

    def series(self, name: str) -> np.ndarray:
        """(n,) of the points; ``energy`` and ``shadow`` (at first NaN) in Hartree, others as observed."""
        return np.array(self._records)[:, self._names.index(name)]

    def advance(self, picoseconds: float) -> None:
        """Go on until so much time is recorded, and write the file."""
        wanted = round(1000.0 * picoseconds / (STEP_FS * self._inner))
        begin = time.process_time()
        while len(self._records) < wanted:
            self._step()
        self.seconds += time.process_time() - begin
        if self._kept is not None:
            numbers = {"records": self._records, "names": self._names, "seconds": self.seconds}
            numbers |= {"identity": self._identity}
            state = {f"state_{name}": values for name, values in self._state.items()}
            write_npz(self._kept, {name: np.asarray(value) for name, value in numbers.items()} | state)

    def _step(self) -> None:
        """One outer step, and the record of the point that it begins at."""
        state, masses, outer_dt = self._state, self._masses, self._inner * _DT
        positions, momenta = state["positions"].copy(), state["momenta"].copy()
        new = dict(state)
        momenta += 0.5 * outer_dt * state["slow"]
        inside = [state["fast"]]
        for _ in range(self._inner):
            momenta += 0.5 * _DT * inside[-1]
            positions[self._moving] += _DT * momenta / masses
            new |= self._evaluated(positions, "fast")
            inside.append(new["fast"])
            momenta += 0.5 * _DT * inside[-1]
        new |= self._evaluated(positions, "slow")
        momenta += 0.5 * outer_dt * new["slow"]
        new |= {"positions": positions, "momenta": momenta}
        new |= {"fast_before": inside[-2], "slow_before": state["slow"]}
        self._record(inside[1], new["slow"])
        self._state = new

    def _evaluated(self, positions: np.ndarray, part: str) -> dict[str, np.ndarray]:
        """Forces (m, 3) of a part on what moves, its energy, and charges where they are the backend's own."""
        if part not in self._parts:
            return {part: np.zeros_like(self._state["momenta"]), f"energy_{part}": np.zeros(())}
        found = self._parts[part].evaluate(positions, self._case.cell)
        told = {part: found.forces[self._moving], f"energy_{part}": np.array(found.energy)}
        if part == "slow" or "slow" not in self._parts:
            if "charges" in found.extras:
                told["charges"] = np.asarray(found.extras["charges"])
            else:  # of a network, which has their sum
                told["charges"] = np.array([-float(found.extras["excess_electrons"])])  # type: ignore[arg-type]
        return told

    def _record(self, fast_after: np.ndarray, slow_after: np.ndarray) -> None:
        """Write the present point down, with the forces one inner and one outer step after it."""
        state, masses = self._state, self._masses
        velocities, fast, slow = state["momenta"] / masses, state["fast"], state["slow"]
        outer_dt = self._inner * _DT
        kinetic = 0.5 * float((masses * velocities**2).sum())
        energy = kinetic + float(state["energy_fast"] + state["energy_slow"])
        fast_curvature = -float((velocities * (fast_after - state["fast_before"])).sum()) / (2.0 * _DT)
        slow_curvature = -float((velocities * (slow_after - state["slow_before"])).sum()) / (2.0 * outer_dt)
        squares = [float((a * b / masses).sum()) for a, b in ((fast, fast), (fast, slow), (slow, slow))]
        shadow = energy + _DT**2 * (fast_curvature / 12 - squares[0] / 24)
        shadow += outer_dt**2 * ((slow_curvature - squares[1]) / 12 - squares[2] / 24)
        everywhere = np.zeros_like(state["positions"])
        everywhere[self._moving] = velocities
        seen = self._observe(state["positions"], everywhere, state["charges"])
        self._names = ("energy", "shadow", *seen)
        self._records.append([energy, shadow, *seen.values()])
