"""The process inside the sandbox: it runs what belongs to one exercise, and calls the submission's function.

Started by `sandbox.py`, with nothing of the course but the library and `wire.py` beside it.  For each exercise it
makes a child, which reads questions and writes answers; prints go nowhere.  A submission may do what it likes with
the child and with this process: the judge outside believes nothing but plain data, and restarts what died.
"""

import __future__

import ast
import contextlib
import ctypes
import gc
import importlib
import json
import os
import re
import resource
import signal
import struct
import symtable
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

STUB = "your code here"
_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # cell magics under which there is Python
_LINE_MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.*]+\?\??)$", re.M)


def main() -> None:
    settings = json.loads(sys.argv[1])
    first_to_go()  # as long as the file that says so is this process's own
    if settings["user"]:  # the superuser's limits bind nobody: go on as a user of this sandbox alone
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
    sys.path[:] = [*settings["first"], *sys.path, *settings["last"]]
    importlib.import_module("course_lib")  # before torch, which reads what it sets
    import torch
    import wire

    torch.set_num_threads(1)
    limit(settings)
    requests, replies = os.fdopen(settings["requests"], "rb"), os.fdopen(settings["replies"], "wb", buffering=0)
    with open(os.devnull, "r+b") as nothing:
        for number in range(3):
            os.dup2(nothing.fileno(), number)
    replies.write(wire.frame({"ready": True}))
    gc.freeze()  # children share what is there; nothing of it is collected
    while (body := read(requests)) is not None:
        request = wire.value_of(body)
        if "cells" not in request:  # meant for an exercise that is over
            continue
        child = os.fork()
        if not child:
            try:
                # Not before: what this process computed to import torch is no exercise's.
                at_most("RLIMIT_CPU", settings["cpu_seconds"])
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
        replies.write(wire.frame({"ended": request["number"]}))


def limit(settings: dict[str, Any]) -> None:
    """Set what this process and its children may use; nobody inside can raise it again."""
    die_with_parent()
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": settings["disk"],
        "RLIMIT_NOFILE": 128,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_MEMLOCK": 0,
    }
    if settings["isolated"]:  # elsewhere it would count what else this user runs
        wanted["RLIMIT_NPROC"] = settings["processes"]
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:  # torch alone has mapped half a gigabyte, most of it never used
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        wanted["RLIMIT_AS"] = mapped + settings["memory"]
    for name, most in wanted.items():
        at_most(name, most)


def first_to_go() -> None:
    """If this machine's memory runs out, its kernel shall end this process and its children, not the judge."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def at_most(name: str, most: int) -> None:
    with contextlib.suppress(ValueError, OSError, AttributeError):  # what this system does not know or forbids
        resource.setrlimit(getattr(resource, name), (most, most))


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
        function = prepared(request["cells"], request["name"], request["homes"])
        reply: dict[str, Any] = {"prepared": True}
    except BaseException as error:
        function, reply = None, {"error": told(error), "stub": stub(error)}
    replies.write(wire.frame(reply | {"number": request["number"]}))
    while function is not None and (body := read(requests)) is not None:
        question = wire.value_of(body)
        if "question" not in question:
            break
        try:
            reply = {"value": function(*question["question"])}
        except BaseException as error:
            reply = {"error": told(error), "stub": stub(error)}
        try:
            written = wire.frame(reply | {"number": question["number"]})
        except BaseException as error:  # an answer too large, or an object that stops whoever looks at it
            written = wire.frame({"error": told(error), "stub": False, "number": question["number"]})
        replies.write(written)


def told(error: BaseException) -> str:
    """An error as Python's last line says it."""
    try:
        return f"{type(error).__name__}: {error}"[:300] if str(error) else type(error).__name__[:300]
    except BaseException:
        return "an error"


def stub(error: BaseException) -> bool:
    """Whether this is what an exercise that nobody has tried raises."""
    try:
        return type(error) is NotImplementedError and str(error) == STUB
    except BaseException:
        return False


# --- What belongs to an exercise -------------------------------------------------------------------------------------
# Lessons train models and draw pictures for minutes; a function needs little of that.  So only those statements run
# that bind what the function reads, and what these read, and so on: imports, helpers, constants, wherever they stand.


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
    def fresh(self) -> bool:
        """Whether what its names were before is forgotten."""
        if isinstance(self.node, ast.Assign):
            return not self.changes and not self.binds & self.reads
        # No ast.Import: `import a.b` binds `a`, and adds `b` to what `import a.c` made of it.
        return isinstance(self.node, ast.FunctionDef | ast.ClassDef | ast.ImportFrom)


