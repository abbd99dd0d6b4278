"""Liquids compared: analyses on series with known answers, runs read back, errors and statements."""

import dataclasses
import gc
import shutil
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
from compare_cases import STRIDE, jiggled, thinned_case, write_run
from scipy.signal import lfilter

from polcouple.analysis.block_errors import Blocks, Estimate, estimate
from polcouple.analysis.density import DensityProfile, Species, first_peak, species_of
from polcouple.analysis.differences import Quantity, differences
from polcouple.analysis.electrode_series import ChargeCorrelation, ChargeStatistics
from polcouple.analysis.gather import gather
from polcouple.analysis.ions import Survival
from polcouple.analysis.potential import PotentialProfile, periodic_potential
from polcouple.analysis.runs import labels, read_run, require_frames
from polcouple.analysis.same_system import require_same_system
from polcouple.analysis.slab import Slab, slab_of
from polcouple.analysis.water import WaterOrientation, dipole_cosines
from polcouple.case.model import read_case
from polcouple.case.schema import Slab as SlabSection
from polcouple.compare.liquid import sections
from polcouple.errors import InputError
from polcouple.report.words import as_numbers, remark
from polcouple.units import ANGSTROM_TO_BOHR

SLAB = Slab(sheet=0.0, lowest=-20.0, length=100.0, area=400.0, bulk=(15.0, 45.0))


@pytest.fixture(scope="module")
def frames(small_case):
    return jiggled(small_case, 64)


@pytest.fixture(scope="module")
def charges(small_case):
    rows = np.random.default_rng(1).normal(scale=0.01, size=(64, len(small_case.electrode)))
    return rows - rows.mean(axis=1, keepdims=True) + small_case.total_charge / len(small_case.electrode)


@pytest.fixture
def run_directory(tmp_path, small_case, frames, charges):
    return write_run(tmp_path / "run", frames, charges, small_case.symbols)


# errors of means


def autoregressive(phi, length, width, seed=0):
    noise = np.random.default_rng(seed).normal(size=(length + 500, width))
    return lfilter([1.0], [1.0, -phi], noise, axis=0)[500:]


def blocks_of(series):
    blocks = Blocks()
    for value in series:
        blocks.add(value)
    return blocks


@pytest.mark.parametrize("phi", [0.0, 0.8, 0.9])
def test_error_of_an_autoregressive_mean(phi):
    length = 4000
    series = autoregressive(phi, length, 400)
    lags = np.arange(1, length)
    inefficiency = 1 + 2 * np.sum((1 - lags / length) * phi**lags)
    exact = np.sqrt(inefficiency / (1 - phi**2) / length)
    found = estimate(blocks_of(series))
    assert found.converged
    assert np.sqrt(np.mean(found.error**2)) == pytest.approx(exact, rel=0.08)
    # the naive error is what it is compared with
    assert series.std() / np.sqrt(length) == pytest.approx(exact / np.sqrt(inefficiency), rel=0.05)


def test_slow_series_is_reported_as_too_short():
    assert not estimate(blocks_of(autoregressive(0.99, 300, 50))).converged


def test_too_few_frames_have_no_error():
    found = estimate(blocks_of(np.ones((7, 3))))
    assert np.isnan(found.error).all()
    assert not found.converged


def test_joined_blocks_keep_every_frame():
    series = np.random.default_rng(0).normal(size=(1001, 2))
    blocks = blocks_of(series)
    assert blocks.length == 8
    assert len(blocks.means) == 125
    assert blocks.mean == pytest.approx(series.mean(axis=0), abs=1e-14)
    assert blocks.means[3] == pytest.approx(series[24:32].mean(axis=0), abs=1e-14)


def test_error_of_a_ratio_is_that_of_its_linearisation():
    pairs = np.random.default_rng(2).normal([5.0, 2.0], 0.1, size=(64, 2))
    found = estimate(blocks_of(pairs), lambda mean: mean[0] / mean[1])
    linear = estimate(blocks_of(pairs[:, 0] / 2.0 - 5.0 * pairs[:, 1] / 4.0))
    assert found.value == pytest.approx(pairs[:, 0].mean() / pairs[:, 1].mean())
    assert found.error == pytest.approx(linear.error, rel=0.05)


