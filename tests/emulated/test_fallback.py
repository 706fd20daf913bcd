"""Going on without the broker is a decision: only where it was chosen, told as such, and never in vain."""

from __future__ import annotations

import dataclasses
import json
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.directory import ADA
from testbed.scenarios import SCENARIOS, Scenario
from tests.emulated.session import Session
from tests.tokens import claims_of
from tests.waiting import wait_until

Start = Callable[[Scenario | str], Session]
QUICK = {"AZURE_BROKERAUTH_SILENT_TIMEOUT": "20", "AZURE_BROKERAUTH_PROMPT_TIMEOUT": "60"}
pytestmark = pytest.mark.any_runtime

APPROVE = """
import time, requests
while requests.post("https://login.microsoftonline.com/testbed/approve").status_code != 200:
    time.sleep(0.1)
"""
BROWSER = """#!{python}
# A browser in which ada signs in, and which keeps the last page that it showed.
import html, re, sys, requests
page = requests.get(sys.argv[1] + "{more}").text
def fields(page):
    found = re.findall(r'name="([^"]*)" value="([^"]*)"', page)
    return {{name: html.unescape(value) for name, value in found}}
target = html.unescape(re.search(r'action="([^"]*)"', page)[1])
page = requests.post(target, data=fields(page)).text
open("{shown}", "w").write(page)
"""

CHROMIUM = """#!{python}
# A real browser, in which the account is chosen and the page seen last is kept as a person sees it.
import sys
from pathlib import Path
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait
options = webdriver.ChromeOptions()
options.binary_location = "/usr/bin/chromium"
options.accept_insecure_certs = True
for argument in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "incognito"):
    options.add_argument(f"--{{argument}}")
with webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver")) as browser:
    browser.get(sys.argv[1] + "{more}")
    WebDriverWait(browser, 60).until(lambda browser: browser.title.startswith("brokerauth:"))
    Path("{shown}").write_text(browser.page_source)
"""


def refusal(number: int) -> dict[str, Any]:
    """What the broker says when Entra refuses."""
    text = f"V2Error: invalid_grant AADSTS{number}: Refused for a test. Trace ID: x."
    return {"context": text, "status": 2, "subStatus": 0, "errorCode": 3399614467, "tag": 558133255}


def refusing(number: int) -> Scenario:
    said = refusal(number)
    return dataclasses.replace(
        SCENARIOS["default"], calls={"acquireTokenSilently": said, "acquireTokenInteractively": said}
    )


def browser(there: Session, more: str) -> tuple[dict[str, str], Path]:
    """The environment in which this browser is the person's own, and the file with the page that it shows last."""
    program, shown = there.opened.with_name("ada"), there.opened.with_name("shown.html")
    program.write_text(BROWSER.format(python=sys.executable, more=more, shown=shown))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"BROWSER": f"{program} %s &", **QUICK}, shown


def sign_in_by_device_code(there: Session, *words: str, **env: str) -> Any:
    there.elsewhere = True
    with there.machine.popen([sys.executable, "-c", APPROVE], there.env) as approving:
        try:
            return there.brokerauth("login", *words, timeout=90, **QUICK, **env)
        finally:
            approving.kill()


def test_the_broker_s_failure_alone_leads_to_nothing_else(start: Start) -> None:
    there = start("crash")
    assert "did not give a usable answer" in there.refuse("login", **QUICK)


def real_browser(there: Session, more: str) -> tuple[dict[str, str], Path]:
    assert shutil.which("chromedriver"), "chromium-driver is missing: run make system-for-tests"
    program, shown = there.opened.with_name("chromium-of-ada"), there.opened.with_name("shown.html")
    program.write_text(CHROMIUM.format(python=sys.executable, more=more, shown=shown))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"BROWSER": f"{program} %s &", **QUICK}, shown


def seen(shown: Path) -> str:
    """The page, once Chromium has written it."""
    wait_until(lambda: shown.exists() and "</html>" in shown.read_text(), 60)
    return shown.read_text()


def test_chromium_shows_that_the_browser_s_part_is_done(start: Start) -> None:
    there = start("garbage")
    there.elsewhere = True
    env, shown = real_browser(there, f"&as_user={ADA.username}")
    done = there.brokerauth("login", "--fallback", "browser", timeout=90, **env)
    assert done.returncode == 0, done.stderr
    page = seen(shown)
    assert "<title>brokerauth: You can close this page</title>" in page
    assert "Go back to the terminal" in page
    assert not [secret for secret in there.secrets() if secret in page]


def test_chromium_shows_what_entra_refused(start: Start) -> None:
    there = start("garbage")
    there.elsewhere = True
    env, shown = real_browser(there, "&as_user=katherine@fabrikam.com")
    done = there.brokerauth("login", "--fallback", "browser", "--tenant", "contoso.com", timeout=90, **env)
    assert (done.returncode, done.stdout) == (1, "")
    page = seen(shown)
    assert "<title>brokerauth: The sign-in failed</title>" in page
    assert "AADSTS50020" in page


