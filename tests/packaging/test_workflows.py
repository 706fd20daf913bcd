"""The workflows: what they start is there, and their shell does what it should. `make lint` checks the rest of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parents[2]
WORKFLOWS = sorted((HERE / ".github/workflows").glob("*.yml"))
RELEASE = yaml.safe_load((HERE / ".github/workflows/release.yml").read_text())


def steps(workflow: Any) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_what_a_workflow_starts_is_there(file: Path) -> None:
    for script in [step["run"] for step in steps(yaml.safe_load(file.read_text())) if "run" in step]:
        checked = subprocess.run(["/bin/bash", "-n"], input=script, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, ""), script
        for program in re.findall(r"\.ci/[\w-]+", script):
            assert os.access(HERE / program, os.X_OK), program
        for targets in re.findall(r"^make (.+)$", script, re.MULTILINE):
            plan = ["/usr/bin/env", "make", "--dry-run", *targets.split()]
            planned = subprocess.run(plan, cwd=HERE, text=True, capture_output=True)
            assert planned.returncode == 0, planned.stderr


def test_only_the_jobs_that_sign_and_publish_may_more_than_read() -> None:
    assert RELEASE["permissions"] == {}
    may = {
        name: {f"{what}: {how}" for what, how in job["permissions"].items() if how != "read"}
        for name, job in RELEASE["jobs"].items()
    }
    assert {name: what for name, what in may.items() if what} == {
        "attest": {"id-token: write", "attestations: write"},
        "publish": {"id-token: write"},
        "announce": {"contents: write"},
    }
    # What has these rights runs no code of the sources.
    for name in ("attest", "publish", "announce"):
        assert not [step for step in RELEASE["jobs"][name]["steps"] if "actions/checkout" in step.get("uses", "")]


def test_nothing_is_published_that_was_not_installed_first() -> None:
    def before(name: str) -> set[str]:
        needs = RELEASE["jobs"][name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else {*needs}
        return direct.union(*map(before, direct))

    assert before("publish") == {"build", "try", "try-in-az", "attest"}
    assert "publish" in before("announce")
    builds = [name for name, job in RELEASE["jobs"].items() if "make wheel" in str(job["steps"])]
    assert builds == ["build"]


def test_no_job_of_a_release_has_a_cache() -> None:
    for step in steps(RELEASE):
        assert "actions/cache" not in step.get("uses", "")
        assert not [name for name in step.get("with", {}) if "cache" in name]


@pytest.mark.parametrize(
    ("tag", "kind"), [("v1.0.0b1", "--prerelease"), ("v2.1.0rc3", "--prerelease"), ("v1.0.0", "--latest")]
)
def test_a_release_on_github_has_the_wheel_and_says_whether_it_is_a_preview(
    tag: str, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "dist").mkdir()
    files = {"dist/brokerauth-1-py3-none-any.whl", "dist/brokerauth-1.cdx.json"}
    for name in files:
        (tmp_path / name).touch()
    stand_in = tmp_path / "gh"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    [script] = [step["run"] for step in RELEASE["jobs"]["announce"]["steps"] if "run" in step]
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_REF_NAME": tag,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "contoso/brokerauth",
    }
    done = subprocess.run(["/bin/bash", "-ec", script], cwd=tmp_path, env=env, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    given = done.stdout.splitlines()
    assert given[:5] == ["release", "create", tag, kind, "--verify-tag"]
    assert f"https://github.com/contoso/brokerauth/blob/{tag}/HISTORY.rst" in done.stdout
    assert set(given[-2:]) == files
