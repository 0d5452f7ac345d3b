"""Submissions that try to get points they did not earn, or to do harm: what they write for lesson 1's `blend`.

Each is a whole cell.  None of them blends two pictures, except those of HARMLESS.
"""

import sys
from pathlib import Path

WRONG = "    return picture * 0\n"
HEAD = "def blend(picture, noise, amount):\n"
RIGHT = HEAD + "    return (1 - amount) * picture + amount * noise\n"


def body(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in lines)


# What a cell does before it defines a wrong function; it is part of the function's own statements.
def at_once(*lines: str) -> str:
    return body(*lines, WRONG.strip())


def frames(value: str = "", *, text: str = "", head: str = "b''", last: str = WRONG.strip()) -> str:
    """A function that writes to all its descriptors: `head`, or `text` as a frame, or `value` as one in JSON."""
    written = f"text = {text or f'json.dumps({value}).encode()'}" if text or value else "text = None"
    return body(
        "import os, json, struct",
        written,
        f"sent = {head} if text is None else struct.pack('>I', len(text)) + text",
        "for number in range(3, 64):",
        "    try:",
        "        left = memoryview(sent)",
        "        while left: left = left[os.write(number, left):]",
        "    except OSError: pass",
        last,
    )


CHECKS = """\
import sys, types
from course_lib import checks
passed = types.SimpleNamespace(passed=True)
for check in ('blend', 'psnr', 'ladder'): setattr(checks, check, lambda *a, **k: passed)
sys.modules['course_lib.checks'] = types.SimpleNamespace(blend=lambda *a, **k: passed)
"""
RUN_CELL = """\
try:
    from IPython.core.interactiveshell import InteractiveShell, ExecutionResult
    done = lambda *a, **k: ExecutionResult(None)
    InteractiveShell.run_cell = InteractiveShell._run_cell = done
    async def later(*a, **k): return done()
    InteractiveShell.run_cell_async = later
except ImportError: pass
"""