@pytest.mark.parametrize("scenario", ["crash", "no-runtime"])
def test_a_device_code_is_used_where_it_was_chosen_and_the_broker_fails(start: Start, scenario: str) -> None:
    there = start(scenario)
    done = sign_in_by_device_code(there, "--fallback", "device-code")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["username"], told["source"], told["isCurrent"]) == (ADA.username, "device-code", False)
    assert "will NOT be device-bound" in done.stderr
    assert "oauth2/deviceauth and enter the code" in done.stderr
    assert "not kept" in done.stderr
    assert there.tell("list") == []
    assert "Nobody is signed in" in there.refuse("get-access-token", status=3)


def test_the_broker_comes_first_even_where_a_fallback_is_chosen(default: Session) -> None:
    assert default.tell("login", AZURE_BROKERAUTH_FALLBACK="browser", **QUICK)["source"] == "broker"


def test_a_browser_signs_in_and_shows_a_page_of_ours_without_a_secret(start: Start) -> None:
    there = start("garbage")
    there.elsewhere = True
    env, shown = browser(there, f"&as_user={ADA.username}")
    done = there.brokerauth("login", "--fallback", "browser", timeout=90, **env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"] == "browser"
    page = shown.read_text()
    assert "Go back to the terminal" in page
    assert "not bound to your device" in page
    assert "http" not in page, "a page of its own, with nothing from elsewhere"
    assert not [secret for secret in there.secrets() if secret in page]


def test_a_failed_sign_in_in_the_browser_is_told_in_both_places(start: Start) -> None:
    there = start("garbage")
    there.elsewhere = True
    env, shown = browser(there, "&as_user=katherine@fabrikam.com")
    done = there.brokerauth("login", "--fallback", "browser", "--tenant", "contoso.com", timeout=90, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Microsoft Entra said: AADSTS50020" in done.stderr
    page = shown.read_text()
    assert "The sign-in failed" in page
    assert "AADSTS50020" in page
    assert "'" not in page, "what Entra says is escaped"


def test_a_policy_about_the_device_is_not_met_by_a_browser(start: Start) -> None:
    there = start(refusing(53003))
    said = there.refuse("login", "--fallback", "browser", **QUICK)
    assert "cannot prove the device either" in said
    assert "Ask your administrator" in said


def test_where_only_the_device_counts_the_terminal_says_what_the_page_cannot_know(start: Start) -> None:
    """Conditional Access refuses the code after the browser has shown its last page."""
    there = start(dataclasses.replace(SCENARIOS["garbage"], device_required=53003))
    there.elsewhere = True
    env, shown = browser(there, f"&as_user={ADA.username}")
    done = there.brokerauth("login", "--fallback", "browser", timeout=90, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Conditional Access policy refused the sign-in" in done.stderr
    assert "it says whether you are signed in" in shown.read_text()


def test_who_closes_the_window_is_not_sent_to_a_browser(start: Start) -> None:
    there = start("user-cancels")
    assert "The sign-in window was closed" in there.refuse("login", "--fallback", "browser", **QUICK)


def test_outside_wsl_a_fallback_does_nothing_either(start: Start) -> None:
    there = start("not-wsl")
    assert "This is native Linux, not WSL" in there.refuse("login", "--fallback", "browser", **QUICK)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--fallback", "telnet"], "--fallback cannot be 'telnet': use one of none, browser, device-code"),
        (["--fallback", "browser", "--no-prompt"], "Leave one out"),
    ],
)
def test_a_fallback_that_makes_no_sense_is_refused(default: Session, words: list[str], expected: str) -> None:
    assert expected in default.refuse("login", *words)
    assert default.calls() == []


def test_nobody_is_asked_by_get_access_token(default: Session) -> None:
    default.tell("login")
    default.machine.set_scenario("crash")
    said = default.refuse(
        "get-access-token", "--resource", "https://vault.azure.net", AZURE_BROKERAUTH_FALLBACK="browser", **QUICK
    )
    assert "did not give a usable answer" in said


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (50105, ["not assigned", "your administrator's decision"]),
        (65001, ["https://login.microsoftonline.com/contoso.com/adminconsent?client_id=04b07795"]),
        (65004, ["You declined", "and accept"]),
        (530084, ["token protection", "administrator"]),
    ],
)
def test_a_refusal_says_whose_decision_it_is_and_what_to_do(start: Start, number: int, expected: list[str]) -> None:
    there = start(refusing(number))
    said = there.refuse("login", "--tenant", "contoso.com", **QUICK)
    for part in [*expected, f"AADSTS{number}"]:
        assert part in said


CREDENTIAL = """
import logging
from azext_brokerauth import BrokerCredential
logging.basicConfig()
with BrokerCredential(fallback="device-code") as credential:
    print(credential.get_token("https://vault.azure.net/.default").token)
"""


def test_the_credential_warns_and_gives_a_token_without_a_device(start: Start) -> None:
    there = start("crash")
    there.elsewhere = True
    with there.machine.popen([sys.executable, "-c", APPROVE], there.env) as approving:
        try:
            command = [sys.executable, "-c", CREDENTIAL]
            done = there.machine.run(command, env=there.env | QUICK, timeout=90)
        finally:
            approving.kill()
    assert done.returncode == 0, done.stderr
    assert "WARNING:azext_brokerauth.tokens:The broker gave no token" in done.stderr
    assert "enter the code" in done.stderr
    assert "deviceid" not in claims_of(done.stdout.strip())
