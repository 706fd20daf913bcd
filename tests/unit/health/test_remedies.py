"""What fixes a thing fits this machine: its distribution, its files, who runs it."""

import subprocess

import pytest

from azext_brokerauth.health import parsing
from azext_brokerauth.keyring.secret_service import State
from tests.unit.health.machine import commands, problems, with_environ


@pytest.mark.parametrize(
    "before",
    [
        "",
        "[boot]\n[user]\ndefault=ada",
        "[user]\ndefault=ada\n\n[Boot]\ncommand=true # systemd=false\n[network]\nhostname=x\n",
        "[boot]\nSystemd = false\n[interop]\nenabled=true\n",
        "[boot]\ncommand = service cron start\n  systemd=false",
    ],
)
def test_what_is_printed_for_wsl_conf_changes_one_value(healthy, tmp_path, before):
    healthy.keyring = State(bus_problem="no file")
    healthy.uid = 0
    healthy.files |= {"/etc/wsl.conf": before.encode(), "/usr/bin/dbus-daemon": b""}
    with_environ(healthy, AZURE_BROKERAUTH_KEYRING="session")
    file = tmp_path / "wsl.conf"
    file.write_text(before)
    edit = commands(problems(healthy)["keyring"])[0]
    subprocess.run(["/bin/sh", "-c", edit.replace("/etc/wsl.conf", str(file))], check=True, capture_output=True)
    was, now = (
        {(section.lower(), *item) for section in parser.sections() for item in parser.items(section)}
        for parser in map(parsing.wsl_conf, (before, file.read_text()))
    )
    assert now - was == {("boot", "systemd", "true")}
    assert was - now <= {("boot", "systemd", "false")}


@pytest.mark.parametrize(
    ("release", "install"),
    [
        ('ID=debian\nVERSION_ID="12"', "apt-get install -y libcurl4 libwebkit2gtk-4.1-0"),
        ('ID=debian\nVERSION_ID="13"', "apt-get install -y libcurl4t64 libwebkit2gtk-4.1-0"),
        ("ID=fedora\nVERSION_ID=42", "dnf install -y libcurl webkit2gtk4.1"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "zypper install -y libcurl4 libwebkit2gtk-4_1-0"),
        ("ID=arch", "pacman -S --noconfirm curl webkit2gtk-4.1"),
        ("ID=nixos", "Install, with the package manager of nixos, what provides libwebkit2gtk-4.1.so.0, libcurl.so.4"),
    ],
)
def test_packages_are_named_for_this_distribution(healthy, release, install):
    healthy.uid = 0
    spoil_libraries(healthy, release)
    assert commands(problems(healthy)["libraries"])[-1] == install


@pytest.mark.parametrize(
    ("release", "install"),
    [
        ("ID=debian", "sudo apt-get install --reinstall -y libcurl4 libwebkit2gtk-4.1-0"),
        ("ID=fedora", "sudo dnf reinstall -y libcurl webkit2gtk4.1"),
        ("ID=suse", "sudo zypper install --force -y libcurl4 libwebkit2gtk-4_1-0"),
    ],
)
def test_packages_that_have_lost_files_are_installed_again(healthy, release, install):
    spoil_libraries(healthy, release)
    for package in ("libcurl4:amd64", "libcurl"):
        healthy.files[f"/var/lib/dpkg/info/{package}.list"] = b""
    assert commands(problems(healthy)["libraries"])[-1] == install


def test_what_dpkg_was_interrupted_in_is_finished_first(healthy):
    spoil_libraries(healthy, "ID=debian")
    healthy.files["/var/lib/dpkg/updates/0001"] = b""
    assert commands(problems(healthy)["libraries"])[:2] == ["sudo dpkg --configure -a", "sudo apt-get update"]


def test_the_name_of_a_distribution_is_printed_as_it_is(healthy):
    spoil_libraries(healthy, 'ID=own\nPRETTY_NAME="{Ada}s {0}"')
    (step,) = problems(healthy)["libraries"]["remedies"]
    assert step["shell"] == "person"
    assert step["command"].startswith("Install, with the package manager of {Ada}s {0}, what provides ")


def spoil_libraries(healthy, release):
    healthy.files["/etc/os-release"] = release.encode()
    for library in ("libcurl.so.4", "libwebkit2gtk-4.1.so.0"):
        del healthy.files[f"/usr/lib/{library}"]
