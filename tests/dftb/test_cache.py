"""Files that are kept between runs: one process computes, the others wait and read."""

import multiprocessing
import time

import numpy as np

from polcouple.dftb.cache import kept, read_arrays, write_arrays


def answer(path, log):
    """Take the file, or make it in a second and say so."""

    def made():
        with log.open("a") as lines:
            lines.write("made\n")
        time.sleep(1.0)
        return {"numbers": np.arange(5.0)}

    return kept(path, read_arrays, made, write_arrays)["numbers"].tolist()


def test_of_several_processes_one_computes(tmp_path):
    path, log = tmp_path / "cache" / "numbers.npz", tmp_path / "log"
    pool = multiprocessing.get_context("fork").Pool(3)
    answers = pool.starmap(answer, [(path, log)] * 3)
    pool.close()
    pool.join()  # terminated processes leave locks behind that others wait for
    assert answers == [[0.0, 1.0, 2.0, 3.0, 4.0]] * 3
    assert log.read_text() == "made\n"


def test_what_cannot_be_kept_is_made(tmp_path):
    (tmp_path / "cache").write_text("a file where the directory should be")
    log = tmp_path / "log"
    for count in (1, 2):
        assert answer(tmp_path / "cache" / "numbers.npz", log) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert log.read_text() == count * "made\n"
