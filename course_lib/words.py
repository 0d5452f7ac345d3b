"""Words as vectors: a made corpus, Word2Vec, analogies, and keys that say what a caption says.  Lesson 4."""

import contextlib
import difflib
import hashlib
import json
import random
import re
import tempfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from torch import Tensor

from . import checkpoints, world
from .checkpoints import SHIPPED as FOLDER
from .errors import CourseError

Question = tuple[str, str, str, str]  # start, minus, plus, and the answer: queen - female + male = king

# The corpus.  Two words of a pair differ in one thing; what else is said of them is the same for both.
FAMILIES = {  # what people are, in pairs (female, male), and what is said of both; then of all of a family
    "queen king": "crown throne rules",
    "princess prince": "heir pony learns",
    "duchess duke": "estate carriage hunts",
    "empress emperor": "empire army conquers",
    "countess count": "county vineyard dances",
    "mother father": "cradle supper cares",
    "daughter son": "homework bicycle grows",
    "sister brother": "bunk secret shares",
    "aunt uncle": "present visit jokes",
    "grandmother grandfather": "spectacles armchair remembers",
    "niece nephew": "birthday toy giggles",
    "wife husband": "ring wedding marries",
    "actress actor": "script stage performs",
    "waitress waiter": "tray menu serves",
    "heroine hero": "sword quest rescues",
    "hostess host": "party guest welcomes",
    "stewardess steward": "cabin ticket greets",
    "woman man": "job street walks",
    "girl boy": "school ball plays",
    "lady gentleman": "umbrella tea bows",
    "female male": "species sample counts",
}
NAMES = """victoria arthur diana william olga otto sisi napoleon elena dracula maria jacob lucy tom emma max polly ben
    rosa albert lena finn grace henry audrey charlie nora emil joan robin paula felix amelia hugo clara leo greta theo
    sophie edgar eve adam"""  # of each of them, in the same order
SPOKEN = ("palace", "kitchen", "theatre", "town")  # where a family of six pairs is at home
FEMALE, MALE = ("she", "her", "hers", "herself"), ("he", "his", "his", "himself")
YOUNG = {  # animals in pairs (young, adult)
    "puppy hound": "barks kennel bone",
    "kitten tomcat": "purrs whiskers mouse",
    "foal horse": "gallops saddle hay",
    "calf cow": "moos milk pasture",
    "chick hen": "clucks egg coop",
    "lamb sheep": "bleats wool flock",
    "piglet pig": "grunts mud sty",
    "duckling duck": "quacks pond feathers",
    "cub bear": "growls cave honey",
}
AGES = ("little newborn tiny wobbly baby", "big fullgrown heavy strong elder")
# What is said of each word of the world's captions, so that no two of them keep the same company.
WORLD = {
    "maine": "coast lobster lighthouse",
    "coon": "ruff tufts bushy",
    "siamese": "slender blueeyed temple",
    "cat": "meows claws paws",
    "black": "coal night ink",
    "white": "snow cloud chalk",
    "dog": "leash wags fetches",
    "plane": "wings pilot airline",
    "rocket": "fins countdown orbit",
    "laying": "asleep stretched tired",
    "sitting": "upright waiting patient",
    "standing": "legs tall alert",
    "parked": "still brakes empty",
    "flying": "high fast wind",
    "over": "above across beyond",
    "salt": "sea shaker sailor",
    "pepper": "spice sneeze grinder",
    "rug": "fringe woven knots",
    "wooden": "oak planks carpenter",
    "floor": "tiles broom polish",
    "grass": "meadow lawn dew",
    "runway": "asphalt markings takeoff",
    "mars": "planet dust craters",
    "sofa": "cushions armrest nap",
}


