"""What az shows with ``--debug`` while tokens come from the broker."""

from __future__ import annotations

from tests.az.session import Terminal


def test_no_secret_is_in_azs_debug_output(signed_in: Terminal) -> None:
    there = signed_in
    for words in (
        ["brokerauth", "login"],
        ["brokerauth", "get-access-token", "--resource", "https://vault.azure.net"],
        ["account", "get-access-token", "--resource", "https://graph.microsoft.com"],
        ["account", "list"],
    ):
        done = there.az(*words, "--debug")
        assert done.returncode == 0
        told = done.stderr if "get-access-token" in words else done.stdout + done.stderr
        secrets = [line.split()[1] for line in there.machine.ledger.read_text().splitlines()]
        assert secrets
        assert not [secret for secret in secrets if secret in told]
        if "list" not in words:
            assert "step for https://" in done.stderr
        ours = [line for line in done.stderr.splitlines() if "azext_brokerauth" in line and line.startswith("DEBUG")]
        assert not [line for line in ours if "@contoso.com" in line]
