"""kubectl, and what else reads a kubeconfig: the exec plugin that takes kubelogin's place.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
The arguments: https://azure.github.io/kubelogin/cli/get-token.html.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from azext_brokerauth import spelling
from azext_brokerauth.bridges import MARGIN, Bridge, Home, kubelogin
from azext_brokerauth.bridges.program import run
from azext_brokerauth.bridges.refusals import Refusals, parent
from azext_brokerauth.bridges.silent import Source, Wanted
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import Remedies, Token, person
from azext_brokerauth.tokens.disk import cache_directory

if TYPE_CHECKING:
    from pathlib import Path

    from azext_brokerauth.bridges.edits import Edit

PROGRAM = "kube-credential-brokerauth"
"""Not ``kubectl-...``, which kubectl would take for a command of its own (``kubectl plugin list``)."""
_INFO = "KUBERNETES_EXEC_INFO"
_API = "client.authentication.k8s.io/"
_VERSIONS = (f"{_API}v1beta1", f"{_API}v1")
"""The first is kubelogin's where none is asked for."""
_OF_CLUSTER = {"--server-id": "serverId", "--tenant-id": "tenantId", "--environment": "environment"}
"""The options that a cluster's extension (``client.authentication.k8s.io/exec``) may have instead, by other names."""
_CLOUDS = {
    "azurepubliccloud": "AzureCloud",
    "azureusgovernmentcloud": "AzureUSGovernment",
    "azureusgovernment": "AzureUSGovernment",
    "azurechinacloud": "AzureChinaCloud",
}
"""kubelogin's names of clouds, in lower case, and az's."""
_WITH_KUBELOGIN = person("Use kubelogin for this cluster: put it back as the command of its user in the kubeconfig.")


@dataclass(frozen=True)
class Question:
    """What the tool asks.

    :param version: the API version that the answer must have.
    :param wanted: the token.
    """

    version: str
    wanted: Wanted


def main() -> int:
    """Answer once.

    :returns: the exit code.
    """
    return run(PROGRAM, lambda: _main(sys.argv[1:], os.environ))


def _main(arguments: list[str], environ: Mapping[str, str]) -> int:
    with Source(BRIDGE.name, environ=environ) as source:
        refusals = Refusals(cache_directory(environ), parent())
        sys.stdout.write(answer(arguments, environ, source.token, refusals) + "\n")
    return 0


def answer(
    arguments: list[str], environ: Mapping[str, str], token_for: Callable[[Wanted], Token], refusals: Refusals
) -> str:
    """The token that is asked for, as the tool wants to be told it.

    :param arguments: as kubelogin takes them.
    :param token_for: gets it.
    :param refusals: whether the one before was refused.
    :raises ~azext_brokerauth.errors.BrokerAuthError: there is none.
    """
    asked = question(arguments, environ)
    # All that client-go tells its plugins apart by: what differs here is another plugin's question, in the same second.
    told = repr((arguments, environ.get(_INFO), environ.get("AZURE_CONFIG_DIR")))
    renew = refusals.is_refused(told)
    token = token_for(replace(asked.wanted, renew=renew))
    refusals.given(told, renew)
    # client-go compares with its own clock, and adds nothing.
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(token.expires_on - MARGIN))
    status = {"token": token.value, "expirationTimestamp": until}
    return json.dumps({"apiVersion": asked.version, "kind": "ExecCredential", "status": status})


