"""Look for inputs that nobody has thought of, guided by what they reach in the package:
`python -m tests.fuzz TARGET [options of libFuzzer]`, after `pip install atheris`.

What is found lies in the folder that is told at the end: keep the few that say something in `corpus/TARGET`, by a name.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["azext_brokerauth"]):
    targets = importlib.import_module("tests.fuzz.targets")


def main() -> None:
    name, *options = sys.argv[1:]
    found = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    words = found / "words"
    # Each byte as libFuzzer's dictionaries have it (https://llvm.org/docs/LibFuzzer.html#dictionaries).
    told = ["".join(map(r"\x{:02x}".format, word)) for word in targets.TARGETS[name].words if len(word) < 100]
    words.write_text("".join(f'"{word}"\n' for word in told))
    (found / "new").mkdir()
    sys.stderr.write(f"What is found: {found}\n")
    places = [str(found / "new"), str(targets.CORPUS / name)]
    prefix = f"-artifact_prefix={found}/"
    atheris.Setup([sys.argv[0], f"-dict={words}", prefix, *options, *places], targets.TARGETS[name].feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
