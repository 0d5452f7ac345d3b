"""The calls to the kernel that no submission may make, as a program that the kernel runs (seccomp, BPF)."""

import platform
import struct

# Linux's numbers of system calls by which a process could get at memory that no limit counts, at other processes, at
# sockets or at more of the kernel than Python and torch need.  It is a second wall: the first are the namespaces.
_COMMON_CALLS = (425, 428, 429, 430, 431, 432, 433, 438, 442, 447)  # io_uring, the new mount calls, pidfd_getfd, ...
_CALLS = {  # machine: its mark, clone, and socket, shmget, semget, msgget, memfd_create, ptrace, unshare, setns, ...
    "x86_64": (0xC000003E, 56, (41, 29, 64, 68, 319, 101, 272, 308, 165, 166, 155, 321, 298, 323, 248, 249, 250)),
    "aarch64": (0xC00000B7, 220, (198, 194, 190, 186, 279, 117, 97, 268, 40, 39, 41, 280, 241, 282, 217, 218, 219)),
}
_MORE_CALLS = {"x86_64": (310, 311, 246, 175, 313, 304), "aarch64": (270, 271, 104, 105, 273, 265)}
_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020000


def seccomp_filter() -> bytes | None:
    """The program for the kernel (seccomp) that says which system calls fail; None where it is not known."""
    machine = platform.machine()
    if machine not in _CALLS:
        return None
    mark, clone, calls = _CALLS[machine]
    load, equal, at_least, any_bit, end = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000  # EPERM, ENOSYS
    steps = [(load, 0, 0, 4), (equal, 1, 0, mark), (end, 0, 0, kill), (load, 0, 0, 0)]
    steps += [(at_least, 0, 1, 0x40000000), (end, 0, 0, refuse)]
    for call in (*calls, *_MORE_CALLS[machine], *_COMMON_CALLS):
        steps += [(equal, 0, 1, call), (end, 0, 0, refuse)]
    steps += [(equal, 0, 1, _CLONE3), (end, 0, 0, unknown)]  # whoever asks goes on to clone, whose flags can be read
    steps += [(equal, 0, 3, clone), (load, 0, 0, 16), (any_bit, 0, 1, _NEW_NAMESPACES), (end, 0, 0, refuse)]
    return b"".join(struct.pack("HBBI", *step) for step in [*steps, (end, 0, 0, allow)])
