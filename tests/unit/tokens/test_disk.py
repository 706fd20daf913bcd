"""Tokens that processes share: whatever happens to the files or to the key, there is the right token or none."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azext_brokerauth import errors
from azext_brokerauth.models import Token, TokenRequest
from azext_brokerauth.tokens.disk import TokenFiles, cache_directory
from azext_brokerauth.tokens.flights import key_of
from tests.unit.tokens.machine import ADA, GRACE, SCOPE, TARGET

NOW = 1_000_000.0
WANTED = key_of(replace(SCOPE, whose=ADA))
OTHERS = [
    replace(WANTED, whose=GRACE.home_account_id),
    replace(WANTED, whose=""),
    replace(WANTED, scopes=("https://graph.microsoft.com/.default",)),
    replace(WANTED, scopes=(*WANTED.scopes, "another")),
    replace(WANTED, target=replace(TARGET, tenant="contoso.com")),
    replace(WANTED, target=replace(TARGET, authority="login.microsoftonline.us")),
    replace(WANTED, target=replace(TARGET, client_id="00000000-0000-4000-8000-000000000000")),
    replace(WANTED, enable_cae=True),
]


class Kernel:
    """A keyring of a test's own."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}

    def key(self, name: str) -> bytes | None:
        return self.keys.setdefault(name, os.urandom(32))

    def remove(self, name: str) -> None:
        self.keys.pop(name, None)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def process(directory: Path, kernel: Kernel, now: float = NOW) -> TokenFiles:
    """The tokens as one more process sees them."""
    return TokenFiles(str(directory), key=kernel.key, remove_key=kernel.remove, clock=lambda: now)


def token(value: str = "token 1", lives: float = 3600, **fields: object) -> Token:
    return replace(Token(value, int(NOW + lives), "Bearer", "broker", "c", ADA), **fields)  # type: ignore[arg-type]


def files_in(directory: Path) -> list[Path]:
    return sorted(file for file in (directory / "brokerauth").iterdir() if file.suffix != ".lock")


def recording(call: Callable[..., object], paths: list[object]) -> Callable[..., object]:
    """The call, which notes its path first."""

    def noted(path: object, *more: object, **how: object) -> object:
        paths.append(path)
        return call(path, *more, **how)

    return noted


def failing(_: object) -> Token:
    raise errors.BrokerTimeoutError("no answer")


@pytest.mark.parametrize("kept", [token(), token(refresh_on=int(NOW) + 1800), token("ё" * 20000)])
def test_a_later_process_has_the_token(tmp_path: Path, kernel: Kernel, kept: Token) -> None:
    process(tmp_path, kernel).put(WANTED, kept)
    assert process(tmp_path, kernel).get(WANTED) == kept


