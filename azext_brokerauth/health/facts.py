"""A look at the machine: what the checks want to know of it, by group, each found out once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from azext_brokerauth import settings
from azext_brokerauth.accounts import AccountStore, Records
from azext_brokerauth.errors import BrokerAuthError, SettingsError
from azext_brokerauth.health import az_cache, network, parsing, policy_file
from azext_brokerauth.health import distribution as distributions
from azext_brokerauth.health.attempt import Attempt, attempt
from azext_brokerauth.health.network import Way
from azext_brokerauth.health.once import once
from azext_brokerauth.health.policy_file import PolicyFile
from azext_brokerauth.health.probe import Probe, Ran
from azext_brokerauth.keyring import choice
from azext_brokerauth.keyring.choice import Choice
from azext_brokerauth.keyring.secret_service import State
from azext_brokerauth.machine import Kind, Machine, detect
from azext_brokerauth.models import Account
from azext_brokerauth.settings import Settings

OLDEST_WSL = (2, 4, 13)
"""The first release with the proxy to Windows' broker, says Microsoft's page on MSAL Python and WSL."""
_WSLINFO = "/usr/bin/wslinfo"
_STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


class Linux:
    """The Linux that runs here: what kind of machine it is on, its distribution, and its configuration of WSL."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.sudo = () if probe.uid == 0 else ("sudo",)
        """The first words of a command that only root may run; none for root."""

    @once
    def machine(self) -> Machine:
        """What kind of machine it runs on."""
        return detect(self._probe.view)

    @once
    def distribution(self) -> distributions.Distribution:
        """Whose packages it has."""
        return distributions.read(self.text("/etc/os-release"))

    @once
    def certificate_store(self) -> str:
        """The file of the authorities that the system trusts, as Microsoft's runtime does; empty where it is not
        found."""
        return next((path for path in _STORES if self._probe.exists(path)), "")

    @once
    def wsl_conf(self) -> dict[str, str]:
        """The values in ``/etc/wsl.conf``, by ``section.name`` in lower case."""
        parser = parsing.wsl_conf(self.text("/etc/wsl.conf"))
        return {f"{s}.{name}".lower(): str(value).strip() for s in parser.sections() for name, value in parser.items(s)}

    @property
    def drives(self) -> str:
        """The directory below which WSL mounts Windows' drives."""
        return self.wsl_conf.get("automount.root", "/mnt").strip("\"'").rstrip("/")

    @once
    def awaits_restart(self) -> bool:
        """Was ``/etc/wsl.conf`` changed since this distribution started? It is read at its start alone."""
        changed, started = self._probe.changed("/etc/wsl.conf"), self._probe.started()
        return bool(changed and started) and changed > started

    def text(self, path: str) -> str:
        """The text of a file; empty where it cannot be read."""
        return (self._probe.read(path) or b"").decode("utf-8", errors="replace")


class Wsl:
    """What WSL says of itself, and the way from it into Windows."""

    def __init__(self, probe: Probe, linux: Linux) -> None:
        self._probe = probe
        self._linux = linux

    def wslinfo(self, option: str) -> Ran:
        """How ``wslinfo`` ended with this option."""
        if not self._probe.exists(_WSLINFO):
            return Ran(None, problem=f"{_WSLINFO} does not exist")
        return self._probe.run(_WSLINFO, option)

    @once
    def version(self) -> tuple[int, ...]:
        """WSL's version; empty where it is not known."""
        return parsing.version(self.wslinfo("--wsl-version").stdout)

    @property
    def is_old(self) -> bool:
        """Is it too old for the proxy to Windows' broker?"""
        return bool(self.version) and self.version < OLDEST_WSL

    @once
    def drive(self) -> str:
        """Where Windows' drive C: is mounted; empty for nowhere."""
        candidates = parsing.drive_mount(self._linux.text("/proc/mounts")), f"{self._linux.drives}/c", "/mnt/c"
        return next((path for path in candidates if path and self._probe.exists(f"{path}/Windows/System32")), "")

    def in_windows(self, program: str, *arguments: str) -> Ran:
        """How a program of Windows ended.

        :param program: its path below ``System32``.
        """
        path = f"{self.drive}/Windows/System32/{program}"
        return self._probe.run(path, *arguments) if self.drive else Ran(None, problem="drive C: is not mounted")

    @once
    def interop(self) -> Ran:
        """How starting a small program of Windows ended."""
        return self.in_windows("cmd.exe", "/d", "/c", "ver")

    @once
    def proxy(self) -> str:
        """The path of the proxy to Windows' broker, as ``wslinfo`` names it; empty where it does not."""
        answer = self.wslinfo("--msal-proxy-path")
        return answer.stdout.strip() if answer.status == 0 else ""

    @once
    def proxy_starts(self) -> bool:
        """Does the proxy start? It is given nothing to do, and how it ends makes no difference."""
        return bool(self.proxy) and self._probe.run(self.proxy).status is not None

    @property
    def starts_windows_programs(self) -> bool:
        """Can any Windows program be started? The proxy is the one that a sign-in needs."""
        return self.interop.status == 0 or self.proxy_starts