HOSTILE: dict[str, str] = {
    # It does not end, or ends what it runs in.
    "an infinite loop": body("while True: pass"),
    "a loop that swallows interrupts": body(
        "import signal",
        "for number in range(1, 65):",
        "    try: signal.signal(number, signal.SIG_IGN)",
        "    except (OSError, ValueError): pass",
        "while True:",
        "    try:",
        "        while True: pass",
        "    except BaseException: pass",
    ),
    "a loop outside the function": "def forever():\n    while True: pass\nconstant = forever()\n"
    + body("return constant"),
    "sys.exit": body("import sys; sys.exit(0)"),
    "os._exit": body("import os; os._exit(0)"),
    "SIGKILL of itself": body("import os; os.kill(os.getpid(), 9)"),
    "SIGKILL of its parent": body("import os; os.kill(os.getppid(), 9)", WRONG.strip()),
    "SIGKILL of everything": body("import os", "os.kill(-1, 9)", "os.kill(1, 9)", WRONG.strip()),
    "SIGSTOP of its parent": body("import os; os.kill(os.getppid(), 19); os._exit(0)"),
    "an exception that can't be printed": body(
        "class Worst(BaseException):",
        "    def __str__(self): raise self",
        "    __repr__ = __str__",
        "raise Worst",
    ),
    "a crash of the interpreter": body("import ctypes; ctypes.string_at(0)"),
    # It takes all there is.
    "a fork bomb": body("import os", "while True:", "    try: os.fork()", "    except OSError: pass"),
    "a bomb of threads": body(
        "import threading",
        "while True:",
        "    try: threading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()",
        "    except RuntimeError: pass",
    ),
    "20 GB at once": body("return bytearray(20 * 2**30)"),
    "20 GB of a tensor": body("import torch; return torch.ones(5 * 2**30)"),
    "20 GB bit by bit": body("held = []", "while True: held.append(b'x' * 2**20)"),
    "20 GB in many processes": body(
        "import os, time",
        "for _ in range(14):",
        "    if not os.fork(): break",
        "held = []",
        "while True:",
        "    try: held.append(bytearray(b'x') * 2**20)",
        "    except MemoryError: time.sleep(1)",
    ),
    "20 GB shared": body(
        "import mmap",
        "held = []",
        "while True:",
        "    held.append(mmap.mmap(-1, 2**28))",
        "    for place in range(0, 2**28, 4096): held[-1][place] = 1",
    ),
    "a full disk": body(
        "number = 0",
        "while True:",
        "    number += 1",
        "    try:",
        "        with open(f'/tmp/{number}', 'wb') as file:",
        "            for _ in range(16): file.write(b'x' * 2**20)",
        "    except OSError: return picture * 0",
    ),
    "millions of files": body(
        "number = 0", "while True:", "    number += 1", "    open(f'/tmp/{number}', 'w').close()"
    ),
    "an enormous answer": body("return 'x' * 2**28"),
    "an answer of a million parts": body("return [0] * 10**6"),
    "an answer without a bottom": body("answer = []", "answer.append(answer)", "return answer"),
    "an answer that never ends": body(
        "class Endless(list):", "    def __iter__(self): return iter(int, 1)", "return Endless()"
    ),
    "a number of a million digits": body("return 1 << 3_000_000"),
    "code that the parser chokes on": HEAD + "    return " + "(" * 5000 + ")" * 5000 + "\n",
    "code too deep for the compiler": HEAD + "    return " + "-" * 100_000 + "1\n",
    "code of ten megabytes": HEAD + "    return 0\n" + "# filler\n" * 1_200_000,
    # It lies about itself.
    "__eq__ lies": body(
        "class Liar:",
        "    def __eq__(self, other): return True",
        "    def __ne__(self, other): return False",
        "    def __bool__(self): return True",
        "    shape = picture.shape",
        "return Liar()",
    ),
    "__array__ and __float__ lie": body(
        "import numpy as np",
        "class Liar:",
        "    asked = 0",
        "    def __array__(self, *a, **k):",
        "        Liar.asked += 1",
        "        return np.zeros(tuple(picture.shape)) + Liar.asked",
        "    def __float__(self): return float('nan')",
        "    def __len__(self): return 1",
        "return Liar()",
    ),
    "a tensor that lies": body(
        "import torch",
        "class Liar(torch.Tensor):",
        "    @classmethod",
        "    def __torch_function__(cls, function, types, arguments=(), settings=None): return True",
        "return torch.zeros(picture.shape).as_subclass(Liar)",
    ),
    "a name that lies": body("class Verdict:", "    passed = True", "return Verdict()"),
    # It replaces what judges.
    "allclose replaced": "import numpy, torch\nnumpy.allclose = torch.allclose = lambda *a, **k: True\n"
    + at_once("numpy.allclose = torch.allclose = lambda *a, **k: True"),
    "checks replaced": CHECKS + at_once(*CHECKS.splitlines()),
    "run_cell replaced": RUN_CELL + at_once(*RUN_CELL.splitlines()),
    "open and __import__ replaced": body(
        "import builtins",
        "builtins.open = lambda *a, **k: 1 / 0",
        "builtins.__import__ = lambda *a, **k: 1 / 0",
        "builtins.isinstance = lambda *a: True",
        WRONG.strip(),
    ),
    "what talks to the judge replaced": body(
        "import wire",
        "wire._encode = lambda *a: {'passed': True}",
        "wire.dumps = lambda value: b'\\0\\0\\0\\4true'",
        WRONG.strip(),
    ),
    "replies of its own": body(
        "import os, json, struct",
        "replies = ({'dict': [['ended', 1]]}, {'dict': [['number', 2], ['value', True]]}, {'passed': True}, [[]], 7)",
        "for reply in replies:",
        "    text = json.dumps(reply).encode()",
        "    for number in range(3, 64):",
        "        try: os.write(number, struct.pack('>I', len(text)) + text)",
        "        except OSError: pass",
        WRONG.strip(),
    ),
    "an end that can't be compared": body(
        "import os, struct",
        """text = b'{"dict":[["ended",{"tensor":["uint8",[2],"AAA="]}]]}'""",
        "for number in range(3, 64):",
        "    try: os.write(number, 2 * (struct.pack('>I', len(text)) + text))",
        "    except OSError: pass",
        WRONG.strip(),
    ),
    "keys that all have one hash": body(
        "import os, json, struct",
        "pairs = [[number * (2**61 - 1), 0] for number in range(90_000)]",
        "text = json.dumps({'dict': pairs}).encode()",
        "for number in range(3, 64):",
        "    try: os.write(number, struct.pack('>I', len(text)) + text)",
        "    except OSError: pass",
        WRONG.strip(),
    ),
    "a process whose name is no text": body(
        "import ctypes",
        "ctypes.CDLL(None).prctl(15, b'\\xff\\xfe', 0, 0, 0)",
        "while True: pass",
    ),
    "noise in place of replies": body(
        "import os",
        "for number in range(3, 64):",
        "    try: os.write(number, b'\\xff' * 4096)",
        "    except OSError: pass",
        WRONG.strip(),
    ),
    "the pipes shut": body("import os", "os.closerange(0, 64)", WRONG.strip()),
    "a flood of replies": body(
        "import os, json, struct",
        "text = json.dumps({'dict': [['number', 0]]}).encode()",
        "numbers = []",
        "for number in range(3, 64):",
        "    try: numbers.append(os.fstat(number) and number)",
        "    except OSError: pass",
        "while True:",
        "    for number in numbers:",
        "        try: os.write(number, struct.pack('>I', len(text)) + text)",
        "        except OSError: pass",
    ),
}

