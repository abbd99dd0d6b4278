"""GROMACS files of small liquids on graphene: parameters of the sizes that published force fields have."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from polcouple.builder.surfaces import graphene_sheet

DEFAULTS = "[ defaults ]\n1 {rule} {generate} {lj} {coulomb}\n"


@dataclass
class Molecule:
    """Atoms as (name, type, charge, place in Angstrom), bonds between their names."""

    name: str
    atoms: list
    bonds: str = ""
    more: str = ""
    nrexcl: int = 3
    bond_kind: int = 1
    angle_kind: int = 1
    pairs: bool = True
    dihedrals: bool = True

    @property
    def places(self):
        return np.array([atom[3] for atom in self.atoms], float)

    def text(self, bonds, angles, dihedrals):
        """[ moleculetype ] with all angles and dihedrals of the bonds, parameters by the atoms' types."""
        names = [atom[0] for atom in self.atoms]
        kinds = [atom[1] for atom in self.atoms]
        links = [tuple(names.index(n) for n in bond.split("-")) for bond in self.bonds.split()]
        near = [sorted({b if a == i else a for a, b in links if i in (a, b)}) for i in range(len(names))]
        bends = [(i, j, k) for j in range(len(names)) for i, k in combinations(near[j], 2)]
        turns = [
            (i, j, k, m) for j, k in links for i in near[j] for m in near[k] if i != k and m != j and i != m
        ]
        lines = [f"[ moleculetype ]\n{self.name} {self.nrexcl}\n[ atoms ]"]
        lines += [
            f"{n} {kind} 1 {self.name} {name} {n} {charge}"
            for n, (name, kind, charge, _) in enumerate(self.atoms, start=1)
        ]

        def section(title, rows, table, kind):
            rows = [(row, _find(table, [kinds[i] for i in row])) for row in rows]
            rows = [(row, found) for row, found in rows if found]
            if rows:
                lines.append(f"[ {title} ]")
            for row, found in rows:
                for one in found if isinstance(found, list) else [found]:
                    own = one if one.startswith(":") else f"{kind} {one}"
                    lines.append(f"{' '.join(str(i + 1) for i in row)} {own.lstrip(':')}")

        section("bonds", links, bonds, self.bond_kind)
        if self.pairs and turns:
            close = {tuple(sorted(p)) for p in links} | {tuple(sorted((i, k))) for i, _, k in bends}
            ends = sorted({tuple(sorted((i, m))) for i, _, _, m in turns} - close)
            lines += ["[ pairs ]", *(f"{i + 1} {j + 1} 1" for i, j in ends)] if ends else []
        section("angles", bends, angles, self.angle_kind)
        if self.dihedrals:
            section("dihedrals", turns, dihedrals, 3)
        return "\n".join([*lines, self.more]) + "\n"


def _find(table, kinds):
    for key, value in table.items():
        words = key.split("-")
        for order in (kinds, kinds[::-1]):
            if len(words) == len(order) and all(w in ("X", k) for w, k in zip(words, order, strict=True)):
                return value
    return None


def _ring(chain):
    """Places of an imidazolium cation's atoms: ring, its hydrogens, and a chain on either nitrogen."""

    def out(degrees, radius, z=0.0):
        angle = np.deg2rad(degrees)
        return (radius * np.cos(angle), radius * np.sin(angle), z)

    ring = {"CR": 90, "N1": 18, "C5": -54, "C4": -126, "N3": 162}
    places = {name: out(angle, 1.15) for name, angle in ring.items()}
    places |= {f"H{name[-1]}": out(angle, 2.23) for name, angle in ring.items() if name[0] == "C"}
    places |= {"C6": out(18, 2.6), "C7": out(162, 2.6)}
    for number in range(1, chain):
        places[f"C{7 + number}"] = out(162, 2.6 + 0.9 * number, 1.2 * (number % 2))
    return places


