"""The readers of what other programs print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_brokerauth.health import distribution, parsing


@given(st.text())
def test_readers_take_any_text(text):
    distribution.read(text).install(["x"], sudo=())
    parsing.windows_session(text)
    parsing.drive_mount(text)
    parsing.wsl_conf(text).sections()
    assert all(isinstance(value, str) for value in parsing.device(text).values())
    assert all(isinstance(number, int) for number in parsing.version(text))


@given(st.dictionaries(st.from_regex(r"[A-Za-z]{1,20}", fullmatch=True), st.sampled_from(["YES", "NO"])))
def test_the_device_is_read_from_whatever_surrounds_it(facts):
    lines = [f"{name:>30} : {value}" for name, value in facts.items()]
    banner = "+-----+\r\n| Device State |\r\n+-----+\r\n\r\n"
    assert parsing.device(banner + "\r\n".join(lines)) == facts


@given(st.lists(st.integers(0, 999_999_999), min_size=2, max_size=5))
def test_versions_are_read_and_ordered_by_number(numbers):
    assert parsing.version(".".join(map(str, numbers)) + "\n") == tuple(numbers)


@pytest.mark.parametrize("text", ["no section", "[interop", "[interop]\nenabled\n  = false\n"])
def test_a_wsl_conf_that_cannot_be_read_is_an_empty_one(text):
    assert parsing.wsl_conf(text).sections() == []


@pytest.mark.parametrize(
    ("mounts", "where"),
    [
        (r"C:\134 /mnt/c 9p rw,aname=drvfs;path=C:\;uid=1000 0 0", "/mnt/c"),
        (r"C: /windows\040drives/c drvfs rw 0 0", "/windows drives/c"),
        (r"drvfsa /c virtiofs rw 0 0", ""),
        (r"D:\134 /mnt/d 9p rw,aname=drvfs;path=D:\ 0 0", ""),
        ("drivers /usr/lib/wsl/drivers 9p ro 0 0", ""),
    ],
)
def test_the_windows_drive_is_found_wherever_it_is_mounted(mounts, where):
    assert parsing.drive_mount(f"proc /proc proc rw 0 0\n{mounts}\n") == where
