"""``polcouple train``: classifiers, response nets, potentials, grand potentials, densities."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.backends.setting_words import given_slako
from polcouple.cli.option_arguments import add_option_arguments, options_from_arguments
from polcouple.data.configurations import Configuration, read_configurations
from polcouple.data.grand_frames import GrandFrames, grand_frames, with_given
from polcouple.data.moving_configurations import moving_configurations
from polcouple.errors import InputError
from polcouple.learning.density_scores import density_table
from polcouple.learning.density_training import DensityOptions, train_density
from polcouple.learning.evaluation import level_table, markdown_table
from polcouple.learning.grand_options import GrandOptions
from polcouple.learning.grand_scores import grand_table
from polcouple.learning.grand_training import train_grand_potential
from polcouple.learning.mace_options import MaceOptions
from polcouple.learning.mace_training import train_mace
from polcouple.learning.potential_scores import score_table
from polcouple.learning.potential_training import PotentialOptions, train_potential
from polcouple.learning.progress import epochs_progress, training_progress
from polcouple.learning.response_training import ResponseOptions
from polcouple.learning.train import PRIOR, train_response_net
from polcouple.learning.training import ClassifierOptions, train_classifier
from polcouple.log import log
from polcouple.output_paths import require_directory_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple train``."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, options, help_line in (
        ("classifier", ClassifierOptions, "the paper's network: one charge bin per atom"),
        ("response", ResponseOptions, "an energy whose derivative is the charges"),
    ):
        command = kinds.add_parser(kind, help=help_line, description=help_line)
        command.add_argument("dataset", type=Path, metavar="DATASET.h5", help="labelled by `polcouple label`")
        command.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="directory")
        what = "which labels, BACKEND@CHARGE" if kind == "classifier" else "whose labels: a backend (dftb)"
        command.add_argument("--labels", metavar="NAME", help=what)
        if kind == "response":
            command.add_argument("--slako", metavar="SET", help="parameter set for the prior, or directory")
        add_option_arguments(command, options)
    help_line = "an energy of atoms whose derivative is the forces: NeuralIL"
    command = kinds.add_parser("potential", help=help_line, description=help_line)
    command.add_argument(
        "data",
        type=Path,
        nargs="+",
        metavar="DATA",
        help="frames with energies or forces, in any format of ASE",
    )
    command.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="directory")
    command.add_argument(
        "--energy-key", default="energy", metavar="NAME", help="of the energies (energy), eV"
    )
    command.add_argument(
        "--forces-key", default="forces", metavar="NAME", help="of the forces (forces), eV/A"
    )
    command.add_argument("--labels", metavar="NAME", help="of a dataset with several, such as dftb@-4.35eV")
    command.add_argument("--origin", default="", metavar="TEXT", help="of the frames, for the model card")
    add_option_arguments(command, PotentialOptions)
    of_both = (
        (
            "grand-potential",
            GrandOptions,
            "an Omega of atoms and an electrode's potential: forces and electrons are its derivatives",
        ),
        ("mace", MaceOptions, "stock MACE with the electrode's potential as an input: PE-MACE (extra mace)"),
    )
    for kind, own_options, help_line in of_both:
        command = kinds.add_parser(kind, help=help_line, description=help_line)
        command.add_argument("dataset", type=Path, metavar="DATASET.h5", help="labelled at Fermi levels")
        command.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="directory")
        command.add_argument(
            "--labels", nargs="+", default=[], metavar="NAME", help="which, such as dftb@-4.35eV (all)"
        )
        command.add_argument(
            "--also",
            nargs="+",
            type=Path,
            default=[],
            metavar="DATASET.h5",
            help="all of whose frames to train on",
        )
        command.add_argument("--origin", default="", metavar="TEXT", help="of the frames, for the model card")
        add_option_arguments(command, own_options)
    help_line = "the density of electrons by charges and positions, from DFTB's in orbitals"
    command = kinds.add_parser("density", help=help_line, description=help_line)
    command.add_argument("dataset", type=Path, metavar="DATASET.h5", help="labelled by dftb")
    command.add_argument(
        "--wfc", type=Path, required=True, metavar="FILE", help="wave functions of its parameter set, wfc.hsd"
    )
    command.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL", help="directory")
    command.add_argument("--origin", default="", metavar="TEXT", help="of the frames, for the model card")
    add_option_arguments(command, DensityOptions)


def run(args: argparse.Namespace) -> int:
    """Train with progress on the terminal; print the table of the model card."""
    require_directory_name(args.output)
    if args.kind == "potential":
        return _train_potential(args)
    if args.kind == "grand-potential":
        return _train_grand_potential(args)
    if args.kind == "mace":
        return _train_mace(args)
    if args.kind == "density":
        return _train_density(args)
    levels: dict[str, tuple[float, float]] = {}
    with training_progress() as progress:
        if args.kind == "classifier":
            options = options_from_arguments(args, ClassifierOptions)
            rows = train_classifier(args.dataset, args.output, options, labels=args.labels, progress=progress)
        else:
            settings = {"slako": given_slako(args.slako)} if args.slako else {}
            trained = train_response_net(
                args.dataset,
                args.output,
                options_from_arguments(args, ResponseOptions),
                labels=args.labels or PRIOR,
                dftb_settings=settings,
                progress=progress,
            )
            rows, levels = trained.rows, trained.levels
    print(markdown_table(rows))
    if levels:
        print(level_table(levels))
    log(f"written to {args.output}; use it with --backend nn --set model={_as_setting(args.output)}")
    return 0


def _train_potential(args: argparse.Namespace) -> int:
    options = options_from_arguments(args, PotentialOptions)
    configurations = _configurations(args)
    origin = args.origin or f"From {', '.join(path.name for path in args.data)}."
    with epochs_progress() as progress:
        trained = train_potential(configurations, args.output, options, origin=origin, progress=progress)
    if trained.rows:
        print(score_table(trained.rows))
    log(f"written to {args.output}")
    return 0


def _train_grand_potential(args: argparse.Namespace) -> int:
    options = options_from_arguments(args, GrandOptions)
    frames = _grand_frames(args)
    origin = args.origin or f"From {args.dataset.name}, labels of {frames.backend}."
    with epochs_progress() as progress:
        trained = train_grand_potential(frames, args.output, options, origin=origin, progress=progress)
    print(grand_table(trained.scores))
    print(f"|dF/dmu - dn/dR| <= {trained.maxwell:.1e} /A")
    log(f"written to {args.output}")
    return 0


def _grand_frames(args: argparse.Namespace) -> GrandFrames:
    frames = grand_frames(args.dataset, args.labels)
    for path in args.also:
        frames = with_given(frames, path)
    return frames


def _train_mace(args: argparse.Namespace) -> int:
    options = options_from_arguments(args, MaceOptions)
    frames = _grand_frames(args)

    def done(epoch: int, energy: float, force: float) -> None:
        log(f"epoch {epoch}/{options.epochs}: validation {force:.1f} meV/A, {energy:.2f} meV/atom")

    origin = args.origin or f"From {args.dataset.name}, labels of {frames.backend}."
    trained = train_mace(frames, args.output, options, origin=origin, done=done)
    print(grand_table(trained.scores))
    print(f"|dF/dmu - dn/dR| <= {trained.maxwell:.1e} /A")
    log(f"written to {args.output}; use it with polcouple-driver --potential, or from ASE")
    return 0


def _train_density(args: argparse.Namespace) -> int:
    from rich.progress import Progress

    options = options_from_arguments(args, DensityOptions)
    origin = args.origin or f"From {args.dataset.name}."
    with Progress() as progress:
        task = progress.add_task("densities", total=None)
        trained = train_density(
            args.dataset,
            args.wfc,
            args.output,
            options,
            origin,
            lambda done, whole: progress.update(task, completed=done, total=whole),
        )
    print(density_table(trained.scores, options.leave_out))
    log(f"{trained.milliseconds:.1f} ms for a frame; written to {args.output}")
    return 0


def _configurations(args: argparse.Namespace) -> list[Configuration]:
    datasets = [path for path in args.data if path.suffix == ".h5"]
    if not datasets:
        if args.labels is not None:
            raise InputError("--labels chooses labels of a dataset (.h5); name keys by --energy-key")
        return read_configurations(args.data, args.energy_key, args.forces_key)
    if len(datasets) < len(args.data):
        raise InputError("give datasets (.h5) or other files of frames; their energies are not of one kind")
    return [one for path in datasets for one in moving_configurations(path, args.labels)]


def _as_setting(path: Path) -> str:
    return str(path) if "/" in str(path) else f"./{path}"
