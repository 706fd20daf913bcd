"""The role and the cloud-init file, checked by the tools of those who run them, and the recipes on the page."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from azext_brokerauth import settings
from azext_brokerauth.bridges.shell_file import MARKS
from azext_brokerauth.health.checks import CHECKS
from testbed.scenarios import Scenario
from tests.emulated.session import Session

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
ROLE = DEPLOY / "roles" / "brokerauth"
PAGE = (HERE / "docs" / "rollout.md").read_text()
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Ansible's programs start each other by name."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "ANSIBLE_NOCOLOR": "1", **environ}
    return subprocess.run(command, env=given, cwd=HERE, text=True, capture_output=True)


def play(directory: Path, tasks: list[object], /, environ: dict[str, str], **variables: object) -> str:
    """What a play on this machine says; no step of it may need root."""
    book = directory / "play.yml"
    given = {"ansible_python_interpreter": sys.executable, **variables}
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "vars": given, "tasks": tasks}]))
    places = {"ANSIBLE_LOCAL_TEMP": str(directory), "ANSIBLE_REMOTE_TEMP": str(directory / "remote")}
    return run("ansible-playbook", "-i", "localhost,", "-c", "local", book, **places, **environ).stdout


def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    done = run("ansible-lint", "--offline", "--profile", "production", "--strict", DEPLOY, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_cloud_init_knows_everything_in_the_file() -> None:
    done = run("cloud-init", "schema", "--config-file", DEPLOY / "user-data")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_user_data_finds_the_example_and_that_the_wheel() -> None:
    there = "/mnt/c/Program Files/brokerauth"
    (command,) = yaml.safe_load((DEPLOY / "user-data").read_text())["runcmd"]
    assert command[3:] == [f"--extra-vars=@{there}/fleet.yml", f"{there}/deploy/site.yml"]
    wheel = (HERE / "dist" / "brokerauth.whl").resolve().name
    assert yaml.safe_load((DEPLOY / "fleet.yml").read_text())["brokerauth_wheel"] == f"{there}/{wheel}"


def test_the_policy_that_the_role_writes_is_the_one_in_force(tmp_path: Path) -> None:
    file = tmp_path / "fleet" / "config"
    file.parent.mkdir(mode=0o700)
    written = f"{{{{ lookup('ansible.builtin.template', '{ROLE}/templates/config.j2') }}}}"
    policy = {"tenant_id": TENANT, "require_broker": True, "allow_exec": False, "silent_timeout": 20}
    said = play(
        tmp_path,
        [{"ansible.builtin.copy": {"content": written, "dest": str(file), "mode": "0644"}}],
        environ={},
        brokerauth_policy=policy,
        brokerauth_enforced=["tenant_id", "allow_exec"],
    )
    assert "failed=0" in said, said
    environ = {"AZURE_CONFIG_DIR": str(tmp_path)}
    chosen = settings.load(environ=environ, policy_file=file, policy_owner=os.getuid())
    assert {name: getattr(chosen, name) for name in policy} == policy
    assert {name: getattr(chosen, name) for name in chosen.enforced} == {"tenant_id": TENANT, "allow_exec": False}


@pytest.mark.parametrize(
    ("policy", "enforced"),
    [({"tenant_id": TENANT}, ["client_id"]), ({"login_hint": "a@b.c\nenforced = tenant_id"}, [])],
    ids=["enforced without a value", "a value with a second line"],
)
def test_a_policy_that_cannot_be_written_stops_the_play_before_it_changes_anything(
    tmp_path: Path, policy: dict[str, str], enforced: list[str]
) -> None:
    said = play(
        tmp_path,
        [{"ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "policy"}}],
        environ={},
        brokerauth_policy=policy,
        brokerauth_enforced=enforced,
    )
    assert "Every setting in brokerauth_enforced needs its value in brokerauth_policy" in said, said
    assert "changed=0" in said
    assert "failed=1" in said


@pytest.mark.full
def test_the_extension_is_there_for_all_users_of_az(tmp_path: Path) -> None:
    wheel = (HERE / "dist" / "brokerauth.whl").resolve()
    environ = {
        "AZURE_CONFIG_DIR": str(tmp_path / "config"),
        "AZURE_EXTENSION_DIR": str(tmp_path / "own"),
        "AZURE_EXTENSION_SYS_DIR": str(tmp_path / "everybody"),
    }
    az = HERE / ".az" / "az"
    # Whoever runs the play has the extension for themselves already.
    shutil.copytree(HERE / ".az" / "cliextensions" / "brokerauth", tmp_path / "own" / "brokerauth")

    launcher = tmp_path / "bin" / "az"
    launcher.parent.mkdir()

    def give(policy: dict[str, object]) -> str:
        return play(
            tmp_path,
            [{"ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "az"}}],
            environ=environ,
            brokerauth_az=str(az),
            brokerauth_az_launcher_directory=str(launcher.parent),
            brokerauth_policy=policy,
            brokerauth_wheel=str(wheel),
            brokerauth_home=str(wheel.parent),
        )

    first = give({})
    assert "changed=1" in first, first
    assert (tmp_path / "everybody" / "brokerauth" / "azext_brokerauth").is_dir()
    somebody_else = environ | {"AZURE_EXTENSION_DIR": str(tmp_path / "none")}
    listed = run(az, "brokerauth", "list-settings", "--query", "[].name", **somebody_else)
    assert "tenant_id" in json.loads(listed.stdout), listed.stderr
    again = give({"token_cache": "memory", "allow_exec": False})
    assert "changed=0" in again, again
    assert "failed=0" in again, again
    assert not launcher.exists()
    # What such a policy keeps out of az's cache, other az commands have from the launcher only.
    said = give({"token_cache": "memory"})
    assert "changed=1" in said, said
    assert "failed=0" in said, said
    version = run(launcher, "version", "--query", "extensions.brokerauth", **somebody_else)
    assert version.stdout, version.stderr


def test_a_machine_without_az_is_told_so(tmp_path: Path) -> None:
    said = play(
        tmp_path,
        [{"ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "az"}}],
        environ={},
        brokerauth_az=str(tmp_path / "az"),
    )
    assert f"There is no {tmp_path}/az" in " ".join(said.split()), said
    assert "failed=0" in said


def test_check_health_can_run_by_itself_and_tells_the_journal_what_intune_is_told(tmp_path: Path) -> None:
    units = tmp_path / "systemd" / "user"

    def have(*, timer: bool) -> str:
        return play(
            tmp_path,
            [{"ansible.builtin.include_role": {"name": str(ROLE), "tasks_from": "timer"}}],
            environ={},
            brokerauth_health_timer=timer,
            brokerauth_unit_directory=str(units),
        )

    assert "failed=0" in have(timer=True)
    timer = units / "timers.target.wants" / "brokerauth-check-health.timer"
    assert timer.samefile(units / "brokerauth-check-health.timer")
    service = units / "brokerauth-check-health.service"
    checked = run("systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no", service, timer.resolve())
    # systemd sees whether the program is there, which is not installed here.
    complaints = [line for line in checked.stderr.splitlines() if "/usr/local/bin/brokerauth" not in line]
    assert not [line for line in complaints if "brokerauth" in line], checked.stderr
    assert COLLECT is not None
    (started,) = re.findall("^ExecStart=(.+)$", service.read_text(), re.MULTILINE)
    told = shlex.split(COLLECT[1].replace("-o", "--output"))
    assert shlex.split(started) == ["/usr/local/bin/brokerauth", *told, "--query", COLLECT[2]]
    assert "failed=0" in have(timer=False)
    assert not [path for path in units.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("mark", MARKS)
def test_what_a_user_has_of_it_is_taken_and_nothing_behind_a_link(tmp_path: Path, mark: str) -> None:
    tidy_up = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["brokerauth_tidy_up"]
    home, elsewhere = tmp_path / "home of $(ada)", tmp_path / "elsewhere"
    for made in (home / ".azure" / "cliextensions", home / ".local" / "bin", elsewhere):
        made.mkdir(parents=True)
    (elsewhere / "accounts.json").touch()
    (home / ".azure" / "brokerauth").symlink_to(elsewhere)
    (home / ".azure" / "cliextensions" / "brokerauth").mkdir()
    (home / ".azure" / "cliextensions" / "other").mkdir()
    launcher = home / ".local" / "bin" / "az"
    launcher.write_text(f"#!/bin/sh\n{mark}. Removed by: ...\n")
    removed = run("sh", "-c", tidy_up, "sh", home)
    assert len(removed.stdout.splitlines()) == 3, removed.stderr
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
    assert left == {"elsewhere/accounts.json"}
    assert (home / ".azure" / "cliextensions" / "other").is_dir()
    launcher.write_text("#!/bin/sh\n# somebody's own\n")
    assert run("sh", "-c", tidy_up, "sh", home).stdout == ""
    assert launcher.exists()


# ---- the recipes on the page -----------------------------------------------------------------------------------------

COLLECT = re.search(r"brokerauth (check-health -o json) --query \"(.+?)\"\)", PAGE)
GLANCE = re.search(r"```bash\njq -n '(.+?)'", PAGE, re.DOTALL)
ANSWER = re.search(r"```json\n(.+?)```", PAGE, re.DOTALL)
QUESTIONS = re.search(r"```sql\n(.+?)```", PAGE, re.DOTALL)


@pytest.mark.any_runtime
@pytest.mark.parametrize("scenario", ["default", "no-keyring-packages", "old-wsl"])
def test_what_intune_collects_is_short_and_names_what_is_broken(
    start: Callable[[Scenario | str], Session], scenario: str
) -> None:
    assert COLLECT is not None
    there = start(scenario)
    whole = json.loads(there.brokerauth(*COLLECT[1].split()).stdout)
    short = there.brokerauth(*COLLECT[1].split(), "--query", COLLECT[2])
    collected = json.loads(short.stdout)
    broken = [check["id"] for check in whole["checks"] if check["severity"] == "fail"]
    assert collected == {**{key: whole[key] for key in ("version", "machine", "healthy")}, "failed": broken}
    assert bool(broken) == (scenario != "default") == (short.returncode == 1)
    assert len(short.stdout) < 2048


def save(directory: Path, outputs: Sequence[str | None], page: int) -> None:
    """Write what the scripts said as Microsoft Graph gives it, so many on a page."""
    (directory / "run-states").mkdir()
    states = [{"id": str(n), "preRemediationDetectionScriptOutput": output} for n, output in enumerate(outputs)]
    for first in range(0, len(states), page):
        file = directory / "run-states" / f"{first:07}.json"
        file.write_text(json.dumps({"value": states[first : first + page]}))


def ask_jq(directory: Path) -> Any:
    assert GLANCE is not None
    done = run("jq", "-n", GLANCE[1], *sorted((directory / "run-states").iterdir()))
    assert done.stderr == ""
    return json.loads(done.stdout)


def ask_duckdb(directory: Path) -> Any:
    """The answers in the shape of jq's."""
    assert QUESTIONS is not None
    script = QUESTIONS[1].replace("'run-states/", f"'{directory}/run-states/")
    with duckdb.connect() as database:
        tables = [database.execute(statement).fetchall() for statement in duckdb.extract_statements(script)]
    _, [(machines, healthy)], versions, checks = tables
    failed: dict[str, dict[str, int]] = {}
    for check, machine, count in checks:
        failed.setdefault(check, {})[machine] = count
    return {"machines": machines, "healthy": healthy, "versions": dict(versions), "failed": failed}


