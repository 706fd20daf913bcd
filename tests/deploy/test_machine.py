"""A minimal Debian, on which cloud-init's part is played by hand, has everything that is not Windows' afterwards.

The playbooks are run as docs/rollout.md has them, on the machine itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.inheritance import INHERITED

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
USER_DATA = yaml.safe_load((DEPLOY / "user-data").read_text())
FROM_WINDOWS = "mnt/c/Program Files/brokerauth"
RELEASE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTER = """
set -e
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount --bind /etc/resolv.conf "$0/etc/resolv.conf"
exec chroot "$0" "$@"
"""

PRIVATE_KEYRING = """
import os
from azext_brokerauth.keyring.lease import Lease
given = Lease("auto", os.environ).given()
print(given.kind, bool(given.address), *filter(None, (given.alone, given.problem)))
"""

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another root directory"),
]


class Root:
    """A root directory of its own, and programs in it. They and their mounts are gone when each ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *command: str, user: str = "root", **environ: str) -> subprocess.CompletedProcess[str]:
        """:param environ: all that the program finds in its environment, besides a path."""
        inside = ["runuser", "-u", user, "--", "env", "-i", f"PATH={PATH}", *(f"{k}={v}" for k, v in environ.items())]
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, str(self.directory)]
        return subprocess.run([*enter, *inside, *command], text=True, capture_output=True)

    def play(self, *more: str) -> subprocess.CompletedProcess[str]:
        """The command of the user data, with pip set up as on this machine."""
        pip = {name: value for name, value in INHERITED.variables.items() if name.startswith("PIP_")}
        return self.run(*USER_DATA["runcmd"][0], *more, **pip)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """Debian as small as it comes, with the packages of the user data, and the files that Windows' side puts there."""
    directory = tmp_path_factory.mktemp("debian")
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", f"Codename: {RELEASE}"]
    mirror = subprocess.run(
        targets, env=INHERITED.variables, text=True, capture_output=True, check=True
    ).stdout.split()[:1]
    command = ["debootstrap", "--variant=minbase", RELEASE, str(directory), *mirror]
    made = subprocess.run(command, env=INHERITED.variables, text=True, capture_output=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr
    # mktemp's 0700 would be the mode of /, where nobody but root gets anywhere.
    directory.chmod(0o755)
    root = Root(directory)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *USER_DATA["packages"]]
    done = root.run(*install, DEBIAN_FRONTEND="noninteractive")
    assert done.returncode == 0, done.stderr
    for trust in ("etc/ssl/certs/ca-certificates.crt", "etc/pip.conf"):
        if Path("/", trust).exists():
            shutil.copy(Path("/", trust), directory / trust)
    there = directory / FROM_WINDOWS
    there.mkdir(parents=True)
    shutil.copytree(DEPLOY, there / "deploy")
    shutil.copy(DEPLOY / "fleet.yml", there)
    shutil.copy((HERE / "dist" / "brokerauth.whl").resolve(), there)
    done = root.run("useradd", "--create-home", "person")
    assert done.returncode == 0, done.stderr
    done = root.play("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (directory / "opt/brokerauth").exists()
    done = root.play()
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_report_that_is_kept_names_only_what_windows_would_bring(root: Root) -> None:
    report = root.directory / "var/lib/brokerauth/check-health.json"
    assert report.stat().st_mode & 0o777 == 0o600
    assert failures(report.read_text()) == {"machine"}


def test_a_persons_session_lacks_only_the_broker(root: Root) -> None:
    # The checks of runtime and keyring look only where a broker serves; on this kernel that is the one for Linux.
    unlock = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
    session = ["dbus-run-session", "--", "sh", "-c", f"{unlock}; exec brokerauth check-health --output json"]
    done = root.run(*session, user="person", HOME="/home/person", AZURE_BROKERAUTH_ENABLE_BROKER_ON_LINUX="true")
    # Whether this host reaches Microsoft's authority is no matter of the role.
    assert failures(done.stdout) - {"authority"} == {"linux-broker"}, done.stdout + done.stderr
    passed = {check["id"] for check in json.loads(done.stdout)["checks"] if check["severity"] == "pass"}
    assert passed >= {"pymsalruntime", "libraries", "keyring", "system-file"}


def test_a_private_keyring_starts_without_a_session_or_a_word(root: Root) -> None:
    """All that the broker's process wants of it, on a Debian that has the packages and nothing set up."""
    python = "/opt/brokerauth/venv/bin/python"
    done = root.run(python, "-c", PRIVATE_KEYRING, user="person", HOME="/home/person")
    assert (done.stdout, done.stderr) == ("private True\n", "")


def test_the_policy_is_in_force_for_everybody(root: Root) -> None:
    done = root.run("brokerauth", "list-settings", user="person", HOME="/home/person")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    fleet = yaml.safe_load((DEPLOY / "fleet.yml").read_text())
    assert {name: rows[name]["value"] for name in fleet["brokerauth_policy"]} == fleet["brokerauth_policy"]
    assert {name for name, row in rows.items() if row["isEnforced"]} == set(fleet["brokerauth_enforced"])


def test_a_second_run_changes_nothing(root: Root) -> None:
    done = root.play()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout, done.stdout


def test_whoever_insists_on_a_healthy_machine_sees_the_play_fail(root: Root) -> None:
    done = root.play("--extra-vars=brokerauth_require_healthy=true")
    assert done.returncode == 2, done.stdout
    assert "check-health found something broken" in done.stdout


def test_a_policy_that_brokerauth_does_not_take_fails_the_play(root: Root) -> None:
    file = root.directory / "etc/brokerauth/config"
    before = file.read_bytes()
    done = root.play('--extra-vars={"brokerauth_policy": {"tennant_id": "contoso.com"}, "brokerauth_enforced": []}')
    file.write_bytes(before)
    assert done.returncode == 2, done.stdout
    assert "tennant_id" in done.stdout
    assert "See that brokerauth takes the policy" in done.stdout
    assert "Ask check-health" not in done.stdout


def test_another_wheel_than_the_one_that_was_meant_is_not_installed(root: Root) -> None:
    done = root.play("--extra-vars=brokerauth_wheel_sha256=" + "0" * 64)
    assert done.returncode == 2, done.stdout
    assert "It was not installed" in " ".join(done.stdout.split())
    assert "Install the command" not in done.stdout
    wheel = root.directory / FROM_WINDOWS / (HERE / "dist" / "brokerauth.whl").resolve().name
    checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
    done = root.play(f"--extra-vars=brokerauth_wheel_sha256={checksum}")
    assert "changed=0" in done.stdout, done.stdout


def test_nothing_is_left_when_it_is_taken_away(root: Root) -> None:
    done = root.play("--extra-vars=brokerauth_health_timer=true")
    assert done.returncode == 0, done.stdout
    assert "changed=0" in root.play("--extra-vars=brokerauth_health_timer=true").stdout
    assert (root.directory / "etc/systemd/user/timers.target.wants/brokerauth-check-health.timer").is_symlink()
    settings = root.directory / "home/person/.cargo/config.toml"
    done = root.run("brokerauth", "tool", "enable", "--name=cargo", "--yes", user="person", HOME="/home/person")
    assert done.returncode == 0, done.stderr
    assert "brokerauth" in settings.read_text()
    user_data = USER_DATA["runcmd"][0]
    uninstall = [*user_data[:-1], user_data[-1].replace("site.yml", "uninstall.yml")]
    done = root.run(*uninstall)
    assert done.returncode == 0, done.stdout + done.stderr
    found = root.run("find", "/", "-xdev", "-path", "/mnt", "-prune", "-o", "-iname", "*brokerauth*", "-print")
    assert found.stdout == ""
    assert not settings.exists(), "cargo would look for a program that is gone"
    assert "changed=0" in root.run(*uninstall).stdout


def failures(report: str) -> set[str]:
    return {check["id"] for check in json.loads(report)["checks"] if check["severity"] == "fail"}
