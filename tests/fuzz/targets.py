"""What reads something that crosses a boundary, and what must hold whatever it is fed: a value or one of our errors,
never anything else. Each target takes bytes, so that any fuzzer can drive it."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from urllib3.util import parse_url

from azext_brokerauth import errors, output, settings, tool_log
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.bridges import Home, acr, cargo, cargo_config, docker, feeds, kubectl
from azext_brokerauth.broker import messages
from azext_brokerauth.broker.messages import Failure, MessageError
from azext_brokerauth.errors.lookup import from_trouble
from azext_brokerauth.errors.rendering import AZ, in_words
from azext_brokerauth.health import az_cache, report
from azext_brokerauth.health.az_cache import UnreadableCacheError
from azext_brokerauth.health.facts import Facts
from azext_brokerauth.health.probe import Ran
from azext_brokerauth.keyring import secret_service
from azext_brokerauth.models import Account, Token
from azext_brokerauth.models import Target as Where
from azext_brokerauth.printable import is_printable
from azext_brokerauth.settings import Settings, policy
from azext_brokerauth.spelling import GUID
from tests.unit.health.machine import POWERSHELL, SYSTEM32, FakeProbe, healthy_machine

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # mypy brings it

CORPUS = Path(__file__).with_name("corpus")
_NOWHERE = CORPUS / "nowhere"


@dataclass(frozen=True)
class Target:
    """One reader.

    :param feed: raises anything where the reader does not keep its promise.
    :param words: pieces that mean something to it.
    """

    feed: Callable[[bytes], None]
    words: tuple[bytes, ...]

    @property
    def corpus(self) -> list[Path]:
        """Its inputs that are kept: good ones, and those that once found something."""
        return sorted(path for path in (CORPUS / self.feed.__name__).iterdir() if path.is_file())


TARGETS: dict[str, Target] = {}
_ODD = (b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\xe2\x80\xa8", b"\x1b[31m", b"\x85", b" ", b"\t", b"9" * 5000)
_JSON = (
    *(b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b"null", b"true", b"1e999", b"-1", b"NaN", b'"\\ud800"'),
    *(b'{"":0}', b"[" * 3000, b'{"a":' * 3000, b'""', b"[]", b"{}"),
)
_INI = (b"[brokerauth]", b"[core]", b"[DEFAULT]", b"=", b":", b"#", b";", b"%(x)s", b"\n ", b"enforced = ", b"[", b"]")
_NAMES = tuple(f"\n{name} = ".encode() for name in settings.SETTINGS)


def _target(*words: bytes) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    def register(feed: Callable[[bytes], None]) -> Callable[[bytes], None]:
        TARGETS[feed.__name__] = Target(feed, (*_ODD, *words))
        return feed

    return register


@contextmanager
def _file(name: str, content: bytes) -> Any:
    # In memory where there is such a place: thousands of them are written.
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        path = Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield path


def _outcome(call: Callable[[], Any], *expected: type[Exception]) -> Any:
    """What a call returns, or the expected error that it raises."""
    try:
        return call()
    except expected as error:
        return error


# ---- the broker's process


@_target(*_JSON, b'"number":1', b'"type":"Log"', b'"type":"Notice"', b'"type":"Done"', b'"message":{', b'"usernames":[')
def child_message(line: bytes) -> None:
    """A line from the broker's process is a message, which arrives elsewhere as it is, or an error that quotes none of
    it."""
    found = _outcome(lambda: messages.decode(line), MessageError)
    if isinstance(found, MessageError):
        assert str(found).startswith(f"a line of {len(line)} bytes is not a message (")
        assert len(str(found)) < 80
        return
    assert messages.decode(messages.encode(*found)) == found
    if isinstance(message := found[1], Failure):
        where = Where("app", "login.microsoftonline.com", "organizations")
        error = from_trouble(message.trouble, message.text, message.correlation_id, where)
        assert str(error)
        in_words(error.remedies, AZ)


# ---- what other tools say, and their own files


@_target(
    *_JSON, b'"apiVersion"', b'"spec"', b'"cluster"', b'"config"', b'"serverId"', b"client.authentication.k8s.io/v1"
)
def exec_info(content: bytes) -> None:
    """Whatever kubectl, or somebody in its place, says in its variable and its arguments: a question about one
    application, or an error that says why there is none."""
    text = content.decode("utf-8", "surrogateescape").replace("\0", "")
    variable, _, rest = text.partition("\n")
    found = _outcome(
        lambda: kubectl.question(rest.split(), {"KUBERNETES_EXEC_INFO": variable}), errors.InvalidInputError
    )
    if isinstance(found, kubectl.Question):
        assert re.fullmatch(rf"{GUID}/\.default", found.wanted.scope)


@_target(
    b"command: kubelogin",
    b"args: ",
    b"- ",
    b"  ",
    b"\n",
    b"&a ",
    b"*a",
    b"{",
    b"}",
    b"[",
    b"]",
    b"'",
    b'"',
    b"#",
    b"<<: ",
)
def kubeconfig_file(content: bytes) -> None:
    """Whatever a kubeconfig is: our program stands for kubelogin, and what is taken back is what was there; or it is
    refused, and nothing is written."""
    with _file("home/.kube/config", content) as path:
        home = Home(path.parents[1], {"PATH": ""}, path.parents[1] / "bin")
        found = _outcome(lambda: kubectl.BRIDGE.edits(home), errors.SettingsError)
        if isinstance(found, errors.SettingsError):
            return
        edit = found[0]
        ours = _outcome(lambda: edit.add(content), ValueError)
        if isinstance(ours, bytes):
            assert edit.add(ours) == ours
            before, after = yaml.safe_load(content), yaml.safe_load(edit.remove(ours) or b"")
            assert json.dumps(before, default=str).count("kubelogin") <= json.dumps(after, default=str).count(
                "kubelogin"
            )


@_target(*_JSON, b'"auths"', b'"credHelpers"', b'"contoso.azurecr.io"', b'"brokerauth"', b"\n\t", b"  ")
def docker_settings(content: bytes) -> None:
    """Whatever docker's settings are: with our helper they are what they were, but for that; or they are refused."""
    with _file("home/.docker/config.json", content) as path:
        home = Home(path.parents[1], {"PATH": ""}, path.parents[1] / "bin")
        found = _outcome(lambda: docker.BRIDGE.edits(home), errors.SettingsError)
        if isinstance(found, errors.SettingsError):
            return
        ours = found[0].add(content)
        assert found[0].add(ours) == ours
        kept = {**json.loads(content), "credHelpers": None}
        assert {**json.loads(ours), "credHelpers": None} == kept or "NaN" in str(kept)
        assert b'"brokerauth"' not in (found[0].remove(ours) or b"").partition(b'"credHelpers"')[2]


