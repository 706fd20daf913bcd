"""What the tests of the broker's process start with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.broker_process import Runtime


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Puts a module in place of pymsalruntime, in a directory that only the parent's `sys.path` names."""

    def put(code: str) -> Path:
        site = tmp_path / "site"
        (site / "pymsalruntime").mkdir(parents=True)
        (site / "pymsalruntime/__init__.py").write_text(code)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "pymsalruntime", raising=False)
        return site

    return put
