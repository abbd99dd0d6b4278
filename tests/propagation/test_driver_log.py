"""Warnings of the driver reach the screen of `polcouple run`, each kind once."""

from polcouple.propagation.driver_log import DriverWarnings


def test_new_complete_warnings_are_shown_once(tmp_path, capsys):
    log = tmp_path / "driver.log"
    log.write_text("10:00:00 warning: of an earlier run\n")
    warnings = DriverWarnings(log)
    warnings.show()
    with log.open("a") as stream:
        stream.write("10:00:01 connected\n10:00:01 warning: far by 1.2e-03 e\n10:00:02 warn")
        stream.flush()
        warnings.show()
        stream.write("ing: slako: a set\n10:00:03 warning: far by 4 e\n")
    warnings.show()
    lines = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["warning: far by 1.2e-03 e", "warning: slako: a set"]


def test_a_log_that_is_not_there_yet(tmp_path, capsys):
    warnings = DriverWarnings(tmp_path / "driver.log")
    warnings.show()
    (tmp_path / "driver.log").write_text("10:00:01 warning: one\n")
    warnings.show()
    assert capsys.readouterr().out.count("warning: one") == 1
