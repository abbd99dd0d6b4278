"""Energies and forces of GROMACS itself; run as a program, this records them in tests/data/gromacs."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
from gromacs_systems import liquids, placed, write_gro, write_top
from imported_systems import relaxed

from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.source import PairOptions
from polcouple.units import BOHR_TO_ANGSTROM, BOHR_TO_NM

RECORDED = Path(__file__).parent / "data" / "gromacs"
#: double precision, from Debian's package of GROMACS
GMX = "gmx_d"
PAIRS = PairOptions(7.0, 6.0)
_SETTINGS = """
integrator = md
nsteps = 0
nstfout = 1
nstenergy = 1
continuation = yes
nstlist = 1
verlet-buffer-tolerance = -1
rlist = 0.7
rvdw = 0.7
rvdw-switch = 0.6
vdw-modifier = Potential-switch
rcoulomb = 0.7
coulombtype = PME
pme-order = 8
fourierspacing = 0.06
ewald-rtol = 1e-7
"""


def file_name(liquid):
    """Of what is recorded."""
    return liquid.replace("/", "_").replace(" ", "_") + ".npz"


def answer(directory, top, gro):
    """Energy terms in kJ/mol by GROMACS' names, and forces (n, 3) in kJ/mol/nm."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    (directory / "point.mdp").write_text(_SETTINGS)
    environment = {**os.environ, "GMX_MAXBACKUP": "-1", "OMP_NUM_THREADS": "1"}

    def run(*words, given=""):
        done = subprocess.run(
            [GMX, *map(str, words)],
            cwd=directory,
            input=given,
            text=True,
            capture_output=True,
            env=environment,
        )
        assert not done.returncode, done.stderr[-2000:]
        return done.stdout

    run("grompp", "-f", "point.mdp", "-c", gro, "-p", top, "-o", "point.tpr", "-maxwarn", 3)
    run("mdrun", "-s", "point.tpr", "-deffnm", "point", "-nt", 1)
    run(
        "energy", "-f", "point.edr", "-o", "point.xvg", "-xvg", "xmgr", given=" ".join(map(str, range(1, 30)))
    )
    names, values = [], []
    for line in (directory / "point.xvg").read_text().splitlines():
        if line.startswith("@ legend string"):
            names.append(line.split('"')[1])
        elif line[0] not in "#@":
            values = [float(word) for word in line.split()[1:]]
    terms = dict(zip(names, values, strict=True))
    cut = names.index("Potential")
    with TRRFile(str(directory / "point.trr")) as trajectory:
        return {name: terms[name] for name in names[:cut]}, np.array(trajectory.read().f, float)


def record():
    """Two configurations of each liquid, their energy terms and forces."""
    RECORDED.mkdir(parents=True, exist_ok=True)
    for name, liquid in liquids().items():
        names, places, cell = placed(liquid)
        work = Path(sys.argv[1]) / file_name(name)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        top, gro = work / "liquid.top", work / "liquid.gro"
        write_top(top, liquid, sum(residue == "GRA" for residue, _ in names))
        write_gro(gro, names, places, cell)
        source = read_gromacs(top, gro, PAIRS)
        sheet = np.array([residue == "GRA" for residue in source.residue_names])
        first = 10.0 * relaxed(source.system, source.positions * BOHR_TO_NM, sheet)
        second = 10.0 * relaxed(source.system, 0.1 * first, sheet, steps=100)
        found = {}
        for number, positions in enumerate((first, second)):
            write_gro(gro, names, positions, cell)
            terms, forces = answer(work, top, gro)
            found[f"positions_{number}"] = read_gromacs(top, gro, PAIRS).positions * BOHR_TO_ANGSTROM
            found[f"forces_{number}"] = forces.astype(np.float32)
            found[f"energies_{number}"] = np.array(list(terms.values()))
        np.savez_compressed(RECORDED / file_name(name), terms=np.array(list(terms)), **found)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    record()
