"""The keyring that the broker's runtime keeps its accounts in: the session's, or a private one."""