@_target(*_JSON, b'"refresh_token": "', b'"errors": [', b'"code"', b'"message"')
def registry_answer(content: bytes) -> None:
    """Whatever a registry answers: a credential, or an error that holds no token."""
    where, who = acr.Registry("contoso.azurecr.io", "AzureCloud"), Account("ada", "a", "a", "t", "c", "login")
    token = Token("the-token", 1, "Bearer", "broker", "t", who)
    for status in (200, 401):
        answer = (status, content)
        found = _outcome(
            lambda answer=answer: acr.credential(where, lambda _: token, lambda *_: answer), errors.BrokerAuthError
        )
        assert (isinstance(found, str) and status == 200) or "the-token" not in str(found)


# ---- files of the user's own and of the machine


@_target(*_JSON, b'"version": 1', b'"accounts": []', b'"current"', b'"signedInToAz"', b'"username"', b'"authority"')
def account_file(content: bytes) -> None:
    """Whatever is in it: accounts that can be shown, found and written again, or an error that names the file."""
    with _file("brokerauth/accounts.json", content) as path:
        store = AccountStore(path.parents[1])
        records = _outcome(store.read, errors.SettingsError)
        if isinstance(records, errors.SettingsError):
            assert str(path) in str(records)
            assert records.remedies
            assert path.read_bytes() == content
            return
        for account in records.accounts:
            json.dumps(output.account_facts(account, records))
            assert not account.username or records.find(account.username)
            assert account not in records.without(account).accounts
        with store.change() as change:
            change.after = Records(records.accounts, records.current + "!", records.signed_in_to_az)
        assert store.read() == change.after


