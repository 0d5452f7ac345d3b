"""Words as vectors: a made corpus, Word2Vec, analogies, and keys of captions.  Lesson 4."""

import difflib
import hashlib
import random
import re
import shutil
import tempfile
import tomllib
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import checkpoints, world
from .checkpoints import SHIPPED as FOLDER
from .errors import CourseError
from .threads import one_thread

Question = tuple[str, str, str, str]  # start, minus, plus, and the answer: queen - female + male = king

_TABLES = tomllib.loads((FOLDER / "corpus.toml").read_text(encoding="utf-8"))
FAMILIES, YOUNG, WORLD = _TABLES["families"], _TABLES["young"], _TABLES["world"]  # each with the words beside it
NAMES = _TABLES["names"]  # one for each member of FAMILIES
HOMES = ("palace", "kitchen", "theatre", "town")  # the home of the first six pairs, of the next six, ...
FEMALE, MALE = ("she", "her", "hers", "herself"), ("he", "his", "his", "himself")
AGES = ("little newborn tiny wobbly baby", "big fullgrown heavy strong elder")


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def corpus(*, sentences: int = 32_000, seed: int = 0) -> list[list[str]]:
    """Sentences about people, animals and the captioned world, each a list of words, made by a small grammar.

    They are a toy: nobody wrote them, and the grammar puts in what Word2Vec should find.  Of sixteen, six are about
    people, two about animals, seven about the words of the world, and one is a caption that models train on.
    """
    draw = random.Random(seed)
    seen = [tokens(scene.caption) for scene in world.seen_scenes()]
    makers = [about_world, about_people] * 6 + [about_animals, about_world, about_animals]
    return [makers[i % 16](draw) if i % 16 < 15 else draw.choice(seen) for i in range(sentences)]