def test_the_fleet_at_a_glance(tmp_path: Path) -> None:
    assert ANSWER is not None
    reports = [
        {"version": "1.0.0b1", "machine": "WSL 2", "healthy": True, "failed": []},
        {"version": "1.0.0b1", "machine": "WSL 2", "healthy": False, "failed": ["libraries"]},
        {"version": "1.0.0b1", "machine": "WSL 2", "healthy": False, "failed": ["libraries", "wsl-version"]},
        {"version": "1.0.0b1", "machine": "WSL 1", "healthy": False, "failed": ["machine"]},
    ]
    save(tmp_path, [*map(json.dumps, reports), "The system cannot find the file specified.", None], page=4)
    assert ask_jq(tmp_path) == ask_duckdb(tmp_path) == json.loads(ANSWER[1])


@pytest.mark.parametrize("size", [500, pytest.param(100_000, marks=pytest.mark.full)])
def test_a_large_fleet_is_told_the_same_by_both(tmp_path: Path, size: int) -> None:
    ids = [check.id for check in CHECKS]
    chance = random.Random(size)  # noqa: S311  (the same fleet each time)
    expected: dict[str, Any] = {"machines": size, "healthy": 0, "versions": Counter(), "failed": {}}
    outputs: list[str | None] = []
    for _ in range(size):
        failed = chance.sample(ids, chance.choice((0, 0, 0, 1, 2, 5)))
        version, machine = chance.choice(("1.0.0b1", "1.0.0", "1.1.0")), chance.choice(("WSL 2", "WSL 1", "Linux"))
        report = {"version": version, "machine": machine, "healthy": not failed, "failed": failed}
        line: str | None = json.dumps(report, indent=chance.choice((None, 2)))
        if not chance.randrange(20):
            cut = line[: chance.randrange(len(line))] if line else ""
            line = chance.choice((None, "", "[]", "null", "7", '{"error": "x"}', "not JSON: Ω", '"failed"', cut))
            version = machine = "no report"
            failed = ["no report"]
        expected["healthy"] += not failed
        expected["versions"][version] += 1
        for check in failed:
            expected["failed"].setdefault(check, Counter())[machine] += 1
        outputs.append(line)
    save(tmp_path, outputs, page=1000)
    assert ask_jq(tmp_path) == expected
    assert ask_duckdb(tmp_path) == expected
