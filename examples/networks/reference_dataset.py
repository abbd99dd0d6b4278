"""Turn the labelled reference trajectory (NumPy files) into a polcouple dataset.

    python reference_dataset.py DIRECTORY reference.h5

DIRECTORY holds system.npz and trajectory/*.npz: positions in Angstrom, charges in e, site potentials and
Fermi levels in Hartree. Atoms are ordered electrode, water, ions. The labels that come with it have no
energies and are called reference@-4; `polcouple label reference.h5` makes dftb's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from polcouple.data.dataset import Dataset, Frames
from polcouple.electrode import Electrode, Electrolyte
from polcouple.units import ANGSTROM_TO_BOHR

ORIGIN = (
    "400 frames, 0.5 ps apart, of 336 C (-4 e), 2065 SPC/Fw water, 90 Na+ and 86 Cl-: OpenMM, MTS Langevin "
    "at 300 K, electrode charges refreshed every 50 fs by linear response, after 30 ps of equilibration; "
    "labels `dftb` by SCC-DFTB (mio-1-1, Gamma point, 300 K) to 1e-6 e."
)
TOTAL_CHARGE = -4.0
LABELS = "reference"
N_ELECTRODE = 336


def convert(directory: Path, output: Path) -> Dataset:
    """Make the dataset ``output``; its labels are called reference@-4."""
    system = np.load(directory / "system.npz")
    symbols = [str(symbol) for symbol in system["symbols"]]
    electrode = Electrode(
        tuple(symbols[:N_ELECTRODE]),
        system["electrode_positions"] * ANGSTROM_TO_BOHR,
        system["cell"] * ANGSTROM_TO_BOHR,
    )
    outside = tuple(symbols[N_ELECTRODE:])
    ions = np.array([i for i, symbol in enumerate(outside) if symbol in ("Na", "Cl")])
    electrolyte = Electrolyte(outside, system["electrolyte_charges"], ions)
    dataset = Dataset.create(output, electrode, electrolyte, origin=ORIGIN)
    for path in sorted((directory / "trajectory").glob("*.npz")):
        part = np.load(path)
        first = len(dataset)
        ion_positions = part["positions"][:, ions].astype(float) * ANGSTROM_TO_BOHR
        dataset.append(Frames(part["time"], part["site_potentials"], ion_positions))
        count = len(part["time"])
        dataset.write_labels(
            LABELS,
            TOTAL_CHARGE,
            np.arange(first, first + count),
            part["charges"],
            np.full(count, np.nan),
            part["fermi_level"],
            np.full(count, True),
        )
    return dataset


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    made = convert(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{made.path}: {len(made)} frames, labels {made.label_sets()}")