# densities


def test_uniform_density_is_one():
    generator = np.random.default_rng(3)
    profile = DensityProfile(Species("gas", np.arange(500), False), SLAB)
    for _ in range(64):
        profile.add(np.column_stack([np.zeros((500, 2)), generator.uniform(2.0, 62.0, 500)]))
    density = profile.density()
    inside = (profile.grid.centres > 3) & (profile.grid.centres < 61)
    deviation = (density.value[inside] - 1.0) / density.error[inside]
    assert density.value[inside].mean() == pytest.approx(1.0, abs=0.02)
    assert np.sqrt(np.mean(deviation**2)) == pytest.approx(1.0, abs=0.25)
    outside = (profile.grid.centres < 1.5) | (profile.grid.centres > 62.5)
    assert (density.value[outside] == 0).all()
    number = profile.within(32.0)
    assert number.value == pytest.approx(250 / SLAB.area, rel=0.02)
    assert first_peak([profile]) is None


def test_gaussian_layer_has_its_place_and_height():
    generator = np.random.default_rng(4)
    width, place, layer, bulk = 1.0, 6.3, 300, 600
    profile = DensityProfile(Species("liquid", np.arange(layer + bulk), False), SLAB)
    for _ in range(128):
        z = np.concatenate([generator.normal(place, width, layer), generator.uniform(10, 60, bulk)])
        profile.add(np.column_stack([np.zeros((len(z), 2)), z]))
    top = first_peak([profile, profile])
    height, position = profile.peak(top)
    exact = layer / (np.sqrt(2 * np.pi) * width) / (bulk / 50)
    assert position.value == pytest.approx(place, abs=4 * position.error)
    assert height.value == pytest.approx(exact, abs=4 * height.error)
    # centre and top of a Gaussian known from its n samples
    count = layer * 128
    assert 0.5 < position.error / (width / np.sqrt(count)) < 3.0
    assert height.error < 0.03 * exact


def test_images_do_not_matter(small_case):
    slab = slab_of(small_case)
    profiles = [DensityProfile(species, slab) for species in species_of(small_case)]
    moved = (
        small_case.positions
        + np.random.default_rng(5).integers(-2, 3, small_case.positions.shape) @ small_case.cell
    )
    for profile in profiles:
        profile.add(small_case.positions)
        profile.add(moved)
        counts = profile._counts.means
        assert (counts[0] == counts[1]).all()
        assert counts[0].sum() == len(profile.species.indices)
    assert [profile.species.name for profile in profiles] == ["water O", "water H", "Na+", "Cl-"]


# water


def test_dipoles_of_split_molecules(small_case):
    oxygens = small_case.water_oxygens
    positions = small_case.positions.copy()
    for atom in range(3):
        positions[oxygens + atom] = positions[oxygens]
    tilt = np.linspace(0.1, 3.0, len(oxygens))
    bond = 1.8 * np.column_stack([np.sin(tilt), np.zeros_like(tilt), np.cos(tilt)])
    positions[oxygens + 1] += bond + small_case.cell[0]
    positions[oxygens + 2] += bond - small_case.cell[2]
    assert dipole_cosines(positions, oxygens, small_case.cell) == pytest.approx(np.cos(tilt), abs=1e-5)
    orientation = WaterOrientation(small_case, slab_of(small_case))
    for _ in range(8):
        orientation.add(positions)
    heights = slab_of(small_case).heights(positions[oxygens, 2])
    end = 25 * np.diff(orientation.heights)[0]
    near = heights < end
    mean = orientation.mean_within(end)
    assert mean.value == pytest.approx(np.cos(tilt)[near].mean(), abs=0.025)
    assert orientation.distribution(28.0).value.sum() * 2 / 40 == pytest.approx(1.0)


# ions


def test_survival_of_exponential_visits():
    stay, lags = 0.95, 20
    survival = Survival(lags, 0)
    generator = np.random.default_rng(6)
    present = np.ones(100, bool)
    for _ in range(2000):
        # an ion that leaves comes back at once as another one, after a frame away
        present = np.where(present, generator.random(100) < stay, True)
        survival.add(present)
    found = survival.probability()
    assert found.value == pytest.approx(stay ** np.arange(lags + 1), abs=0.01)
    rate = survival.leaving_rate()
    assert rate.value == pytest.approx(1 - stay, abs=4 * rate.error)
    assert survival.number().value == pytest.approx(100 / (2 - stay), rel=0.01)
    assert rate.converged


