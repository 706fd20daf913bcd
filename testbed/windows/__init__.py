"""The stand-ins for Windows: its account broker, and the programs that Linux starts to reach it."""