def _check(found: Settings) -> None:
    """Settings that are complete, can be shown, and stand up to being read again."""
    assert set(dict(found.origins)) == set(settings.SETTINGS)
    settings.check({name: getattr(found, name) for name in settings.SETTINGS})


def _check_survey(found: Settings | errors.SettingsError, rows: Sequence[settings.Found]) -> None:
    """What ``list-settings`` prints: every setting, and something wrong exactly where the settings cannot be read."""
    told = json.loads(json.dumps(output.settings_facts(rows)))
    assert output.settings_rows(told)
    assert [row["name"] for row in told][: len(settings.SETTINGS)] == list(settings.SETTINGS)
    assert any(row["problem"] for row in told) is isinstance(found, errors.SettingsError)


@_target(*_INI, *_NAMES, b"true", b"organizations", b"30")
def settings_file(content: bytes) -> None:
    """Settings, or an error that names the file."""
    with _file("config", content) as path:
        environ = {"AZURE_CONFIG_DIR": str(path.parent)}
        found = _outcome(lambda: settings.load(environ=environ, policy_file=_NOWHERE / "config"), errors.SettingsError)
        _check_survey(found, settings.survey(environ, policy_file=_NOWHERE / "config"))
        if isinstance(found, errors.SettingsError):
            assert str(path) in str(found)
        else:
            _check(found)


@_target(*_INI, *_NAMES, b"true", b"c0000000-0000-4000-8000-000000000001", b"tenant_id, allow_exec")
def policy_file(content: bytes) -> None:
    """A policy that is in force as a whole, or an error that names the file; and nothing that is enforced can be
    changed from below."""
    with _file("policy/config", content) as path:
        path.parent.chmod(0o755)
        path.chmod(0o644)

        def load(**variables: str) -> Any:
            environ = {"AZURE_CONFIG_DIR": str(_NOWHERE), **variables}
            return _outcome(
                lambda: settings.load(environ=environ, policy_file=path, policy_owner=os.getuid()), errors.SettingsError
            )

        found = load()
        environ = {"AZURE_CONFIG_DIR": str(_NOWHERE)}
        _check_survey(found, settings.survey(environ, policy_file=path, policy_owner=os.getuid()))
        if isinstance(found, errors.SettingsError):
            assert str(path) in str(found)
            return
        _check(found)
        stored = policy.read(path, os.getuid())
        assert found.enforced == frozenset(stored.enforced) <= set(stored.stored)
        assert all(str(path) in found.origin(name) for name in stored.stored)
        for name in found.enforced:
            for other in ("true", "false", "1", "x@y.z", "a.b", "none", "memory"):
                below = load(**{f"AZURE_BROKERAUTH_{name.upper()}": other})
                assert isinstance(below, errors.SettingsError) or getattr(below, name) == getattr(found, name)


@_target(*(name.strip(b"\n =") for name in _NAMES), b"\n", b"=", b"true", b"az", b"browser")
def variables(content: bytes) -> None:
    """Lines of NAME=VALUE as the environment: settings, or an error that names the variable."""
    pairs = [line.replace(b"\0", b"").partition(b"=") for line in content.split(b"\n")]
    given = {f"AZURE_BROKERAUTH_{os.fsdecode(name).strip().upper()}": os.fsdecode(value) for name, _, value in pairs}
    environ = {"AZURE_CONFIG_DIR": str(_NOWHERE), **given}
    found = _outcome(lambda: settings.load(environ=environ, policy_file=_NOWHERE / "config"), errors.SettingsError)
    _check_survey(found, settings.survey(environ, policy_file=_NOWHERE / "config"))
    if isinstance(found, errors.SettingsError):
        assert any(name in str(found) for name in given)
    else:
        _check(found)


