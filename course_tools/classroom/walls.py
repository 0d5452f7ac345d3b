"""The walls that the process of one submission puts round itself, before it reads a line of it.

`sandbox.py` starts one process in a sandbox of bubblewrap that has imported torch and never sees a submission.  Each
submission gets a fork of it, which leaves all that it shares with its siblings, and gives up the rights to come back.
The file needs the standard library alone: it lies inside the sandbox, where the rest of the package is out of reach.
"""

import contextlib
import ctypes
import os
import signal

# Linux's own numbers, from linux/sched.h, linux/mount.h, linux/prctl.h and linux/capability.h.
_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mounts, names, IPC, processes, network
_CGROUPS = 0x02000000
_USERS = 0x10000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _MOVE, _RECURSIVE, _PRIVATE = 32, 4096, 8192, 16384, 1 << 18
_SET_DUMPABLE, _SET_SECCOMP, _DROP_FROM_BOUNDING, _SET_NO_NEW_PRIVILEGES, _AMBIENT = 4, 22, 24, 38, 47
_FILTER, _CLEAR_ALL, _CAPABILITY_VERSION_3 = 2, 4, 0x20080522
_PROC_FILES = ("cpuinfo", "meminfo")  # what is left of /proc: that of a process tells where on this machine files lie

_libc = ctypes.CDLL(None, use_errno=True)


def separate() -> None:
    """Leave the namespaces that this process shares; its next child is the first process of a new one."""
    try:
        _call("unshare", _NAMESPACES | _CGROUPS)
    except OSError:  # a kernel without namespaces of control groups
        _call("unshare", _NAMESPACES)


def close_off(*, disk: int, user: int, rules: bytes) -> None:
    """Have files and rights of one's own: an empty /tmp of `disk` bytes, no /proc, no terminals, and no way back.

    user: for a superuser, the user that nobody else is; 0 otherwise, and a namespace of users is made instead.
    rules: the program for the kernel (seccomp); empty where none is known.  Raises OSError if a wall can't be built.
    """
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    _mount("none", "/", _RECURSIVE | _PRIVATE)
    if not user:
        with contextlib.suppress(OSError):  # it is a mount of its own only where bubblewrap had to close it
            _mount("none", "/proc/sys", _REMOUNT | _BIND)
    _mount_tmpfs("/dev/pts", "mode=0755,size=4k", _READ_ONLY)
    _mount_tmpfs("/tmp", "mode=0755,size=64k")
    for name in _PROC_FILES:
        with open(f"/tmp/{name}", "w"):
            pass
        _mount(f"/proc/{name}", f"/tmp/{name}", _BIND)
    _mount("none", "/tmp", _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_EXEC)
    _mount("/tmp", "/proc", _MOVE)
    _mount_tmpfs("/tmp", f"mode=1777,size={disk}")
    os.chdir("/tmp")
    _drop_from_bounding_set()
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    else:
        _enter_namespace_of_users(proc)
    os.close(proc)
    _give_up_rights()
    if rules:
        _set_seccomp(rules)


def _enter_namespace_of_users(proc: int) -> None:
    """Be the same user in a namespace in which limits count by themselves, and no other can be made."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", _USERS)
    for name, content in (
        ("self/setgroups", "deny"),
        ("self/gid_map", f"{group} {group} 1"),
        ("self/uid_map", f"{user} {user} 1"),
        ("sys/user/max_user_namespaces", "0"),
    ):
        file = os.open(name, os.O_WRONLY, dir_fd=proc)
        os.write(file, content.encode())
        os.close(file)


def _drop_from_bounding_set() -> None:
    for capability in range(64):
        with contextlib.suppress(OSError):  # more than there are
            _prctl(_DROP_FROM_BOUNDING, capability)


def _give_up_rights() -> None:
    _drop_from_bounding_set()  # of a namespace that was made in between
    _prctl(_AMBIENT, _CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    _prctl(_SET_DUMPABLE)


def _set_seccomp(rules: bytes) -> None:
    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    program = Program(len(rules) // 8, rules)
    _prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program))


def be_init(child: int) -> None:
    """Be the first process of a namespace: clear away what ends, until `child` does.

    The kernel ends all others with it, and lets none of them send it a signal for which it has no handler.
    """
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)  # Python's own
    os.closerange(0, 128)
    while True:
        with contextlib.suppress(InterruptedError):
            if os.wait()[0] == child:
                os._exit(0)


def _mount_tmpfs(place: str, options: str, flags: int = 0) -> None:
    _mount("tmpfs", place, _NO_SUID | _NO_DEVICES | flags, kind="tmpfs", options=options)


def _mount(source: str, place: str, flags: int, *, kind: str = "", options: str = "") -> None:
    texts = (text.encode() if text else None for text in (source, place, kind))
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode() or None)


def _prctl(option: int, *arguments: object) -> None:
    numbers = (ctypes.c_ulong(one) if isinstance(one, int) else one for one in (*arguments, 0, 0, 0, 0)[:4])
    _call("prctl", option, *numbers)


def _call(name: str, *arguments: object) -> None:
    """Call the system.  Raises OSError."""
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