def _methyl(centre, away, names, count=3):
    """Hydrogens about a carbon at ``centre``, away from a direction."""
    away = np.asarray(away, float) / np.linalg.norm(away)
    side = np.cross(away, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    other = np.cross(away, side)
    angles = 2 * np.pi * np.arange(count) / count
    return {
        name: tuple(np.asarray(centre) + 0.36 * away + 1.03 * (np.cos(a) * side + np.sin(a) * other))
        for name, a in zip(names, angles, strict=True)
    }


def _emim():
    p = _ring(2)
    p |= _methyl(p["C6"], p["C6"], ["H11", "H12", "H13"])
    p |= _methyl(p["C7"], [0, -1, -0.6], ["H21", "H22"], 2)
    p |= _methyl(p["C8"], np.subtract(p["C8"], p["C7"]), ["H31", "H32", "H33"])
    kinds = {"CR": ("CR", -0.11), "N1": ("NA", 0.15), "N3": ("NA", 0.15), "C4": ("CW", -0.13)}
    kinds |= {"C5": ("CW", -0.13), "HR": ("HA", 0.21), "H4": ("HA", 0.21), "H5": ("HA", 0.21)}
    kinds |= {"C6": ("C1", -0.17), "C7": ("C1", -0.17), "C8": ("CE", -0.05)}
    kinds |= dict.fromkeys(("H11", "H12", "H13", "H21", "H22"), ("H1", 0.13))
    kinds |= dict.fromkeys(("H31", "H32", "H33"), ("HC", 0.06))
    bonds = (
        "CR-N1 CR-N3 N1-C5 N3-C4 C4-C5 CR-HR C4-H4 C5-H5 N1-C6 N3-C7 C7-C8 C6-H11 C6-H12 C6-H13 C7-H21 C7-H22"
        " C8-H31 C8-H32 C8-H33"
    )
    names = list(kinds)
    impropers = [("CR", "C5", "N1", "C6"), ("CR", "C4", "N3", "C7"), ("N1", "N3", "CR", "HR")]
    rows = [" ".join(str(names.index(n) + 1) for n in row) + " 4 180.0 8.368 2" for row in impropers]
    return Molecule(
        "EMI",
        [(name, *kinds[name], p[name]) for name in names],
        bonds,
        "[ dihedrals ]\n" + "\n".join(rows),
    )


def _bmim():
    p = _ring(4)
    kinds = {"CR": ("CR", -0.11), "N1": ("NA", 0.15), "N3": ("NA", 0.15), "C4": ("CW", -0.13)}
    kinds |= {"C5": ("CW", -0.13), "HR": ("HA", 0.21), "H4": ("HA", 0.21), "H5": ("HA", 0.21)}
    kinds |= {
        "C6": ("M3", 0.22),
        "C7": ("M2", 0.09),
        "C8": ("M2", 0.13),
        "C9": ("M2", 0.0),
        "C10": ("M3", 0.0),
    }
    bonds = "CR-N1 CR-N3 N1-C5 N3-C4 C4-C5 CR-HR C4-H4 C5-H5 N1-C6 N3-C7 C7-C8 C8-C9 C9-C10"
    names = list(kinds)
    impropers = [("N1", "CR", "C5", "C6"), ("N3", "CR", "C4", "C7"), ("CR", "N1", "N3", "HR")]
    rows = [" ".join(str(names.index(n) + 1) for n in row) + " 2 0.0 167.4" for row in impropers]
    # only these of all pairs three bonds apart interact
    pairs = [("C6", "HR"), ("C7", "HR"), ("C6", "H5"), ("C7", "H4"), ("C7", "C10")]
    listed = [f"{names.index(a) + 1} {names.index(b) + 1} 1" for a, b in pairs]
    return Molecule(
        "BMI",
        [(name, *kinds[name], p[name]) for name in names],
        bonds,
        "\n".join(["[ pairs ]", *listed, "[ dihedrals ]", *rows]),
        pairs=False,
    )


def _octahedral(name, centre, charges, length):
    ends = length * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])
    atoms = [(centre, centre, charges[0], (0, 0, 0))]
    atoms += [(f"F{i}", "F", charges[1], tuple(end)) for i, end in enumerate(ends)]
    rows = [
        f"{i + 2} 1 {j + 2} 1 90.0 1165.0"
        for i, j in combinations(range(6), 2)
        if abs(ends[i] @ ends[j]) < 1e-9
    ]
    bonds = " ".join(f"{centre}-F{i}" for i in range(6))
    return Molecule(name, atoms, bonds, "[ angles ]\n" + "\n".join(rows), pairs=False)


def _tetrahedral(name, centre, end, charges, length):
    corners = length / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
    atoms = [(centre, centre, charges[0], (0, 0, 0))]
    atoms += [(f"{end}{i}", end, charges[1], tuple(corner)) for i, corner in enumerate(corners)]
    return Molecule(name, atoms, " ".join(f"{centre}-{end}{i}" for i in range(4)))


def _ion(name, kind, charge):
    return Molecule(name, [(kind, kind, charge, (0, 0, 0))], nrexcl=1)


