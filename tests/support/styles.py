"""Right answers to lesson 1 as twelve people might write them, each from the task and none from another's.

They were written by one hand, one person after the other, for what likeness within a class is measured on
(`tests/classroom/test_compare.py`).  `independent` makes classes of them, `copied` makes of a notebook what a copier
makes of it: other names, another order, another layout, and not a changed thought.
"""

import ast
import builtins
import io
import tokenize
from collections.abc import Mapping, Sequence
from random import Random

# Of each person: to_screen, blend, ladder, neighbours, psnr.
PEOPLE: Sequence[Mapping[str, str]] = (
    {  # short, with methods
        "to_screen": """
def to_screen(picture):
    return ((picture + 1) * 127.5).round().clamp(0, 255)
""",
        "blend": """
def blend(picture, noise, amount):
    return (1 - amount) * picture + amount * noise
""",
        "ladder": """
def ladder(picture, noise, steps):
    amounts = torch.linspace(0, 1, steps + 1).view(-1, 1, 1, 1)
    return (1 - amounts) * picture + amounts * noise
""",
        "neighbours": """
def neighbours(picture):
    left, right = picture[..., :-1].flatten(), picture[..., 1:].flatten()
    return torch.corrcoef(torch.stack([left, right]))[0, 1]
""",
        "psnr": """
def psnr(picture, truth):
    return 10 * torch.log10(4 / (picture - truth).pow(2).mean())
""",
    },
    {  # every step has a name
        "to_screen": """
def to_screen(picture):
    # from -1..1 to 0..2
    moved = picture + 1
    # from 0..2 to 0..255
    scaled = moved / 2 * 255
    rounded = torch.round(scaled)
    too_dark = rounded < 0
    rounded[too_dark] = 0
    too_bright = rounded > 255
    rounded[too_bright] = 255
    return rounded
""",
        "blend": """
def blend(picture, noise, amount):
    share_of_picture = 1.0 - amount
    share_of_noise = amount
    from_picture = picture * share_of_picture
    from_noise = noise * share_of_noise
    mixed = from_picture + from_noise
    return mixed
""",
        "ladder": """
def ladder(picture, noise, steps):
    rungs = []
    for k in range(steps + 1):
        amount = k / steps
        rung = picture * (1 - amount) + noise * amount
        rungs.append(rung)
    result = torch.cat(rungs, dim=0)
    return result
""",
        "neighbours": """
def neighbours(picture):
    width = picture.shape[3]
    left = picture[:, :, :, 0:width - 1]
    right = picture[:, :, :, 1:width]
    mean_left = left.mean()
    mean_right = right.mean()
    product = (left - mean_left) * (right - mean_right)
    covariance = product.mean()
    variance_left = ((left - mean_left) ** 2).mean()
    variance_right = ((right - mean_right) ** 2).mean()
    correlation = covariance / torch.sqrt(variance_left * variance_right)
    return correlation
""",
        "psnr": """
def psnr(picture, truth):
    difference = picture - truth
    squared = difference ** 2
    mean_square_error = squared.mean()
    peak = 2.0
    ratio = peak ** 2 / mean_square_error
    decibels = 10 * torch.log10(ratio)
    return decibels
""",
    },
    {  # thinks in numpy
        "to_screen": """
import numpy as np

def to_screen(picture):
    values = picture.numpy().astype(np.float64)
    values = np.interp(values, [-1.0, 1.0], [0.0, 255.0])
    return torch.from_numpy(np.rint(values))
""",
        "blend": """
import numpy as np

def blend(picture, noise, amount):
    both = np.stack([picture.numpy(), noise.numpy()])
    return torch.from_numpy(np.average(both, axis=0, weights=[1 - amount, amount]))
""",
        "ladder": """
import numpy as np

def ladder(picture, noise, steps):
    start, end = picture.numpy()[0], noise.numpy()[0]
    return torch.from_numpy(np.linspace(start, end, num=steps + 1, axis=0))
""",
        "neighbours": """
import numpy as np

def neighbours(picture):
    array = np.asarray(picture)
    matrix = np.corrcoef(array[..., :-1].ravel(), array[..., 1:].ravel())
    return float(matrix[0][1])
""",
        "psnr": """
import numpy as np

def psnr(picture, truth):
    error = np.square(np.subtract(picture.numpy(), truth.numpy())).mean()
    return float(20 * np.log10(2) - 10 * np.log10(error))
""",
    },
    {  # plain Python
        "to_screen": """
def to_screen(picture):
    numbers = []
    for value in picture.flatten().tolist():
        number = int(255 * (value + 1) / 2 + 0.5) if value > -1 else 0
        if number > 255:
            number = 255
        numbers.append(float(number))
    return torch.tensor(numbers).reshape(picture.shape)
""",
        "blend": """
def blend(picture, noise, amount):
    out = []
    for p, n in zip(picture.flatten().tolist(), noise.flatten().tolist()):
        out.append(p - amount * p + amount * n)
    return torch.tensor(out).reshape(picture.shape)
""",
        "ladder": """
def ladder(picture, noise, steps):
    all_steps = torch.zeros(steps + 1, *picture.shape[1:])
    k = 0
    while k <= steps:
        all_steps[k] = (noise[0] * k + picture[0] * (steps - k)) / steps
        k += 1
    return all_steps
""",
        "neighbours": """
def neighbours(picture):
    xs, ys = [], []
    for row in picture.reshape(-1, picture.shape[-1]).tolist():
        for i in range(len(row) - 1):
            xs.append(row[i])
            ys.append(row[i + 1])
    n = len(xs)
    mx, my = sum(xs) / n, sum(ys) / n
    top = sum((x - mx) * (y - my) for x, y in zip(xs, ys))
    bottom = sum((x - mx) ** 2 for x in xs) * sum((y - my) ** 2 for y in ys)
    return top / bottom ** 0.5
""",
        "psnr": """
import math

def psnr(picture, truth):
    total, count = 0.0, 0
    for a, b in zip(picture.flatten().tolist(), truth.flatten().tolist()):
        total += (a - b) * (a - b)
        count += 1
    return 10 * math.log(4 * count / total, 10)
""",
    },
    {  # looks for the function that does it
        "to_screen": """
def to_screen(picture):
    return torch.clamp(torch.round(torch.add(picture, 1) * 127.5), min=0, max=255)
""",
        "blend": """
def blend(picture, noise, amount):
    return torch.lerp(picture, noise, amount)
""",
        "ladder": """
def ladder(picture, noise, steps):
    weight = torch.arange(steps + 1)[:, None, None, None] / steps
    return torch.lerp(picture.expand(steps + 1, -1, -1, -1), noise.expand(steps + 1, -1, -1, -1), weight)
""",
        "neighbours": """
import torch.nn.functional as F

def neighbours(picture):
    a = picture[..., :-1].reshape(1, -1)
    b = picture[..., 1:].reshape(1, -1)
    return F.cosine_similarity(a - a.mean(), b - b.mean()).squeeze()
""",
        "psnr": """
import torch.nn.functional as F

def psnr(picture, truth):
    return -10 * torch.log10(F.mse_loss(picture, truth) / 4)
""",
    },
    {  # small helpers
        "to_screen": """
def squeeze_into(value, low, high):
    return torch.minimum(torch.maximum(value, torch.tensor(low)), torch.tensor(high))

def to_screen(picture):
    inside = squeeze_into(picture, -1.0, 1.0)
    return torch.floor((inside + 1) / 2 * 255 + 0.5)
""",
        "blend": """
def weighted(what, share):
    return what * share

def blend(picture, noise, amount):
    return weighted(noise, amount) + weighted(picture, 1 - amount)
""",
        "ladder": """
def one_rung(picture, noise, k, of):
    part = k / of
    return picture + (noise - picture) * part

def ladder(picture, noise, steps):
    return torch.cat([one_rung(picture, noise, k, steps) for k in range(0, steps + 1)])
""",
        "neighbours": """
def centred(x):
    return x - x.mean()

def length(x):
    return (x * x).sum().sqrt()

def neighbours(picture):
    a, b = centred(picture[..., :-1]), centred(picture[..., 1:])
    return (a * b).sum() / (length(a) * length(b))
""",
        "psnr": """
def mse(a, b):
    return torch.mean((a - b) ** 2)

def psnr(picture, truth):
    return 20 * torch.log10(2 / torch.sqrt(mse(picture, truth)))
""",
    },
    {  # does the algebra first
        "to_screen": """
def to_screen(picture):
    scale = 255 / 2
    return (picture.clip(-1, 1) * scale + scale).round()
""",
        "blend": """
def blend(picture, noise, amount):
    return picture + amount * (noise - picture)
""",
        "ladder": """
def ladder(picture, noise, steps):
    way = noise - picture
    each = way / steps
    return torch.cat([picture + i * each for i in range(steps + 1)])
""",
        "neighbours": """
def neighbours(picture):
    x, y = picture[..., 1:].double(), picture[..., :-1].double()
    exy, ex, ey = (x * y).mean(), x.mean(), y.mean()
    return (exy - ex * ey) / ((x.square().mean() - ex ** 2) ** 0.5 * (y.square().mean() - ey ** 2) ** 0.5)
""",
        "psnr": """
from math import log10

def psnr(picture, truth):
    d = (picture - truth).norm()
    return 10 * (log10(4) + log10(truth.numel())) - 20 * log10(d)
""",
    },
    {  # comprehensions
        "to_screen": """
def to_screen(picture):
    whole = [max(0, min(255, round((v + 1) * 127.5))) for v in picture.reshape(-1).tolist()]
    return torch.tensor(whole, dtype=torch.float32).view_as(picture)
""",
        "blend": """
def blend(picture, noise, amount):
    return torch.stack([p * (1 - amount) + n * amount for p, n in zip(picture, noise)])
""",
        "ladder": """
def ladder(picture, noise, steps):
    shares = [step / steps for step in range(steps + 1)]
    return torch.stack([(1 - share) * picture[0] + share * noise[0] for share in shares])
""",
        "neighbours": """
def neighbours(picture):
    columns = [picture[..., i] for i in range(picture.shape[-1])]
    firsts = torch.cat([c.flatten() for c in columns[:-1]])
    seconds = torch.cat([c.flatten() for c in columns[1:]])
    firsts = (firsts - firsts.mean()) / firsts.std()
    seconds = (seconds - seconds.mean()) / seconds.std()
    return (firsts * seconds).mean()
""",
        "psnr": """
import statistics
from math import log10

def psnr(picture, truth):
    errors = [(p - t) ** 2 for p, t in zip(picture.ravel().tolist(), truth.ravel().tolist())]
    return 10 * log10(2 ** 2 / statistics.fmean(errors))
""",
    },
    {  # sums over indices
        "to_screen": """
def to_screen(picture):
    steps = torch.arange(256)
    edges = (steps[:-1] + 0.5) / 127.5 - 1
    return torch.bucketize(picture.contiguous(), edges).float()
""",
        "blend": """
def blend(picture, noise, amount):
    weights = torch.tensor([1 - amount, amount], dtype=picture.dtype)
    return torch.einsum("s,sbchw->bchw", weights, torch.stack((picture, noise)))
""",
        "ladder": """
def ladder(picture, noise, steps):
    t = torch.linspace(0.0, 1.0, steps + 1)
    return torch.einsum("k,chw->kchw", 1 - t, picture[0]) + torch.einsum("k,chw->kchw", t, noise[0])
""",
        "neighbours": """
def neighbours(picture):
    pairs = picture.unfold(-1, 2, 1).reshape(-1, 2)
    pairs = pairs - pairs.mean(dim=0)
    covariance = pairs.T @ pairs
    return covariance[0, 1] / covariance.diagonal().prod().sqrt()
""",
        "psnr": """
def psnr(picture, truth):
    e = (picture - truth).flatten()
    return 10 * torch.log10(4 * e.numel() / torch.dot(e, e))
""",
    },
    {  # careful
        "to_screen": '''
def to_screen(picture):
    """Map [-1, 1] to the whole numbers 0 to 255."""
    if not torch.is_tensor(picture):
        picture = torch.as_tensor(picture, dtype=torch.float32)
    result = torch.where(picture <= -1, torch.zeros_like(picture), (picture + 1.0) * 255.0 / 2.0)
    result = torch.where(picture >= 1, torch.full_like(picture, 255.0), result)
    return torch.round(result)
''',
        "blend": '''
def blend(picture, noise, amount):
    """Mix the two."""
    assert picture.shape == noise.shape, "they have to be of one size"
    if amount == 0:
        return picture.clone()
    if amount == 1:
        return noise.clone()
    return picture.mul(1 - amount).add(noise.mul(amount))
''',
        "ladder": '''
def ladder(picture, noise, steps):
    """All steps from the picture to the noise."""
    if steps < 1:
        raise ValueError("there has to be a step")
    first, last = picture.squeeze(0), noise.squeeze(0)
    steps_between = [first]
    for number in range(1, steps):
        steps_between.append(first * ((steps - number) / steps) + last * (number / steps))
    steps_between.append(last)
    return torch.stack(steps_between)
''',
        "neighbours": '''
def neighbours(picture):
    """Pearson's correlation."""
    here = picture[:, :, :, :-1].contiguous().view(-1)
    there = picture[:, :, :, 1:].contiguous().view(-1)
    spread = here.std(unbiased=False) * there.std(unbiased=False)
    if spread == 0:
        return torch.tensor(0.0)
    together = torch.mean(here * there) - torch.mean(here) * torch.mean(there)
    return together / spread
''',
        "psnr": '''
import math

def psnr(picture, truth):
    """In decibels; without an error, without a limit."""
    error = torch.mean(torch.square(picture.double() - truth.double())).item()
    if error == 0.0:
        return math.inf
    return 10.0 * math.log10((1.0 - -1.0) ** 2 / error)
''',
    },
    {  # changes a copy in place
        "to_screen": """
def to_screen(picture):
    x = picture.clone()
    x += 1
    x *= 127.5
    x.round_()
    x.clamp_(0, 255)
    return x
""",
        "blend": """
def blend(picture, noise, amount):
    result = noise.clone()
    result *= amount
    result += picture * (1 - amount)
    return result
""",
        "ladder": """
def ladder(picture, noise, steps):
    rungs = picture.repeat(steps + 1, 1, 1, 1)
    for i, rung in enumerate(rungs):
        rung *= 1 - i / steps
        rung += noise[0] * (i / steps)
    return rungs
""",
        "neighbours": """
def neighbours(picture):
    p = picture.clone()
    p -= p.mean()
    p /= p.std()
    return (p[..., 1:] * p[..., :-1]).mean()
""",
        "psnr": """
def psnr(picture, truth):
    gap = picture.clone()
    gap -= truth
    gap /= 2
    gap.square_()
    return gap.mean().log10().mul(-10)
""",
    },
    {  # functions of functions
        "to_screen": """
from functools import reduce

def to_screen(picture):
    scale = [lambda x: x + 1, lambda x: x * 255, lambda x: x / 2]
    finish = [torch.round, lambda x: x.clamp(min=0), lambda x: x.clamp(max=255)]
    return reduce(lambda so_far, change: change(so_far), scale + finish, picture)
""",
        "blend": """
from operator import mul

def blend(picture, noise, amount):
    return sum(map(mul, (picture, noise), (1 - amount, amount)))
""",
        "ladder": """
def ladder(picture, noise, steps):
    def at(amount):
        return torch.add(noise * amount, picture, alpha=1 - amount)
    return torch.vstack(list(map(at, torch.linspace(0, 1, steps + 1).tolist())))
""",
        "neighbours": """
def neighbours(picture):
    normal = lambda part: torch.nn.functional.layer_norm(part, part.shape)
    return torch.mul(*map(normal, (picture[..., :-1], picture[..., 1:]))).mean().item()
""",
        "psnr": """
def psnr(picture, truth):
    decibels = lambda ratio: 10 * torch.log10(ratio)
    return decibels(torch.tensor(4.0)) - decibels(((picture - truth) ** 2).mean())
""",
    },
)


