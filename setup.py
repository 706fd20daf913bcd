"""Packaging. The metadata is here rather than in pyproject.toml because az's extension tools read setup.py."""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "azext_brokerauth/__init__.py").read_text(), re.MULTILINE)[1]

# The native runtime is the one thing that az lacks. Its wheels exist for these machines only.
RUNTIME = (
    "pymsalruntime>=0.18,<0.21; python_version >= '3.10' and python_version < '3.15' and ("
    "(sys_platform == 'linux' and platform_machine == 'x86_64')"
    " or (sys_platform == 'win32' and platform_machine != 'ARM64')"
    " or (sys_platform == 'darwin' and platform_machine == 'arm64'))"
)
CORE = ["msal>=1.36,<2", "portalocker>=2.7,<5"]

setup(
    name="brokerauth",
    version=VERSION,
    description="Device-bound sign-in from WSL through Windows' account broker, for Azure CLI and Azure SDK programs",
    long_description=(HERE / "README.md").read_text() + "\n\n" + (HERE / "HISTORY.rst").read_text(),
    long_description_content_type="text/markdown",
    author="The brokerauth contributors",
    # The source names no home and no address of its own: who builds a wheel for others says where they turn to.
    url=os.environ.get("BROKERAUTH_URL", ""),
    author_email=os.environ.get("BROKERAUTH_CONTACT", ""),
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["azext_brokerauth", "azext_brokerauth.*"]),
    package_data={"azext_brokerauth": ["azext_metadata.json", "py.typed"]},
    # jeepney looks at the keyring, on D-Bus; az lacks it too.
    install_requires=[RUNTIME, "jeepney>=0.8,<1; sys_platform == 'linux'"],
    extras_require={
        "cli": [*CORE, "knack>=0.11,<1", "packaging>=21"],
        "sdk": [*CORE, "azure-core>=1.31,<2", "azure-identity>=1.17,<2"],
    },
    entry_points={
        "console_scripts": [
            "brokerauth = azext_brokerauth.__main__:main",
            "cargo-credential-brokerauth = azext_brokerauth.bridges.cargo:main",
            "docker-credential-brokerauth = azext_brokerauth.bridges.docker:main",
            "git-credential-brokerauth = azext_brokerauth.bridges.git:main",
            "kube-credential-brokerauth = azext_brokerauth.bridges.kubectl:main",
        ],
        # keyring alone loads this, which brokerauth does not need.
        "keyring.backends": ["brokerauth = azext_brokerauth.bridges.feed_keyring:BrokerKeyring"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: MIT License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 15)),
    ],
)
