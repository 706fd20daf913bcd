"""The machine itself, as the checks see it."""

from azext_brokerauth.health.probe import Probe


def test_a_program_that_hangs_is_killed_and_named():
    ran = Probe().run("/bin/sleep", "60", deadline=0.2)
    assert (ran.status, ran.problem) == (None, "no answer in 0.2 s")
    assert "No such file" in Probe().run("/nonexistent/program").why


def test_windows_programs_that_write_utf16_are_read():
    printed = Probe().run("/usr/bin/printf", r"a\0b\0\r\0\n\0").stdout
    assert printed == "ab\n"