class Windows:
    """What Windows' own programs say of its session and of the device."""

    def __init__(self, wsl: Wsl) -> None:
        self._wsl = wsl

    @once
    def powershell(self) -> Ran:
        """How the script that asks for the session and the time ended."""
        script = ("-NoLogo", "-NoProfile", "-NonInteractive", "-Command", parsing.SESSION_SCRIPT)
        return self._wsl.in_windows("WindowsPowerShell/v1.0/powershell.exe", *script)

    @property
    def has_session(self) -> bool:
        """Has PowerShell told about the session?"""
        return self._session is not None

    @property
    def session(self) -> parsing.WindowsSession:
        """The Windows session that WSL runs in.

        :raises LookupError: PowerShell has not told (:attr:`has_session`).
        """
        if self._session is None:
            raise LookupError(self.powershell.why)
        return self._session

    @once
    def _session(self) -> parsing.WindowsSession | None:
        return parsing.windows_session(self.powershell.stdout)

    @once
    def dsregcmd(self) -> Ran:
        """How asking for the state of the device ended."""
        return self._wsl.in_windows("dsregcmd.exe", "/status")

    @once
    def device(self) -> dict[str, str]:
        """What ``dsregcmd.exe`` says, ``AzureAdJoined`` among it; empty where it gives no such answer."""
        told = parsing.device(self.dsregcmd.stdout) if self.dsregcmd.status == 0 else {}
        return told if "AzureAdJoined" in told else {}


class Runtime:
    """Microsoft's runtime and what it runs in."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    @once
    def glibc(self) -> tuple[int, ...]:
        """The version of the C library; empty where it is not GNU's."""
        return parsing.version(self._probe.python.libc.removeprefix("glibc"))

    @once
    def msal(self) -> str:
        """The version of msal; empty where it is not installed."""
        return self._probe.version("msal")

    @once
    def version(self) -> str:
        """The version of the runtime; empty where it is not installed."""
        return self._probe.version("pymsalruntime")

    @once
    def wheel(self) -> str:
        """The ``WHEEL`` file of the runtime; empty where it is not installed."""
        return self._probe.wheel("pymsalruntime")

    @once
    def files(self) -> list[str]:
        """The paths of the runtime's shared objects; none where it is not installed."""
        return self._probe.native_files("pymsalruntime")


class Own:
    """What brokerauth itself has: settings, the policy file, who signed in."""

    def __init__(self, probe: Probe, linux: Linux) -> None:
        self._probe = probe
        self._linux = linux
        self.directory = settings.config_directory(probe.environ)

    @once
    def policy_file(self) -> PolicyFile:
        """Can only root have written the policy file?"""
        return policy_file.look(self._probe, self._linux.sudo)

    @once
    def settings_or_error(self) -> Settings | BrokerAuthError:
        """The settings in force, or why they cannot be read."""
        try:
            return settings.load(environ=self._probe.environ)
        except BrokerAuthError as error:
            return error

    @once
    def survey(self) -> list[settings.Found]:
        """Every setting as it stands, with what keeps those in force from being read."""
        return settings.survey(self._probe.environ)

    @property
    def settings(self) -> Settings:
        """Those in force; the defaults where they cannot be read, which the check ``settings`` reports."""
        found = self.settings_or_error
        return found if isinstance(found, Settings) else Settings()

    @once
    def records_or_error(self) -> Records | SettingsError:
        """Who signed in, or why that cannot be read."""
        try:
            return AccountStore(self.directory).read()
        except SettingsError as error:
            return error

    @property
    def records(self) -> Records:
        """Who signed in; nobody where it cannot be read, which the check ``accounts`` reports."""
        found = self.records_or_error
        return found if isinstance(found, Records) else Records()


class Facts:
    """A look at one machine.

    :param read_cache: lists what az's token cache holds; None: it is read as a file.
    :param try_broker: asks the broker for a token of an account, or of Windows' own where it is None.
    """

    def __init__(
        self,
        probe: Probe,
        read_cache: Callable[[], Sequence[az_cache.CachedSignIn]] | None = None,
        try_broker: Callable[[Settings, Machine, Account | None], Attempt] = attempt,
    ) -> None:
        self.probe = probe
        self.linux = Linux(probe)
        self.wsl = Wsl(probe, self.linux)
        self.windows = Windows(self.wsl)
        self.runtime = Runtime(probe)
        self.own = Own(probe, self.linux)
        self.read_cache = read_cache or partial(az_cache.read_file, self.own.directory)
        self._try_broker = try_broker
        self.tried: Attempt | None = None
        """The try of the broker, where there has been one (:attr:`attempt` makes it)."""

    @property
    def on_linux(self) -> bool:
        """Is this native Linux, with Microsoft's broker for it chosen?"""
        return self.linux.machine.kind is Kind.LINUX and self.own.settings.enable_broker_on_linux

    @property
    def served(self) -> bool:
        """Does a broker serve this kind of machine?"""
        return self.linux.machine.kind is Kind.WSL2 or self.on_linux

    @once
    def keyring(self) -> State:
        """How far a program gets with the keyring; it is tried with an item that is deleted again."""
        return self.probe.secret_service()

    @once
    def keyring_choice(self) -> Choice:
        """Which keyring is used, and why."""
        who = self.probe.environ, self.probe.uid
        return choice.in_use(self.own.settings.keyring, self.linux.machine.kind, *who, lambda *_: self.keyring)

    @once
    def way(self) -> Way:
        """How an HTTPS request gets from here to the authority."""
        return network.look(self.probe, self.own.settings.target, self.linux.certificate_store)

    @once
    def attempt(self) -> Attempt:
        """How one try of the broker ended."""
        self.tried = self._try_broker(self.own.settings, self.linux.machine, self.own.records.find())
        return self.tried