def test_rate_from_few_departures_is_not_trusted():
    survival = Survival(4, 0)
    for frame in range(200):
        survival.add(np.array([True, frame < 100, frame < 150]))
    assert 0 < survival.leaving_rate().value < 0.02
    assert not survival.leaving_rate().converged


def test_survival_is_mdanalysis_s_where_the_number_is_constant():
    from MDAnalysis.lib.correlations import autocorrelation, correct_intermittency

    generator = np.random.default_rng(7)
    # three of twelve are always there, which three changes now and then
    chosen, rows = np.arange(3), []
    for _ in range(80):
        if generator.random() < 0.2:
            chosen = generator.permutation(12)[:3]
        rows.append(np.isin(np.arange(12), chosen))
    sets = [set(np.flatnonzero(row).tolist()) for row in rows]
    survival, lags = Survival(10, 0), 10
    for row in rows:
        survival.add(row)
    # MDAnalysis takes every start, also those too near the end for the longest lags
    direct = [
        np.mean([len(set.intersection(*sets[t : t + k + 1])) / 3 for t in range(70)]) for k in range(11)
    ]
    assert survival.probability().value == pytest.approx(direct)
    _, theirs, data = autocorrelation(sets, lags)
    assert survival.probability().value[1:] == pytest.approx([np.mean(column[:70]) for column in data])
    assert theirs[0] == 1
    bridged = correct_intermittency(sets, 2)
    intermittent = Survival(10, 2)
    for row in rows:
        intermittent.add(row)
    expected = np.zeros(11)
    for start in range(68):
        for lag in range(11):
            expected[lag] += len(set.intersection(*bridged[start : start + lag + 1]))
    assert intermittent.probability().value == pytest.approx(expected / expected[0])


# charges


def test_correlation_of_a_known_process():
    phi = 0.9
    series = 0.01 * autoregressive(phi, 3000, 60)
    statistics = ChargeStatistics()
    for row in series:
        statistics.add(row)
    assert statistics.mean().value == pytest.approx(series.mean(axis=0), abs=1e-15)
    assert statistics.deviations() == pytest.approx(series.std(axis=0), rel=1e-9)
    fluctuation = statistics.fluctuation()
    assert fluctuation.value == pytest.approx(0.01 / np.sqrt(1 - phi**2), abs=4 * fluctuation.error)
    correlation = ChargeCorrelation(series.mean(axis=0), 100)
    for row in series:
        correlation.add(row)
    found = correlation.correlation()
    assert found.value[:20] == pytest.approx(phi ** np.arange(20), abs=0.03)
    time, followed = correlation.integral_time()
    assert followed
    assert time.value == pytest.approx(0.5 * (1 + phi) / (1 - phi), abs=0.05 * 9.5 + 4 * time.error)


def test_charges_that_do_not_change_do_not_fluctuate():
    statistics = ChargeStatistics()
    for _ in range(100):
        statistics.add(np.full(5, -4.0 / 336))
    assert (statistics.deviations() == 0).all()
    assert statistics.mean().value == pytest.approx(-4.0 / 336, abs=1e-17)


def test_correlation_is_the_direct_sum():
    series = np.random.default_rng(8).normal(size=(50, 4))
    correlation = ChargeCorrelation(series.mean(axis=0), 12)
    for row in series:
        correlation.add(row)
    deviations = series - series.mean(axis=0)
    direct = [np.sum(deviations[:38] * deviations[k : 38 + k]) for k in range(13)]
    assert correlation.correlation().value == pytest.approx(np.array(direct) / direct[0])


def test_correlation_is_that_by_fourier_transform():
    series = autoregressive(0.7, 4000, 30, seed=9)
    deviations = series - series.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(deviations, 8000, axis=0)) ** 2
    products = np.fft.irfft(spectrum, axis=0)[:20].sum(axis=1) / (4000 - np.arange(20))
    correlation = ChargeCorrelation(series.mean(axis=0), 20)
    for row in series:
        correlation.add(row)
    assert correlation.correlation().value[:20] == pytest.approx(products / products[0], abs=0.01)


