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
    Found,
    change,
    check,
    check_for_file,
    config_directory,
    hints,
    load,
    survey,
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
    "Found",
    "Setting",
    "Settings",
    "change",
    "check",
    "check_for_file",
    "config_directory",
    "hints",
    "load",
    "survey",
]
