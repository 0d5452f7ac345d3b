"""What there is in the captioned world: factors, captions, what was held out, and a parser.  Lesson 2, and 4 to 8.

The world is made, so that the truth is known: which factors each picture has, which combinations no model has seen, and
what a perfect model would draw.
"""

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import CourseError

CATS = ("Maine coon cat", "Siamese cat", "black cat", "white cat")
ANIMALS = (*CATS, "dog")
MACHINES = ("plane", "rocket")
SUBJECTS = ANIMALS + MACHINES
# The explainer's own words, "laying" among them.
ANIMAL_POSES = {"laying": "laying on", "sitting": "sitting on", "standing": "standing on"}
MACHINE_POSES = {"parked": "parked on", "flying": "flying over"}
POSES = (*ANIMAL_POSES, *MACHINE_POSES)
PLACES = {  # each with the words of a caption for it
    "white and black salt and pepper rug": "a white and black salt and pepper rug",
    "wooden floor": "a wooden floor",
    "grass": "grass",
    "runway": "a runway",
    "runway on Mars": "runway on Mars",
    "sofa": "a sofa",
    "white sofa": "a white sofa",
    "black sofa": "a black sofa",
}
FACTORS = {"subject": SUBJECTS, "pose": POSES, "place": tuple(PLACES)}
# No model of the course is trained on these pairs, in any pose; the judge is, so that it knows them when it sees them.
HELD_OUT = (
    ("Maine coon cat", "runway on Mars"),
    ("Siamese cat", "grass"),
    ("black cat", "runway"),
    ("white cat", "black sofa"),
    ("dog", "white and black salt and pepper rug"),
    ("plane", "sofa"),
    ("rocket", "wooden floor"),
)


@dataclass(frozen=True)
class Scene:
    """What a caption says: subject, pose and place.  Raises CourseError for words it doesn't know or nonsense."""

    subject: str
    pose: str
    place: str

    def __post_init__(self) -> None:
        for factor, values in FACTORS.items():
            value = getattr(self, factor)
            if value not in values:
                raise CourseError(f"The world has no {factor} {value!r}; {spelling_hint(value, values)}.")
        if self.pose not in poses(self.subject):
            raise CourseError(
                f"No {self.subject} is {self.pose} in this world; it can be {' or '.join(poses(self.subject))}."
            )

    @property
    def caption(self) -> str:
        """One sentence in the explainer's form, say "Plane flying over grass."."""
        sentence = f"{self.subject} {poses(self.subject)[self.pose]} {PLACES[self.place]}."
        return sentence[0].upper() + sentence[1:]

    @property
    def held_out(self) -> bool:
        """Whether no model of the course has seen this subject in this place."""
        return (self.subject, self.place) in HELD_OUT


def poses(subject: str) -> dict[str, str]:
    """The poses of a subject, each with the words of a caption for it."""
    return ANIMAL_POSES if subject in ANIMALS else MACHINE_POSES


def scenes() -> list[Scene]:
    """All sensible scenes, in a fixed order."""
    return [
        Scene(subject, pose, place) for subject, place in itertools.product(SUBJECTS, PLACES) for pose in poses(subject)
    ]


def captions() -> list[str]:
    """All sensible captions, in the order of `scenes`."""
    return [scene.caption for scene in scenes()]


def seen_scenes() -> list[Scene]:
    """What models are trained on."""
    return [scene for scene in scenes() if not scene.held_out]


def held_out_scenes() -> list[Scene]:
    """What models are tested on and never saw: see `HELD_OUT`."""
    return [scene for scene in scenes() if scene.held_out]


def small_library() -> list[Scene]:
    """Four subjects, each in two places: eight scenes for the small experiments of lessons 5 and 6."""
    what = ("Maine coon cat laying on", "black cat sitting on", "dog standing on", "plane parked on")
    return [parse(f"{subject} {place}") for subject in what for place in ("grass", "white sofa")]


def parse(caption: str) -> Scene:
    """The scene that a caption describes; capitals, articles and the full stop don't matter.

    Raises CourseError, with the nearest thing the world knows, for a caption that is not one of `captions()`.
    """
    words = normalized(caption)
    known = {normalized(scene.caption): scene for scene in scenes()}
    if words in known:
        return known[words]
    vocabulary = sorted({word for sentence in known for word in sentence.split()})
    unknown = next((word for word in words.split() if word not in vocabulary), None)
    if unknown is not None:
        raise CourseError(f"The world has no word {unknown!r}; {spelling_hint(unknown, vocabulary)}.")
    # All words are known, and it is still no scene: name the part that does not fit.
    subject = next((name for name in SUBJECTS if words.startswith(normalized(name) + " ")), None)
    if subject is not None:
        pose = next((name for name in POSES if f" {name} " in f" {words} "), None)
        if pose is not None and pose not in poses(subject):
            Scene(subject, pose, "grass")
    similar = difflib.get_close_matches(words, known, n=1, cutoff=0)[0]
    raise CourseError(f'The world has no picture of "{caption}"; the nearest caption is "{known[similar].caption}"')


def normalized(text: str) -> str:
    """Lower case, without articles and punctuation."""
    words = "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
    return " ".join(word for word in words if word != "a")


def spelling_hint(word: str, known: Sequence[str]) -> str:
    """A hint: the known words that are spelt most like this one, or all of them."""
    similar = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(similar)}" if similar else f"it knows {', '.join(known)}"
