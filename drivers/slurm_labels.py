"""Label a dataset on a SLURM cluster: Dask workers as jobs, frames handed to whichever is free.

    pip install 'polcouple[cluster]'
    python drivers/slurm_labels.py data.h5 --total-charges 0 -1 -4 -8 --jobs 20 --queue QUEUE

Adapt cores, memory, time and queue to the cluster. The dataset is written by this process alone; workers need
the environment, not the file. A job that ends costs the frames it was at, and a repeated call does the rest.
"""

from __future__ import annotations

import argparse

from dask_jobqueue import SLURMCluster

from polcouple.learning.label import label_dataset


def main() -> None:
    """Start the jobs, label, and end them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--total-charges", type=float, nargs="+", required=True)
    parser.add_argument("--backend", default="dftb")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--queue", required=True)
    args = parser.parse_args()
    cluster = SLURMCluster(
        queue=args.queue,
        cores=1,
        processes=1,
        memory="4GB",
        walltime="02:00:00",
        job_script_prologue=["export OMP_NUM_THREADS=1"],
    )
    with cluster:
        cluster.scale(jobs=args.jobs)
        summary = label_dataset(
            args.dataset, args.backend, args.total_charges, scheduler=cluster.scheduler_address
        )
    print(
        f"{summary.labelled} frames labelled, {summary.done_before} done before, lost: {list(summary.lost)}"
    )


if __name__ == "__main__":
    main()