def about_people(draw: random.Random) -> list[str]:
    """Say "the queen rules with the crown in the palace"."""
    number, side = draw.randrange(len(FAMILIES)), draw.randrange(2)
    pair, company = list(FAMILIES.items())[number]
    person, (one, other, does), place = pair.split()[side], company.split(), HOMES[min(number // 6, 3)]
    name = NAMES.split()[2 * number + side]
    she, her, hers, herself = (FEMALE, MALE)[side]
    if draw.randrange(2):
        one, other = other, one
    forms = {  # how often each is drawn: one in six says who is a she or a he
        f"{she} is the {person} and the {one} and the {other} are {hers}": 3,
        f"the {person} {does} and keeps {her} {one} for {herself}": 3,
        f"{name} the {person} and {name} {does}": 6,
        f"the {person} {name} has the {one} of {name}": 6,
        f"the {person} {does} with the {one} in the {place}": 10,
        f"the {one} and the {other} belong to the {person} of the {place}": 10,
    }
    return draw.choices(list(forms), list(forms.values()))[0].split()


def about_animals(draw: random.Random) -> list[str]:
    """Say "a kitten is tiny and newborn and purrs near the mouse"."""
    (pair, company), side = draw.choice(list(YOUNG.items())), draw.randrange(2)
    animal, (does, one, other) = pair.split()[side], company.split()
    age, more = draw.sample(AGES[side].split(), 2)
    if draw.randrange(2):
        one, other = other, one
    form = draw.choice(
        (
            f"the {age} {animal} {does} by the {one} and is {more}",
            f"a {animal} is {age} and {more} and {does} near the {other}",
            f"{age} and {more} is the {animal} with {one} and {other}",
        )
    )
    return form.split()


def about_world(draw: random.Random) -> list[str]:
    """Say "black goes with coal and night"."""
    return about_any(WORLD, draw)


def about_any(companions: Mapping[str, str], draw: random.Random) -> list[str]:
    """Say of one of the words that it goes with two or three of its companions."""
    word, company = draw.choice(list(companions.items()))
    one, other, third = draw.sample(company.split(), 3)
    return draw.choice((f"{word} goes with {one} and {other}", f"{one} {other} and {third} say {word}")).split()


# Vectors.

WINDOW, NEGATIVES = 8, 5  # as long as a sentence; random words for each neighbour
BATCH = 128  # pairs of words a step: with 1,024, moves of one frequent word add up until the vectors explode


@dataclass(frozen=True, eq=False)
class Words:
    """A vocabulary and its vectors, V x D: word i has row i."""

    vocabulary: list[str]
    vectors: Tensor

    @cached_property
    def rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.vocabulary)}

    @cached_property
    def units(self) -> Tensor:
        """The vectors scaled to length 1, so that a dot product is a cosine, V x D."""
        return torch.nn.functional.normalize(self.vectors, dim=1)

    @cached_property
    def centred(self) -> Tensor:
        """The vectors less the mean of the world's words, scaled to length 1, V x D.

        So what all words of captions have in common is no part of a key.
        """
        known = [self.rows[word] for word in WORLD if word in self.rows] or list(range(len(self.vocabulary)))
        return torch.nn.functional.normalize(self.vectors - self.vectors[known].mean(0), dim=1)

    def row(self, word: str) -> int:
        """The row of a word.  Raises CourseError, with the nearest spellings, if it is not known."""
        if word not in self.rows:
            similar = difflib.get_close_matches(word, self.vocabulary, n=3, cutoff=0.6)
            known = f"{len(self.vocabulary)} other words are known."
            hint = f"did you mean {' or '.join(similar)}?" if similar else known
            raise CourseError(f"There is no vector for the word {word!r}: {hint}")
        return self.rows[word]

    def vector(self, word: str) -> Tensor:
        """A word's vector, D numbers, scaled to length 1.  Raises CourseError if the word is not known."""
        return self.units[self.row(word)]

    def nearest(self, vector: Tensor, count: int = 5, *, leave_out: Collection[str] = ()) -> list[tuple[str, float]]:
        """The `count` words whose vectors point most nearly the same way, each with the cosine; the nearest first."""
        cosines = self.units @ torch.nn.functional.normalize(vector, dim=0)
        cosines[[self.row(word) for word in leave_out]] = -torch.inf
        best = cosines.topk(min(count, len(self.vocabulary) - len(set(leave_out))))
        return [(self.vocabulary[i], c) for i, c in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def train_words(sentences: Sequence[Sequence[str]], *, seed: int = 0, size: int = 64, epochs: int = 4) -> Words:
    """Learn a vector of `size` numbers for each word from the words round it: Word2Vec.

    gensim's program, or `skip_gram` where gensim is missing: as yet it has no build for Python 3.14.  Both are the
    skip-gram with negative sampling of Mikolov et al. (2013, arXiv:1310.4546), with the same settings.  The same
    sentences, seed and program give the same vectors.  Raises CourseError if there are no words.
    """
    if not any(sentences):
        raise CourseError("There are no words to learn from: give at least one sentence.")
    try:
        from gensim.models import Word2Vec
    except ImportError:
        return skip_gram(sentences, seed=seed, size=size, epochs=epochs)
    model = Word2Vec(
        sentences,
        vector_size=size,
        window=WINDOW,
        negative=NEGATIVES,
        min_count=1,
        sg=1,
        sample=0,  # the corpus is small, so no word is left out for being frequent
        epochs=epochs,
        seed=seed,
        workers=1,
        hashfxn=lambda text: zlib.crc32(text.encode()),  # the same in every process
    )
    return Words(list(model.wv.index_to_key), torch.from_numpy(model.wv.vectors.copy()))


def skip_gram(sentences: Sequence[Sequence[str]], *, seed: int = 0, size: int = 64, epochs: int = 4) -> Words:
    """What Word2Vec does, in torch: start with random vectors, go through the text, and pull and push.

    The skip-gram with negative sampling (Mikolov et al. 2013, arXiv:1310.4546), several pairs of words at a time.
    """
    draw = torch.Generator().manual_seed(seed)
    counts = Counter(word for sentence in sentences for word in sentence).most_common()
    rows = {word: row for row, (word, _) in enumerate(counts)}
    text = torch.tensor([rows[word] for sentence in sentences for word in sentence])
    number = torch.tensor([number for number, sentence in enumerate(sentences) for _ in sentence])
    chance = torch.tensor([float(count) for _, count in counts]) ** 0.75
    vectors = (torch.rand(len(rows), size, generator=draw) - 0.5) / size
    contexts = torch.zeros_like(vectors)
    with one_thread():  # the steps are many and small: two threads would wait for each other at each of them
        for epoch in range(epochs):
            pairs = neighbours(text, number, draw)
            for start in range(0, len(pairs), BATCH):
                word, neighbour = pairs[start : start + BATCH].T
                drawn = chance.multinomial(NEGATIVES * len(word), replacement=True, generator=draw)
                others = torch.cat([neighbour[:, None], drawn.view(-1, NEGATIVES)], dim=1)
                done = (epoch + start / len(pairs)) / epochs
                pull_and_push(vectors, contexts, word, others, rate=0.025 * (1 - done))
    return Words(list(rows), vectors)


def neighbours(text: Tensor, number: Tensor, draw: torch.Generator) -> Tensor:
    """Pairs of a word and one that stands near it in the same sentence, in random order, P x 2.

    text: the row of each word of the text.  number: of which sentence it is.  How far each word looks to both sides is
    drawn anew, from 1 to WINDOW places, so that the nearest are met the most.
    """
    reach = torch.randint(1, WINDOW + 1, text.shape, generator=draw)
    pairs = []
    for apart in range(1, WINDOW + 1):
        (left,) = torch.where(number[apart:] == number[:-apart])
        for one, other in ((left, left + apart), (left + apart, left)):
            pairs.append(torch.stack([text[one], text[other]], dim=1)[reach[one] >= apart])
    found = torch.cat(pairs)
    return found[torch.randperm(len(found), generator=draw)]


def pull_and_push(vectors: Tensor, contexts: Tensor, word: Tensor, others: Tensor, rate: float) -> None:
    """One step of negative sampling: pull words towards their neighbours, push them away from random others.

    vectors, contexts: V x D, changed in place; a word has one of each, as itself and as a neighbour.
    word: B rows.  others: B x (1 + N) rows, first a neighbour, then N words drawn at random.
    """
    u, c = vectors[word][:, None], contexts[others]  # B x 1 x D, B x (1 + N) x D
    likely = torch.sigmoid((u * c).sum(dim=2))  # B x (1 + N), from 0 to 1
    error = torch.where(others == others[:, :1], 0, -likely)  # do not push the neighbour itself, if it is drawn
    error[:, 0] = 1 - likely[:, 0]
    move = rate * error[:, :, None]
    vectors.index_add_(0, word, (move * c).sum(dim=1))
    contexts.index_add_(0, others.flatten(), (move * u).flatten(0, 1))


def joined(words: Words, more: Words) -> Words:
    """`words`, and after them the words that only `more` knows, their vectors turned into the same space.

    Two trainings give two spaces, each turned its own way.  The words known to both say how to turn the second so that
    they come to lie on each other (orthogonal Procrustes; Xing et al. 2015).  Raises CourseError if there are none, or
    the vectors differ in length.
    """
    shared = [word for word in words.vocabulary if word in more.rows]
    new = [word for word in more.vocabulary if word not in words.rows]
    if not shared or words.vectors.shape[1] != more.vectors.shape[1]:
        raise CourseError("These words can't be joined: they need some words in common, and vectors of one length.")
    ours, theirs = words.units[[words.rows[word] for word in shared]], more.units[[more.rows[word] for word in shared]]
    u, _, v = torch.linalg.svd(theirs.T @ ours)
    added = more.vectors[[more.rows[word] for word in new]] @ (u @ v)
    return Words(words.vocabulary + new, torch.cat([words.vectors, added]))


# Analogies.


def analogies() -> list[Question]:
    """All questions "start - minus + plus = answer" that the corpus's pairs make: people first, then animals."""
    questions = []
    for table in (FAMILIES, YOUNG):
        pairs = [tuple(pair.split()) for pair in table]
        for (one, other), (minus, plus) in ((p, q) for p in pairs for q in pairs if p != q):
            questions += [(one, minus, plus, other), (other, plus, minus, one)]
    return questions


def analogy(
    words: Words, start: str, minus: str, plus: str, *, count: int = 5, leave_out: Collection[str] | None = None
) -> list[tuple[str, float]]:
    """The words nearest to start - minus + plus, with cosines.  Unless said, the three themselves are left out."""
    target = words.vector(start) - words.vector(minus) + words.vector(plus)
    return words.nearest(target, count, leave_out=(start, minus, plus) if leave_out is None else leave_out)


def analogy_score(words: Words, questions: Sequence[Question]) -> float:
    """The share of questions whose answer comes first, question words left out; an unknown word counts as wrong."""
    known = [question for question in questions if all(word in words.rows for word in question)]
    hits = [analogy(words, start, minus, plus, count=1)[0][0] == answer for start, minus, plus, answer in known]
    return sum(hits) / len(questions)


def word_map(words: Words, chosen: Sequence[str], *, along: Tensor | None = None) -> Tensor:
    """A map of the chosen words, N x 2: the two directions in which they differ the most (PCA).

    along: a direction (D) to show from left to right instead; up and down is then the largest difference besides it.
    """
    vectors = words.units[[words.row(word) for word in chosen]]
    centred = vectors - vectors.mean(0)  # N x D
    axes = [] if along is None else [torch.nn.functional.normalize(along, dim=0)]
    residual = centred - sum(torch.outer(centred @ axis, axis) for axis in axes)
    components = torch.linalg.svd(residual, full_matrices=False).Vh[: 2 - len(axes)]
    return centred @ torch.stack(axes + [signed(axis) for axis in components]).T


def signed(axis: Tensor) -> Tensor:
    """The axis (D) or its opposite, so that its largest number is positive: an SVD gives either of them."""
    return axis * axis[axis.abs().argmax()].sign()


# Keys.

SLOWEST, FASTEST = 0.03, 1.5  # radians for each place


def speeds(size: int) -> Tensor:
    """How far each pair of numbers turns from place to place, in radians: size / 2 speeds, from fast to slow."""
    return torch.logspace(0, 1, size // 2, base=SLOWEST / FASTEST, dtype=torch.float64) * FASTEST


def bind(vectors: Tensor, offsets: Tensor) -> Tensor:
    """Turn vectors by the places of their words: pair k by offset x speed k.  vectors: N x D; offsets: N.

    Turning changes no length, and two words' cosine depends on how far apart they stand, not on where.
    Rotary position embedding (Su et al. 2021, arXiv:2104.09864).
    """
    angle = offsets.double()[:, None] * speeds(vectors.shape[1])  # N x D/2
    cos, sin = angle.cos().to(vectors), angle.sin().to(vectors)
    one, other = vectors[:, 0::2], vectors[:, 1::2]
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=2).flatten(1)


def caption_key(words: Words, text: str, *, offset: int = 1) -> Tensor:
    """The key of a caption, D numbers: the sum of its words' vectors, each bound to its place.

    offset: the place of the first word: 1 for a whole caption, for a part of one its place in it.  A key is a sum: the
    keys of the parts add up to the whole's.  Raises CourseError for a word without a vector, or no words at all.
    """
    rows = [words.row(word) for word in tokens(text)]
    if not rows:
        raise CourseError("A caption needs at least one word.")
    return bind(words.centred[rows], torch.arange(offset, offset + len(rows))).sum(0)


def caption_keys(words: Words, texts: Sequence[str]) -> Tensor:
    """The keys of several captions, N x D."""
    return torch.stack([caption_key(words, text) for text in texts])


def bag_key(words: Words, text: str) -> Tensor:
    """The sum of a caption's word vectors, which is the same in every order: the key that lesson 4 warns of."""
    return words.centred[[words.row(word) for word in tokens(text)]].sum(0)


# Files: the vectors that the course ships, and real ones from gensim's collection.

SHIPPED = FOLDER / "words.safetensors"


def load_words(path: Path | str) -> tuple[Words, dict[str, Any]]:
    """Vectors from a file of `course train words`, and their recipe.  Raises CourseError if the file is not one."""
    tensors, recipe = checkpoints.load(path)
    vocabulary, vectors = recipe.pop("vocabulary", []), tensors.get("vectors", torch.zeros(0))
    if not vocabulary or len(vocabulary) != len(vectors):
        raise CourseError(f"{path} does not hold the words of this course; delete it and make it again.")
    return Words(vocabulary, vectors), recipe


@lru_cache
def shipped_words() -> Words:
    """The vectors that the course's models are keyed by: `course train words` makes them again."""
    return load_words(SHIPPED)[0]


REAL = {  # megabytes, and the MD5 checksum in gensim's catalogue
    "glove-wiki-gigaword-50": (66, "c289bc5d7f2f02c6dc9f2f9b67641813"),
    "glove-wiki-gigaword-100": (128, "40ec481866001177b8cd4cb0df92924f"),
    "glove-twitter-25": (105, "50db0211d7e7a2dcd362c6b774762793"),
}
TIMEOUT = 5.0  # seconds without an answer, or without more of it
OWN = "go on with the course's own words, which need no network"


def real_words(name: str = "glove-wiki-gigaword-50", *, download: bool = False, count: int = 50_000) -> Words:
    """Vectors learned from real text, of its `count` most frequent words, out of gensim's collection.

    With download=True they are fetched once and kept where gensim keeps its own (GENSIM_DATA_DIR, else ~/gensim-data).
    GloVe vectors (Pennington et al. 2014), from Wikipedia and news, or from tweets.
    Raises CourseError if they are not there and should not or can't be downloaded, the file is damaged, or gensim is
    missing.
    """
    if name not in REAL:
        raise CourseError(f"There are no real words called {name!r}: choose from {', '.join(REAL)}.")
    try:
        from gensim import downloader
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise CourseError(f"Real words are read by gensim, which is not here: use Python 3.13, or {OWN}.") from error

    path = Path(downloader.BASE_DIR, name, name + ".gz")
    if not path.exists():
        if not download:
            source = f"{REAL[name][0]} MB from {downloader.DOWNLOAD_BASE_URL}/{name}"
            raise CourseError(f"{name} is not on this machine: say download=True to get it ({source}), or {OWN}.")
        fetch(name, path.parent)
    try:
        vectors = KeyedVectors.load_word2vec_format(str(path), limit=count)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CourseError(f"{path} is damaged: delete the folder {path.parent} and download it again.") from error
    return Words(list(vectors.index_to_key), torch.from_numpy(vectors.vectors.copy()))


def fetch(name: str, folder: Path) -> None:
    """Download a set of vectors into `folder`, whole and with the right checksum or not at all.

    The folder is as gensim makes it, so that gensim finds it.  gensim's own `load` is not used: it waits for ever for a
    network that doesn't answer, leaves halves behind, and runs the `__init__.py` that it downloads.
    Raises CourseError if the files can't be had, or are damaged.
    """
    from http.client import HTTPException
    from urllib.request import urlopen

    from gensim import downloader
    from tqdm.auto import tqdm

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{name}.part-") as beside:
            whole = Path(beside, name)
            whole.mkdir()
            for file in ("__init__.py", f"{name}.gz"):
                with (
                    urlopen(f"{downloader.DOWNLOAD_BASE_URL}/{name}/{file}", timeout=TIMEOUT) as page,
                    (whole / file).open("w+b") as copy,
                    tqdm.wrapattr(copy, "write", total=page.length, desc=file) as progress,
                ):
                    shutil.copyfileobj(page, progress)
                    copy.seek(0)
                    digest = hashlib.file_digest(copy, "md5")  # of the vectors in the end, the last file
            if digest.hexdigest() != REAL[name][1]:
                raise CourseError(f"{name} arrived damaged and was thrown away: download it again, or {OWN}.")
            whole.rename(folder)
    except (OSError, HTTPException) as error:
        raise CourseError(f"{name} could not be downloaded ({error}): check the network, or {OWN}.") from error
