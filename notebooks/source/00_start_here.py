# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   course:
#     reading_minutes: 10
#     summary: type a description and get a picture, see what the model learned from, and look at the map of the course
# ---

# %% [markdown]
# # Lesson 0: Start here
#
# **"Maine coon cat laying on runway on Mars": nobody has a photo of that. How can a machine draw it from the sentence alone?**
#
# ![Four pictures side by side, drawn by the course's model from the caption "Maine coon cat laying on runway on Mars".](../../images/mars_cats.webp)
#
# You will be able to
#
# - type a description and get pictures of it, in seconds, on your own computer;
# - say what the model that drew them has seen, and what it has never seen;
# - work an exercise, and find your way through the course.
#
# *About {{minutes}} minutes with the exercise. *Run All* takes {{run_time}} on two CPU cores, and needs no network.*

# %%
from course_lib import checks, world
from course_lib.errors import CourseError
from course_lib.pictures import show, table
from course_lib.pipeline import shipped_pipeline
from course_lib.widgets import caption_box

import itertools
import os
import platform
import random
import time

import torch

# %% [markdown]
# ## A description becomes a picture
#
# The *model*, a small neural network, comes with the course. Run the cell below (*Shift* and *Enter*): it gives the model a *caption*, which is
# what AI art services call a prompt, and four squares of random noise. Step by step, the model turns the noise into pictures.
# (A model with what reads the captions for it, and with the settings that it draws with, is called a *pipeline*.)


# %% image="mars_cats"
pipeline = shipped_pipeline()


def draw(caption):
    pictures = pipeline.draw(caption, count=4, seed=0)  # 4 x 3 x 32 x 32: four, three colours
    return show(
        pictures,
        columns=4,
        about=f'Four drawings, from four squares of noise, for "{caption}".',
    )


draw("Maine coon cat laying on runway on Mars")

# %% [markdown]
# The sentence is from the [explainer](https://crutcher.github.io/2022/12/25/What-Are-AI-Art-Models/) that this course follows: "What Are AI Art Models?"
# (Crutcher Dunnavant, 2022). With the same noise, another sentence gives other pictures:

# %%
draw("Dog sitting on a sofa")

# %% [markdown]
# Now you: change the caption, then press *Enter* or the button. The words that the model knows are in the table below the box.

# %%
caption_box(draw, start="Plane flying over grass")

# %%
words = itertools.zip_longest(*world.FACTORS.values(), fillvalue="")
table(
    [{"subject": who, "pose": how, "place": where} for who, how, where in words],
    about="What a caption is made of. Animals are laying, sitting or standing on a place; "
    "machines are parked on it or flying over it.",
)

# %% [markdown]
# A word that it does not know gets one sentence, with the nearest words that it does know. "Main" for "Maine" is a slip that the explainer makes too.

# %%
try:
    draw("Main coon cat laying on runway on Mars")
except CourseError as error:
    print(error)

# %% [markdown]
# ## What the model has seen
#
# A photo of a cat on Mars is hard to get, and so is a computer that learns from a billion photos. So the course has a *world* of its own: a program draws
# the pictures below and writes their captions. From such pictures, at 32 x 32 pixels, and their captions the model learned all that it knows.

# %% image="world"
scenes = random.Random(230).sample(world.seen_scenes(), 24)  # each subject, each place
show(
    world.render(scenes, range(24), size=96),  # 24 x 3 x 96 x 96
    about="Every subject and every place of this world. The model learned from pictures like "
    "these, three times as coarse.",
    alt="Twenty-four cartoons drawn by the program: cats with large eyes, dogs, planes and "
    "rockets, on rugs, wooden floors, grass, runways, sofas and on Mars under a pink sky.",
)

# %% [markdown]
# Since the world is made, we know exactly what is in it. Some pairs of a subject and a place were kept out of the training, in every pose.
# A Maine coon cat on Mars is one of them.

# %%
seen = world.seen_scenes()
cats = {scene for scene in seen if scene.subject == "Maine coon cat"}
mars = {scene for scene in seen if scene.place == "runway on Mars"}
counts = {
    "in this world": len(world.scenes()),
    "in the training": len(seen),
    "... with a Maine coon cat": len(cats),
    "... with a runway on Mars": len(mars),
    "... with both": len(cats & mars),
}
table(
    [{"captions": which, "how many": number} for which, number in counts.items()],
    about="What the model has seen",
)

# %% [markdown]
# So the model has seen Maine coon cats, and it has seen Mars, never together. The upper row is what it draws when it is asked for both; in the lower row, the program draws
# what the caption means. Compare them: what did the model get right, and where does it go wrong? Lesson 5 asks a judge, and counts.

# %%
scene = world.parse("Maine coon cat laying on runway on Mars")
show(
    [pipeline.draw(scene, count=4, seed=0), world.render([scene] * 4, range(4))],
    rows=["the model", "the program"],
    about="The stripes, the tail, the eyes, the ground: which of them did the model get right?",
    alt="Above, the four pictures that the model drew; below, four pictures that the program "
    "drew: a brown striped cat lying on a runway, red ground and a pink sky.",
)

