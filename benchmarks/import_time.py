"""How long the imports of an SDK user take: azure-core's own, ours, and the peer's; all in one run, in turn."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

FLOOR, OURS = "import azure.core.credentials", "from azext_brokerauth import BrokerCredential"
IMPORTS = (FLOOR, OURS, "from azext_brokerauth.aio import BrokerCredential", "import azure.identity.broker")
ROUNDS = 20


def measure(statement: str) -> tuple[float, set[str]]:
    """Seconds that the statement takes in a fresh interpreter, and the modules that are loaded then."""
    program = f"""if True:
        import json, sys, time
        start = time.perf_counter()
        {statement}
        json.dump((time.perf_counter() - start, list(sys.modules)), sys.stdout)
    """
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    seconds, modules = json.loads(told)
    return seconds, set(modules)


def added() -> list[str]:
    """The modules that importing ours adds to azure-core's own import."""
    return sorted(measure(OURS)[1] - measure(FLOOR)[1])


def main() -> None:
    taken: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    for _ in range(ROUNDS):
        for statement, seconds in taken.items():
            seconds.append(measure(statement)[0])
    floor = statistics.median(taken[FLOOR])
    for statement, seconds in taken.items():
        median = statistics.median(seconds)
        sys.stdout.write(f"| `{statement}` | {median * 1000:.0f} ms | {median / floor:.2f} |\n")
    sys.stdout.write(f"\nOurs adds: {', '.join(added())}\n")


if __name__ == "__main__":
    main()
