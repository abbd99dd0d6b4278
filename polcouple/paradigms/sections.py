"""The report: one table of all models, and what each column looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polcouple.lattice.cell import base_area
from polcouple.paradigms import figures
from polcouple.paradigms import measures as of
from polcouple.paradigms.answers import Answers, Questions
from polcouple.paradigms.frames import Parts
from polcouple.paradigms.probe import HEIGHTS, probe_species
from polcouple.paradigms.scores import Scores, scores
from polcouple.report.section import Figure, Section, Table
from polcouple.units import ATOMIC_TO_MICROFARAD_PER_CM2, BOHR_TO_ANGSTROM

#: heights that the table tells the image charge at (Angstrom)
_NEAR, _FAR = 5.0, 12.0


def sections(
    cutoffs: Sequence[float],
    parts: Parts,
    asked: Questions,
    reference: Answers,
    found: Mapping[str, Answers],
) -> list[Section]:
    """The report's sections; ``found`` are the answers by model, the null baseline first."""
    everything = {name: scores(own, reference, parts, asked) for name, own in found.items()}
    truth = scores(reference, reference, parts, asked)
    null = next(iter(everything.values()))
    frame = asked.test[0]
    symbol, charge = probe_species(frame.electrolyte)
    area = base_area(frame.electrode.cell)
    plates = ATOMIC_TO_MICROFARAD_PER_CM2 * BOHR_TO_ANGSTROM / (4.0 * np.pi * of.GAP)
    return [
        _table_section(everything, truth, parts, plates),
        Section(
            "Charges against the cut-off",
            (
                "What a local model leaves of the charges' fluctuations falls with its cut-off: long waves"
                " are what it misses, as the second picture shows. Distances are from the electrode atom"
                " to the liquid's atoms.",
            ),
            (
                Figure(
                    "cutoff",
                    figures.cutoff_figure(cutoffs, everything),
                    "Unexplained part of the charge fluctuations, 1 - R², against the cut-off of local"
                    " models; lines: models that see the potential of the whole liquid; dotted: the mean"
                    " charge.",
                ),
                Figure(
                    "waves",
                    figures.wave_figure(cutoffs, everything),
                    "Unexplained part of the fluctuations by their wavelength along the electrode.",
                ),
            ),
            numbers={"cutoffs_angstrom": list(cutoffs), "waves": _by_model(everything, "by_wave")},
        ),
        Section(
            "The image of an ion",
            (
                f"One {symbol} of {charge:g} e is added to the liquid of a test frame, at a height above the"
                " electrode's plane, over three places. Its image charge is taken from the longest waves of"
                " the cell, so that a plane of perfect metal has -1 at every height (the total charge is"
                " held and does not tell). A local model has none beyond its cut-off, and one that has seen"
                " few ions near the electrode has a wrong one within it.",
            ),
            (
                Figure(
                    "image",
                    figures.image_figure(cutoffs, everything, truth),
                    "Image charge of an ion over its own, against its height. -1: perfect metal.",
                ),
            ),
            numbers={"heights_angstrom": list(HEIGHTS), "images": _by_model(everything, "images")},
        ),
        Section(
            "Forces on the liquid",
            (
                "Errors of the electrode's charges as forces on the liquid's atoms. Within"
                f" {of.FIRST_LAYER:g} Angstrom of the electrode they matter. Waves of charge along the"
                f" electrode fade with the distance over their length: beyond {of.BULK:g} Angstrom, in the"
                f" bulk, the error of the mean charge itself is {null.bulk:.2g} meV/Å, to be compared with"
                " k_B T per Angstrom, 26 meV/Å at 300 K.",
            ),
            (
                Figure(
                    "forces",
                    figures.force_figure(cutoffs, everything),
                    "Root mean square error of a force component against the atom's distance from the"
                    " electrode.",
                ),
            ),
            numbers={
                "slices_angstrom": of.SLICES.tolist(),
                "forces_mev_per_angstrom": _by_model(everything, "slices"),
                "base_area_nm2": 1e-2 * area * BOHR_TO_ANGSTROM**2,
            },
        ),
    ]


def _table_section(everything: Mapping[str, Scores], truth: Scores, parts: Parts, plates: float) -> Section:
    near, far = HEIGHTS.index(_NEAR), HEIGHTS.index(_FAR)
    columns = (
        "model", "R²", "1 - R²", "error (e)", f"image at {_NEAR:g} Å", f"image at {_FAR:g} Å",
        "capacitance (µF/cm²)", "1 - R², doubled cell", "force, first layer (meV/Å)",
        "force, bulk (meV/Å)", "processor time (ms)", "fit (s)",
    )  # fmt: skip

    def row(name: str, own: Scores) -> tuple[Any, ...]:
        return (
            name, f"{own.explained:.6f}", 1.0 - own.explained, own.rms, float(own.images[near]),
            float(own.images[far]), own.capacitance, 1.0 - own.doubled, own.first_layer, own.bulk,
            own.milliseconds, own.fit_seconds,
        )  # fmt: skip

    rows = [row(name, own) for name, own in everything.items()]
    rows.append(row("dftb (reference)", truth))
    counts = [len(part) for part in (parts.train, parts.validation, parts.test)]
    return Section(
        "All models",
        (
            f"One set of frames in blocks of time: {counts[0]} to fit, {counts[1]} to stop fits and to"
            f" choose, {counts[2]} to test. Local models read the liquid's atoms within a cut-off of each"
            " electrode atom; latent charges are of the same form, but fitted to forces on the first layer"
            " and never told a charge. Charge equilibration, the kernel K and the response net read the"
            " potential of the whole liquid at every electrode atom.",
            "R² is the explained part of each atom's fluctuations about its mean over the test frames. The"
            " mean charge, in the first row, is the null baseline of every column. The doubled cell is two"
            " electrodes side by side with another frame over each: a local model and charge equilibration"
            " go over as they are fitted, K is computed again from the electrode, and the response net serves"
            " only the electrode that it was trained for (a dash).",
            "The capacitance is that of two such electrodes face to face,"
            f" {of.GAP:g} Angstrom apart in vacuum, from the Fermi levels at charges 1 e less and more;"
            f" plates of metal have {plates:.3g} µF/cm². Local charges, explicit or latent, answer to no"
            " voltage: 0.",
        ),
        tables=(
            Table(
                "models", columns, rows,
                "Image: image charge over the ion's. Force: root mean square error of a component."
                " Processor time: of a frame from the liquid's positions on, with the site potentials"
                " where they are read.",
            ),
        ),
        numbers={name: _numbers(own) for name, own in everything.items()} | {"reference": _numbers(truth)},
    )  # fmt: skip


def _numbers(own: Scores) -> dict[str, float]:
    arrays = ("waves", "by_wave", "images", "slices")
    return {key: float(value) for key, value in vars(own).items() if key not in arrays}


def _by_model(everything: Mapping[str, Scores], what: str) -> dict[str, list[float]]:
    return {name: [float(x) for x in getattr(own, what)] for name, own in everything.items()}
