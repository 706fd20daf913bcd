"""The stand-in for Microsoft's broker of native Linux."""
