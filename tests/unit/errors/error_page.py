"""Writes docs/errors.md from the tables that the program itself uses: ``python -m tests.unit.errors.error_page``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from azext_brokerauth.errors.aadsts import AADSTS
from azext_brokerauth.errors.advice import Advice
from azext_brokerauth.errors.codes import CODES
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.errors.statuses import STATUSES
from azext_brokerauth.errors.tags import TAGS
from azext_brokerauth.errors.troubles import TROUBLES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "errors.md"
_HEAD = """# What an error means, and what to do

Search this page for the number or name in the message. The page is written from the tables that the program itself uses
(`python -m tests.unit.errors.error_page`), so it says what a terminal says. A code that is not here is shown with
everything that MSAL said; look an `AADSTS` number up at `https://login.microsoftonline.com/error?code=NUMBER`. A link
to one code ends with its name in small letters: `errors.md#aadsts53003`.

*Kind* says what a program sees: `InteractionRequiredError` means that a person at a prompt can help (`az brokerauth
login`); the others mean a refusal or a broker that does not work. *Up to* says who can change it. Where *device* says
yes, only a device that proves itself gets through: `--fallback` is not used there, because a browser or a device code
cannot prove the device either.

When one message carries several codes, an `AADSTS` number counts first, then the broker's error code, its tag, and its
status. `<client ID>` and `<tenant>` stand here for your own: a terminal shows those, and the portal of your cloud.
"""
_NO_CODE = """
These come without a code of Microsoft's; the first column is this project's own name for each. `...` stands for what
MSAL or Python said.
"""


def page() -> str:
    aadsts = {f"AADSTS{number}": AADSTS[number] for number in sorted(AADSTS)}
    troubles = {trouble.value: advice for trouble, advice in TROUBLES.items()}
    return (
        _HEAD
        + _table("AADSTS numbers of Microsoft Entra", aadsts)
        + _table("Statuses of the broker", {name: STATUSES[name] for name in sorted(STATUSES)})
        + _table("Error codes of the broker", {str(code): CODES[code] for code in sorted(CODES)})
        + _table("Tags of the broker", {str(tag): TAGS[tag] for tag in sorted(TAGS)})
        + _table("Failures without a code", troubles, _NO_CODE)
    )


def _table(title: str, table: Mapping[str, Advice], before: str = "") -> str:
    rows = [
        f'| <a id="{anchor(code)}"></a>{code} | '
        f"{_cell(advice.cause.replace('{text}.', '...'))}"
        f" | {_cell(in_words(advice.as_error().remedies, AZ))}"
        f" | {advice.whose.value} | {advice.error.__name__} | {'yes' if advice.device else ''}"
        f" | {_cell(advice.source)} |\n"
        for code, advice in table.items()
    ]
    head = "| Code | What happened | What to do | Up to | Kind | Device | Source |\n|---|---|---|---|---|---|---|\n"
    return f"\n## {title}\n{before}\n{head}{''.join(rows)}"


def anchor(code: str) -> str:
    """What a link to a code's row ends with: letters are small, as in the anchors of headings."""
    return code.lower()


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("<", "&lt;").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
