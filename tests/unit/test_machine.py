"""What machine this is, told from an injected view of it."""

import os

import pytest

from azext_brokerauth.machine import Kind, View, detect

WSL2 = "5.15.167.4-microsoft-standard-WSL2"
ON_WSL = ("run/WSL", "usr/bin/wslinfo")


@pytest.mark.parametrize(
    ("platform", "release", "files", "environ", "kind"),
    [
        pytest.param("linux", WSL2, ON_WSL, {}, Kind.WSL2, id="WSL 2"),
        pytest.param("linux", "4.19.128-microsoft-standard", ["run/WSL"], {}, Kind.WSL2, id="old WSL 2, no wslinfo"),
        pytest.param("linux", WSL2, [*ON_WSL, ".dockerenv"], {}, Kind.WSL2, id="a marker left in a real WSL"),
        pytest.param("linux", "4.4.0-19041-Microsoft", ON_WSL, {}, Kind.WSL1, id="WSL 1"),
        pytest.param("linux", WSL2, [".dockerenv"], {}, Kind.CONTAINER, id="Docker on WSL"),
        pytest.param("linux", WSL2, ["run/.containerenv"], {}, Kind.CONTAINER, id="Podman on WSL"),
        pytest.param("linux", WSL2, [], {}, Kind.CONTAINER, id="a container without a marker"),
        pytest.param("linux", WSL2, [], {"WSL_DISTRO_NAME": "U"}, Kind.CONTAINER, id="a container given the variable"),
        pytest.param("linux", "6.6.87-custom", ON_WSL, {}, Kind.CUSTOM_KERNEL, id="custom kernel"),
        pytest.param("linux", "6.6.87-custom", ["run/WSL"], {"WSL_DISTRO_NAME": "U"}, Kind.CUSTOM_KERNEL, id="older"),
        pytest.param("linux", WSL2.upper(), ON_WSL, {}, Kind.WSL2, id="a release in upper case"),
        pytest.param("linux", "4.4.0-19041-Microsoft", [], {}, Kind.WSL1, id="WSL 1, without its files"),
        pytest.param("linux", f"4.4.0-1-Microsoft{WSL2}", ON_WSL, {}, Kind.WSL2, id="no release of WSL 1"),
        pytest.param("linux", "6.1.0-28-amd64", [], {}, Kind.LINUX, id="Linux"),
        pytest.param("linux", "6.1.0-28-amd64", ["run/WSL"], {}, Kind.LINUX, id="a stray directory"),
        pytest.param("linux", "6.1.0-28-amd64", ["usr/bin/wslinfo"], {}, Kind.LINUX, id="a stray program"),
        pytest.param("linux", "6.1.0-28-amd64", [], {"WSL_DISTRO_NAME": "U"}, Kind.LINUX, id="a stray variable"),
        pytest.param("win32", "", [], {}, Kind.WINDOWS, id="Windows"),
        pytest.param("darwin", "24.1.0", [], {}, Kind.MACOS, id="macOS"),
        pytest.param("freebsd14", "14.1", [], {}, Kind.OTHER, id="something else"),
    ],
)
def test_each_machine_is_told_apart_with_evidence(tmp_path, platform, release, files, environ, kind):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    machine = detect(View(platform=platform, release=release, environ=environ, root=str(tmp_path)))
    assert machine.kind is kind
    assert release in machine.evidence or platform in machine.evidence


@pytest.mark.parametrize(
    ("files", "evidence"),
    [
        ([".dockerenv"], f"the kernel's release is {WSL2}, but /.dockerenv exists"),
        (["run/.containerenv"], f"the kernel's release is {WSL2}, but /run/.containerenv exists"),
        ([], f"the kernel's release is {WSL2}, but neither /run/WSL nor /usr/bin/wslinfo exists"),
        (["usr/bin/wslinfo"], f"the kernel's release is {WSL2}, and /usr/bin/wslinfo exists"),
    ],
)
def test_the_evidence_says_what_was_seen(tmp_path, files, evidence):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert detect(View(platform="linux", release=WSL2, environ={}, root=str(tmp_path))).evidence == evidence


def test_a_broken_link_is_seen_too(tmp_path):
    """/usr/bin/wslinfo is a link to /init."""
    (tmp_path / "wslinfo").symlink_to("gone")
    assert View(root=str(tmp_path)).exists("/wslinfo")


def test_the_real_machine_can_be_looked_at():
    assert detect().kind in Kind
    assert View().release == os.uname().release
    assert View().exists(__file__)
    assert not View().exists(f"{__file__}/none")
