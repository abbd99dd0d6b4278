"""``polcouple train``: a classifier, or a response net with the prior it needs from the electrode's DFTB."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.backends.setting_words import given_slako
from polcouple.cli.option_arguments import add_option_arguments, options_from_arguments
from polcouple.learning.evaluation import level_table, markdown_table
from polcouple.learning.progress import training_progress
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


def run(args: argparse.Namespace) -> int:
    """Train with progress on the terminal; print the table of the model card."""
    require_directory_name(args.output)
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


def _as_setting(path: Path) -> str:
    return str(path) if "/" in str(path) else f"./{path}"
