"""Importing the package is cheap and safe anywhere."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import azext_brokerauth", ["msal", "azure", "knack", "pymsalruntime", "subprocess", "portalocker"]),
        ("from azext_brokerauth import BrokerCredential; BrokerCredential()", ["msal", "azure.identity", "knack"]),
        ("import azext_brokerauth.__main__", ["msal", "azure", "knack", "pymsalruntime"]),
        (
            "sys.argv.append('store'); from azext_brokerauth.bridges.git import main; main()",
            ["azext_brokerauth.errors", "json", "knack", "subprocess"],
        ),
    ],
)
def test_an_import_brings_in_nothing_that_it_does_not_need(statement, absent):
    program = f"import sys; {statement}; print(*[name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux", "freebsd14"])
def test_it_imports_on_any_platform_without_any_wheel(platform):
    program = (
        "import sys, importlib.abc\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name in ('msal', 'pymsalruntime', 'knack'): raise ModuleNotFoundError(name)\n"
        f"sys.meta_path.insert(0, Missing()); sys.platform = {platform!r}\n"
        "import azext_brokerauth, azext_brokerauth.tokens; print(azext_brokerauth.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0.0b1"


@pytest.mark.parametrize("package", ["knack", "msal", "portalocker"])
def test_the_plain_cli_names_the_extra_that_is_missing(package):
    program = (
        f"import sys; sys.modules[{package!r}] = None; from azext_brokerauth.__main__ import main; sys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'brokerauth[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_repl_completes_the_credential():
    program = (
        "import rlcompleter, azext_brokerauth; assert 'BrokerCredential' in dir(azext_brokerauth);"
        "print(rlcompleter.Completer().complete('azext_brokerauth.Br', 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().startswith("azext_brokerauth.BrokerCredential")


def test_the_credential_names_the_extra_that_is_missing():
    program = "import sys; sys.modules['azure.core'] = None; import azext_brokerauth; azext_brokerauth.BrokerCredential"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'brokerauth[sdk]'" in done.stderr
