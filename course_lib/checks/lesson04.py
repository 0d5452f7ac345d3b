"""Checks of lesson 4's exercises: cosines, analogies, and keys that know the order of words."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from ..words import bind
from .verdict import Ask, Mistakes, exercise


@exercise(idea="two vectors that point the same way have cosine 1, however long they are: what has to be divided out?")
def cosine(ask: Ask, random: Generator) -> None:
    for size in (2, 3, 64):
        axes, share = torch.linalg.qr(torch.randn((size, 2), generator=random)).Q.T, torch.rand(1, generator=random)
        one, both = 3 * axes[0], 2 * (axes[0] + (0.6 + share) * axes[1])
        for other in (both, -both):
            dot, long, wide = one @ other, one.norm(), other.norm()
            wanted = dot / (long * wide)
            apart = (one - other).norm(), (one / long - other / wide).norm(), 1 - wanted
            mistakes: Mistakes = {
                "The lengths are not divided out: a vector three times as long should change nothing.": dot,
                "Divide by both lengths: only one of them is divided out.": (dot / long, dot / wide),
                "Divide by each length once.": (wanted / long, wanted / wide, wanted / long / wide, wanted**2),
                "Divide by the two lengths multiplied, not added.": dot / (long + wide),
                "This is how far apart they are, not how nearly they point the same way.": apart,
                "The sign is lost: vectors that point opposite ways have cosine -1.": wanted.abs(),
                "The products are not added up.": (one * other, one * other / (long * wide)),
                "This is the angle: its cosine was asked for.": (wanted.acos(), wanted.acos().rad2deg()),
            }
            ask(one, other, expect=wanted, mistakes=mistakes)


@exercise(idea="which row is most like the sum, and which three rows are no answers?")
def solve(ask: Ask, random: Generator) -> None:
    for count in (12, 16, 30):
        vectors, (start, minus, plus, answer) = puzzle(random, count=count)
        a, b, c = vectors[[start, minus, plus]]
        question = [start, minus, plus]

        def nearest(target: Tensor, vectors: Tensor = vectors, question: list[int] = question) -> int:
            likeness = vectors @ target
            likeness[question] = -torch.inf
            return int(likeness.argmax())

        everything = vectors @ (a - b + c)
        mistakes: Mistakes = {
            "This is one of the question's own words: leave those three out.": (start, minus, plus),
            "Add `plus` and take away `minus`: it is the other way round.": nearest(a + b - c),
            "All three are added: `minus` has to be taken away.": nearest(a + b + c),
            "The sum is not used: this is the word nearest to `start`.": nearest(a),
            "This is the word least like the sum.": (int(everything.argmin()), nearest(-(a - b + c))),
            "This is the likeness: the number of the row was asked for.": everything[answer],
            "This is a vector: the number of its row was asked for.": (vectors[answer], a - b + c),
        }
        ask(vectors, start, minus, plus, expect=answer, mistakes=mistakes, within=1e-4)


def puzzle(random: Generator, *, count: int) -> tuple[Tensor, list[int]]:
    """`count` vectors of length 1, and the rows of start, minus, plus and the answer among them.

    Each plausible mistake has a row of its own that it falls for: `start` is nearer to the sum than the answer is, and
    there are rows near to `start` alone and to what wrong signs give.
    """
    away, middle, step, *spare = torch.linalg.qr(torch.randn((48, 48), generator=random)).Q
    start, minus, plus = away, middle - step / 4, middle + step / 4

    def near(target: Tensor, cosine: float) -> Tensor:
        return cosine * normalize(target, dim=0) + (1 - cosine**2) ** 0.5 * spare.pop()

    answer = near(start + step / 2, 0.87)
    traps = [near(start, 0.93), near(start - step / 2, 0.97), near(start + minus + plus, 0.97), -near(start, 0.5)]
    rows = normalize(torch.stack([start, minus, plus, answer, *traps, *spare[: count - 8]]), dim=1)
    order = torch.randperm(count, generator=random)
    return rows[order], order.argsort()[:4].tolist()


@exercise(idea="for how many questions, out of how many, is the first answer the one on the list?")
def share_right(ask: Ask, random: Generator) -> None:
    vectors = normalize(torch.randn((40, 12), generator=random), dim=1)
    rows = torch.stack([torch.randperm(40, generator=random)[:3] for _ in range(1000)])  # start, minus, plus
    start, minus, plus = vectors[rows].unbind(1)
    likeness = (start - minus + plus) @ vectors.T  # 1000 x 40
    ranked = likeness.scatter(1, rows, -torch.inf).argsort(1, descending=True)
    swapped = ((start + minus - plus) @ vectors.T).scatter(1, rows, -torch.inf).argmax(1)
    # Of these the questions that every mistake answers in its own way: the start is nearest, wrong signs give another.
    clear = (likeness.argmax(1) == rows[:, 0]) & (swapped[:, None] != ranked[:, :5]).all(1)
    rows, ranked, swapped = rows[clear], ranked[clear], swapped[clear]
    many, few = torch.randint(6, (2,), generator=random).tolist()
    for kinds in ((8 + many, 5, 4, 2), (8, 0, 0, 0), (2 + few, 1, 8, 12)):
        count, kind = sum(kinds), torch.arange(4).repeat_interleave(torch.tensor(kinds))
        kind = kind[torch.randperm(count, generator=random)]
        choices = torch.stack([ranked[:count, 0], rows[:count, 0], ranked[:count, 1], swapped[:count]])
        answers = choices.gather(0, kind[None])[0]  # right, the start, the second best, the best for wrong signs
        right = (ranked[:count, 0] == answers).double()
        among = [float((ranked[:count, :top] == answers[:, None]).any(1).double().mean()) for top in (2, 3, 5)]
        share = kinds[0] / count
        mistakes: Mistakes = {
            "This is how many are right: divide by the number of questions.": kinds[0],
            "This is the share of wrong answers.": 1 - share,
            "A share lies between 0 and 1: this one is in percent.": 100 * share,
            "The question's own words have to be left out.": kinds[1] / count,
            "Only the first answer counts.": tuple(among),
            "The signs are the wrong way round.": kinds[3] / count,
            "Divide by the number of questions, not of words.": kinds[0] / len(vectors),
            "This says whether each is right: the share of them was asked for.": right,
        }
        questions = torch.cat([rows[:count], answers[:, None]], 1).tolist()
        ask(vectors, questions, expect=share, mistakes=mistakes, within=1e-4)


@exercise(idea="which two numbers belong together, and by which angle does each pair turn?")
def turn(ask: Ask, random: Generator) -> None:
    for size, offset in ((8, 3), (4, 5), (64, 9)):
        vector = torch.randn(size, generator=random) + 0.2
        pace = torch.linspace(1.4, 0.2, size // 2) + 0.1 * torch.rand(size // 2, generator=random)

        def by(angle: Tensor, vector: Tensor = vector) -> Tensor:
            pairs = vector.reshape(-1, 2)
            cos, sin = angle.cos(), angle.sin()
            return torch.stack(
                [pairs[:, 0] * cos - pairs[:, 1] * sin, pairs[:, 0] * sin + pairs[:, 1] * cos], 1
            ).flatten()

        angle = offset * pace
        one, other = vector.reshape(-1, 2).T
        cos, sin = angle.cos(), angle.sin()
        halves = torch.stack([vector[: size // 2], vector[size // 2 :]], 1).flatten()
        by_halves = by(angle, halves).reshape(-1, 2).T
        in_place = one * cos - other * sin  # and then used where the old number belongs
        mistakes: Mistakes = {
            "It turns the wrong way round.": by(-angle),
            "Pairs are neighbours: numbers 0 and 1, then 2 and 3, and so on.": (
                by_halves.flatten(),
                by_halves.T.flatten(),
            ),
            "Each pair has its own speed: all are turned by one angle.": (by(angle[:1]), by(angle[-1:])),
            "The offset makes no difference.": by(pace),
            "The offset is counted from 0 here: it should be taken as it is.": (by(angle - pace), by(angle + pace)),
            "Angles are in radians.": (by(angle.deg2rad()), by(angle.rad2deg())),
            "Sine and cosine have swapped places.": by(torch.pi / 2 - angle),
            "One of the two signs is wrong: a turn has one minus.": (
                torch.stack([one * cos + other * sin, one * sin + other * cos], 1).flatten(),
                torch.stack([one * cos - other * sin, one * sin - other * cos], 1).flatten(),
            ),
            "The new first number is used to make the second: keep the old one.": torch.stack(
                [in_place, in_place * sin + other * cos], 1
            ).flatten(),
            "The numbers are right, but not in their places: put the pairs back one after the other.": torch.cat(
                list(by(angle).reshape(-1, 2).T)
            ),
            "The vector comes back unchanged.": vector,
            "The numbers are multiplied: they should be turned, which changes no length.": (
                vector * angle.repeat_interleave(2),
                vector * offset,
            ),
        }
        ask(vector, offset, pace, expect=by(angle), mistakes=mistakes)


@exercise(idea="where does the first word stand, where the next, and what happens to them all in the end?")
def add_up(ask: Ask, random: Generator) -> None:
    for count, offset in ((3, 4), (2, 7), (6, 1)):
        vectors = normalize(torch.randn((count, 16), generator=random), dim=1)
        places = torch.arange(offset, offset + count)
        bound = bind(vectors, places)
        wanted = bound.sum(0)
        mistakes: Mistakes = {
            "No word is bound to its place: this key knows no order.": vectors.sum(0),
            "All words are bound to the same place.": bind(vectors, torch.full((count,), offset)).sum(0),
            "The first word stands at `offset`, not after or before it.": (
                bind(vectors, places + 1).sum(0),
                bind(vectors, places - 1).sum(0),
            ),
            "The offset is not used: the first word does not always stand at 1.": (
                bind(vectors, torch.arange(1, count + 1)).sum(0),
                bind(vectors, torch.arange(count)).sum(0),
            ),
            "The words are bound in the wrong order.": bind(vectors, places.flip(0)).sum(0),
            "The key is a sum, not a mean: parts of it must add up.": (bound.mean(0), vectors.mean(0)),
            "The key is not scaled to length 1: parts of it must add up.": normalize(wanted, dim=0),
            "The bound words are not added up.": bound,
            "The numbers of each word are added up, not the words.": bound.sum(1),
            "The last word is missing.": bound[:-1].sum(0),
        }
        ask(vectors, offset, expect=wanted, mistakes=mistakes)


@exercise(idea="what has to go, what has to come, and where do both of them stand?")
def swap(ask: Ask, random: Generator) -> None:
    for before, old_count, new_count in ((6, 7, 2), (0, 3, 1), (4, 2, 2)):
        words = normalize(torch.randn((before + old_count + new_count, 16), generator=random), dim=1)
        rest, old, new = words.split([before, old_count, new_count])
        offset = before + 1

        def part(vectors: Tensor, first: int) -> Tensor:
            return bind(vectors, torch.arange(first, first + len(vectors))).sum(0)

        key = part(rest, 1) + part(old, offset)
        gone, come = part(old, offset), part(new, offset)
        mistakes: Mistakes = {
            "The old part is added and the new one taken away.": key + gone - come,
            "The old part is still there.": (key + come, key),
            "The new part is missing.": key - gone,
            "Both parts are taken away, or both added.": (key - gone - come, key + gone + come),
            "The parts are bound as if they stood at the beginning: use the offset.": (
                key - part(old, 1) + part(new, 1),
                key - gone + part(new, 1),
                key - part(old, 0) + part(new, 0),
            ),
            "The new part stands where the old one stood, not after it.": key - gone + part(new, offset + old_count),
            "The first word of a part stands at `offset`, not after or before it.": (
                key - part(old, offset + 1) + part(new, offset + 1),
                key - part(old, offset - 1) + part(new, offset - 1),
            ),
            "The words of the parts are not bound to their places.": key - old.sum(0) + new.sum(0),
            "This is the change alone: add it to the key.": come - gone,
            "All words of a part are bound to the same place.": (
                key
                - bind(old, torch.full((old_count,), offset)).sum(0)
                + bind(new, torch.full((new_count,), offset)).sum(0)
            ),
        }
        ask(key, old, new, offset, expect=key - gone + come, mistakes=mistakes)