# potential


def test_potential_of_two_charged_planes():
    """Gauss: between planes of -s and s, d apart in a cell of length L, the step is 4 pi s d (1 - d/L)."""
    number, width, density = 1000, 0.1, 0.02
    charge = np.zeros(number)
    charge[300], charge[700] = -density / width, density / width
    potential = periodic_potential(charge, width)
    inside = 4 * np.pi * density * 40.0 * (1 - 0.4)
    # a plane smeared over a bin is lower in its middle
    assert potential[700] - potential[300] == pytest.approx(inside - np.pi * density * width, rel=1e-9)
    assert potential.mean() == pytest.approx(0.0, abs=1e-12)
    # periodic: the field outside is that of the mean dipole, and the ends meet
    step = potential[1] - potential[0]
    assert potential[0] - potential[-1] == pytest.approx(step)
    assert step / width == pytest.approx(-4 * np.pi * density * 0.4, rel=1e-9)


def test_potential_of_a_wave():
    number, width = 400, 0.25
    wave = 2 * np.pi / (number * width)
    z = (np.arange(number) + 0.5) * width
    potential = periodic_potential(np.cos(wave * z), width)
    assert potential == pytest.approx(4 * np.pi / wave**2 * np.cos(wave * z), rel=2e-4, abs=1e-2)


def test_neutral_cell_and_image_planes(small_case):
    """Liquid and electrode sum to nothing; the field on both sides of the sheet differs by 4 pi Q / A."""
    slab = slab_of(small_case)
    electrode = np.full(len(small_case.electrode), small_case.total_charge / len(small_case.electrode))
    profile = PotentialProfile(small_case, slab, electrode)
    for _ in range(16):
        profile.add(small_case.positions)
    assert profile._electrode.sum() + profile._charges.mean.sum() == pytest.approx(0.0, abs=1e-9)
    potential, width = profile.potential().value, profile.grid.width
    sheet = int(profile.grid.indices(np.zeros(1))[0])
    below = (potential[sheet - 1] - potential[sheet - 2]) / width
    above = (potential[sheet + 2] - potential[sheet + 1]) / width
    assert below - above == pytest.approx(4 * np.pi * small_case.total_charge / slab.area, rel=1e-6)
    # a layer of no thickness has more than its charge spread over a bin
    plane = 0.5 * np.pi * width * small_case.total_charge / slab.area
    assert profile.at_electrode(0).value == pytest.approx(potential[sheet] + plane, abs=1e-6)


def test_potential_at_the_electrode_is_that_of_point_charges_in_every_frame(small_case, frames):
    """phi(z) = -2 pi/A sum_i q_i (|z - z_i| - (z - z_i)^2/L), periodic along z with length L."""
    slab = slab_of(small_case)
    electrode = np.full(len(small_case.electrode), small_case.total_charge / len(small_case.electrode))
    charges = np.concatenate([electrode, small_case.electrolyte.charges])
    for frame in frames[:3]:
        profile = PotentialProfile(small_case, slab, electrode)
        profile.add(frame)
        liquid = small_case.electrolyte_positions(frame)[:, 2]
        atoms = slab.heights(np.concatenate([small_case.electrode.positions[:, 2], liquid]))
        places = np.append(profile.grid.centres, 0.0)
        apart = np.abs(places[:, None] - atoms)
        apart = np.minimum(apart, slab.length - apart)
        potential = -2 * np.pi / slab.area * (apart - apart**2 / slab.length) @ charges
        bulk = (places > slab.bulk[0]) & (places < slab.bulk[1])
        exact = potential[-1] - potential[bulk].mean()
        assert profile.at_electrode(0).value == pytest.approx(exact, abs=2e-5)  # 0.5 mV


