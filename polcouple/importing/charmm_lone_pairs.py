"""Lone pairs of a psf (!NUMLP) that OpenMM's reader puts somewhere else than CHARMM does.

With hosts r1, r2, ... and the values DIST and SCALE of its line CHARMM (lonepair.doc) has, of two hosts,

    r1 + (DIST / |r1 - r2| + SCALE) (r1 - r2),

and where all values are zero the centre of two or three hosts. OpenMM (8.6) leaves SCALE out and knows no
centres.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openmm

from polcouple.errors import InputError

#: hosts of one lone pair that OpenMM's reader keeps
_MOST_HOSTS = 3
#: a distance in Angstrom that the reader takes, of lone pairs that are placed afterwards
_ANY = 1.0


class LonePairs:
    """Those of a psf that are to be placed; while the reader makes a System they have a place that it knows.

    Args:
        path: of the psf, which is read again.
        psf: by OpenMM's reader.

    Raises:
        InputError: one that no virtual site can stand for.
    """

    def __init__(self, path: Path, psf: Any) -> None:
        self._sites: dict[int, openmm.VirtualSite] = {}
        hosts = _numbers_of_hosts(path)
        for count, pair in zip(hosts, getattr(psf, "lonepair_list", []), strict=True):
            site, first, second, third, distance, scale, dihedral = pair
            about = f"{path}: lone pair of atom {site + 1} (from 1)"
            if not 2 <= count <= _MOST_HOSTS:
                raise InputError(f"{about} has {count} hosts; two or three can be honoured")
            if count == 2 and distance == 0.0:
                weight = 0.5 if scale == 0.0 else 1.0 + scale
                self._sites[site] = openmm.TwoParticleAverageSite(first, second, weight, 1.0 - weight)
            elif count == 2 and scale != 0.0:
                raise InputError(
                    f"{about} has a distance, {distance:g} Angstrom, and a scale, {scale:g}; give one of them"
                )
            elif count == 3 and distance == 0.0:
                if scale or dihedral:
                    raise InputError(f"{about} has angles and no distance; give all of them, or none")
                self._sites[site] = openmm.ThreeParticleAverageSite(first, second, third, *[1.0 / 3.0] * 3)
            if site in self._sites:
                pair[4:] = [_ANY, 0.0, 0.0] if count == 2 else [_ANY, 90.0, 90.0]

    def place(self, system: openmm.System) -> None:
        """Put them where CHARMM has them."""
        for index, site in self._sites.items():
            system.setVirtualSite(index, site)


def _numbers_of_hosts(path: Path) -> list[int]:
    """Of each lone pair, which OpenMM's list does not say."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if "!NUMLP" in line:
            count = int(line.split()[0])
            return [int(own.split()[0]) for own in lines[number + 1 : number + 1 + count]]
    return []