# %% [markdown]
# ## Toy and truth
#
# This model is a toy, made so that you can take it apart. The next cell says how large it is, how fast it is here, and what your machine is. If
# something does not work, type `course doctor` in a terminal: it checks one thing a line, and says what to do.

# %%
start = time.perf_counter()
pipeline.draw("Plane flying over grass", count=4)
seconds = time.perf_counter() - start
size = sum(weights.numel() for weights in pipeline.model.parameters())
device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
print(f"The model is {size:,} numbers. Four pictures took {seconds:.1f} seconds.")
print(f"Python {platform.python_version()}, torch {torch.__version__}, ", end="")
print(f"{os.cpu_count()} CPU cores, {device} (none is needed).")

# %% [markdown]
# Stable Diffusion, in its first versions, is about a billion numbers: [860 million in the denoiser and 123 million in the part that reads captions](https://github.com/CompVis/stable-diffusion).
# It learned from a collection of [2.3 billion captioned pictures](https://arxiv.org/abs/2210.08402), and the part that reads captions had learned from
# [400 million](https://arxiv.org/abs/2103.00020) before; that is why it understands nearly any sentence, and this toy only its own. The idea is the same.
# The explainer says that *all* AI art models are variations of it. Most are; [Parti](https://arxiv.org/abs/2206.10789) (2022) is one that is not: it writes a picture
# piece by piece, as others write text.

# %% [markdown]
# ## How exercises work
#
# An exercise is one small function. Write your code where it says so, run the cell, then run the check under it: it says what is right or what is
# wrong, and you can try as often as you like. Hints are folded away below, and the last one links to the lesson solved. Nothing later needs your
# answer, so you can leave out any exercise.

# %% [markdown] exercise="my_caption" minutes=5 difficulty="first steps"
# ### Exercise 0.1: What nobody has seen
#
# Write `my_caption()`: it returns a caption that was not in the training, another one than at the top of this lesson. The pairs that were kept
# apart are in `world.HELD_OUT`: put `world.HELD_OUT` in a cell of its own and run it. When the check passes, give your caption to the box above.


# %% solution="my_caption"
def my_caption():
    """A caption of which the model has seen no picture.

    Returns text, in the words of the table above.
    """
    ### BEGIN SOLUTION
    return "Plane flying over a sofa"
    ### END SOLUTION


# %% check="my_caption" points=1

# %% [markdown] hints="my_caption"
# <details><summary>Hint 1</summary>
#
# Which subject and which place make a pair in `world.HELD_OUT`? What is that subject able to do in this world?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A caption says who, doing what, where: take one pair, and put a pose between the two. Text stands between quotes.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `return "Plane flying over a ____"`
#
# </details>

# %% [markdown]
# ## The map
#
# The model was asked for something that sounds like magic: a picture, made out of noise, as a sentence says, of what it has never seen together. The course takes
# that apart, one question a lesson.
#
# | | Lesson | Its question |
# | --- | --- | --- |
# | 0 | Start here | Can you type a description and get a picture? |
# | 1 | [Noise](01_noise.ipynb) | A picture dissolves into noise: which steps could you undo? |
# | 2 | [A denoiser of one photo](02_single_image_denoiser.ipynb) | Can a machine find its way from pure noise back to a photo? |
# | 3 | [The enhance button](03_enhance_button.ipynb) | What if a detail that is gone need not be true, only plausible? |
# | 4 | [Keys made of words](04_word_keys.ipynb) | How does a sentence become numbers that a model can use? |
# | 5 | [One model, any caption](05_conditional_model.ipynb) | Can it draw what nobody has a picture of? |
# | 6 | [More pictures without a camera](06_augmentation.ipynb) | What can you change in a picture, and what must its caption say then? |
# | 7 | [What people like](07_votes.ipynb) | What happens to a model when people vote for its pictures? |
# | 8 | [Is it a copy?](08_is_it_a_copy.ipynb) | Are the pictures that it learned from inside the model? |
# | 9 | [Inside Stable Diffusion](09_inside_stable_diffusion.ipynb) | Which of its parts do you know by then? |

# %% [markdown]
# ## What you measured

# %%
print(f"Four pictures from a caption: {seconds:.1f} seconds.")
print(f"The model: {size:,} numbers. Captions in its training: {len(seen)}.")
print(f"Captions of this world that it has never seen: {len(world.held_out_scenes())}.")

# %% [markdown]
# **Go further.** In `draw`, another `seed` means other noise. Does it change who is in the picture, or only how? And which of the world's places does the model
# draw best?
#
# **The next question.** The model began with noise, which has no picture in it. What is noise, and how would you know what to put in its place?
# [Lesson 1: Noise](01_noise.ipynb)