def prepared(cells: list[str], name: str, homes: list[int]) -> Any:
    """The submission's function.  Raises whatever its code raises, or NameError if there is no such function.

    cells: the sources of the code cells, in order.  homes: the numbers of those made for this exercise.
    """
    statements: list[Statement] = []
    broken: dict[int, SyntaxError] = {}
    for number, source in enumerate(cells):
        try:
            statements += statements_of(number, source)
        except SyntaxError as error:
            broken[number] = error
        except (ValueError, RecursionError, MemoryError) as error:
            broken[number] = SyntaxError(f"this cell can't be read ({type(error).__name__})")
    home = home_of(statements, name, homes)
    if home is None:
        for number, unread in broken.items():
            if number in homes or re.search(rf"\bdef\s+{name}\b", cells[number]):
                raise unread
        raise NameError(f"name '{name}' is not defined")
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    vars(module)["display"] = lambda *shown, **settings: None
    failure: BaseException | None = None
    flags = 0
    for one in statements:
        if isinstance(one.node, ast.ImportFrom) and one.node.module == "__future__":
            for alias in one.node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    for statement in needed(statements, name, home):
        try:
            code = compile(ast.Module([statement.node], []), f"cell {statement.cell + 1}", "exec", flags)
            exec(code, vars(module))
        except BaseException as error:
            failure = error
    if name not in vars(module):
        raise failure or NameError(f"name '{name}' is not defined")
    return vars(module)[name]


def statements_of(number: int, source: str) -> list[Statement]:
    """What stands in a cell.  Raises SyntaxError, or what Python's parser raises for what no person would write."""
    first = source.lstrip().split(maxsplit=1)[:1]
    if first and first[0].startswith("%%"):
        if first[0] not in _MAGICS:
            return []
        source = source.lstrip().partition("\n")[2]
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.parse(_LINE_MAGIC.sub(r"\1pass", source))
    return [Statement(number, node, *uses(node)) for node in tree.body]


def uses(node: ast.stmt) -> tuple[set[str], set[str], set[str], set[str]]:
    """The names a statement binds, changes, calls methods of, and reads in the notebook's own namespace."""
    table = symtable.symtable(ast.unparse(node), "cell", "exec")
    binds = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        binds.add("*")
    changes = {node.target.id} if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) else set()
    calls = set()
    for part in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef) else ():
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


def home_of(statements: list[Statement], name: str, homes: list[int]) -> int | None:
    """The cell whose function counts: the last that was made for the exercise and filled in, else the last one."""
    found = sorted({one.cell for one in statements if name in one.binds})
    blank = {one.cell for one in statements if is_blank(one.node)}
    tried = [cell for cell in found if cell not in blank]
    for choice in ([cell for cell in tried if cell in homes], tried, found):
        if choice:
            return choice[-1]
    return None


def is_blank(node: ast.stmt) -> bool:
    """Whether the exercise's `raise NotImplementedError` still stands in it; in a comment it does no harm."""
    stub = ast.dump(ast.parse(f"NotImplementedError({STUB!r})", mode="eval").body)
    return any(isinstance(part, ast.Raise) and part.exc and ast.dump(part.exc) == stub for part in ast.walk(node))


def needed(statements: list[Statement], name: str, home: int) -> list[Statement]:
    """The statements that the function depends on, in order: as things stood when its cell was run."""
    chosen = {number for number, one in enumerate(statements) if "*" in one.binds and one.cell <= home}
    wanted, known = [name, *(read for number in chosen for read in statements[number].reads)], set()
    while wanted:
        this = wanted.pop()
        if this in known:
            continue
        known.add(this)
        bound = [one for one in statements if this in one.binds]
        # To call a module's function is no change of the module: most of what a lesson shows is such a call.
        module = all(isinstance(one.node, ast.Import | ast.ImportFrom) for one in bound)
        touching = [
            number
            for number, one in enumerate(statements)
            if bound and (this in one.binds | one.changes or (this in one.calls and not module))
        ]
        if this == name:
            touching = [number for number in touching if statements[number].cell == home]
        # A helper is often under the cell that calls it; a name that is bound before is as it was then.
        before = [number for number in touching if statements[number].cell <= home]
        touching = before if any(this in statements[number].binds for number in before) else touching
        anew = [number for number in touching if this in statements[number].binds and statements[number].fresh]
        for number in touching:
            if (not anew or number >= anew[-1]) and number not in chosen:
                chosen.add(number)
                wanted += statements[number].reads
    return [statements[number] for number in sorted(chosen)]


if __name__ == "__main__":
    main()
