"""The settings in force, and where each came from."""

from azext_brokerauth.settings.policy import ENFORCED, POLICY_FILE, SECTION
from azext_brokerauth.settings.schema import (
    AZURE_CLI_CLIENT_ID,
    FALLBACKS,
    NO_FALLBACK,
    SETTINGS,
    Setting,
    Settings,
)
from azext_brokerauth.settings.sources import (
    ENVIRONMENT_PREFIX,
    change,
    check,
    check_for_file,
    config_directory,
    hints,
    load,
)

__all__ = [
    "AZURE_CLI_CLIENT_ID",
    "ENFORCED",
    "ENVIRONMENT_PREFIX",
    "FALLBACKS",
    "NO_FALLBACK",
    "POLICY_FILE",
    "SECTION",
    "SETTINGS",
    "Setting",
    "Settings",
    "change",
    "check",
    "check_for_file",
    "config_directory",
    "hints",
    "load",
]