@_target(*_JSON, b'"RefreshToken"', b'"Account"', b'"home_account_id"', b'"account_source"', b'"secret": "s3cret"')
def az_token_cache(content: bytes) -> None:
    """az's cache: sign-ins without anything secret, or that it cannot be read."""
    with _file("msal_token_cache.json", content) as path:
        found = _outcome(lambda: az_cache.read_file(path.parent), UnreadableCacheError)
    if isinstance(found, UnreadableCacheError):
        assert "az's token cache" in str(found)
        assert len(str(found)) < 300


@_target(*_JSON, b"\n", b'"result": "given"', b'"code": null', b'"time"', b'"\\u001b[2J"', b'"\\udcff"')
def tool_log_file(content: bytes) -> None:
    """The log of tools: lines that a terminal can be shown, and the number of all others."""
    entries, damaged = tool_log.parsed(content)
    assert len(entries) + damaged == len([line for line in content.split(b"\n") if line])
    facts = output.log_facts(entries)
    assert json.loads(json.dumps(facts)) == facts
    assert all(is_printable(value) for fact in facts for value in fact.values() if value)
    assert len(output.log_rows(facts)) == len(entries)


# ---- the machine, as check-health sees it


def _report(spoil: Callable[[FakeProbe], None]) -> dict[str, Any]:
    """The whole report of a machine that is healthy but for one thing: each check has an answer."""
    probe = healthy_machine()
    spoil(probe)
    found = report.make(Facts(probe, list), AZ)
    assert json.loads(json.dumps(found)) == found
    assert report.to_rows(found, coloured=True)
    assert report.to_block(found, AZ)
    return found


def _texts(printed: bytes) -> list[str]:
    """As Windows' and Linux' programs write."""
    return [printed.decode(encoding, errors="replace") for encoding in ("utf-8", "utf-16-le")]


def _prints(printed: bytes, *programs: str) -> None:
    for text in _texts(printed):
        for status in (0, 1):
            ran = Ran(status, text, text)
            _report(lambda probe, ran=ran: probe.programs.update(dict.fromkeys(programs, ran)))


_WSLINFO = "/usr/bin/wslinfo"


@_target(b".", b"2.5.10.0", b"mirrored", b"/mnt/c/x.exe", b"\n", b"-", b"\xd9\xa3.4")
def wslinfo(printed: bytes) -> None:
    """Whatever it prints for each of its options."""
    _prints(printed, *(f"{_WSLINFO} --{option}" for option in ("wsl-version", "msal-proxy-path", "networking-mode")))


@_target(b" : ", b"YES", b"NO", b"\r\n", b"AzureAdJoined", b"WorkplaceJoined", b"AzureAdPrt")
def dsregcmd(printed: bytes) -> None:
    """Whatever it says of the device."""
    _prints(printed, f"{SYSTEM32}/dsregcmd.exe")


@_target(b"brokerauth ", b"True ", b"False ", b"0 ", b"\xd9\xa3")
def powershell(printed: bytes) -> None:
    """Whatever it says of the session and the time."""
    _prints(printed, POWERSHELL)


@_target(b"\t", b" (libc6,x86-64) => ", b"/usr/lib/", b".so.1", b"\n")
def ldconfig(printed: bytes) -> None:
    """Whatever is in the dynamic linker's cache."""
    _prints(printed, "/sbin/ldconfig -p")


@_target(b"C:\\134", b" 9p ", b"drvfs", b"path=C:\\", b"\\040", b"\\777", b"\\000", b"\n", b"/mnt/c")
def mounts(content: bytes) -> None:
    """Whatever is mounted where."""
    _report(lambda probe: probe.files.update({"/proc/mounts": content}))


@_target(*_INI, b"[automount]", b"[interop]", b"[boot]", b"root", b"enabled", b"systemd", b"false", b"'", b"\\")
def wsl_conf(content: bytes) -> None:
    """Whatever WSL is told."""

    def spoil(probe: FakeProbe) -> None:
        probe.files["/etc/wsl.conf"] = content
        # What is read of it matters only where something is broken.
        probe.programs[f"{SYSTEM32}/cmd.exe"] = Ran(1)
        probe.keyring = secret_service.State(bus_problem="no bus")

    _report(spoil)


