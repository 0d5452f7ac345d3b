"""`course train order`: keys that know the order of words beside keys that don't.  Lesson 5."""

from collections.abc import Sequence

from course_lib import judge, world
from course_tools.recipes.run import Progress, Result, bag_keys, caption_keys, compare


def order(progress: Progress, *, seeds: Sequence[int] = (0,), steps: int = 600) -> Result:
    """A white cat on a black sofa, never seen, by two models: the key of one knows where each word stands."""
    critic = judge.shipped_judge()
    places = ("wooden floor", "grass", "white sofa", "black sofa")
    cats = ("black cat", "white cat")
    everything = [scene for scene in world.scenes() if scene.subject in cats and scene.place in places]
    new = [scene for scene in everything if (scene.subject, scene.place) == ("white cat", "black sofa")]
    known = [scene for scene in everything if scene not in new]
    how = {"words in their places": caption_keys, "words in a bag": bag_keys}
    return compare(critic, dict.fromkeys(how, known), how, new, progress, seeds, steps)
