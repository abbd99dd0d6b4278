"""``polcouple paradigms``: local and nonlocal models of the electrode's charges on the same frames."""

from __future__ import annotations

import argparse
from pathlib import Path

from polcouple.cli.options import positive
from polcouple.log import log
from polcouple.paradigms.comparison import Study, compare_paradigms


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``polcouple paradigms``."""
    parser.add_argument("case", type=Path, metavar="CASE", help="case of one electrode in one plane")
    parser.add_argument(
        "--dataset", type=Path, metavar="DATASET.h5",
        help="frames of the case with all positions, as `polcouple sample --positions` keeps them; labels"
        " that it lacks are added (DIR.work.h5, which is sampled)",
    )  # fmt: skip
    parser.add_argument(
        "--frames", type=positive, default=Study.frames, metavar="N",
        help=f"to sample where there is no dataset ({Study.frames})",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=float, default=Study.every, metavar="PS", help=f"ps between frames ({Study.every:g})"
    )
    parser.add_argument(
        "--skip", type=float, default=Study.skip, metavar="PS",
        help=f"ps left out at the start ({Study.skip:g})",
    )  # fmt: skip
    parser.add_argument(
        "--cutoffs", type=float, nargs="+", default=list(Study.cutoffs), metavar="R",
        help=f"of the local models, in Angstrom ({' '.join(f'{r:g}' for r in Study.cutoffs)})",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=float, default=Study.minutes, metavar="M",
        help=f"that the response net is trained at most ({Study.minutes:g})",
    )  # fmt: skip
    parser.add_argument(
        "--net", metavar="MODEL",
        help="a response net that was trained on the same frames in the same blocks, instead of training one:"
        " a shipped one's name, or a path with a slash in it",
    )  # fmt: skip
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes that label (1)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="for the report")


def run(args: argparse.Namespace) -> int:
    """Make what is missing and write the report."""
    dataset = args.dataset or args.output.with_name(args.output.name + ".work.h5")
    study = Study(
        args.case,
        dataset,
        args.frames,
        args.every,
        args.skip,
        tuple(sorted(args.cutoffs)),
        minutes=args.minutes,
        net=Path(args.net) if args.net and "/" in args.net else args.net,
        workers=args.workers,
    )
    log(f"written to {compare_paradigms(study, args.output)}")
    return 0
