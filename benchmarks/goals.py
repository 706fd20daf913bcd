"""What is to be reached: one line for each row of the results, in their order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One goal.

    :param work: what is done, and what it is compared with.
    :param limit: as the table says it.
    :param at_most: what is measured may be this at most.
    :param missed: why it is not reached, one sentence, shown where it is not.
    """

    work: str
    limit: str
    at_most: float
    missed: str = "not known yet"


GOALS = {
    "command": Goal(
        "`brokerauth get-access-token`, warm, whole process; peer: stock `az account get-access-token`, warm",
        "ratio at most 0.25",
        0.25,
        "half of it is Python with knack; the rest is below",
    ),
    "command-floor": Goal(
        "the same; peer: Python that loads knack and reads one JSON file, below which no command of ours can be",
        "ratio at most 1.4",
        1.4,
        "settings, types and the cipher of the token cache are loaded besides, most of it dataclasses",
    ),
    "az-command": Goal(
        "`az brokerauth get-access-token`, warm; peer: stock `az account get-access-token`, warm",
        "ratio at most 0.6",
        0.6,
        "az's own start is nearly half of stock az; the rest is the extension's settings, types and cipher",
    ),
    "az-hook": Goal(
        "`az account get-access-token`, warm, with our hook; peer: the same without us",
        "ratio at most 1.05",
        1.05,
        "az loads the extension, and with it the settings and the facade, before it reads its own cache",
    ),
    "warm": Goal(
        "`BrokerCredential().get_token` in a fresh process, warm; peer: `AzureCliCredential` likewise",
        "ratio at most 0.2",
        0.2,
        "as for the command: types and cipher; and azure-core itself, which both load",
    ),
    "cold": Goal(
        "the same, cold, our child included; peer: azure-identity-broker in its own process",
        "ratio at most 1.0",
        1.0,
        "the broker has a process of its own, with a Python to start, which the peer does without",
    ),
    "loop": Goal("cached `get_token` in a loop; peer: azure-identity-broker", "at most 5 µs", 5e-6),
    "import": Goal("import on top of `azure.core.credentials`; peer: azure-identity-broker", "at most 5 ms", 5e-3),
    "threads": Goal("16 threads, cold: acquisitions; peer: azure-identity-broker", "1", 1),
    "processes": Goal("20 processes, cold: how many asked the broker; peer: azure-identity-broker", "1", 1),
    "az-at-once": Goal(
        "16 `az account get-access-token` at once, cold, for one resource: the slowest; peer: stock az, which redeems "
        "a refresh token",
        "at most 3.3 s, a third of what Python, Go and Java clients wait",
        10 / 3,
        "two cores start sixteen az, which takes stock az as long; one of them asks the broker",
    ),
    "memory": Goal(
        "resident memory of the user's process after a token, above azure-core's; peer: azure-identity-broker",
        "below 5 MB",
        5e6,
        "the cipher of the token cache (cryptography) takes 7 MB of it, and is needed at the first token",
    ),
    "left": Goal("memory of everything we started, 30 s after the last token", "0", 0),
    "http": Goal("HTTP requests for a token in steady state; peer: azure-identity-broker", "0", 0),
    "http-broker": Goal(
        "the same where the broker is asked, and was before on this machine; peer: azure-identity-broker",
        "0",
        0,
        "one request a day asks the authority about itself",
    ),
    "entries": Goal("look-up with 10,000 cached entries; peer: ours with 10", "ratio at most 1.5", 1.5),
    "keyring": Goal(
        "a token that no cache has, with a private keyring that is not running yet; peer: with the session's keyring",
        "at most 60 ms more",
        0.060,
    ),
}
