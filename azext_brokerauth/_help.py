"""Help texts and examples, for both hosts."""

from __future__ import annotations

from knack.help_files import helps

_COMMANDS = {
    "login": """
type: command
short-summary: Sign in through Windows' account broker.
long-summary: >
    The account that Windows is signed in with is used silently where policy allows it; otherwise Windows shows its
    account picker. The tokens are issued to this device; the credentials that renew them stay in Windows. No browser is
    opened and no device code is used unless --fallback names it; such a token is not device-bound.
examples:
  - name: Sign in with the account that Windows is signed in with.
    text: {program} login
  - name: Sign in as somebody else.
    text: {program} login --username grace@contoso.com
  - name: Sign in with a device code, not bound to this device, if the broker fails.
    text: {program} login --fallback device-code
  - name: Choose an account in the picker, for one tenant.
    text: {program} login --select-account --tenant contoso.com
""",
    "logout": """
type: command
short-summary: Sign an account out.
examples:
  - name: Sign out the account in use.
    text: {program} logout
  - name: Sign out everybody, without being asked.
    text: {program} logout --all --yes
""",
    "list": """
type: command
short-summary: List the accounts that are signed in.
examples:
  - name: List the accounts as a table.
    text: {program} list --output table
""",
    "show": """
type: command
short-summary: Show the account in use, which keyring the broker's runtime uses, and why.
long-summary: Exits with 3 when nobody is signed in.
examples:
  - name: Print the user name of the account in use.
    text: {program} show --query username --output tsv
""",
    "set": """
type: command
short-summary: Choose the account to use.
examples:
  - name: Use another account from now on.
    text: {program} set --username grace@contoso.com
""",
    "get-access-token": """
type: command
short-summary: Get a token for a resource, silently.
long-summary: >
    Never shows a window. The token is a bearer token that was issued to this device: whoever has it can use it until it
    expires.
examples:
  - name: Get a token for Azure Resource Manager.
    text: {program} get-access-token
  - name: Get a token for Key Vault and print nothing but the token.
    text: {program} get-access-token --resource https://vault.azure.net --query accessToken --output tsv
  - name: Get a token that is marked as an AI agent's, for a host of agents that sets no variable.
    text: {program} get-access-token --agent-session SESSION --resource https://vault.azure.net
  - name: Get a token for Microsoft Graph in another tenant.
    text: {program} get-access-token --scope https://graph.microsoft.com/.default --tenant fabrikam.com
""",
    "inspect-token": """
type: command
short-summary: Show what a token for a resource says, but not the token.
long-summary: >
    Shows audience, application, tenant, user, device, how the sign-in was proved, and when it expires. Use it to see
    why Conditional Access accepts or refuses.
examples:
  - name: See which device the token for Azure Resource Manager was issued to.
    text: {program} inspect-token --query deviceId
  - name: Look at the token for Key Vault.
    text: {program} inspect-token --resource https://vault.azure.net --output table
""",
    "list-settings": """
type: command
short-summary: List the settings in force, where each came from, and whether it is enforced.
long-summary: >
    Settings come from the policy file /etc/brokerauth/config, az's configuration file and AZURE_BROKERAUTH_ environment
    variables. A later one of these wins over an earlier one, but what the policy file enforces cannot be changed. A
    setting that cannot be used is shown with what is wrong with it, and the exit code is 1.
examples:
  - name: See the settings as a table.
    text: {program} list-settings --output table
  - name: See what is enforced on this machine.
    text: {program} list-settings --query "[?isEnforced]"
""",
    "check-health": """
type: command
short-summary: Check everything that brokered sign-in needs of this machine, and show what fixes it.
long-summary: >
    Nothing is changed and no window is shown. The broker itself is asked only with --online. On a terminal the report
    is a table, unless --output says otherwise. Exits with 1 when a check fails.
examples:
  - name: See what is wrong, and the commands that fix it.
    text: {program} check-health
  - name: Try the broker as well.
    text: {program} check-health --online
  - name: Write an archive for support, in which names and IDs of people are hashed.
    text: {program} check-health --bundle ~/brokerauth-health.zip
""",
    "repair": """
type: command
short-summary: Make this machine ready for brokered sign-in.
long-summary: >
    Runs the commands that check-health shows for what fails, in the same order, and with sudo where they need it. It
    shows each command with its reason, and asks before it runs it. It prints what only Windows or you can do. Do that,
    and run it again to go on. Exits with 0 when nothing fails any more, with 4 when something is left to do, and with 1
    when a command failed.
examples:
  - name: Make this machine ready.
    text: {program} repair
  - name: See what would be done.
    text: {program} repair --dry-run
  - name: Run every command without being asked.
    text: {program} repair --yes
""",
    "measure": """
type: command
short-summary: Measure how Windows' broker behaves on this machine, and print it for whoever makes brokerauth.
long-summary: >
    Asks for a few tokens, without a window, and prints how long each took, how long it lives, and what it may do, with
    the versions of all that takes part. No token, name, tenant or ID is in it, and nothing is sent: read it, and put it
    into an issue if you like.
examples:
  - name: Measure, and print it.
    text: {program} measure
  - name: Measure a tenant in which you are a guest as well.
    text: {program} measure --guest-tenant fabrikam.com
""",
    "tool": """
type: group
short-summary: Have other tools get their tokens from here.
""",
    "tool list": """
type: command
short-summary: List the tools that can get their tokens from here, and which of them are set up.
examples:
  - name: See them as a table.
    text: {program} tool list --output table
""",
    "tool enable": """
type: command
short-summary: Set a tool up.
long-summary: >
    Shows which files it changes and what it adds, and asks first. What it changed is taken back by tool disable. A tool
    that is set up never shows a window: when a person is needed, it fails and says so.
examples:
  - name: Have git get its tokens for Azure DevOps from here.
    text: {program} tool enable --name git
  - name: The same, without being asked.
    text: {program} tool enable --name git --yes
""",
    "tool disable": """
type: command
short-summary: Take back what was done to set a tool up.
long-summary: >
    A file that nobody changed since is as it was before, to the byte. From another file only what was added is taken.
examples:
  - name: Have git do without again.
    text: {program} tool disable --name git
""",
    "tool log": """
type: command
short-summary: Show which program asked for which token, when, and whether it was given.
long-summary: >
    It is written only while the setting tool_log is true, and no token is in it. The oldest is first. A program is
    named by its path and by what it calls itself, never with its arguments.
examples:
  - name: See it as a table.
    text: {program} tool log --output table
  - name: See what AI agents got.
    text: {program} tool log --query "[?agentSession && result=='given'].[time,programName,audience]" --output table
""",
    "exec": """
type: command
short-summary: Run a command that gets your tokens, as long as it runs, as if it had a managed identity.
long-summary: >
    Managed identity is a way to get tokens that the Azure SDKs of all languages know. Azure Developer
    CLI has one of its own, which is served as well. Variables name a listener on this machine and its key to the
    command and to whatever it starts. What would be used instead is removed from its variables, and you are told.
    The terminal, signals and the exit code are the command's own. 127 says that there is no such command, 126 that it
    cannot be run. In az, exec -- az ... runs that az command through the broker itself, without a listener.
examples:
  - name: Run a program that finds a managed identity, such as one that uses DefaultAzureCredential.
    text: {program} exec -- node server.js
  - name: Run a program that uses DefaultAzureCredential, and let it get tokens for Key Vault only.
    text: {program} exec --resource https://vault.azure.net -- python3 app.py
  - name: Install packages from the feeds of an organisation of Azure DevOps.
    text: {program} exec --feed contoso -- npm ci
  - name: Run a server for an AI agent, whose tokens are for Key Vault only and are marked as an agent's.
    text: {program} exec --agent-session SESSION --resource https://vault.azure.net -- mcp-server
  - name: Run a program in a container.
    text: {program} exec --containers -- sh -c 'docker run --env-file "$BROKERAUTH_ENV_FILE" app'
""",
}

