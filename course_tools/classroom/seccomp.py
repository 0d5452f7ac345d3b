"""The calls to the kernel that no submission may make, as a program that the kernel runs (seccomp, BPF)."""

import platform
import struct

# System calls by which a process could get at memory that no limit counts, at other processes, at sockets or at more
# of the kernel than Python and torch need.  This is a second wall: the first are the namespaces.  The numbers are
# Linux's own, from its asm/unistd_64.h and asm-generic/unistd.h.
_REFUSED = {  # name: its number on x86_64, on aarch64
    "socket": (41, 198),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "ptrace": (101, 117),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
    "memfd_secret": (447, 447),
    "statmount": (457, 457),
    "listmount": (458, 458),
}
_MACHINES = {"x86_64": 0, "aarch64": 1}  # place in the pairs above and below
_AUDIT_ARCH = (0xC000003E, 0xC00000B7)  # by which the kernel says for which machine a call is meant
_CLONE = (56, 220)
_CLONE3 = 435
_X32_CALL = 0x40000000  # set in the numbers of x86_64's other way to call
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS | CLONE_NEWCGROUP | ... | CLONE_NEWNET

# Instructions of BPF and what a program answers, from linux/bpf_common.h and linux/seccomp.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_CALL, _ARCH, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def seccomp_filter() -> bytes | None:
    """The program for the kernel (seccomp) that says which system calls fail; None where it is not known."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    steps = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _AUDIT_ARCH[machine]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _CALL)]
    steps += [(_AT_LEAST, 0, 1, _X32_CALL), (_RETURN, 0, 0, _EPERM)]
    for numbers in _REFUSED.values():
        steps += [(_EQUAL, 0, 1, numbers[machine]), (_RETURN, 0, 0, _EPERM)]
    # clone3 is said not to exist: whoever asks goes on to clone, whose flags can be read.
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ENOSYS)]
    steps += [(_EQUAL, 0, 3, _CLONE[machine]), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    steps += [(_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