def independent(count: int, seed: int) -> list[dict[str, str]]:
    """`count` notebooks, each of answers of different people, and no two with all of one person's or of one mixture.

    A person's answer is as likely as another's, so of two notebooks one exercise in twelve is by the same hand: what in
    a class are those who think of the same three lines.
    """
    random, made = Random(seed), []
    while len(made) < count:
        chosen = {name: random.choice(PEOPLE)[name] for name in PEOPLE[0]}
        if chosen not in made:
            made.append(chosen)
    return made


# --- What a copier does -----------------------------------------------------------------------------------------------


def renamed(source: str, random: Random) -> str:
    """The source with other names for all that it names itself, but for the exercise's function and its attributes."""
    tree = ast.parse(source)
    function = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)][-1]
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} - {function}
    own -= {*dir(builtins), "torch"}
    letters = "abcdefghijklmnopqrstuvwxyz"
    new = {
        name: "".join(random.choices(letters, k=random.randint(2, 9))) + f"_{i}" for i, name in enumerate(sorted(own))
    }
    return _replaced(source, new)


def _replaced(source: str, new: Mapping[str, str]) -> str:
    """The source with these names replaced, but for attributes and keyword arguments of the library."""
    tokens, before = [], ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = new.get(token.string, token.string) if token.type == tokenize.NAME and before != "." else token.string
        tokens.append((token.type, text))
        before = token.string
    return tokenize.untokenize(tokens)