_ONLY_WITHOUT_AZ = {
    "config": """
type: group
short-summary: Set what brokerauth does on this machine. With az, az config does the same in the same file.
""",
    "config set": """
type: command
short-summary: Write settings into az's configuration file.
long-summary: >
    Section [brokerauth] of ~/.azure/config, which az reads too. The command list-settings shows the names, the values,
    and where each value came from.
examples:
  - name: Use one tenant from now on.
    text: brokerauth config set tenant_id=contoso.com
  - name: Use Microsoft's own broker on native Linux.
    text: brokerauth config set enable_broker_on_linux=true
""",
    "config unset": """
type: command
short-summary: Remove settings from az's configuration file, so that their defaults count again.
examples:
  - name: Use the tenant of whoever signs in again.
    text: brokerauth config unset tenant_id
""",
}

_ONLY_IN_AZ = {
    "brokerauth exec": _COMMANDS["exec"]
    .replace("{program}", "az brokerauth")
    .replace(
        "examples:\n",
        """examples:
  - name: List resource groups, whatever is left in az's token cache.
    text: az brokerauth exec -- az group list
""",
    ),
    "account show-broker": """
type: command
short-summary: Show how az gets the tokens of the account in use, and why.
long-summary: >
    The value of tokenSource is broker, cacheOnly (a broker sign-in in an az that is left as it is), refreshToken (a
    sign-in by browser or device code), servicePrincipal, managedIdentity, cloudShell or none. Exits with 3 when az is
    not signed in.
examples:
  - name: See whether az is brokered, and if not, why.
    text: az account show-broker --query "[isActive, reason]"
""",
}


def load_plain() -> None:
    """Fill in the commands that az has no need of."""
    helps.update(_ONLY_WITHOUT_AZ)


def load_az() -> None:
    """Fill in the commands that only az has."""
    helps.update(_ONLY_IN_AZ)


def load(program: str, *, group: str) -> None:
    """Fill knack's global help dictionary.

    :param program: how a command line starts, such as ``az brokerauth``.
    :param group: the command group that the commands are in; empty at the top level.
    """
    helps[group] = """
type: group
short-summary: Sign in from WSL through Windows' account broker, for device-bound tokens.
"""
    for name, text in _COMMANDS.items():
        helps[f"{group} {name}".strip()] = text.replace("{program}", program)
