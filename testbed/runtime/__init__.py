"""The stand-in for Microsoft's native runtime, which the emulated machine installs under the runtime's own name."""
