"""A seccomp filter: this process may start threads, but no process and no program.

Linux only, on x86-64 and 64-bit ARM. The numbers are those of the kernel's headers.
"""

import ctypes
import dataclasses
import errno
import platform
import struct
import sys

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_CLONE_THREAD = 0x10000
_CLONE3 = 435
_X32_BIT = 0x40000000
# Offsets of what the filter sees of a call; both machines are little-endian.
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL_PROCESS, _FAIL, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000


@dataclasses.dataclass(frozen=True)
class _Machine:
    """Its name to the kernel, and its numbers of system calls."""

    audit_number: int
    clone: int
    forbidden: tuple[int, ...]


_MACHINES = {
    # fork, vfork, execve, execveat
    "x86_64": _Machine(0xC000003E, 56, (57, 58, 59, 322)),
    # execve, execveat
    "aarch64": _Machine(0xC00000B7, 220, (221, 281)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def forbid_processes() -> bool:
    """Forbid this process, for good, to make processes and to start programs.

    Returns:
      Whether that holds now; False where the machine or the kernel has no such filter.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    code = b"".join(_filter(machine))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None).prctl
    return (
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0
    )


def _filter(machine: _Machine) -> list[bytes]:
    fail = _instruction(_RETURN, _FAIL | errno.EPERM)
    return [
        # Calls by another table of numbers: the process is up to no good.
        _instruction(_LOAD, _MACHINE),
        _instruction(_IF_EQUAL, machine.audit_number, if_true=1),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
        _instruction(_IF_AT_LEAST, _X32_BIT, if_false=1),
        _instruction(_RETURN, _KILL_PROCESS),
        *(
            instruction
            for number in machine.forbidden
            for instruction in (_instruction(_IF_EQUAL, number, if_false=1), fail)
        ),
        # Its flags lie in memory, where no filter sees them; the C library falls back
        # to clone.
        _instruction(_IF_EQUAL, _CLONE3, if_false=1),
        _instruction(_RETURN, _FAIL | errno.ENOSYS),
        _instruction(_IF_EQUAL, machine.clone, if_false=3),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_IF_BITS, _CLONE_THREAD, if_true=1),
        fail,
        _instruction(_RETURN, _ALLOW),
    ]


def _instruction(
    code: int, value: int, *, if_true: int = 0, if_false: int = 0
) -> bytes:
    """Return an instruction; the jumps pass over so many that follow."""
    return struct.pack("<HBBI", code, if_true, if_false, value)