def question(arguments: list[str], environ: Mapping[str, str]) -> Question:
    """What the tool asks, by its arguments, else by the cluster's extension, and by the variable of client-go.

    :raises InvalidInputError: it cannot be answered; why is said.
    """
    version, cluster = _info(environ.get(_INFO, ""))
    given = {option: cluster[name] for option, name in _OF_CLUSTER.items() if name in cluster}
    # What brokerauth has no use for is nobody's question, so that a kubeconfig serves both programs as it is: where
    # kubelogin keeps its tokens, how long it waits, which application it signs in to.
    given |= kubelogin.options(arguments)
    login = kubelogin.login(given, environ)
    if login not in kubelogin.PEOPLE:
        raise InvalidInputError(
            f"The login {login} is an application's own identity, and brokerauth has only people's sign-ins.",
            remedies=_WITH_KUBELOGIN,
        )
    if kubelogin.wants_pop(given):
        raise InvalidInputError(
            "The cluster wants a proof-of-possession token (--pop-enabled), and on Linux the broker gives none.",
            remedies=_WITH_KUBELOGIN,
        )
    if kubelogin.is_set(given, "--legacy"):
        raise InvalidInputError(
            "--legacy asks for a token of AKS's first integration with Entra, which brokerauth does not serve.",
            remedies=_WITH_KUBELOGIN,
        )
    return Question(version, _wanted(given))


def _wanted(given: Mapping[str, str]) -> Wanted:
    server = _checked(
        "--server-id",
        given.get("--server-id", ""),
        spelling.client,
        person("Give the ID of the cluster's server application: AKS's is 6dae42f8-4368-4678-94ff-3960e28e3630."),
    )
    tenant, environment = given.get("--tenant-id", ""), given.get("--environment", "").lower()
    if environment not in ("", *_CLOUDS):
        raise InvalidInputError(f"--environment {environment!r} is no cloud that brokerauth knows.")
    return Wanted(
        f"{server}/.default",
        _checked("--tenant-id", tenant, spelling.tenant) if tenant else "",
        _checked("--login-hint", given.get("--login-hint", given.get("--username", "")), spelling.user_name),
        cloud=_CLOUDS.get(environment, ""),
    )


def _checked(option: str, value: str, spell: Callable[[str], str], remedies: Remedies = ()) -> str:
    try:
        return spell(value)
    except ValueError as error:
        told = f"{option} {value!r} cannot be used: {error}." if value else f"{option} is missing."
        raise InvalidInputError(told, remedies=remedies) from error


def _info(text: str) -> tuple[str, dict[str, str]]:
    """The API version that is asked for, and what the cluster's extension says.

    :param text: the variable's; empty where there is none, as for a program that asks by itself.
    """
    try:
        told: Any = json.loads(text) if text else {}
        version = told.get("apiVersion") or _VERSIONS[0]
        config = ((told.get("spec") or {}).get("cluster") or {}).get("config") or {}
        cluster = {name: value for name, value in config.items() if isinstance(value, str)}
    except (ValueError, AttributeError, RecursionError) as error:
        raise InvalidInputError(f"The variable {_INFO} is not what kubectl gives to its plugins.") from error
    if version not in _VERSIONS:
        raise InvalidInputError(
            f"The API version {version!r} is not answered.",
            remedies=person(f"Set apiVersion to {_VERSIONS[1]} for this user in the kubeconfig."),
        )
    return version, cluster


class Kubectl(Bridge):
    """kubectl, helm, k9s and their like, for clusters whose users sign in with kubelogin."""

    name = "kubectl"
    serves = "clusters whose users sign in with Entra (AKS), in kubelogin's place"
    programs = ("kubectl", "helm", "k9s")

    def edits(self, home: Home) -> list[Edit]:
        """Our program as the command of kubelogin's entries.

        :raises ~azext_brokerauth.errors.SettingsError: there are none.
        """
        # What kubectl starts needs no YAML.
        from azext_brokerauth.bridges import kubeconfig, start_script

        return [*kubeconfig.edits(home, PROGRAM), *start_script.edits(home, PROGRAM, self.name)]

    def leftovers(self, home: Home, recorded: Sequence[Path]) -> list[Edit]:
        """Our program in whatever file it is."""
        from azext_brokerauth.bridges import kubeconfig, start_script

        scripts, others = start_script.leftovers(home, PROGRAM, recorded)
        return [*kubeconfig.leftovers(home, PROGRAM, others), *scripts]


BRIDGE = Kubectl()