def _acetonitrile():
    atoms = [("CZ", "CZ", 0.46, (0, 0, 0)), ("NZ", "NZ", -0.56, (0, 0, 1.157))]
    atoms += [("CT", "CT", -0.08, (0, 0, -1.47))]
    hydrogens = _methyl((0, 0, -1.47), (0, 0, -1), ["H1", "H2", "H3"])
    atoms += [(name, "HC", 0.06, place) for name, place in hydrogens.items()]
    return Molecule("ACN", atoms, "CZ-NZ CZ-CT CT-H1 CT-H2 CT-H3")


def _methanol():
    atoms = [("CME", "CME", 0.266, (-1.43, 0, 0)), ("OME", "OME", -0.674, (0, 0, 0))]
    atoms += [("HO", "HO", 0.408, (0.32, 0.95, 0))]
    return Molecule("MEO", atoms, "CME-OME OME-HO", nrexcl=2, bond_kind=2, angle_kind=2, pairs=False)


_CORNER = np.deg2rad(104.52)
TIP4P_2005 = Molecule(
    "SOL",
    [
        ("OW", "OW", 0.0, (0, 0, 0)),
        ("HW1", "HW", 0.5564, (0.9572, 0, 0)),
        ("HW2", "HW", 0.5564, (0.9572 * np.cos(_CORNER), 0.9572 * np.sin(_CORNER), 0)),
        ("MW", "MW", -1.1128, (0.1, 0.1, 0)),
    ],
    more="[ settles ]\n1 1 0.09572 0.15139\n[ exclusions ]\n1 2 3 4\n2 1 3 4\n3 1 2 4\n4 1 2 3\n"
    "[ virtual_sites3 ]\n4 1 2 3 1 0.13193828 0.13193828",
    nrexcl=1,
)
_SPCE = Molecule(
    "SOL",
    [
        ("OW", "OW", -0.8476, (0, 0, 0)),
        ("HW1", "HW", 0.4238, (1.0, 0, 0)),
        ("HW2", "HW", 0.4238, (-1.0 / 3.0, 0.942809, 0)),
    ],
    more="[ settles ]\n1 1 0.1 0.16330\n[ exclusions ]\n1 2 3\n2 1 3\n3 1 2",
    nrexcl=1,
)


@dataclass
class Liquid:
    """Atom types as (name, atomic number, mass, two parameters); bonded parameters by types."""

    rule: int
    types: list
    molecules: list
    fudge: tuple = (0.5, 0.5)
    bonds: dict = None
    angles: dict = None
    dihedrals: dict = None
    more: str = ""


_RING_TYPES = [
    ("CR", 6, 12.011, 0.355, 0.29288), ("NA", 7, 14.0067, 0.325, 0.71128), ("CW", 6, 12.011, 0.355, 0.29288),
    ("HA", 1, 1.008, 0.242, 0.12552),
]  # fmt: skip
_RING_BONDS = {
    "CR-NA": "0.1315 399162", "CW-NA": "0.1378 357314", "CW-CW": "0.1341 435131", "CR-HA": "0.108 284512",
    "CW-HA": "0.108 284512",
}  # fmt: skip
_RING_ANGLES = {
    "CW-NA-CR": "108.0 586.2", "NA-CR-NA": "109.8 586.2", "NA-CR-HA": "125.1 292.9",
    "NA-CW-CW": "107.1 585.8", "NA-CW-HA": "122.0 292.9", "CW-CW-HA": "130.9 292.9",
}  # fmt: skip
_FLUORINE = ("F", 9, 18.998, 0.31181, 0.25522)
_PF6 = {"P-F": "0.1606 309620"}