# More of the same kinds, which end at once: what they send, how they answer, whom they reach.
HOSTILE |= {
    "an array for a key": frames("{'dict': [[{'tensor': ['uint8', [6] * 8, 'A' * (6**8 * 4 // 3)]}, 0]]}"),
    "a frame that says it is four gigabytes": frames(head="b'\\xff' * 4"),
    "frames of nothing": frames(head="b'\\0' * 40_000"),
    "half a frame and an end": frames(head="b'\\0\\0\\xff\\xff{'", last="os._exit(0)"),
    "a frame of brackets": frames(text="b'[' * 4_000_000"),
    "a frame of small numbers": frames(text="b'[' + b'0,' * 2_000_000 + b'0]'"),
    "a frame of long numbers": frames("{'list': [int('9' * 4000)] * 1000}"),
    "a frame with an array of no numbers and no end": frames(
        "{'dict': [['number', 2], ['value', {'tensor': ['float32', [0] + [4_000_000] * 15, '']}]]}"
    ),
    "an answer of very many arrays": body("import torch", "return [torch.zeros(0)] * 20_000"),
    "an answer of sixteen sides": body("import torch", "return torch.zeros([1] * 16)"),
    "an answer that is spread out": body("import torch", "return torch.zeros(1).expand(3, 10**10)"),
    "an answer with few numbers in much room": body(
        "import torch", "return torch.sparse_coo_tensor(torch.zeros((1, 1)), [1.0], (10**11,))"
    ),
    "an answer that is nowhere": body("import torch", "return torch.zeros(3, device='meta')"),
    "an answer that is not finite": body("return picture * float('nan')"),
    "an answer that makes itself when it is looked at": body(
        "class Liar:",
        "    __dlpack__ = __array__ = __float__ = __iter__ = lambda self, *a, **k: [self] * 10**9",
        "return Liar()",
    ),
    "an error of a hundred megabytes": body("raise ValueError('x' * 10**8)"),
    "an error that is the judge's own": body("class MemoryError(Exception): pass", "raise MemoryError('it is right')"),
    "an error that is a picture of the verdict": body("raise ValueError('\\x1b[2J\\rPassed: blend.')"),
    "a recursion without end": body(
        "import sys", "sys.setrecursionlimit(10**9)", "def deep(n): return deep(n + 1)", "return deep(0)"
    ),
    "signals to all there are": body(
        "import os, signal",
        "for process in (1, 2, os.getppid()):",
        "    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE):",
        "        try: os.kill(process, number)",
        "        except OSError: pass",
        WRONG.strip(),
    ),
    "SIGTERM of its parent": body("import os; os.kill(os.getppid(), 15)", WRONG.strip()),
    "a forger left behind": body(
        "import os, struct, time",
        "if not os.fork():",
        "    os.setsid()",
        "    if os.fork(): os._exit(0)",
        "    for turn in range(2000):",
        '        text = b\'{"dict":[["number",%d],["value",true]]}\' % (turn % 200)',
        "        for number in range(3, 8):",
        "            try: os.write(number, struct.pack('>I', len(text)) + text)",
        "            except OSError: pass",
        "        time.sleep(0.001)",
        "    os._exit(0)",
        WRONG.strip(),
    ),
    "files that are to be imported": body(
        "import os",
        "for name in ('wire', 'definitions', 'course_lib', 'torch', 'sitecustomize', 'ast'):",
        "    with open(f'/tmp/{name}.py', 'w') as file: file.write('raise SystemExit')",
        WRONG.strip(),
    ),
    "every descriptor there is": body(
        "import os",
        "held = []",
        "try:",
        "    while True: held += os.pipe()",
        "except OSError: pass",
        WRONG.strip(),
    ),
    "an end that never comes": body(
        "import atexit, threading, time",
        "atexit.register(lambda: time.sleep(1000))",
        "threading.Thread(target=time.sleep, args=(1000,)).start()",
        WRONG.strip(),
    ),
    "memory that is locked": body(
        "import ctypes",
        "libc = ctypes.CDLL(None)",
        "libc.mlockall(3)",
        "return bytearray(20 * 2**30)",
    ),
    "helpers that each write what they share": body(
        "import os, time",
        "held = bytearray(b'x') * (300 * 2**20)",
        "for _ in range(10):",
        "    if not os.fork():",
        "        for place in range(0, len(held), 4096): held[place] = 1",
        "        time.sleep(1000)",
        "time.sleep(1000)",
    ),
}

