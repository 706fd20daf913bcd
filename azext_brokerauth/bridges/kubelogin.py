"""kubelogin's arguments, as they stand in kubeconfig files (https://azure.github.io/kubelogin/cli/get-token.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NAME = "kubelogin"
LOGIN_VARIABLE = "AAD_LOGIN_METHOD"
"""Which counts more than ``--login``."""
PEOPLE = ("devicecode", "interactive", "azurecli", "azd", "ropc")
"""Its ways to sign a person in, the usual one first. The others are an application's own identity."""
_SHORT = {"-l": "--login", "-t": "--tenant-id", "-e": "--environment"}


def options(arguments: Iterable[str]) -> dict[str, str]:
    """The options by their long names, of which the last counts; of one without a value, ``true``."""
    found, before = {}, ""
    for word in arguments:
        if word.startswith("-"):
            name, is_given, value = word.partition("=")
            name = _SHORT.get(name, name)
            found[name] = value if is_given else "true"
            before = "" if is_given else name
        elif before:
            found[before], before = word, ""
    return found


def is_set(given: Mapping[str, str], flag: str) -> bool:
    """Is an option given that is one without a value?"""
    return given.get(flag, "false").lower() not in ("false", "f", "0")


def wants_pop(given: Mapping[str, str]) -> bool:
    """Is it a proof-of-possession token that is asked for?"""
    return is_set(given, "--pop-enabled") or bool(given.get("--pop-claims"))


def login(given: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Whose sign-in it is to be, by kubelogin's name.

    :param environ: the variables that kubelogin would have.
    """
    return environ.get(LOGIN_VARIABLE, given.get("--login", PEOPLE[0]))