def liquids():
    """The liquids by their names."""
    water = [("OW", 8, 15.9994, 0.31589, 0.7749), ("HW", 1, 1.008, 0.0, 0.0), ("MW", 0, 0.0, 0.0, 0.0)]
    spce = [("OW", 8, 15.9994, 0.3166, 0.650), ("HW", 1, 1.008, 0.0, 0.0)]
    return {
        "acetonitrile + LiPF6": Liquid(
            3,
            [
                ("CZ", 6, 12.011, 0.33, 0.276144), ("NZ", 7, 14.0067, 0.32, 0.71128),
                ("CT", 6, 12.011, 0.33, 0.276144), ("HC", 1, 1.008, 0.25, 0.06276),
                ("LI", 3, 6.941, 0.212645, 0.0764793), ("P", 15, 30.974, 0.374, 0.8368), _FLUORINE,
            ],
            [
                (_acetonitrile(), 24), (_ion("LI", "LI", 1.0), 2),
                (_octahedral("PF6", "P", (1.34, -0.39), 1.606), 2),
            ],
            bonds={"CT-CZ": "0.147 326352", "CZ-NZ": "0.1157 543920", "CT-HC": "0.109 284512", **_PF6},
            angles={
                "HC-CT-HC": "107.8 276.144", "HC-CT-CZ": "108.5 292.88", "CT-CZ-NZ": "180.0 1255.2",
            },
            dihedrals={},
        ),
        "EMIM-BF4": Liquid(
            3,
            [
                *_RING_TYPES, ("C1", 6, 12.011, 0.35, 0.27614), ("CE", 6, 12.011, 0.35, 0.27614),
                ("H1", 1, 1.008, 0.25, 0.12552), ("HC", 1, 1.008, 0.25, 0.12552),
                ("B", 5, 10.81, 0.358, 0.3975), _FLUORINE,
            ],
            [(_emim(), 8), (_tetrahedral("BF4", "B", "F", (0.96, -0.49), 1.394), 8)],
            bonds={
                **_RING_BONDS, "NA-C1": "0.1466 282001", "C1-CE": "0.1529 224262", "C1-H1": "0.109 284512",
                "CE-HC": "0.109 284512", "B-F": "0.1394 301700",
            },
            angles={
                **_RING_ANGLES, "CW-NA-C1": "125.6 586.2", "CR-NA-C1": "126.4 586.2",
                "NA-C1-H1": "110.7 313.8", "NA-C1-CE": "112.7 488.3", "H1-C1-H1": "107.8 276.1",
                "H1-C1-CE": "110.7 313.8",
                "C1-CE-HC": "110.7 313.8", "HC-CE-HC": "107.8 276.1", "F-B-F": "109.5 669.5",
            },
            dihedrals={
                "X-NA-CR-X": "19.46 0 -19.46 0 0 0", "X-CW-CW-X": "44.98 0 -44.98 0 0 0",
                "X-NA-CW-X": "12.55 0 -12.55 0 0 0", "X-C1-CE-X": "0.6276 1.8828 0 -2.5104 0 0",
                # Fourier coefficients
                "CR-NA-C1-CE": ":5 -5.2691 0 0 0", "CW-NA-C1-CE": ":5 -7.1535 6.1064 0.7939 0",
            },
        ),
        "BMIM-PF6 united atom": Liquid(
            2,
            [
                *_RING_TYPES, ("M3", 6, 15.035, 0.378, 0.866), ("M2", 6, 14.027, 0.395, 0.494),
                ("P", 15, 30.974, 0.374, 0.8368), _FLUORINE,
            ],
            [(_bmim(), 7), (_octahedral("PF6", "P", (1.34, -0.39), 1.606), 7)],
            (0.5, 0.8333),
            bonds={
                **_RING_BONDS, "NA-M3": "0.1466 282001", "NA-M2": "0.1466 282001", "M2-M2": "0.1526 259408",
                "M2-M3": "0.1526 259408", **_PF6,
            },
            angles={
                **_RING_ANGLES, "CW-NA-M3": "125.6 586.2", "CR-NA-M3": "126.4 586.2",
                "CW-NA-M2": "125.6 586.2", "CR-NA-M2": "126.4 586.2", "NA-M2-M2": "112.7 488.3",
                "M2-M2-M2": "114.0 519.7", "M2-M2-M3": "114.0 519.7",
            },
            dihedrals={
                "X-NA-CR-X": [":9 180.0 14.4 2"], "X-CW-CW-X": [":9 180.0 22.5 2"],
                "X-NA-CW-X": [":9 180.0 6.3 2"],
                "NA-M2-M2-M2": [":9 0.0 0.65 3", ":9 180.0 1.05 2", ":9 180.0 0.84 1"],
                "M2-M2-M2-M3": [":9 0.0 5.9 1", ":9 180.0 -1.1 2", ":9 0.0 6.6 3"],
            },
        ),
        "TIP4P/2005 + NaCl": Liquid(
            2,
            [*water, ("NA", 11, 22.99, 0.221737, 1.472356), ("CL", 17, 35.453, 0.469906, 0.076923)],
            [(TIP4P_2005, 70), (_ion("NA", "NA", 0.85), 3), (_ion("CL", "CL", -0.85), 3)],
        ),
        "SPC/E + MgSO4": Liquid(
            2,
            [
                *spce, ("MG", 12, 24.305, 0.1644, 3.661), ("S", 16, 32.06, 0.355, 1.046),
                ("OS", 8, 15.9994, 0.315, 0.8368),
            ],
            [(_SPCE, 70), (_ion("MG", "MG", 2.0), 2), (_tetrahedral("SO4", "S", "OS", (2.4, -1.1), 1.49), 2)],
            bonds={"S-OS": "0.149 251000"},
            angles={"OS-S-OS": "109.5 520.0"},
        ),
        # C6 and C12, quartic bonds, cosine angles, one pair of types apart
        "methanol": Liquid(
            1,
            [
                ("CME", 6, 15.035, 8.8758e-3, 1.7847e-5), ("OME", 8, 15.9994, 2.2619e-3, 1.5010e-6),
                ("HO", 1, 1.008, 0.0, 0.0),
            ],
            [(_methanol(), 34)],
            (1.0, 1.0),
            bonds={"CME-OME": "0.1430 8.18e6", "OME-HO": "0.1000 1.87e7"},
            angles={"CME-OME-HO": "108.53 450.0"},
            more="[ nonbond_params ]\nCME OME 1 4.60e-3 5.60e-6\n",
        ),
    }  # fmt: skip