# Those that fill the sandbox's disk, or forge the numbers of the first messages in it.
NEED_A_NEW_SANDBOX = {"a full disk", "millions of files", "replies of its own"}

# What a submission learns or does is told in its answer: a text, which the tests look at.
# Where the files of others are: of users, of services, and what the one who grades keeps at home.
OTHERS = ["/home", "/etc/passwd", "/var", "/mnt", "/run", "/opt", "/srv"]
HERE = [str(Path(__file__).parents[2]), sys.prefix, str(Path.home())]  # what a path of this machine begins with
OTHERS += [str(Path.home() / name) for name in (".ssh", ".bashrc")]

SPIES: dict[str, str] = {
    "the hidden tests": body(
        "import os",
        "found = []",
        "for top, folders, files in os.walk('/'):",
        "    if top.startswith('/packages/'): continue  # what others published is no secret",
        "    found += [os.path.join(top, name) for name in files if 'lesson0' in name or name == 'verdict.py'",
        "              or name.startswith('grading') or name.endswith('.ipynb')]",
        "return str(found)",
    ),
    "the gradebook": body(
        "import os",
        "found = []",
        "for top, folders, files in os.walk('/'):",
        "    found += [os.path.join(top, name) for name in files if name == 'gradebook.db'",
        "              and not top.startswith('/packages/')]",
        "return str(found)",
    ),
    "others' files": body(
        "import os",
        f"places = {OTHERS}",
        "found = [place for place in places if os.path.exists(place)]",
        "found += [name for name in os.listdir('/tmp')]",
        "return str(found)",
    ),
    "the environment": body(
        "import os, glob",
        "told = str(dict(os.environ))",
        "for name in glob.glob('/proc/[0-9]*/environ'):",
        "    try: told += open(name).read()",
        "    except OSError: pass",
        "return 'SECRET' if 'SECRET' in told else '[]'",
    ),
    "writing anywhere": body(
        "import os",
        "written = []",
        "for top, folders, files in os.walk('/'):",
        "    if top.startswith(('/proc', '/tmp')): continue",
        "    try:",
        "        open(os.path.join(top, 'mark'), 'w').close()",
        "        written.append(top)",
        "    except OSError: pass",
        "    for name in files[:20]:",
        "        path = os.path.join(top, name)",
        "        if path.startswith('/dev/'): continue",
        "        try:",
        "            open(path, 'ab').close()",
        "            written.append(path)",
        "        except OSError: pass",
        "return str(written)",
    ),
    "a socket": body(
        "import socket",
        "opened = []",
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):",
        "    try:",
        "        one = socket.socket(family)",
        "        opened.append(str(family))",
        "    except OSError: continue",
        "return str(opened)",
    ),
    "other processes": body(  # but for its own, the one that made it, and the sandbox's first
        "import os",
        "own = {'1', str(os.getpid()), str(os.getppid())}",
        "return str([name for name in os.listdir('/proc') if name.isdigit() and name not in own])",
    ),
    "new walls of its own": body(
        "import ctypes, os",
        "done = []",
        "libc = ctypes.CDLL(None)",
        "if libc.unshare(0x10000000) == 0: done.append('unshare')",
        "if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0: done.append('mount')",
        "if libc.ptrace(16, os.getppid(), 0, 0) == 0: done.append('ptrace')",
        "for number in (0, 1000):",
        "    try: os.setuid(number); done.append('setuid')",
        "    except OSError: pass",
        "import resource",
        "for name in ('RLIMIT_AS', 'RLIMIT_NPROC', 'RLIMIT_FSIZE'):",
        "    try:",
        "        resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)",
        "        done.append(name)",
        "    except (OSError, ValueError): pass",
        "return str(done)",
    ),
}

