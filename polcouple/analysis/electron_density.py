"""The electrodes' excess electron density and the potential across the cell, averaged over frames.

The excess is what the electrodes have more than neutral atoms: -sum_A q_A rho_A(r) with the shape rho_A of an
atom's charge (:mod:`polcouple.electrostatics.clouds`), in electrons per volume, positive where electrons are
added. What the liquid induces of it is its difference from the same electrodes without liquid, at the same
total charge or, where one is held, the same potential.

The potential is that of the electrodes' clouds and of the liquid's point charges, under the case's boundary
condition: periodic with the average that Fermi levels count from, and with the field of the slab
(:mod:`polcouple.electrostatics.slab`) where the case is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.charge_shapes import charge_shapes
from polcouple.analysis.mean_orbitals import MeanOrbitals, WaveFunctions
from polcouple.analysis.model_density import ModelDensity
from polcouple.analysis.slab import slab_of
from polcouple.backends.base import ChargeBackend, ChargeResult, Environment
from polcouple.backends.usable import checked_solve
from polcouple.case.model import Case
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.joint_search import fermi_levels
from polcouple.electrostatics.cloud_grid import CloudGrid, grid_shape, planar_potential
from polcouple.electrostatics.slab import LEAST_VACUUM
from polcouple.errors import InputError
from polcouple.lattice.cell import widest_gap
from polcouple.log import Warned
from polcouple.nn.density.files import DensityModel
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

#: what a grid can be of
Quantity = Literal["excess", "induced", "potential"]
#: a field in the vacuum (Hartree/(e bohr)) above which there is no vacuum level: 0.1 mV/Angstrom
_FLAT = 1e-4 * EV_TO_HARTREE / ANGSTROM_TO_BOHR
#: a cell is neutral to this (e)
_NEUTRAL = 1e-6
#: the vacuum level is read so far from the middle of the vacuum, on either side (bohr)
_BESIDE = 0.5 * ANGSTROM_TO_BOHR


def mean_density(
    case: Case,
    backend: str,
    frames: Iterable[np.ndarray],
    spacing: float,
    settings: Mapping[str, Any] | None = None,
    wave_functions: WaveFunctions | None = None,
    model: DensityModel | None = None,
) -> ElectronDensity:
    """Means over frames of the density with a backend's charges.

    Args:
        case: at what is held; see :func:`polcouple.case.holding.holding` for something else.
        backend: its name, and ``settings`` over those of system.yaml.
        frames: positions (N, 3) in bohr, from :func:`polcouple.frames.reading.read_frames`; read one by one.
        spacing: of the grid in bohr, at most.
        wave_functions: for the density in orbitals, too.
        model: for the density by a density model, too.

    Raises:
        InputError: a grid too large, unknown backend or setting, wave functions or a model that do not fit,
            no frame, or what reading one raises: the first is read before the backend is made.
        ConvergenceError: naming the frame.
    """
    shape = grid_shape(case.cell, spacing)
    clouds = charge_shapes(case, backend, settings or {})
    orbitals = None
    if wave_functions is not None:
        orbitals = MeanOrbitals(case, backend, settings or {}, shape, wave_functions)
    by_model = None if model is None else ModelDensity(case, model)
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise InputError("no frame to average over")
    grid = CloudGrid(case.cell, shape, case.electrode.positions, clouds)
    found = ElectronDensity(case, create_electrodes(case, backend, settings), grid, orbitals, by_model)
    for number, positions in enumerate(chain([first], rest)):
        found.add(positions, f"frame {number}")
    return found


class ElectronDensity:
    """Means over frames, added one by one, each solved from the one before it.

    Args:
        case: at what is held.
        backend: of its electrodes.
        grid: of the electrodes' atoms.
        orbitals: to which the states of each frame are added.
        by_model: to which each frame is added.

    Attributes:
        orbitals, by_model: as given.
        latest: positions (N, 3) in bohr and charges (n,) in e of the last frame.
        z: (n_z,) heights in bohr of the profiles' points: those of the grid from the middle of the vacuum on,
            or from the cell's bottom where there is none.
        bare: (n,) charges in e without the liquid, or None where the backend does not tell.
    """

    def __init__(
        self,
        case: Case,
        backend: ChargeBackend,
        grid: CloudGrid,
        orbitals: MeanOrbitals | None = None,
        by_model: ModelDensity | None = None,
    ) -> None:
        self.case, self.grid, self.orbitals, self.by_model = case, grid, orbitals, by_model
        self.latest = case.positions, np.zeros(len(case.electrode))
        self._backend = backend
        self._solver = ChargeSolver(case, backend)
        self._warned = Warned()
        self._last: ChargeResult | None = None
        self._blocks = Blocks()
        points, length = grid.shape[2], float(case.cell[2, 2])
        start, gap = widest_gap(case.positions[:, 2], length)
        self.has_vacuum = gap >= LEAST_VACUUM
        first = int(np.ceil((start + 0.5 * gap) / length * points)) if self.has_vacuum else 0
        self._order = np.arange(first, first + points) % points
        lowest = first - points if self.has_vacuum else 0
        self.z = np.arange(lowest, lowest + points) * (length / points)
        self._middle = self.z[0] + 0.5 * length
        self._heights = self._folded(case.electrode.positions)
        self._shares = np.zeros((len(case.electrodes), len(self._heights)))
        for share, own in zip(self._shares, case.electrode_slices, strict=True):
            share[own] = 1.0 / (own.stop - own.start)
        self._felt = np.array([grid.felt(share) for share in self._shares])
        self._densities, self._potentials = (
            grid.planar(field)[:, self._order] for field in ("density", "potential")
        )
        self.bare = self._without_liquid(backend)

    def add(self, positions: np.ndarray, where: str) -> None:
        """One frame: positions (N, 3) of all atoms in bohr.

        Raises:
            ConvergenceError: naming ``where``.
        """
        case = self.case
        environment = self._solver.environment(positions)
        self._last = result = self._solver.solve(environment, where, self._last)
        self._warned.log(result.warnings)
        if self.orbitals is not None:
            self.orbitals.add(self._backend, result)
        if self.by_model is not None:
            self.by_model.add(positions, result.charges)
        self.latest = positions, result.charges
        liquid, charges = case.electrolyte_positions(positions), case.electrolyte.charges
        self._blocks.add(
            np.concatenate(
                [
                    result.charges,
                    planar_potential(case.cell, self.grid.shape[2], liquid, charges)[self._order],
                    fermi_levels(result, len(case.electrodes)),
                    self._shares @ environment.site_potentials,
                    [float(charges @ self._folded(liquid))],
                ]
            )
        )

    @property
    def frames(self) -> int:
        """Number of frames added."""
        return self._blocks.frames

    @cached_property
    def charges(self) -> Estimate:
        """(n,) mean charges in e."""
        return estimate(self._blocks, lambda mean: self._split(mean)[0])

    @cached_property
    def induced_charges(self) -> Estimate | None:
        """(n,) mean charges in e less those without the liquid."""
        bare = self.bare
        return None if bare is None else estimate(self._blocks, lambda mean: self._split(mean)[0] - bare)

    def planes(self, name: Quantity) -> Iterator[np.ndarray]:
        """Blocks (b, n_y, n_z) of the grid of a mean, along the first axis one after the other.

        Args:
            name: ``excess`` or ``induced`` electrons per bohr^3, or ``potential`` of the electrodes' charges
                in Hartree/e.

        Raises:
            InputError: the backend does not tell what is induced.
        """
        if name == "potential":
            return self.grid.planes(self.charges.value, "potential")
        charges = self.charges if name == "excess" else self.induced_charges
        if charges is None:
            raise InputError("what the liquid induces is not known: the backend reads the liquid's positions")
        return self.grid.planes(-charges.value, "density")

    def array(self, name: Quantity) -> np.ndarray:
        """The whole grid (n_x, n_y, n_z) of a mean; see :meth:`planes`."""
        return np.concatenate(list(self.planes(name)))

    def excess(self, window: float = 0.0) -> Estimate:
        """(n_z,) excess electrons per bohr^3, averaged over planes, and along z over ``window`` (bohr)."""
        return estimate(
            self._blocks, lambda mean: self._smooth(-self._split(mean)[0] @ self._densities, window)
        )

    def induced(self, window: float = 0.0) -> Estimate | None:
        """(n_z,) of the same what the liquid induces."""
        bare = self.bare
        if bare is None:
            return None
        return estimate(
            self._blocks,
            lambda mean: self._smooth((bare - self._split(mean)[0]) @ self._densities, window),
        )

    def potential(self, window: float = 0.0) -> Estimate:
        """(n_z,) potential in Hartree/e, averaged over planes, and along z over ``window`` (bohr)."""
        return estimate(self._blocks, lambda mean: self._profile(mean, window))

    def potential_of_electrodes(self) -> Estimate:
        """(n_z,) the part of the potential in Hartree/e that is the electrodes', without a slab's field."""
        return estimate(self._blocks, lambda mean: self._split(mean)[0] @ self._potentials)

    def electrode_potentials(self) -> Estimate:
        """(electrodes,) potential in Hartree/e as an atom's cloud feels it, averaged over each electrode."""
        return estimate(self._blocks, self._at_electrodes)

    def fermi_levels(self) -> Estimate:
        """(electrodes,) in Hartree, NaN where the backend does not tell."""
        return estimate(self._blocks, lambda mean: self._split(mean)[2])

    def drop(self) -> Estimate:
        """Potential in Hartree/e of the first electrode less that of the second, as their atoms feel it."""
        return estimate(self._blocks, lambda mean: float(np.subtract(*self._at_electrodes(mean)[:2])))

    def bulk_potential(self) -> Estimate | None:
        """Mean potential in Hartree/e in the middle half of the liquid; None if there is none."""
        try:
            slab = slab_of(self.case)
        except InputError:
            return None
        heights = slab.heights(self.z)
        inside = (heights > slab.bulk[0]) & (heights < slab.bulk[1])
        return estimate(self._blocks, lambda mean: self._profile(mean, 0.0)[inside].mean())

    def vacuum_field(self) -> Estimate | None:
        """Electric field in the vacuum in Hartree/(e bohr); None without a vacuum, or of a charged cell."""
        charge = float(self._split(self._blocks.mean)[0].sum() + self.case.electrolyte.charges.sum())
        if not self.has_vacuum or abs(charge) > _NEUTRAL:
            return None

        def field(mean: np.ndarray) -> float:
            dipole, slab = self._dipole(mean), self.case.slab_field
            slope = 0.0 if slab is None else slab.gradient(dipole)
            return 4.0 * np.pi * dipole / self.grid.volume - slope

        return estimate(self._blocks, field)

    def vacuum_levels(self) -> Estimate | None:
        """(2,) potential in Hartree/e in the vacuum below and above all atoms; None without a level."""
        field = self.vacuum_field()
        if field is None or abs(float(field.value)) > _FLAT:
            return None
        return estimate(self._blocks, self._vacuum)

    def work_functions(self) -> Estimate | None:
        """(electrodes, 2) energy in Hartree that takes an electron from its Fermi level to the vacuum.

        Below and above all atoms; None where there is no vacuum level, NaN where there is no Fermi level.
        """
        if self.vacuum_levels() is None:
            return None
        return estimate(
            self._blocks, lambda mean: -self._split(mean)[2][:, None] - self._vacuum(mean)[None, :]
        )

    def _without_liquid(self, backend: ChargeBackend) -> np.ndarray | None:
        if backend.capabilities.positions != "none":
            return None  # it reads positions of a liquid that is not there
        slab, n = self.case.slab_field, len(self.case.electrode)
        potentials = np.zeros(n) if slab is None else slab.gradient(0.0) * self._heights
        alone = Environment(self.case.electrolyte, np.empty((0, 3)), potentials)
        where = "the electrodes without the liquid"
        return checked_solve(backend, alone, n, self.case.total_charge, None, where).charges

    def _split(self, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
        """Charges; the liquid's potential; Fermi levels; the liquid's potential at electrodes; its dipole."""
        n, points, electrodes = len(self._heights), len(self.z), len(self._shares)
        parts = np.split(mean, np.cumsum([n, points, electrodes, electrodes]))
        return parts[0], parts[1], parts[2], parts[3], float(parts[4][0])

    def _folded(self, positions: np.ndarray) -> np.ndarray:
        """Heights (m,) from the middle of what is between two halves of the vacuum."""
        length = float(self.case.cell[2, 2])
        if self.case.slab_field is not None:
            return self.case.slab_field.heights(positions)
        z = positions[:, 2] - self._middle
        return np.asarray(z - length * np.round(z / length))

    def _dipole(self, mean: np.ndarray) -> float:
        charges, *_, dipole = self._split(mean)
        return float(charges @ self._heights) + dipole

    def _at_electrodes(self, mean: np.ndarray) -> np.ndarray:
        charges, _, _, of_liquid, _ = self._split(mean)
        found = of_liquid + self._felt @ charges
        if self.case.slab_field is not None:
            field = self.case.slab_field
            found += field.curvature * float(charges @ self._heights) * (self._shares @ self._heights)
        return np.asarray(found)

    def _profile(self, mean: np.ndarray, window: float) -> np.ndarray:
        charges, of_liquid, *_ = self._split(mean)
        found = self._smooth(charges @ self._potentials + of_liquid, window)
        if self.case.slab_field is not None:
            inside = len(self.z) // 2  # the ends are where heights jump
            at = self._folded(np.array([[0.0, 0.0, self.z[inside]]]))[0]
            heights = at + self.z - self.z[inside]
            found += self.case.slab_field.gradient(self._dipole(mean)) * heights
        return found

    def _vacuum(self, mean: np.ndarray) -> np.ndarray:
        profile = self._profile(mean, 0.0)
        near = self.z - self.z[0] < _BESIDE
        return np.array([profile[near].mean(), profile[near[::-1]].mean()])

    def _smooth(self, profile: np.ndarray, window: float) -> np.ndarray:
        """Running mean of a periodic profile over ``window``."""
        length, points = float(self.case.cell[2, 2]), len(profile)
        waves = np.arange(points // 2 + 1)
        return np.asarray(np.fft.irfft(np.fft.rfft(profile) * np.sinc(waves * window / length), points))
