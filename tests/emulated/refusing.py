"""Runs a program for which the kernel keeps no keys: `python refusing.py COMMAND ...`, as in many a container."""

import ctypes
import os
import platform
import struct
import sys

_ARCHITECTURE, _FIRST = {"x86_64": (0xC000003E, 248), "aarch64": (0xC00000B7, 217)}[platform.machine()]
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # EPERM (linux/seccomp.h)
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl(2)


def refuse_keys() -> None:
    """add_key, request_key and keyctl have numbers one after another."""
    allowed = 3  # instructions after the first comparison
    program = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 1 + allowed, _ARCHITECTURE),
        (_LOAD, 0, 0, 0),
        *((_EQUAL, allowed - each, 0, _FIRST + each) for each in range(allowed)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = b"".join(struct.pack("HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code)
    pointer = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_NO_NEW_PRIVS, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, ctypes.c_char_p(pointer), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_keys()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