def charges_of_sheet(n, total=0.0):
    """(n,) in e, with six decimals, that sum to ``total``."""
    charges = np.round(0.03 * np.sin(1.0 + 2.7 * np.arange(n)), 6)
    charges[0] += total - charges.sum()
    return np.round(charges, 6)


def write_top(path, liquid, n_sheet):
    """The .top file of a liquid on graphene of ``n_sheet`` atoms."""
    carbon = ("GC", 6, 12.011, 0.339967, 0.359824)
    if liquid.rule == 1:
        carbon = ("GC", 6, 12.011, 4 * 0.359824 * 0.339967**6, 4 * 0.359824 * 0.339967**12)
    text = DEFAULTS.format(rule=liquid.rule, generate="yes", lj=liquid.fudge[0], coulomb=liquid.fudge[1])
    text += "[ atomtypes ]\n"
    for name, number, mass, first, second in (*liquid.types, carbon):
        text += f"{name} {number} {mass} 0.0 {'D' if name == 'MW' else 'A'} {first:.10g} {second:.10g}\n"
    text += liquid.more
    for molecule, _ in liquid.molecules:
        text += molecule.text(liquid.bonds or {}, liquid.angles or {}, liquid.dihedrals or {})
    text += "[ moleculetype ]\nGRA 1\n[ atoms ]\n"
    for number, charge in enumerate(charges_of_sheet(n_sheet), start=1):
        text += f"{number} GC 1 GRA CG {number} {charge:.6f}\n"
    text += "[ system ]\nliquid on graphene\n[ molecules ]\nGRA 1\n"
    text += "".join(f"{molecule.name} {count}\n" for molecule, count in liquid.molecules)
    path.write_text(text)


def placed(liquid, seed=1):
    """Names (residue, atom), positions (n, 3) and cell lengths (3,) in Angstrom; molecules at random."""
    rng = np.random.default_rng(seed)
    sheet, sides = graphene_sheet(6, 4)
    cell = np.array([*sides, 40.0])
    names, places = [("GRA", "CG")] * len(sheet), [np.asarray(sheet)]
    for molecule, count in liquid.molecules:
        own = molecule.places
        for _ in range(count):
            for attempt in range(20000):
                turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
                centre = rng.random(3) * [*sides, 0.0] + [0, 0, rng.uniform(3.5, 24.0)]
                new = (own - own.mean(axis=0)) @ turn + centre
                apart = (np.concatenate(places)[:, None] - new) / cell
                distance = np.linalg.norm((apart - np.round(apart)) * cell, axis=2)
                if distance.min() > (2.3 if attempt < 10000 else 1.9) and new[:, 2].min() > 2.5:
                    break
            else:
                raise AssertionError(f"no room for {molecule.name}")
            places.append(new)
            names += [(molecule.name, atom[0]) for atom in molecule.atoms]
    return names, np.concatenate(places), cell


def write_gro(path, names, positions, cell):
    """A .gro file with six decimals; Angstrom."""
    lines = ["liquid on graphene", str(len(names))]
    residue, last = 0, None
    for number, ((name, atom), place) in enumerate(zip(names, positions, strict=True)):
        first = name != last or (name == "SOL" and atom == "OW")
        residue, last = residue + first, name
        x, y, z = 0.1 * place
        lines.append(f"{residue % 100000:5d}{name:<5s}{atom:>5s}{number + 1:5d}{x:11.6f}{y:11.6f}{z:11.6f}")
    lines.append(" ".join(f"{0.1 * length:.6f}" for length in cell))
    path.write_text("\n".join(lines) + "\n")
