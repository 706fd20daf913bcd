"""An emulated WSL 2 machine: the real product, with stand-ins for Windows, Entra and ARM only."""