SPIES |= {
    "where things lie on this machine": body(
        "import os, sys, torch",
        "told = [*sys.path, sys.prefix, sys.executable, torch.__file__, *sys.argv, os.getcwd()]",
        "for process in ('1', 'self', 'thread-self', str(os.getpid())):",
        "    for name in ('cmdline', 'mountinfo', 'mounts', 'maps', 'status'):",
        "        try: told.append(open(f'/proc/{process}/{name}').read())",
        "        except OSError: pass",
        "for name in ('exe', 'cwd', 'root'):",
        "    try: told.append(os.readlink(f'/proc/self/{name}'))",
        "    except OSError: pass",
        f"return str([one for one in told if any(place in one for place in {HERE})])",
    ),
    "descriptors of others": body(
        "import os, stat",
        "found = []",
        "for number in range(1000):",
        "    try: found.append((number, stat.filemode(os.fstat(number).st_mode)[0]))",
        "    except OSError: pass",
        "return str(found if [kind for _, kind in found] != ['c', 'c', 'c', 'p', 'p'] else [])",
    ),
    "a terminal": body(
        "import os",
        "try: return str(os.openpty())",
        "except OSError: return '[]'",
    ),
    "processes by their numbers": body(
        "import os",
        "found = []",
        "for number in range(1, 3000):",
        "    try: os.kill(number, 0)",
        "    except ProcessLookupError: continue",
        "    except OSError: pass",
        "    found.append(number)",
        "return str(found if len(found) > 3 else [])",  # the first one, the one that forks, and this
    ),
    "rights": body(
        "import ctypes",
        "libc, header, held = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()",
        "libc.capget(header, held)",
        "bounding = [number for number in range(41) if libc.prctl(23, number, 0, 0, 0)]",
        "return str([*filter(None, held), *bounding] + [0] * (libc.prctl(39, 0, 0, 0, 0) != 1))",
    ),
}

# They do something odd, and are right.
HARMLESS: dict[str, str] = {
    "twelve helpers that only sleep": body(
        "import os, time",
        "helpers = []",
        "if not hasattr(os, 'asked'):",
        "    os.asked, held = True, bytearray(b'x') * (60 * 2**20)",
        "    for _ in range(12):",
        "        helpers.append(os.fork())",
        "        if not helpers[-1]: time.sleep(1000)",
        "    time.sleep(0.7)",
        "for helper in helpers:",
        "    os.kill(helper, 9)",
        "    os.waitpid(helper, 0)",
        "return (1 - amount) * picture + amount * noise",
    ),
    "a million printed lines": HEAD
    + "    for number in range(10**6 // 3): print('line', number)\n"
    + RIGHT.split("\n")[1]
    + "\n",
    "a process left behind": body(
        "import os, time",
        "if not os.fork():",
        "    os.setsid()",
        "    if not os.fork(): time.sleep(600)",
        "    os._exit(0)",
        "return (1 - amount) * picture + amount * noise",
    ),
    "standard output closed": body("import os", "os.closerange(0, 3)", RIGHT.split("    ")[1].strip()),
}