def test_slab_without_its_images_field_has_none_in_the_vacuum(small_case):
    slab = slab_of(small_case)
    electrode = np.full(len(small_case.electrode), small_case.total_charge / len(small_case.electrode))
    no_field = SlabSection(displacement_volt_per_angstrom=0.0)
    mended = replace(small_case, system=small_case.system.model_copy(update={"slab": no_field}))
    steps = []
    for case in (small_case, mended):
        profile = PotentialProfile(case, slab, electrode)
        for _ in range(8):
            profile.add(small_case.positions)
        potential = profile.potential().value
        steps.append([potential[9] - potential[0], potential[-1] - potential[-10]])
    assert np.abs(steps[0]).min() > 5e-4
    assert steps[1] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_ions_that_are_never_in_the_bulk(small_case, frames, charges, tmp_path):
    """Their density has no unit: no peak, and the report says so instead of NumPy."""
    ion = small_case.ion_indices[-1]
    frames = [frame.copy() for frame in frames[:16]]
    same = [i for i in small_case.ion_indices if small_case.symbols[i] == small_case.symbols[ion]]
    for frame in frames:
        frame[same, 2] = 6.0 + 0.01 * np.arange(len(same))
    runs = [
        read_run(write_run(tmp_path / name, frames, charges[:16], small_case.symbols, name))
        for name in ("metal", "response")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sections(runs)
    name = species_of(small_case)[-1].name
    densities = next(section for section in found if section.title == "Densities")
    assert densities.figures[0].figure.axes[3].texts[0].get_text() == "never in the bulk"
    assert (
        f"Never in the bulk, so that there is nothing to divide by: {name} (metal), {name} (resp"
        in " ".join(densities.paragraphs)
    )


def test_atoms_that_stay_are_one_sample():
    """Two ions that never leave a place, however many frames show them there: the error is not known."""
    profile = DensityProfile(Species("ion", np.arange(12), True), SLAB)
    z = np.concatenate([[6.0, 6.0], np.linspace(20.0, 40.0, 10)])
    survival = Survival(4, 1)
    for _ in range(64):
        profile.add(np.column_stack([np.zeros((12, 2)), z]))
        survival.add(z < 8.0)
    top = int(np.argmin(abs(profile.grid.centres - 6.0)))
    for found in (profile.within(10.0), *profile.peak(top), profile.bulk_density(), survival.number()):
        assert np.isfinite(found.value) and np.isnan(found.error) and not found.converged
        assert "errors are not known" in remark(found)
    for found in (profile.number_density(), profile.density()):
        assert found.value[top] > 0.0 and np.isnan(found.error).all()
    # the same number moves about: then there is an error
    generator = np.random.default_rng(6)
    for _ in range(64):
        survival.add(generator.random(12) < 0.2)
    assert survival.number().error > 0
    nowhere = profile.peak(int(np.argmin(abs(profile.grid.centres - 12.0))))
    assert all(np.isnan(one.value) for one in nowhere) and as_numbers(nowhere[0])["value"] is None
    # an ion that stayed in one of two short runs is no difference
    stayed, left = profile.within(10.0), known(0.0, np.nan, converged=False)
    assert [one.verdict for one in differences([Quantity("ions", (stayed, left))])] == ["too short to tell"]
    assert differences([Quantity("ions", (stayed, stayed))]) == []
    # where one of two is at times, there is an error, and elsewhere none
    for number in range(64):
        z[0] = 6.0 + 8.0 * (number % 3 == 0)
        profile.add(np.column_stack([np.zeros((12, 2)), z]))
    for found in (profile.number_density(), profile.density()):
        assert found.error[top] > 0.0 and np.isfinite(found.error).sum() == 2


def test_slab_needs_a_vacuum_and_an_electrode_below(small_case):
    full = small_case.positions.copy()
    full[small_case.water_oxygens, 2] = np.linspace(3.0, 112.0, len(small_case.water_oxygens))
    with pytest.raises(InputError, match="5 Angstrom without atoms"):
        slab_of(replace(small_case, positions=full))
    turned = small_case.positions * [1, 1, -1]
    with pytest.raises(InputError, match="no electrode below the liquid"):
        slab_of(replace(small_case, positions=turned))


# differences


def known(value, error, blocks=16, converged=True):
    return Estimate(np.asarray(value), np.asarray(error), blocks, converged)


def test_many_tests_of_nothing_find_nothing():
    """Of 40 quantities without a difference some fall below p = 0.05, none after the correction."""
    generator = np.random.default_rng(10)
    found, raw = 0, 0
    for _ in range(25):
        quantities = [
            Quantity(str(i), (known(generator.normal(), 1.0, 64), known(generator.normal(), 1.0, 64)))
            for i in range(40)
        ]
        tests = differences(quantities)
        raw += sum(test.p_value < 0.05 for test in tests)
        found += any(test.verdict == "differ" for test in tests)
    assert 25 < raw < 85
    assert found <= 5


def test_verdicts():
    quantities = [
        Quantity("large", (known(1.0, 0.1), known(2.0, 0.1))),
        Quantity("small", (known(1.0, 0.1), known(1.1, 0.1))),
        Quantity("short", (known(1.0, 0.1), known(2.0, 0.1, converged=False))),
        Quantity("absent", (known(1.0, 0.1), None)),
        Quantity("constant", (known(1.0, 0.0), known(1.0, 0.0))),
    ]
    tests = {test.quantity: test for test in differences(quantities)}
    assert {name: test.verdict for name, test in tests.items()} == {
        "large": "differ",
        "small": "no difference seen",
        "short": "too short to tell",
    }
    assert tests["large"].difference == pytest.approx(1.0)
    assert tests["large"].error == pytest.approx(0.1 * np.sqrt(2))
    assert tests["small"].detectable == pytest.approx(0.1414 * (2.042 + 0.854), rel=1e-3)
    assert tests["large"].corrected == pytest.approx(3 * tests["large"].p_value)


# runs


def test_run_is_read_back(run_directory, frames, charges):
    run = read_run(run_directory)
    assert (run.backend, run.interval, len(run)) == ("response", 1, 64)
    assert run.frame_spacing_ps == pytest.approx(0.1)
    for frame, expected in zip(run.frames(), frames, strict=True):
        assert frame.positions == pytest.approx(expected, abs=1e-4)
    steps, rows = zip(*run.charges(), strict=True)
    assert list(steps) == [STRIDE * i for i in range(64)]
    assert np.array(rows) == pytest.approx(charges, abs=1e-15)
    assert run.universe.dimensions[:3] == pytest.approx(np.diag(run.case.cell) / ANGSTROM_TO_BOHR, abs=1e-4)
    assert run.universe.select_atoms("resname HOH and element O").n_atoms == len(run.case.water_oxygens)
    later = read_run(run_directory, skip_ps=1.0)
    assert later.steps[0] == 2000
    assert next(later.charges())[0] == 2000
    assert labels([run]) == ["response"] and run.name == "response (run)"


def test_steps_written_twice_count_once(run_directory, frames, small_case):
    """A run that was killed at step 63 x 200 and went on from a checkpoint at 60 x 200."""
    path = run_directory / "simulation.positions_0.xyz"
    lines = path.read_text().splitlines(keepends=True)
    size = len(small_case) + 2
    again = lines[60 * size :]
    with path.open("w") as stream:
        stream.writelines(lines + again)
    text = (run_directory / "simulation.charges_0").read_text()
    rows = text.split(" #EXTRAS")
    (run_directory / "simulation.charges_0").write_text(
        text[: -len(rows[-1]) // 2] + " #EXTRAS" + " #EXTRAS".join(rows[61:])
    )
    run = read_run(run_directory)
    assert run.steps.tolist() == [STRIDE * i for i in range(64)]
    assert run._index[0].tolist() == [*range(60), *range(64, 68)]
    assert [step for step, _ in run.charges()] == run.steps.tolist()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "RESTART").unlink(), "has not finished"),
        (lambda d: (d / "RESTART").write_text("<simulation><step>7</step></simulation>"), "step 7 of 12600"),
        (lambda d: (d / "run.json").unlink(), "how the run was made"),
        (lambda d: (d / "run.json").write_text("{}"), "damaged, or of another version"),
        (lambda d: (d / "simulation.charges_0").unlink(), "the run has not written it"),
        (lambda d: (d / "input.xml").unlink(), "no run here"),
        (lambda d: edit(d / "input.xml", 'nbeads="1"', 'nbeads="4"'), "4 beads"),
        (lambda d: edit(d / "input.xml", 'format="xyz"', 'format="pdb"'), "use format='xyz'"),
        (
            lambda d: edit(d / "input.xml", 'extra_type="charges"', 'extra_type="x"'),
            "no <trajectory extra_type='charges'>",
        ),
        (
            lambda d: edit(d / "simulation.positions_0.xyz", "positions{angstrom}", "positions{ell}"),
            "'ell' is no unit of length",
        ),
        (lambda d: edit(d / "simulation.positions_0.xyz", "       O", "       N"), "atoms are not those"),
        (lambda d: edit(d / "simulation.positions_0.xyz", "60.0", "61.0"), "cell is not that"),
        (lambda d: (d / "simulation.positions_0.xyz").write_bytes(b"\x82\n\n\n\xff"), "atoms are not those"),
    ],
)
def test_unusable_runs_are_refused_in_one_line(run_directory, damage, message):
    damage(run_directory)
    with pytest.raises(InputError, match=message) as caught:
        read_run(run_directory)
    assert "\n" not in str(caught.value)
    assert str(run_directory) in str(caught.value)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_short_runs_and_other_systems_are_refused(run_directory, tmp_path):
    run = read_run(run_directory)
    with pytest.raises(InputError, match="64 frames, 65 are needed"):
        require_frames(run, 65)
    with pytest.raises(InputError, match="4 frames after what is skipped"):
        require_frames(read_run(run_directory, skip_ps=6.0), 5)
    with pytest.raises(InputError, match="frames after what is skipped"):
        sections([read_run(run_directory, skip_ps=6.0), run])
    other = tmp_path / "other"
    shutil.copytree(run_directory, other)
    edit(other / "system.yaml", "epsilon_kcal_per_mol: 0.086", "epsilon_kcal_per_mol: 0.1")
    with pytest.raises(InputError, match="its force field is not that"):
        require_same_system([run, read_run(other)])


