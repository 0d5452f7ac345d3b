"""The process inside the sandbox: it runs what belongs to one exercise, and calls the submission's function.

Started by `sandbox.py`, with nothing of the course but the library, and `wire.py`, `walls.py`, `definitions.py` and
`scopes.py` beside it.  To import torch takes longer than to judge, so one process does it for many submissions and
never sees one: for each it forks, and the fork puts up walls of its own.  Where that can't be, each is started by
itself, with walls that stand already.  For each exercise the process of a submission makes a child, which reads
questions and writes answers; prints go nowhere.  A submission may do what it likes with the child and with the process
above it: the judge outside believes nothing but plain data, and restarts what died.
"""

import __future__

import ast
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import struct
import symtable
import sys
import types
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

if __name__ == "__main__":  # inside the sandbox there is no package
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import definitions
    import scopes
else:
    from course_tools import scopes
    from course_tools.classroom import definitions


def main() -> None:
    settings = json.loads(sys.argv[1])
    prefer_for_oom_kill()  # as long as the file that says so is this process's own
    if settings.get("user"):  # the superuser's limits bind nobody: go on as a user of this sandbox alone
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
    sys.path[:] = [*settings["first"], *sys.path, *settings["last"]]
    importlib.import_module("course_lib")  # before torch, which reads what it sets
    import torch
    import wire

    torch.set_num_threads(1)
    settings["mapped"] = mapped()  # as long as there is a file that says so
    gc.freeze()  # children share what is there; nothing of it is collected
    if "control" in settings:
        settings |= fork_for_submissions(settings["control"])
    limit(settings)
    print_nowhere()
    requests, replies = os.fdopen(settings["requests"], "rb"), os.fdopen(settings["replies"], "wb", buffering=0)
    replies.write(wire.dumps({"ready": True}))
    while (body := read(requests)) is not None:
        request = wire.loads(body)
        if "cells" not in request:  # meant for an exercise that is over
            continue
        child = os.fork()
        if not child:
            try:
                # Not before: what this process computed is no exercise's.
                set_rlimit("RLIMIT_CPU", settings["cpu_seconds"])
                serve(request, requests, replies)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        # Whatever the exercise left behind.  In the sandbox that is all there is but this and the init process.
        with contextlib.suppress(ProcessLookupError):
            if settings["isolated"]:
                os.kill(-1, signal.SIGKILL)
            else:
                os.killpg(child, signal.SIGKILL)
        replies.write(wire.dumps({"ended": request["number"]}))


def fork_for_submissions(control: int) -> dict[str, Any]:
    """Fork once for each submission that the judge names; what is returned, in the fork, are its settings.

    control: a socket, through which come the settings of a submission with its two pipes, and goes a word of the fork,
    by which the kernel tells the judge its number.  The process that forks ends with the judge, and never returns.
    """
    import socket

    link = socket.socket(fileno=control)
    print_nowhere()
    link.send(b"ready")
    while True:
        asked, pipes, _, _ = socket.recv_fds(link, 65536, 2)
        if not asked:
            os._exit(0)
        parent = os.fork()
        if not parent:
            try:
                settings = json.loads(asked) | dict(zip(("requests", "replies"), pipes, strict=True))
                return behind_walls(settings, link)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    link.send(f"{type(error).__name__}: {error}".encode())
                os._exit(1)
        os.waitpid(parent, 0)
        for pipe in pipes:
            os.close(pipe)
        link.send(b"forked")


def behind_walls(settings: dict[str, Any], link: Any) -> dict[str, Any]:
    """Become, in the second child of this process, the one that may run a submission; returns the settings."""
    import walls
    import wire

    walls.separate()
    if os.fork():
        os._exit(0)  # the process that clears away in the sandbox takes over the child
    link.send(b"here")
    link.close()
    try:
        with open(settings["requests"], "rb", buffering=0, closefd=False) as requests:
            told = json.loads(read(requests) or b"{}")  # the judge knows by now which process to end
        walls.close_off(disk=settings["disk"], user=told["user"], rules=bytes.fromhex(settings["rules"]))
        child = os.fork()
    except BaseException as error:
        os.write(settings["replies"], wire.dumps({"error": describe_error(error)}))
        os._exit(1)
    if child:
        walls.be_init(child)
    return settings


