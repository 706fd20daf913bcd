"""The stand-ins for Microsoft's cloud: Entra, Azure Resource Manager and Key Vault."""
