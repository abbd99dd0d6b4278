"""The only unit conversions of the project (CODATA 2018).

Everything inside polcouple is in Hartree atomic units: bohr, Hartree, elementary charge, Hartree/e for
potentials. i-PI and DFTB speak atomic units; OpenMM speaks nm, kJ/mol and ps; ASE speaks Angstrom and eV.
Multiply a quantity in the left unit by ``LEFT_TO_RIGHT`` to get it in the right one.
"""

BOHR_TO_ANGSTROM = 0.529177210903
ANGSTROM_TO_BOHR = 1.0 / BOHR_TO_ANGSTROM
BOHR_TO_NM = 0.1 * BOHR_TO_ANGSTROM
NM_TO_BOHR = 1.0 / BOHR_TO_NM

HARTREE_TO_EV = 27.211386245988
EV_TO_HARTREE = 1.0 / HARTREE_TO_EV
HARTREE_TO_KJ_PER_MOL = 2625.4996394799
KJ_PER_MOL_TO_HARTREE = 1.0 / HARTREE_TO_KJ_PER_MOL
KCAL_TO_KJ = 4.184

#: kJ/mol/nm (OpenMM's forces) to Hartree/bohr (i-PI's)
KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR = KJ_PER_MOL_TO_HARTREE / NM_TO_BOHR

#: unified atomic mass unit to electron masses
DALTON_TO_ELECTRON_MASS = 1822.888486209

#: Boltzmann's constant
KELVIN_TO_HARTREE = 3.166811563455546e-6

PS_TO_ATOMIC_TIME = 1e3 / 0.02418884326585747
FS_TO_ATOMIC_TIME = 1e-3 * PS_TO_ATOMIC_TIME
ATOMIC_TIME_TO_FS = 1.0 / FS_TO_ATOMIC_TIME

ELEMENTARY_CHARGE_IN_COULOMB = 1.602176634e-19
#: capacitance e^2/Hartree of an area of one bohr^2 to microfarad per square centimetre
ATOMIC_TO_MICROFARAD_PER_CM2 = (
    1e6 * ELEMENTARY_CHARGE_IN_COULOMB / HARTREE_TO_EV / (1e-8 * BOHR_TO_ANGSTROM) ** 2
)