def print_nowhere() -> None:
    with open(os.devnull, "r+b") as nothing:
        for descriptor in range(3):
            os.dup2(nothing.fileno(), descriptor)


def limit(settings: dict[str, Any]) -> None:
    """Set what this process and its children may use; nobody inside can raise it again."""
    die_with_parent()
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": settings["disk"],
        "RLIMIT_NOFILE": 128,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 0,
    }
    if settings["isolated"]:  # elsewhere it would count what else this user runs
        limits["RLIMIT_NPROC"] = settings["processes"]
    if settings["mapped"]:
        limits["RLIMIT_AS"] = settings["mapped"] + settings["memory"]
    for name, maximum in limits.items():
        set_rlimit(name, maximum)


def mapped() -> int:
    """Bytes of addresses that this process has: for torch alone half a gigabyte, most of it never used."""
    if not os.path.exists("/proc/self/statm"):  # another system than Linux
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def prefer_for_oom_kill() -> None:
    """If this machine's memory runs out, let its kernel end this process and its children rather than the judge."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def set_rlimit(name: str, maximum: int) -> None:
    with contextlib.suppress(ValueError, OSError, AttributeError):  # what this system does not know or forbids
        resource.setrlimit(getattr(resource, name), (maximum, maximum))


def die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def read(requests: Any) -> bytes | None:
    head = requests.read(4)
    return requests.read(struct.unpack(">I", head)[0]) if len(head) == 4 else None


def serve(request: dict[str, Any], requests: Any, replies: Any) -> None:
    """Run an exercise's code, then answer questions to its function until there are no more."""
    import wire

    os.setpgid(0, 0)
    die_with_parent()
    try:
        function = load_function(request["cells"], request["name"], request["made_for"])
        reply: dict[str, Any] = {"prepared": True}
    except BaseException as error:
        function, reply = None, {"error": describe_error(error), "stub": is_stub_error(error)}
    replies.write(wire.dumps(reply | {"number": request["number"]}))
    while function is not None and (body := read(requests)) is not None:
        question = wire.loads(body)
        if "question" not in question:
            break
        try:
            reply = {"value": function(*question["question"])}
        except BaseException as error:
            reply = {"error": describe_error(error), "stub": is_stub_error(error)}
        try:
            written = wire.dumps(reply | {"number": question["number"]})
        except BaseException as error:  # an answer too large, or an object that stops whoever looks at it
            written = wire.dumps({"error": describe_error(error), "stub": False, "number": question["number"]})
        replies.write(written)


def describe_error(error: BaseException) -> str:
    """The last line of the error's traceback: its name and its text."""
    try:
        return f"{type(error).__name__}: {error}"[:300] if str(error) else type(error).__name__[:300]
    except BaseException:
        return "an error"


def is_stub_error(error: BaseException) -> bool:
    """Whether the error is the one that an exercise as it was handed out raises."""
    try:
        return type(error) is NotImplementedError and str(error) == definitions.STUB
    except BaseException:
        return False


# --- What belongs to an exercise -------------------------------------------------------------------------------------
# Lessons train models and draw pictures for minutes; a function needs little of that.  So only those statements run
# that bind what the function reads, and what these read, and so on: imports, helpers, constants, wherever they stand.


_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass
class Statement:
    """A statement at the outermost level of a cell: what it does with names of the notebook."""

    cell: int
    node: ast.stmt
    binds: set[str]  # gives a value
    changes: set[str]  # x[0] = 1, x.part = 1, x += 1
    calls: set[str]  # x.append(1)
    reads: set[str]

    @property
    def rebinds(self) -> bool:
        """Whether it gives all its names new values, so that nothing before it matters to them."""
        if isinstance(self.node, ast.Assign):
            return not self.changes and not self.binds & self.reads
        # No ast.Import: `import a.b` binds `a`, and adds `b` to what `import a.c` made of it.
        return isinstance(self.node, _SCOPES | ast.ImportFrom)


