"""`course train sharing`: what a keyed model shares between captions.  Lesson 5."""

from collections.abc import Sequence

from course_lib import judge, world
from course_lib.world import Scene
from course_tools.recipes.run import Progress, Result, caption_keys, compare


def sharing(progress: Progress, *, seeds: Sequence[int] = (0,), steps: int = 600) -> Result:
    """Maine coons on Mars, never seen, by two models: one saw Maine coons in three other places, one in only one."""
    critic = judge.shipped_judge()
    everything = [
        scene
        for scene in world.scenes()
        if scene.subject in ("Maine coon cat", "Siamese cat", "dog")
        and scene.place in ("wooden floor", "grass", "sofa", "runway on Mars")
    ]
    new = [scene for scene in everything if (scene.subject, scene.place) == ("Maine coon cat", "runway on Mars")]
    known = {
        "in three places": [scene for scene in everything if scene not in new],
        # As many Maine coons, all on the wooden floor.
        "in one place": [
            Scene(scene.subject, scene.pose, "wooden floor") if scene.subject == "Maine coon cat" else scene
            for scene in everything
            if scene not in new
        ],
    }
    return compare(critic, known, dict.fromkeys(known, caption_keys), new, progress, seeds, steps)
