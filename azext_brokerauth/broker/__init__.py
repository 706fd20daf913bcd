"""The broker, in a process of its own: the native library never runs in the caller's."""