@_target(b"ID=", b"ID_LIKE=", b"VERSION_ID=", b"PRETTY_NAME=", b"'", b'"', b"\\", b"debian", b"24.04", b"\n", b"#")
def os_release(content: bytes) -> None:
    """Whatever distribution this says that it is, with everything missing that a package can bring."""

    def spoil(probe: FakeProbe) -> None:
        probe.files["/etc/os-release"] = content
        probe.programs["/sbin/ldconfig -p"] = Ran(0, "")
        probe.keyring = secret_service.State(service_problem="nobody")

    _report(spoil)


@_target(*_JSON, b'["s", "login"]', b'"/"', b"[true]", b'[["b", false]]', b'"/org/freedesktop/secrets/x"')
def keyring(answers: bytes) -> None:
    """Whatever a keyring answers, one after another: a state, in which nothing is forgotten."""
    try:
        bodies = json.loads(answers)
    except (ValueError, RecursionError):
        return
    if not isinstance(bodies, list):
        return

    @contextmanager
    def connect(environ: Mapping[str, str], uid: int) -> Any:
        yield lambda *call: tuple(bodies.pop(0)) if bodies and isinstance(bodies[0], list) else ()

    state = secret_service.look({}, 0, connect=connect)
    assert not state.bus_problem
    _report(lambda probe: setattr(probe, "keyring", state))


# ---- package feeds


@_target(b"https://", b"pkgs.dev.azure.com", b".pkgs.visualstudio.com", b"@", b":443", b"/", b"\\", b"?", b"#", b"%2f")
def feed_service(content: bytes) -> None:
    """What keyring is asked for is no feed, or a URL of a feed's host, which is where the tool itself goes."""
    service = content.decode(errors="surrogateescape")
    url = feeds.feed_url(service)
    if url:
        host = url.split("/")[2]
        assert host == "pkgs.dev.azure.com" or host.endswith(".pkgs.visualstudio.com")
        assert url.startswith("https://")
        went_to = parse_url(service if "://" in service else f"https://{service}")
        assert (went_to.scheme, (went_to.host or "").lower(), went_to.port or 443) == ("https", host, 443)


@_target(*_JSON, b'"v":1', b'"kind":"get"', b'"registry":{', b'"index-url":"sparse+https://pkgs.dev.azure.com/a/"')
def cargo_request(line: bytes) -> None:
    """Whatever cargo sends is answered in one line of JSON."""
    said: list[str] = []
    cargo.serve([line.decode(errors="replace")], said.append, lambda url, headers: ("token", 0))
    greeting, reply = said
    assert json.loads(greeting) == {"v": [1]}
    assert len(reply.splitlines()) == 1
    assert len(json.loads(reply)) == 1


@_target(
    *(b"[registry]\n", b"global-credential-providers = ", b"['a']", b'"', b"'", b'"""', b"'''", b"#", b",", b"=", b"{"),
    *(b"}", b"[", b"]", b"\n", b".", b"\\", b"[[registry]]\n", b"registry."),
)
def cargo_settings(content: bytes) -> None:
    """cargo's settings are refused, or the program is on the list, and all else means what it meant."""
    made = _outcome(lambda: cargo_config.with_provider(content, cargo_config.PROGRAM), ValueError)
    if isinstance(made, ValueError):
        return
    removed = cargo_config.without_provider(made)
    before = _outcome(lambda: tomllib.loads(content.decode()), ValueError)
    if isinstance(before, ValueError):
        return  # cargo cannot read it either
    after, left = tomllib.loads(made.decode()), tomllib.loads(removed.decode())
    wanted = before.setdefault("registry", {}).setdefault("global-credential-providers", ["cargo:token"])
    assert left == before
    assert after["registry"].pop("global-credential-providers") == [*wanted, cargo_config.PROGRAM]
