"""The settings in force, and where each came from."""

from azext_brokerauth.settings.policy import ENFORCED, POLICY_FILE, SECTION
from azext_brokerauth.settings.schema import (
    AZURE_CLI_CLIENT_ID,
    NO_FALLBACK,
    SETTINGS,
    Setting,
    Settings,
)
from azext_brokerauth.settings.sources import ENVIRONMENT_PREFIX, Found, check, config_directory, hints, load, survey

__all__ = [
    "AZURE_CLI_CLIENT_ID",
    "ENFORCED",
    "ENVIRONMENT_PREFIX",
    "NO_FALLBACK",
    "POLICY_FILE",
    "SECTION",
    "SETTINGS",
    "Found",
    "Setting",
    "Settings",
    "check",
    "config_directory",
    "hints",
    "load",
    "survey",
]
