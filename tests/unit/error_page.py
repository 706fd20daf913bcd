"""Writes docs/errors.md from the table that the program itself uses: ``python -m tests.unit.error_page``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from azext_brokerauth import errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
_HEAD = """# What an error means, and what to do

Search this page for the number or name in the message. The page is written from the table that the program itself uses
(`python -m tests.unit.error_page`), so it says what a terminal says. A code that is not here is shown with everything
that MSAL said; look an `AADSTS` number up at `https://login.microsoftonline.com/error?code=NUMBER`.

*Kind* says what a program sees: `InteractionRequiredError` means that a person at a prompt can help (`az brokerauth
login`); the others mean a refusal or a broker that does not work. *Up to* says who can change it. Where *device* says
yes, only a device that proves itself gets through: `--fallback` is not followed there, since a browser or a device code
cannot prove the device either.

When one message carries several codes, an `AADSTS` number counts first, then the broker's error code, its tag, and its
status.
"""


def page() -> str:
    parts = [
        ("AADSTS numbers of Microsoft Entra", "AADSTS", errors.AADSTS_ADVICE),
        ("Statuses of the broker", "", errors.STATUS_ADVICE),
        ("Error codes of the broker", "", errors.CODE_ADVICE),
        ("Tags of the broker", "", errors.TAG_ADVICE),
    ]
    return _HEAD + "".join(_table(title, prefix, table) for title, prefix, table in parts)


def _table(title: str, prefix: str, table: Mapping[int, errors.Advice] | Mapping[str, errors.Advice]) -> str:
    rows = [
        f"| {prefix}{code} | {_cell(advice.cause)} | {_cell(advice.remedy)} | {advice.whose.value} |"
        f" {advice.error.__name__} | {'yes' if advice.device else ''} | {_cell(advice.source)} |\n"
        for code, advice in sorted(table.items())
    ]
    head = "| Code | What happened | What to do | Up to | Kind | Device | Source |\n|---|---|---|---|---|---|---|\n"
    return f"\n## {title}\n\n{head}{''.join(rows)}"


def _cell(text: str) -> str:
    consent_url = "https://login.microsoftonline.com/TENANT/adminconsent?client_id=CLIENT_ID"
    return text.replace("{consent_url}", consent_url).replace("<", "&lt;").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