def halved(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_outputs_that_are_cut_off_are_refused(run_directory):
    """The run has finished, and a part of a file is missing all the same."""
    shutil.copytree(run_directory, run_directory.with_name("other"))
    halved(run_directory / "simulation.positions_0.xyz")
    with pytest.raises(InputError, match=r"positions_0.xyz: ends at step 6\d00, its run at step 12600"):
        require_frames(read_run(run_directory), 16)
    halved(run_directory.with_name("other") / "simulation.charges_0")
    with pytest.raises(InputError, match=r"charges_0: ends at step 6\d00, its run at step 12600"):
        gather(read_run(run_directory.with_name("other")), "cut off")


def test_a_first_frame_without_numbers_is_refused(run_directory):
    path = run_directory / "simulation.positions_0.xyz"
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = " C 0.1xe 0.0 0.0\n"
    path.write_text("".join(lines))
    with pytest.raises(InputError, match="its first frame is damaged"):
        require_frames(read_run(run_directory), 16)


def test_moved_electrode_is_refused(tmp_path, small_case, frames, charges):
    moved = frames[5].copy()
    moved[small_case.electrode_indices[3], 0] += 0.1
    run = read_run(write_run(tmp_path / "run", [frames[0], moved], charges[:2], small_case.symbols))
    with pytest.raises(InputError, match="step 200: electrode atom 3"):
        list(run.frames())


# everything together


def test_sections_of_two_runs(tmp_path, small_case, frames, charges):
    one = read_run(write_run(tmp_path / "a", frames, charges, small_case.symbols))
    uniform = np.full_like(charges, charges.mean())
    other_frames = jiggled(small_case, 64, seed=11)
    two = read_run(write_run(tmp_path / "b", other_frames, uniform, small_case.symbols, backend="fixed"))
    found = {section.title: section for section in sections([one, two])}
    assert list(found) == [
        "Do the liquids differ?",
        "Densities",
        "Water orientation",
        "Ions near the sheet",
        "Electrode charges in time",
        "Potential across the cell",
    ]
    words = found["Do the liquids differ?"].paragraphs[0]
    assert words.startswith("fixed against response, 1")
    # white noise on the charges of one run, none on the other's: that is a difference
    verdicts = {row[0]: row[2] for row in found["Do the liquids differ?"].tables[0].rows}
    assert verdicts["fluctuation of the charges (e)"] == "differ"
    names = [figure.name for section in found.values() for figure in section.figures]
    assert len(set(names)) == len(names) == 6
    charges_section = found["Electrode charges in time"]
    assert "fixed: the charges do not change." in charges_section.paragraphs
    assert charges_section.numbers["response"]["fluctuation_e"]["value"] == pytest.approx(0.01, rel=0.05)
    mean = charges_section.numbers["response"]["mean_charges_e"]
    assert sum(mean) == pytest.approx(small_case.total_charge, abs=1e-9)


def test_runs_in_directories_of_one_name_keep_their_own_numbers(tmp_path, small_case, frames, charges):
    """A usual layout of several seeds: seeds/1/run, seeds/2/run."""
    runs = [
        read_run(write_run(tmp_path / seed / "run", frames, charges + shift, small_case.symbols))
        for seed, shift in (("1", 0.0), ("2", 0.001))
    ]
    names = [f"response ({run.directory})" for run in runs]
    assert labels(runs) == names
    found = {section.title: section for section in sections(runs)}
    for title in ("Densities", "Water orientation", "Electrode charges in time", "Potential across the cell"):
        assert set(names) <= set(found[title].numbers), title
    means = [found["Electrode charges in time"].numbers[name]["mean_charges_e"] for name in names]
    assert np.array(means[1]) - means[0] == pytest.approx(0.001)


def test_runs_with_the_same_frames_do_not_differ(tmp_path, small_case, frames, charges):
    runs = [
        read_run(write_run(tmp_path / name, frames, charges, small_case.symbols, backend=name))
        for name in ("response", "dftb")
    ]
    section = sections(runs)[0]
    assert "none differs beyond the error." in section.paragraphs[0]
    assert all(test["difference"] == 0 for test in section.numbers["dftb"].values())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_run(tmp_path, monkeypatch):
    """Past 128 frames, from which on blocks are joined; correlation windows of equal length."""
    monkeypatch.setattr("polcouple.analysis.gather._MOST_LAGS", 20)
    case_directory = thinned_case(tmp_path / "case", waters=4)
    case = read_case(case_directory)
    frames = jiggled(case, 20)
    charges = np.random.default_rng(12).normal(size=(20, len(case.electrode)))
    peaks = []
    for repeats in (1, 7, 28):
        path = tmp_path / str(repeats)
        charges_of_run = np.tile(charges, (repeats, 1))
        run = read_run(write_run(path, repeats * frames, charges_of_run, case.symbols, case=case_directory))
        # garbage is collected by how much there is beside what earlier tests have left
        gc.collect()
        gc.freeze()
        tracemalloc.start()
        gather(run, "run")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        gc.unfreeze()
    # 420 frames more, in as many blocks, are 1.5 MB more of positions and charges; what is kept are offsets
    # and steps, and the collection of garbage lets the peaks scatter by 0.05 MB
    assert len(frames[0]) * 24 * 420 > 1.1e6
    assert peaks[2] < peaks[1] + 0.15e6


def test_little_water_is_not_the_bulk(small_case):
    """Of a liquid with traces of water the bulk is the middle of all of it."""
    topology = small_case.topology
    few = dataclasses.replace(small_case)
    oxygens, ions = small_case.water_oxygens[:3], small_case.ion_indices
    few.__dict__.update(water_oxygens=oxygens, wall_atoms=np.concatenate([oxygens, ions]), topology=topology)
    slab = slab_of(few)
    expected = np.quantile(slab.heights(few.positions[few.wall_atoms, 2]), [0.25, 0.75])
    assert slab.bulk == pytest.approx(tuple(expected))


def test_ions_of_one_element_and_different_charges_are_two_species(small_case):
    charges = small_case.charges.copy()
    sodium = [i for i in small_case.ion_indices if small_case.symbols[i] == "Na"]
    charges[sodium[:2]] = 2.0
    mixed = dataclasses.replace(small_case)
    mixed.__dict__["topology"] = dataclasses.replace(small_case.topology, charges=charges)
    found = {species.name: len(species.indices) for species in species_of(mixed)}
    assert found["Na +2 e"] == 2 and found["Na +1 e"] == len(sodium) - 2 and "Na+" not in found