def test_only_the_same_question_has_it(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    assert [process(tmp_path, kernel).get(other) for other in OTHERS] == [None] * len(OTHERS)


def test_a_look_at_one_among_many_opens_its_file_and_no_other(
    tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = process(tmp_path, kernel)
    for number in range(50):
        filled.put(replace(WANTED, scopes=(f"https://service{number}.example/.default",)), token())
    filled.put(WANTED, token())
    opened, listed = [], []
    monkeypatch.setattr(os, "open", recording(os.open, opened))
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, recording(getattr(os, name), listed))
    assert process(tmp_path, kernel).get(WANTED) == token()
    monkeypatch.undo()
    names = {file.name for file in files_in(tmp_path)}
    assert (len(names), len([path for path in opened if path in names]), listed) == (51, 1, [])


def test_nothing_of_it_can_be_read(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token("a value to look for"))
    (file,) = files_in(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    everything = file.read_bytes() + file.name.encode()
    assert not [told for told in (b"value", b"ada", b"vault", b"contoso") if told in everything]


def test_it_is_not_given_when_it_is_over_and_is_then_removed(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token(lives=100))
    assert process(tmp_path, kernel, NOW + 99).get(WANTED)
    assert process(tmp_path, kernel, NOW + 100).get(WANTED) is None
    assert process(tmp_path, kernel, NOW - 86400).get(WANTED)
    process(tmp_path, kernel, NOW + 101).put(OTHERS[0], token(lives=3600))
    assert len(files_in(tmp_path)) == 1


def test_a_file_in_another_ones_place_is_none(tmp_path: Path, kernel: Kernel) -> None:
    for number, wanted in enumerate([WANTED, *OTHERS]):
        process(tmp_path, kernel).put(wanted, token(f"token {number}"))
    files = files_in(tmp_path)
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, [*contents[1:], contents[0]], strict=True):
        file.write_bytes(content)
    assert not any(process(tmp_path, kernel).get(wanted) for wanted in [WANTED, *OTHERS])


@given(spoil=st.binary(min_size=1, max_size=40), at=st.integers(0, 400), cut=st.booleans())
def test_a_damaged_file_is_none_and_is_replaced(
    tmp_path_factory: pytest.TempPathFactory, spoil: bytes, at: int, cut: bool
) -> None:
    directory, kernel = tmp_path_factory.mktemp("damaged"), Kernel()
    process(directory, kernel).put(WANTED, token())
    (file,) = files_in(directory)
    before = file.read_bytes()
    at %= len(before)
    after = before[:at] if cut else before[:at] + spoil + before[at + len(spoil) :]
    file.write_bytes(after)
    assert (process(directory, kernel).get(WANTED) is None) == (after != before)
    got = process(directory, kernel).fetch(WANTED, lambda _: token("token 2"), lambda _: True, 30)
    assert got.value == ("token 2" if after != before else "token 1")
    shutil.rmtree(directory)


def test_each_bit_counts(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    (file,) = files_in(tmp_path)
    whole = file.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        file.write_bytes(spoilt)
        assert process(tmp_path, kernel).get(WANTED) is None


def test_an_older_file_put_back_gives_nothing_that_is_over_or_was_signed_out(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token(lives=100))
    (file,) = files_in(tmp_path)
    older = file.read_bytes()
    process(tmp_path, kernel).put(WANTED, token("token 2"))
    file.write_bytes(older)
    assert process(tmp_path, kernel, NOW + 200).get(WANTED) is None
    process(tmp_path, kernel).forget()
    assert files_in(tmp_path) == []
    file.write_bytes(older)
    assert process(tmp_path, kernel).get(WANTED) is None


def test_a_sign_out_holds_for_what_another_process_is_about_to_keep(tmp_path: Path, kernel: Kernel) -> None:
    def signs_out_meanwhile(_: object) -> Token:
        process(tmp_path, kernel).forget()
        return token("token 2")

    first = process(tmp_path, kernel)
    first.put(WANTED, token())
    key = kernel.key("had before")
    slow = TokenFiles(str(tmp_path), key=lambda name: key, remove_key=kernel.remove)
    slow.fetch(WANTED, signs_out_meanwhile, lambda _: True, 30)
    assert process(tmp_path, kernel).get(WANTED) is None


@pytest.mark.parametrize("lost", ["removed", "refused"])
def test_without_the_key_there_is_nothing_and_the_broker_is_asked(tmp_path: Path, kernel: Kernel, lost: str) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    if lost == "removed":
        kernel.keys.clear()
        later = process(tmp_path, kernel)
    else:
        later = TokenFiles(str(tmp_path), key=lambda name: None, remove_key=kernel.remove)
    assert later.get(WANTED) is None
    assert later.fetch(WANTED, lambda _: token("token 2"), lambda _: True, 30).value == "token 2"
    assert (later.get(WANTED) is not None) == (lost == "removed")
    later.drop(WANTED), later.forget()


def plant_link(place: Path, aside: Path) -> None:
    shutil.move(place, aside)
    place.symlink_to(aside)


def plant_pipe(place: Path, aside: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def plant_directory(place: Path, aside: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("plant", [plant_link, plant_pipe, plant_directory])
def test_what_is_planted_in_the_place_of_a_file_is_not_followed(
    tmp_path: Path, kernel: Kernel, plant: Callable[[Path, Path], None]
) -> None:
    home = tmp_path / "home"
    process(home, kernel).put(WANTED, token())
    (file,) = files_in(home)
    plant(file, tmp_path / "aside")
    assert process(home, kernel).get(WANTED) is None
    assert process(home, kernel).fetch(WANTED, lambda _: token("token 2"), lambda _: True, 30).value == "token 2"


def test_a_directory_that_others_can_write_to_or_that_is_a_link_is_not_used(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    (tmp_path / "brokerauth").chmod(0o777)
    assert process(tmp_path, kernel).get(WANTED) is None
    (tmp_path / "brokerauth").chmod(0o700)
    plant_link(tmp_path / "brokerauth", tmp_path / "elsewhere")
    assert process(tmp_path, kernel).get(WANTED) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_directory_is_not_used(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    os.chown(tmp_path / "brokerauth", 12345, 12345)
    assert process(tmp_path, kernel).get(WANTED) is None
    process(tmp_path, kernel).put(WANTED, token())
    assert len(files_in(tmp_path)) == 1


def test_a_copy_of_the_directory_is_worth_nothing(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path / "home", kernel).put(WANTED, token())
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    assert process(tmp_path / "copy", kernel).get(WANTED) is None


def test_of_many_at_once_one_asks(tmp_path: Path, kernel: Kernel) -> None:
    asked = []

    def ask(_: object) -> Token:
        asked.append(threading.get_ident())
        return token()

    def one(_: int) -> str:
        return process(tmp_path, kernel).fetch(WANTED, ask, lambda _: True, 60).value

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(one, range(20))) == {"token 1"}
    assert len(asked) == 1


def test_nobody_waits_long_for_one_that_hangs_nor_for_a_person(tmp_path: Path, kernel: Kernel) -> None:
    hanging, over = threading.Event(), threading.Event()

    def hang(_: object) -> Token:
        hanging.set()
        assert over.wait(60)
        return token("token 1")

    def wait_for_a_person(before_prompt: Callable[[], None]) -> Token:
        before_prompt()
        return hang(None)

    for ask, timeout in ((hang, 0.5), (wait_for_a_person, 600)):
        hanging.clear(), over.clear()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(process(tmp_path, kernel).fetch, WANTED, ask, lambda _: True, 600)
            assert hanging.wait(60)
            second = process(tmp_path, kernel).fetch(WANTED, lambda _: token("token 2"), lambda _: True, timeout)
            assert second.value == "token 2"
            process(tmp_path, kernel).forget()
            over.set()
            assert first.result(60).value == "token 1"
            process(tmp_path, kernel).forget()


def test_a_token_near_its_end_is_renewed_and_given_when_that_fails(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).put(WANTED, token(lives=599))
    assert process(tmp_path, kernel).fetch(WANTED, failing, lambda _: True, 30).value == "token 1"
    assert process(tmp_path, kernel).fetch(WANTED, lambda _: token("token 2"), lambda _: True, 30).value == "token 2"
    assert process(tmp_path, kernel).fetch(WANTED, failing, lambda _: True, 30).value == "token 2"
    with pytest.raises(errors.BrokerTimeoutError):
        process(tmp_path, kernel, NOW + 3600).fetch(WANTED, failing, lambda _: True, 30)


def test_a_token_that_the_policy_does_not_allow_is_not_given(tmp_path: Path, kernel: Kernel) -> None:
    for lives in (3600, 599):
        process(tmp_path, kernel).put(WANTED, token(lives=lives))
        with pytest.raises(errors.BrokerTimeoutError):
            process(tmp_path, kernel).fetch(WANTED, failing, lambda _: False, 30)


@pytest.mark.parametrize(
    "special",
    [
        {"claims": '{"a": 1}'},
        {"pop": ("GET", "https://x", "n")},
        {"client_session": "s"},
        {"client_session": "s", "claims": '{"a": 1}'},
    ],
)
def test_what_is_for_one_request_alone_is_neither_read_nor_kept(
    tmp_path: Path, kernel: Kernel, special: dict[str, object]
) -> None:
    process(tmp_path, kernel).put(WANTED, token())
    wanted: TokenRequest = replace(WANTED, **special)  # type: ignore[arg-type]
    assert process(tmp_path, kernel).fetch(wanted, lambda _: token("token 2"), lambda _: True, 30).value == "token 2"
    kept = process(tmp_path, kernel).get(WANTED)
    # Whoever sends a challenge refused the token that was kept; an agent was never given it.
    refused = "claims" in special and "client_session" not in special
    assert kept == (None if refused else token())
    assert len(files_in(tmp_path)) == (0 if refused else 1)


def test_who_did_not_name_anybody_and_who_names_the_one_who_answered_share_it(tmp_path: Path, kernel: Kernel) -> None:
    nobody = replace(WANTED, whose="")
    process(tmp_path, kernel).fetch(nobody, lambda _: token(), lambda _: True, 30)
    assert process(tmp_path, kernel).get(nobody) == process(tmp_path, kernel).get(WANTED) == token()


HOME = "c0000000-0000-4000-8000-000000000001"
AT_HOME = replace(WANTED, whose=f"a0000000-0000-4000-8000-0000000000a1.{HOME}")


def test_who_names_the_accounts_own_tenant_and_who_names_none_share_it(tmp_path: Path, kernel: Kernel) -> None:
    unnamed = replace(AT_HOME, target=replace(TARGET, tenant="organizations"))
    named = replace(AT_HOME, target=replace(TARGET, tenant=HOME))
    process(tmp_path, kernel).fetch(unnamed, lambda _: token(tenant=HOME), lambda _: True, 30)
    assert process(tmp_path, kernel).get(named) == token(tenant=HOME)
    elsewhere = replace(AT_HOME, target=replace(TARGET, tenant="c0000000-0000-4000-8000-000000000002"))
    assert process(tmp_path, kernel).get(elsewhere) is None


def test_a_token_of_another_tenant_than_the_accounts_own_does_not_stand_for_it(tmp_path: Path, kernel: Kernel) -> None:
    unnamed = replace(AT_HOME, target=replace(TARGET, tenant="organizations"))
    process(tmp_path, kernel).fetch(unnamed, lambda _: token(tenant="another"), lambda _: True, 30)
    assert process(tmp_path, kernel).get(replace(AT_HOME, target=replace(TARGET, tenant=HOME))) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in somebody else's home")
def test_root_makes_nothing_in_somebodys_home(tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    os.chown(tmp_path, 1234, 1234)
    files = TokenFiles(cache_directory({}), key=kernel.key, remove_key=kernel.remove)
    assert files.fetch(WANTED, lambda _: token(), lambda _: True, 30) == token()
    assert list(tmp_path.iterdir()) == []


def test_a_fallbacks_token_is_not_kept(tmp_path: Path, kernel: Kernel) -> None:
    process(tmp_path, kernel).fetch(WANTED, lambda _: token(source="browser"), lambda _: True, 30)
    assert process(tmp_path, kernel).get(WANTED) is None


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, kernel: Kernel) -> None:
    (tmp_path / "file").write_text("no directory")
    there = process(tmp_path / "file", kernel)
    assert there.fetch(WANTED, lambda _: token(), lambda _: True, 30) == token()
    there.forget()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"XDG_CACHE_HOME": "/somewhere"}, "/somewhere"), ({"XDG_CACHE_HOME": "relative"}, "~/.cache"), ({}, "~/.cache")],
)
def test_they_are_where_programs_keep_such_things(environ: dict[str, str], expected: str) -> None:
    assert cache_directory(environ) == expected