def reordered(notebook: Mapping[str, str], random: Random) -> list[str]:
    """The cells in another order, and in each of them its functions and imports."""
    cells = []
    for source in notebook.values():
        parts = [ast.get_source_segment(source, node, padded=True) or "" for node in ast.parse(source).body]
        random.shuffle(parts)
        cells.append("\n\n".join(parts))
    random.shuffle(cells)
    return cells


def reformatted(source: str, random: Random) -> str:
    """The source in another layout: blanks, brackets, quotes, comments, docstrings, line breaks."""
    lines = ast.unparse(ast.parse(source)).split("\n")
    laid_out = []
    for line in lines:
        indent, rest = line[: len(line) - len(line.lstrip())] * 2, line.lstrip()
        if random.random() < 0.3:
            laid_out.append(f"{indent}# {random.choice(['now this', 'my own idea', 'step', 'see above'])}")
        if rest.startswith("return ") and random.random() < 0.7:
            rest = f"return ({rest.removeprefix('return ')}\n{indent}    )"
        rest = rest.replace(", ", random.choice([", ", ",  ", ","])).replace(" * ", random.choice(["*", "  *  "]))
        laid_out.append(indent + rest + random.choice(["", "", "  ", "  # ok"]))
        if rest.startswith("def ") and random.random() < 0.5:
            laid_out.append(f'{indent}        """{random.choice(["Mine.", "Does it.", "Works."])}"""')
    return "\n".join(laid_out)


def copied(notebook: Mapping[str, str], seed: int) -> dict[str, str]:
    """The notebook as somebody hands it in who copied it and changed all that costs no thought."""
    random = Random(seed)
    changed = {name: reformatted(renamed(source, random), random) for name, source in notebook.items()}
    cells = reordered(changed, random)
    return {next(name for name in changed if f"def {name}(" in cell): cell for cell in cells}