def load_function(cells: Sequence[str], name: str, made_for: Collection[int]) -> Any:
    """Run what the submission's function `name` depends on, and return the function.

    cells: the sources of the code cells, in order.  made_for: the numbers of those made for this exercise.
    Raises whatever the submission's code raises, or NameError if there is no such function.
    """
    statements, broken = read_cells(cells)
    chosen = definitions.choose_cell([definitions.definitions(cell) for cell in cells], name, made_for)
    if chosen is None or chosen in broken:
        for number, error in broken.items():
            if number == chosen or (chosen is None and number in made_for):
                raise error
        raise NameError(f"name '{name}' is not defined")
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    vars(module)["display"] = lambda *shown, **settings: None
    failure: BaseException | None = None
    flags = future_flags(statements)
    for statement in dependencies(statements, name, chosen):
        try:
            code = compile(ast.Module([statement.node], []), f"cell {statement.cell + 1}", "exec", flags)
            exec(code, vars(module))
        except BaseException as error:
            failure = error
    if name not in vars(module):
        raise failure or NameError(f"name '{name}' is not defined")
    return vars(module)[name]


def read_cells(cells: Sequence[str]) -> tuple[list[Statement], dict[int, SyntaxError]]:
    """The statements of all cells, and for each cell that is not Python what is wrong with it."""
    statements: list[Statement] = []
    broken: dict[int, SyntaxError] = {}
    for number, source in enumerate(cells):
        try:
            statements += [Statement(number, node, *uses(node)) for node in definitions.parse_cell(source).body]
        except SyntaxError as error:
            broken[number] = error
        except (ValueError, RecursionError, MemoryError) as error:
            broken[number] = SyntaxError(f"this cell can't be read ({type(error).__name__})")
    return statements, broken


def future_flags(statements: Sequence[Statement]) -> int:
    """The compiler's flags for what the notebook imports from __future__, which holds for all cells that follow."""
    flags = 0
    for statement in statements:
        if isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__":
            for alias in statement.node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def uses(node: ast.stmt) -> tuple[set[str], set[str], set[str], set[str]]:
    """The names a statement binds, changes, calls methods of, and reads in the notebook's own namespace."""
    table = scopes.symbol_table(node)
    binds = scopes.bound_names(table)
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        binds.add("*")
    changes = {node.target.id} if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else set()
    calls = set()
    for part in ast.walk(node) if not isinstance(node, _SCOPES) else ():
        if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
            changes |= root_of(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            calls |= root_of(part.value.func) if isinstance(part.value.func, ast.Attribute) else set()
    return binds, changes, calls, set(reads_of(table, outermost=True))


def root_of(node: ast.expr) -> set[str]:
    """The name at the beginning of name.part[0].other, if it begins with a name."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def reads_of(table: symtable.SymbolTable, *, outermost: bool = False) -> Iterator[str]:
    for one in table.get_symbols():
        if one.is_referenced() and (outermost or one.is_global()):
            yield one.get_name()
    for child in table.get_children():
        yield from reads_of(child)


def dependencies(statements: Sequence[Statement], name: str, home: int) -> list[Statement]:
    """The statements that have to be run for `name` to be what it was after the cell `home`, in order.

    Of other names that is what they were when that cell was run, or later, if nothing before it gives them a value.
    """
    chosen = {number for number, one in enumerate(statements) if "*" in one.binds and one.cell <= home}
    todo, seen = [name, *(read for number in chosen for read in statements[number].reads)], set()
    while todo:
        needed = todo.pop()
        if needed in seen:
            continue
        seen.add(needed)
        binding = [statement for statement in statements if needed in statement.binds]
        # To call a module's function is no change of the module: most of what a lesson shows is such a call.
        module = all(isinstance(statement.node, ast.Import | ast.ImportFrom) for statement in binding)
        touching = [
            number
            for number, one in enumerate(statements)
            if binding and (needed in one.binds | one.changes or (needed in one.calls and not module))
        ]
        if needed == name:
            touching = [number for number in touching if statements[number].cell == home]
        # A helper is often under the cell that calls it; a name that is bound before is as it was then.
        before = [number for number in touching if statements[number].cell <= home]
        touching = before if any(needed in statements[number].binds for number in before) else touching
        anew = [number for number in touching if needed in statements[number].binds and statements[number].rebinds]
        for number in touching:
            if (not anew or number >= anew[-1]) and number not in chosen:
                chosen.add(number)
                todo += statements[number].reads
    return [statements[number] for number in sorted(chosen)]


if __name__ == "__main__":
    main()