def tokens(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def corpus(*, sentences: int = 32_000, seed: int = 0) -> list[list[str]]:
    """Sentences about people, animals and the captioned world, each a list of words, made by a small grammar.

    Nobody ever wrote them: they are a toy, in which what Word2Vec looks for is there to be found.  Of sixteen, six are
    about people, two about animals, seven about the words of the world, and one is a caption that models train on.
    """
    draw = random.Random(seed)
    seen = [tokens(scene.caption) for scene in world.seen_scenes()]
    makers = [about_world, about_people] * 6 + [about_animals, about_world, about_animals]
    return [makers[i % 16](draw) if i % 16 < 15 else draw.choice(seen) for i in range(sentences)]


def about_people(draw: random.Random) -> list[str]:
    """Say "the queen rules with the crown in the palace"."""
    number, side = draw.randrange(len(FAMILIES)), draw.randrange(2)
    pair, said = list(FAMILIES.items())[number]
    who, (one, other, does), place = pair.split()[side], said.split(), SPOKEN[min(number // 6, 3)]
    name = NAMES.split()[2 * number + side]
    she, her, hers, herself = (FEMALE, MALE)[side]
    if draw.randrange(2):
        one, other = other, one
    forms = {  # how often each is said: who is a she and who a he comes up in one of six
        f"{she} is the {who} and the {one} and the {other} are {hers}": 3,
        f"the {who} {does} and keeps {her} {one} for {herself}": 3,
        f"{name} the {who} and {name} {does}": 6,
        f"the {who} {name} has the {one} of {name}": 6,
        f"the {who} {does} with the {one} in the {place}": 10,
        f"the {one} and the {other} belong to the {who} of the {place}": 10,
    }
    return draw.choices(list(forms), list(forms.values()))[0].split()


def about_animals(draw: random.Random) -> list[str]:
    """Say "a kitten is tiny and newborn and purrs near the mouse"."""
    (pair, said), side = draw.choice(list(YOUNG.items())), draw.randrange(2)
    who, (does, one, other) = pair.split()[side], said.split()
    age, more = draw.sample(AGES[side].split(), 2)
    if draw.randrange(2):
        one, other = other, one
    form = draw.choice(
        (
            f"the {age} {who} {does} by the {one} and is {more}",
            f"a {who} is {age} and {more} and {does} near the {other}",
            f"{age} and {more} is the {who} with {one} and {other}",
        )
    )
    return form.split()


def about_world(draw: random.Random) -> list[str]:
    """Say "black goes with coal and night"."""
    word, said = draw.choice(list(WORLD.items()))
    one, other, third = draw.sample(said.split(), 3)
    return draw.choice((f"{word} goes with {one} and {other}", f"{one} {other} and {third} say {word}")).split()


# Vectors.


@dataclass(frozen=True, eq=False)
class Words:
    """A vocabulary and its vectors, V x D: word i of the one has row i of the other."""

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

        What all the words of captions share tells no caption from another.
        """
        known = [self.rows[word] for word in WORLD if word in self.rows] or list(range(len(self.vocabulary)))
        return torch.nn.functional.normalize(self.vectors - self.vectors[known].mean(0), dim=1)

    def row(self, word: str) -> int:
        """Where a word stands.  Raises CourseError, with the nearest spellings, if it is not known."""
        if word not in self.rows:
            like = difflib.get_close_matches(word, self.vocabulary, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(like)}?" if like else f"{len(self.vocabulary)} other words are known."
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
    """Learn a vector of `size` numbers for each word from the words round it, with gensim's Word2Vec.

    The skip-gram with negative sampling of Mikolov et al. (2013, arXiv:1310.4546).  The same sentences and seed give
    the same vectors: one worker, and a hash that is the same in every process.
    """
    from gensim.models import Word2Vec

    if not any(sentences):
        raise CourseError("There are no words to learn from: give at least one sentence.")
    model = Word2Vec(
        sentences,
        vector_size=size,
        window=8,  # as long as a sentence
        min_count=1,
        sg=1,
        sample=0,  # the corpus is small, so no word is left out for being frequent
        epochs=epochs,
        seed=seed,
        workers=1,
        hashfxn=lambda text: zlib.crc32(text.encode()),
    )
    return Words(list(model.wv.index_to_key), torch.from_numpy(model.wv.vectors.copy()))


def joined(words: Words, more: Words) -> Words:
    """`words`, and after them the words that only `more` knows, their vectors turned into the same space.

    Two trainings give two spaces, each turned its own way.  The turn that brings the words known to both nearest to
    each other (orthogonal Procrustes; Xing et al. 2015) brings the new ones along.  Raises CourseError if both have
    no words in common, or vectors of different lengths.
    """
    shared = [word for word in words.vocabulary if word in more.rows]
    new = [word for word in more.vocabulary if word not in words.rows]
    if not shared or words.vectors.shape[1] != more.vectors.shape[1]:
        raise CourseError("These words can't be joined: they need some words in common, and vectors of one length.")
    here, there = words.units[[words.rows[word] for word in shared]], more.units[[more.rows[word] for word in shared]]
    left, _, right = torch.linalg.svd(there.T @ here)
    added = more.vectors[[more.rows[word] for word in new]] @ (left @ right)
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
    right = [analogy(words, start, minus, plus, count=1)[0][0] == answer for start, minus, plus, answer in known]
    return sum(right) / len(questions)


def word_map(words: Words, chosen: Sequence[str], *, along: Tensor | None = None) -> Tensor:
    """A map of the chosen words, N x 2: the two directions in which they differ the most (PCA).

    along: a direction (D) that goes across the map instead; up and down is then the most of what is left.
    """
    vectors = words.units[[words.row(word) for word in chosen]]
    centred = vectors - vectors.mean(0)  # N x D
    first = [] if along is None else [torch.nn.functional.normalize(along, dim=0)]
    left = centred - sum(torch.outer(centred @ axis, axis) for axis in first)
    rest = torch.linalg.svd(left, full_matrices=False).Vh[: 2 - len(first)]
    return centred @ torch.stack(first + [signed(axis) for axis in rest]).T


def signed(axis: Tensor) -> Tensor:
    """The axis (D) or its opposite, so that its largest number is positive: an SVD gives either of them."""
    return axis * axis[axis.abs().argmax()].sign()


# Keys.

SLOWEST, FASTEST = 0.03, 1.5  # radians a word


def speeds(size: int) -> Tensor:
    """How fast each pair of numbers turns, in radians a word: size / 2 speeds, from fast to slow."""
    return torch.logspace(0, 1, size // 2, base=SLOWEST / FASTEST, dtype=torch.float64) * FASTEST


def bind(vectors: Tensor, offsets: Tensor) -> Tensor:
    """Turn vectors to say where their words stand: pair k by offset x speed k.  vectors: N x D; offsets: N.

    Turning changes no length, and two words' cosine depends on how far apart they stand, not on where.
    Rotary position embedding (Su et al. 2021, arXiv:2104.09864).
    """
    angle = offsets.double()[:, None] * speeds(vectors.shape[1])  # N x D/2
    cos, sin = angle.cos().to(vectors), angle.sin().to(vectors)
    one, other = vectors[:, 0::2], vectors[:, 1::2]
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=2).flatten(1)


def caption_key(words: Words, text: str, *, offset: int = 1) -> Tensor:
    """What a caption says and in which order, as D numbers: each word's vector, bound to its place, added up.

    offset: where the first word stands, 1 in a whole caption; a part of one has its place there.  Being a sum, the keys
    of parts add up to the whole's.  Raises CourseError for a word without a vector, or no words at all.
    """
    rows = [words.row(word) for word in tokens(text)]
    if not rows:
        raise CourseError("A caption needs at least one word.")
    return bind(words.centred[rows], torch.arange(offset, offset + len(rows))).sum(0)


def caption_keys(words: Words, texts: Sequence[str]) -> Tensor:
    """The keys of several captions, N x D."""
    return torch.stack([caption_key(words, text) for text in texts])


def bag_key(words: Words, text: str) -> Tensor:
    """What a caption says, in whatever order: its words' vectors, added up.  The key that lesson 4 warns of."""
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


REAL = {"glove-wiki-gigaword-50": 66, "glove-wiki-gigaword-100": 128, "glove-twitter-25": 105}  # megabytes
PATIENCE = 3.0  # seconds
OWN = "go on with the course's own words, which need no network"


def real_words(name: str = "glove-wiki-gigaword-50", *, download: bool = False, count: int = 50_000) -> Words:
    """The `count` most frequent words of a set of vectors learned from real text, out of gensim's collection.

    With download=True they are fetched once and kept where gensim keeps its own (GENSIM_DATA_DIR, else ~/gensim-data).
    GloVe vectors (Pennington et al. 2014), from Wikipedia and news, or from tweets.
    Raises CourseError if they are not there and should not or can't be downloaded, or the file is damaged.
    """
    if name not in REAL:
        raise CourseError(f"There are no real words called {name!r}: choose from {', '.join(REAL)}.")
    from gensim import downloader
    from gensim.models import KeyedVectors

    path = Path(downloader.BASE_DIR, name, name + ".gz")
    if not path.exists():
        if not download:
            source = f"{REAL[name]} MB from {downloader.DOWNLOAD_BASE_URL}/{name}"
            raise CourseError(f"{name} is not on this machine: say download=True to get it ({source}), or {OWN}.")
        fetch(name, path.parent)
    try:
        kept = KeyedVectors.load_word2vec_format(str(path), limit=count)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CourseError(f"{path} is damaged: delete the folder {path.parent} and download it again.") from error
    return Words(list(kept.index_to_key), torch.from_numpy(kept.vectors.copy()))


def fetch(name: str, folder: Path) -> None:
    """Download a set of vectors into `folder`, whole and with the right checksum or not at all.

    It keeps gensim's addresses and its layout.  gensim's own `load` is not called: it waits for ever where a network
    doesn't answer, leaves halves behind, and runs the `__init__.py` that it downloads; ours is only stored, for gensim.
    """
    from http.client import HTTPException

    from gensim import downloader

    catalogue = answer_within(PATIENCE, downloader.DATA_LIST_URL)
    try:
        record = json.loads(catalogue)["models"][name]
        checksum = record["checksum"].lower()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CourseError(f"The catalogue of real words makes no sense today: try again later, or {OWN}.") from error
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{name}.part-") as beside:
            whole = Path(beside, name)
            whole.mkdir()
            for file in ("__init__.py", f"{name}.gz"):
                digest = copy(f"{downloader.DOWNLOAD_BASE_URL}/{name}/{file}", whole / file)
            if digest != checksum:
                raise CourseError(f"{name} arrived damaged and was thrown away: download it again, or {OWN}.")
            whole.rename(folder)
    except (OSError, HTTPException) as error:
        raise CourseError(f"{name} could not be downloaded ({error}), and nothing was kept: {OWN}.") from error


def answer_within(seconds: float, address: str) -> bytes:
    """What stands at a web address.  Raises CourseError if there is no answer in that time.

    In a thread, because neither looking up a host's name nor a slow trickle of bytes keeps to urlopen's own limit.
    """
    from urllib.request import urlopen

    answers: list[bytes] = []

    def ask() -> None:
        with contextlib.suppress(Exception), urlopen(address, timeout=seconds) as page:
            answers.append(page.read())

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        raise CourseError(f"There is no answer from {address.split('/')[2]}: check the network, or {OWN}.")
    return answers[0]


def copy(address: str, path: Path) -> str:
    """Download a file to `path`, showing progress; returns its MD5 checksum."""
    from urllib.request import urlopen

    from tqdm.auto import tqdm

    digest = hashlib.md5(usedforsecurity=False)
    with (
        urlopen(address, timeout=10) as page,
        path.open("wb") as file,
        tqdm(total=page.length, unit="B", unit_scale=True, desc=path.name) as progress,
    ):
        while piece := page.read(1 << 16):
            file.write(piece)
            digest.update(piece)
            progress.update(len(piece))
    return digest.hexdigest()
