"""What authorities say about themselves: asked once a day, and anew whenever anything is wrong with what is kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from azext_brokerauth.broker.authorities import LIFETIME, Authorities

NOW = 1_000_000.0
URL = "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"
SAYS = json.dumps({"token_endpoint": "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"})


@dataclass
class Response:
    text: str = SAYS
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """Counts what it is asked."""

    response: Response = field(default_factory=Response)
    asked: list[str] = field(default_factory=list)

    def get(self, url: str, **_: object) -> Response:
        self.asked.append(url)
        return self.response


def process(web: Web, above: Path, now: float = NOW) -> Authorities:
    return Authorities(1, session=web, above=str(above), clock=lambda: now)


def kept_in(above: Path) -> Path:
    return above / "brokerauth/authorities.json"


def test_a_later_process_does_not_ask_again_for_a_day(tmp_path: Path) -> None:
    web = Web()
    assert process(web, tmp_path).get(URL).text == SAYS
    again = process(web, tmp_path, NOW + LIFETIME - 1).get(URL)
    assert (again.text, again.status_code, len(web.asked)) == (SAYS, 200, 1)
    process(web, tmp_path, NOW + LIFETIME).get(URL)
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    "response", [Response(status_code=404), Response("no JSON"), Response("[]"), Response('{"error": "x"}')]
)
def test_only_an_answer_is_kept(tmp_path: Path, response: Response) -> None:
    web = Web(response)
    process(web, tmp_path).get(URL)
    assert not kept_in(tmp_path).exists()


def test_nothing_but_this_is_kept(tmp_path: Path) -> None:
    for url in ("https://login.microsoftonline.com/common/discovery/instance", URL.replace("https", "http")):
        process(Web(), tmp_path).get(url)
    assert not kept_in(tmp_path).exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "null", json.dumps({URL: "text"}), json.dumps({URL: ["no metadata", NOW + 60]}),
     json.dumps({URL: [SAYS, "soon"]}), json.dumps({URL: [SAYS, NOW + 10 * LIFETIME]}), "[" * 100_000],
)  # fmt: skip
def test_whatever_is_wrong_with_the_file_the_authority_is_asked(tmp_path: Path, content: str) -> None:
    web = Web()
    process(web, tmp_path).get(URL)
    kept_in(tmp_path).write_text(content)
    assert process(web, tmp_path).get(URL).text == SAYS
    assert len(web.asked) == 2
    process(web, tmp_path).get(URL)
    assert len(web.asked) == 2


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    for number in range(100):
        process(Web(), tmp_path, NOW + number).get(URL.replace("organizations", str(number)))
    assert len(json.loads(kept_in(tmp_path).read_text())) == 64


def test_it_is_this_users_alone_and_no_link_is_followed(tmp_path: Path) -> None:
    process(Web(), tmp_path).get(URL)
    assert kept_in(tmp_path).stat().st_mode & 0o777 == 0o600
    kept_in(tmp_path).rename(tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", kept_in(tmp_path))
    web = Web()
    process(web, tmp_path).get(URL)
    assert len(web.asked) == 1
