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
#     reading_minutes: 30
#     summary: press "enhance" on a number plate that nobody can read, count what the photo still knows, and watch a cat model paint over a plane
# ---

# %% [markdown]
# # Lesson 3: The enhance button
#
# **All these answers are sharp, and all come from the same photo. Which one is the car's?**
#
# ![A blurred photo of a number plate on the left, and beside it seven sharp plates that a network made of it, each with other letters and digits.](../../images/enhance_button.webp)
#
# You will be able to
#
# - make a photo worse in a way that you can calculate with, and count what it still knows, in bits;
# - build the answer that is wrong by the least, and say why it is blurred;
# - measure how often a model's answer is *legible* and how often it is *right*, and what no model can beat;
# - say what a model does with a picture of something that it has never seen.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, and needs no network.*

# %%
from course_lib import checks, enhance, judge, pipeline, world
from course_lib.models import parameter_count
from course_lib.noise import blend, noise_like
from course_lib.pictures import chart, show, table
from course_lib.sampling import guess_picture
from course_lib.widgets import slider_with_button
from course_lib.world import plates

import functools

import torch

# %% [markdown]
# ## Plates that can be counted
#
# We need a world in which the truth is known. This one has number plates of three layouts. Each of the six places holds one of ten
# characters, so a layout has $10^6$ plates: few enough to go through them all. Light, dirt, tilt and place differ from plate to plate.

# %%
texts = plates.plate_texts(range(8))
show(
    plates.render_plates(texts, range(8)),
    labels=texts,
    columns=4,
    about="Eight of three million possible plates, each over its text.",
    alt="Eight number plates of 16 x 64 pixels: white ones with a blue band, yellow ones, "
    "black ones, some dirty.",
)

# %% [markdown]
# ## A bad camera
#
# A far or badly focused camera spreads each point of light over its neighbours: a *blur*. Its sensor has few pixels, and each gathers all
# the light that falls on it. Then comes the sensor's noise, and rounding to 256 levels.

# %% [markdown] exercise="shrink" minutes=5 difficulty="first steps"
# ### Exercise 3.1: Fewer pixels
#
# Write `shrink(picture, factor)`: each block of `factor` x `factor` pixels becomes one, their mean.


# %% solution="shrink"
def shrink(picture, factor):
    """Make a picture smaller, as a sensor with larger pixels would.

    picture: B x 3 x H x W.  factor: a whole number that divides H and W.
    Returns B x 3 x H / factor x W / factor.
    """
    ### BEGIN SOLUTION
    blocks = picture.unflatten(3, (-1, factor)).unflatten(2, (-1, factor))
    return blocks.mean(dim=(3, 5))
    ### END SOLUTION


# %% check="shrink" points=1

# %% [markdown] hints="shrink"
# <details><summary>Hint 1</summary>
#
# Which pixels make up the first pixel of the result? And the one to its right?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Split the height H into H / factor blocks of `factor` rows, and the width likewise: six dimensions. Then take the mean over two of them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `picture.unflatten(3, (-1, factor)).unflatten(2, (-1, factor)).mean(dim=____)`
#
# </details>

# %%
TEXT, SEED = "KFX940", 2
plate = plates.render_plates([TEXT], [SEED])  # 1 x 3 x 16 x 64
photos = {blur: enhance.photograph(plate, blur, seed=0) for blur in enhance.BLURS}
show(
    [plate, *(enhance.enlarge(photo) for photo in photos.values())],
    labels=["the plate"] + [f"blur {blur:g}" for blur in photos],
    columns=4,
    about="One plate, and the camera's photos of it. From which blur on can't you read it "
    "any more?",
    alt="One plate, and seven photos of it, ever more blurred: at blur 2 the characters have "
    "run into each other, from blur 4 on there are only blocks of colour.",
)

# %% [markdown]
# The number is the width of the blur in pixels (its standard deviation). At blur 2 a person is guessing already. What about a network?
#
# ## Press the button
#
# The network that comes with this lesson is the denoiser of lesson 2 with one more input. Beside the noisy picture it is shown the photo, enlarged
# to the same size, so each place sees its own part of it, and what may stay as it is can go straight to the answer. (So does SR3, Saharia et al. 2021, arXiv:2104.07636.) It was
# trained on plates with photos at all blurs. To restore a photo is to draw: begin with noise, and walk back; then put some noise back, four times, less each time, and walk back again, so
# that a place between two characters gets another chance (*restarts*, Xu et al. 2023, arXiv:2306.14878). Sixteen seeds, sixteen answers.

# %%
model, reader, recipe = enhance.shipped_button()
minutes = recipe["scores"]["seconds"] / 60
print(
    f"{parameter_count(model):,} numbers, trained for {minutes:.0f} minutes on a {recipe['device']}."
)

# %%
BLUR = 6.0
photo = photos[BLUR]
answers = enhance.enhance(model, photo.expand(16, -1, -1, -1), seed=0)
said, sure = reader.read(answers)
show(
    answers,
    labels=said,
    columns=4,
    about="Sixteen answers to one photo: all sharp, and no two of them the same? Read the "
    "texts.",
    alt="Sixteen restored plates from one photo: sharp black characters on white, other ones "
    "on each plate.",
)

# %% image="enhance_button"
different = list(dict(zip(said, answers, strict=True)).values())[:7]
show(
    [enhance.enlarge(photo)[0], *different],
    labels=["the photo"] + [f"answer {n}" for n in range(1, len(different) + 1)],
    columns=4,
    about="The photo, and answers that the network gives to it, each another plate.",
    alt="A blurred photo of a number plate, and beside it sharp plates that a network made "
    "of it, each with other letters and digits.",
)

# %% [markdown]
# Under the answers stands what the *reader* read: another network, trained on sharp plates, that names six characters, or "?" where it
# finds none that it knows. It also says how sure it is. We call an answer *legible* if it is at least 90 % sure of every character, and *right* if all
# six are those of the true plate.

# %%
legible = (sure >= enhance.CONFIDENT).double().mean()
print(f"{len(set(said))} different answers of {len(said)}; legible: {legible:.2f}.")
print(f"Right ({TEXT}): {said.count(TEXT)} of {len(said)}.")

# %% [markdown]
# Nothing in an answer tells you that it is invented. It has the right font, the right dirt, sharp edges. The network was asked for a
# *plausible* plate, and gave one.
#
# ## The answer that is wrong by the least
#
# What if we asked for the answer with the smallest error? Of all pictures, the mean of the possible plates, each counted by its chance, has the smallest.
# A network trained to restore in a single step, by least squares, is trained towards that mean.

# %% [markdown] exercise="mean_answer" minutes=5 difficulty="first steps"
# ### Exercise 3.2: The middle of many answers
#
# Write `mean_answer(answers)`: the one picture for which the squared differences to all answers, added up, are smallest.


# %% solution="mean_answer"
def mean_answer(answers):
    """The picture with the smallest sum of squared differences to many.

    answers: N x 3 x H x W.  Returns 1 x 3 x H x W.
    """
    ### BEGIN SOLUTION
    return answers.mean(dim=0, keepdim=True)
    ### END SOLUTION


# %% check="mean_answer" points=1

# %% [markdown] hints="mean_answer"
# <details><summary>Hint 1</summary>
#
# Each pixel can be chosen by itself. Three answers say 0, 0 and 6 for it. Which one number has the smallest squared differences to these three?
#
# </details>
# <details><summary>Hint 2</summary>
#
# It is 2: the mean. Take the mean over the answers, and keep the batch dimension.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `answers.mean(dim=____, keepdim=True)`
#
# </details>

# %%
many = torch.cat(
    [enhance.enhance(model, photo.expand(32, -1, -1, -1), seed=seed) for seed in (1, 2)]
)
middle = many.mean(dim=0, keepdim=True)


def error(pictures):
    """The mean squared difference from the true plate."""
    return float((pictures - plate).square().mean())


first = guess_picture(
    model, noise_like(plate, seed=3), 1.0, key=enhance.enlarge(photo).flatten(1)
)
tried = {"one answer": many, "mean of 64": middle, "its first guess": first}
show(
    [plate, *(pictures[:1] for pictures in tried.values())],
    labels=["the plate"] + [f"{name}: {error(some):.2f}" for name, some in tried.items()],
    columns=2,
    about="The number is the mean squared error. The smaller ones belong to the pictures "
    "that can't be read.",
    alt="The true plate, one sharp answer, the mean of 64 answers and the network's first "
    "guess, which are both grey where the characters are; under each its mean squared error.",
)

# %% [markdown]
# The mean is sharp where all answers agree, the frame and the band, and grey where they don't. It has the smaller error and is good for
# nothing. So has the network's own guess before its first step: it was trained by least squares, too, and only the walk makes it choose. Least
# squares gives the blur; sampling gives the detail, and the invention. There is a law in it: if each answer is drawn as often as it is
# probable, its error is on average *twice* that of the mean (Blau and Michaeli 2017, arXiv:1711.06077).

# %%
print(f"One answer is wrong by {error(many) / error(middle):.2f} times as much as the mean.")

# %% [markdown]
# ## What the photo still knows
#
# Now the question that films leave out. Is the right answer *in* the photo? Here we can find out, exactly, because we can go through all plates. For each
# of the million, calculate the photo it would give, and see how it differs from the real one. What differs must have been noise, and we know how probable
# noise of each size is.

# %% [markdown] exercise="weigh" minutes=15 difficulty="a challenge"
# ### Exercise 3.3: How probable is each plate?
#
# Write `weigh(photo, plates, noise)`: the chance of each plate is in proportion to $e^{-d^2/2\sigma^2}$, where $d^2$ is the sum of the squared differences between its row
# and the photo, and $\sigma$ the noise. Together the chances are 1. (In a computer, $e^{-2000}$ is 0: what can you take off all the $d^2$ without changing the result?)


# %% solution="weigh"
def weigh(photo, plates, noise):
    """The chance of each plate, once the photo was seen.

    photo: P numbers.  plates: N x P, the photo of each plate without noise.
    noise: the noise's standard deviation.  Returns N chances that add up to 1.
    """
    ### BEGIN SOLUTION
    squares = (plates - photo).square().sum(dim=1)
    return torch.softmax(-squares / (2 * noise**2), dim=0)
    ### END SOLUTION


# %% check="weigh" points=3

# %% [markdown] hints="weigh"
# <details><summary>Hint 1</summary>
#
# Two plates, one with $d^2$ of 2000 and one with 2001. How many times as probable is the first? Does it matter that both numbers are large?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sum the squares over the pixels, divide by $2\sigma^2$. Take the smallest off all of them, then exp with a minus, then divide by the sum. `torch.softmax` does these last steps
# for you.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.softmax(-squares / ____, dim=0)`
#
# </details>

# %% [markdown]
# <details><summary>The maths</summary>
#
# With photo $y=Ax+n$, where $A$ blurs and shrinks, and $n$ is Gaussian with standard deviation $\sigma$, Bayes' rule gives $p(x\mid y)\propto p(x)\,e^{-|y-Ax|^2/2\sigma^2}$, and $p(x)$ is the same for all
# plates. Since $A$ is linear and characters don't overlap, $Ax$ is the blurred empty plate plus a blurred piece for each character: 60 pieces in place of a million pictures. Rounding to 8 bits is
# noise too, with the square of its step over 12 as variance. What is open is the entropy $H=-\sum p\log_2 p$.
#
# </details>

# %% [markdown]
# `count_plates` does that for all $10^6$ plates of a layout. It is told more than the network: the light, the dirt and the tilt. So what it finds is the *best* that anyone
# could do.

# %%
for blur in (3.0, 4.0, 6.0):
    left = enhance.count_plates(photos[blur][0], blur, plates.layout_of(TEXT), seed=SEED)
    likeliest = ", ".join(f"{text} {chance:.3f}" for text, chance in left.likeliest(4))
    print(f"blur {blur:g}: {left.bits:5.2f} bits open; likeliest: {likeliest}")

# %% [markdown]
# At blur 3 no person can read the plate, and yet the photo settles it: what *looks* lost need not be. At blur 6 as much is open as if
# more than a hundred plates were equally probable, and the true one is not even among the four likeliest. "Bits" counts the yes-or-no questions still open: with one bit two plates are left, with ten about a thousand.

# %% [markdown] exercise="open_bits" minutes=10 difficulty="some thought"
# ### Exercise 3.4: Bits
#
# Write `open_bits(chances)`: the mean of $-\log_2 p$, each plate counted by its chance $p$. A plate whose chance is 0 counts nothing.


# %% solution="open_bits"
def open_bits(chances):
    """How many yes-or-no questions are open, on average.

    chances: N numbers that add up to 1, some may be 0.  Returns a number.
    """
    ### BEGIN SOLUTION
    possible = chances[chances > 0]
    return -(possible * possible.log2()).sum()
    ### END SOLUTION


# %% check="open_bits" points=2

# %% [markdown] hints="open_bits"
# <details><summary>Hint 1</summary>
#
# With four plates, equally probable, how many questions do you need? What is $\log_2$ of their chance?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep the chances above 0, multiply each by its logarithm to the base 2, add up, and turn the sign.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `-(possible * ____).sum()`
#
# </details>

# %% [markdown]
# Somebody who knows all the chances answers with the likeliest plate, and is right just as often as its chance says. Nobody can do better: no expert, no network, no
# larger network.

# %% [markdown] exercise="best_possible" minutes=5 difficulty="first steps"
# ### Exercise 3.5: What nobody can beat
#
# Write `best_possible(chances)`: how often is the best answer right, over many photos?


# %% solution="best_possible"
def best_possible(chances):
    """How often the best possible answer is right.

    chances: photos x plates, each row adds up to 1.  Returns a number in [0, 1].
    """
    ### BEGIN SOLUTION
    return chances.max(dim=1).values.mean()
    ### END SOLUTION


# %% check="best_possible" points=1

# %% [markdown] hints="best_possible"
# <details><summary>Hint 1</summary>
#
# To one photo, which plate would you answer? With what chance is that right?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take the largest chance of each row, then the mean over the rows.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `chances.max(dim=____).values.mean()`
#
# </details>

# %% [markdown]
# ## Plausible is not accurate
#
# Here are the figures over many plates, measured when the network was trained: how often its answers are legible, how often they are right, and what nobody can beat.

# %%
curve = recipe["scores"]["curve"]
blurs = [point["blur"] for point in curve]
chart(
    {
        "legible": (blurs, [point["legible"] for point in curve]),
        "right": (blurs, [point["right"] for point in curve]),
        "nobody can beat": (blurs, [point["bound"] for point in curve]),
        "photo itself read right": (blurs, [point["photo right"] for point in curve]),
    },
    x="blur in pixels",
    y="share of plates",
    about="Four lines over the blur: legible answers stay near 1 throughout; right answers fall "
    "from near 1 to 0, below the bound, which is near 1 up to blur 3 and then falls to near 0; the "
    "photos themselves can be read only at the smallest blurs.",
)

# %%
table(
    [
        {
            "blur": f"{point['blur']:g}",
            "legible": f"{point['legible']:.2f}",
            "right": f"{point['right']:.3f}",
            "nobody can beat": f"{point['bound']:.3f}",
            "bits open": f"{point['bits']:.1f}",
        }
        for point in curve
    ],
    about="Answers of the network, and the limit, at each blur",
)

# %% [markdown]
# On the left the button is a gift: at blur 1 the reader can't read the photo itself, and the answer is nearly always right. At blur 2 half of the answers are wrong already, although the photo still settles
# the plate: this network makes less of it than somebody would who knew the light, the dirt and the tilt. On the right it is a trap: as legible as ever, and never right. Nothing in
# the answer says on which side you are; only the count does, and outside a made world nobody can do it. The same at one blur, measured now, on other plates:

# %%
now = enhance.measure(model, reader, 4.0, count=64, first_seed=900_000, counted=24)
then = next(point for point in curve if point["blur"] == 4.0)
table(
    [
        {"": name} | {key: f"{value[key]:.2f}" for key in ("legible", "right", "bound", "bits")}
        for name, value in (("now, 64 plates", now), ("stored", then))
    ],
    about="Blur 4, measured twice",
)

# %% [markdown]
# This has happened. In 2013 David Kriesel found that scanners of a large maker had been swapping digits in scanned documents, sharp and clean: a compression reused
# characters that looked alike. In 2020 a method that makes faces from pixelated photos (Menon et al. 2020, arXiv:2003.03808) made a white man of Barack Obama: *plausible*, for
# what it had been trained on.
#
# Try it. The button draws four other answers, in about a second; the slider blurs, and does not make you wait: what it shows first is drawn beforehand.


# %%
@functools.cache  # what has been drawn is shown again at once
def restored(blur, number):
    """The photo at a blur and four answers, as a figure."""
    shot = enhance.photograph(plate, blur, seed=0)
    tries = enhance.enhance(model, shot.expand(4, -1, -1, -1), seed=100 + number)
    read, _ = reader.read(tries)
    return show(
        [*enhance.enlarge(shot), *tries],
        labels=["the photo", *read],
        columns=5,
        about=f"The photo at blur {blur:g} and four answers to it, which read {', '.join(read)}.",
    )


restored(BLUR, 0)

# %%
for blur in range(9):
    restored(blur, 0)

slider_with_button(
    restored, label="blur", low=0.0, high=8.0, step=1.0, start=BLUR, button="Enhance again"
)

# %% [markdown]
# ## Denoising lots of things
#
# The explainer's next thought: could we have such a model for everything? Train one on cats, one on planes, one on dogs. Here are four small denoisers, each of
# which saw pictures of a single caption, and a *router* in front: a classifier that looks at the noisy picture and says who should have it.

# %%
library = enhance.shipped_library()
captions = list(library.specialists)
scenes = [world.parse(caption) for caption in captions]
real = world.render(scenes, [800_000 + i for i in range(4)])
AMOUNT = 0.8
noisy = blend(real, noise_like(real, seed=5), AMOUNT)
routed = library.route(noisy)
show(
    torch.cat([real, noisy, library.denoise(noisy, AMOUNT, routed)]),
    rows=["fresh", f"noise {AMOUNT:g}", "cleaned"],
    columns=[
        f"{caption}\nrouted to: {world.parse(one).subject}"
        for caption, one in zip(captions, routed, strict=True)
    ],
    about="The router saw only the middle row. The lowest is what the specialist that it "
    "chose made of it.",
    alt="Three rows: a cat, a dog, a plane and a rocket; the same under strong noise; and "
    "what the specialist that the router chose made of each: again a cat, a dog, a plane and "
    "a rocket.",
)

# %% [markdown]
# Each does its own job well. The router makes mistakes:

# %%
tested = library.recipe["scores"]
print(
    f"In a test at noise {tested['amount']:g}: {tested['own']['all']:.2f} restored right by their own "
    f"specialist; {tested['routed right']:.2f} sent to the right one."
)

# %% [markdown]
# So what if the router errs, or there is none, and the cat's specialist gets a plane? More noise still, so that less of the plane shines through:

# %%
STRONGEST = 0.9
cat, dog, plane, rocket = captions
shots = world.render([world.parse(plane)] * 32, range(810_000, 810_032))
noisy = blend(shots, noise_like(shots, seed=6), STRONGEST)
painted = library.denoise(noisy, STRONGEST, [cat] * 32)
show(
    torch.cat([shots[:6], noisy[:6], painted[:6]]),
    rows=["planes", f"noise {STRONGEST:g}", "cat specialist"],
    about="The specialist for cats is given planes. Which parts of the planes can you still "
    "find in its cats?",
    alt="Three rows: planes on a runway; the same under strong noise; and cats on a wooden "
    "floor, painted by the cat's specialist where the planes were.",
)

# %%
critic = judge.shipped_judge()
seen = critic.name(painted)["subject"]
cats = sum("cat" in subject for subject in seen) / len(seen)
print(f"The judge sees a cat in {cats:.0%} of them, and a plane in {seen.count('plane')}.")

# %% [markdown]
# A cat is all that it knows, so a cat is what must have been under the noise. It is the number plate again: what is left in the picture is completed with what is
# plausible to *this* model. The error is spectacular because the model is so specialised.
#
# ## What a router can't do
#
# A router picks one. What if a picture is of two things: the Maine coon, which the first specialist knows, on the runway, which the third knows?

# %%
mixed = world.parse("Maine coon cat laying on a runway")
shots = world.render([mixed] * 32, range(820_000, 820_032))
noisy = blend(shots, noise_like(shots, seed=7), AMOUNT)
routed = library.route(noisy)
cleaned = library.denoise(noisy, AMOUNT, routed)
show(
    torch.cat([shots[:6], cleaned[:6]]),
    rows=["fresh", "cleaned"],
    columns=[f"routed to: {world.parse(caption).subject}" for caption in routed[:6]],
    about="Cats on a runway went in, under noise. None of the specialists knows both.",
    alt="Above, Maine coon cats on a runway; below, what the chosen specialists made of "
    "them: blurred dogs on grass, and planes on a runway.",
)

# %%
right = critic.score(cleaned, [mixed] * 32)
table(
    [
        {
            "sent to": caption,
            "of 32": str(routed.count(caption)),
        }
        for caption in captions
        if caption in routed
    ]
    + [
        {"sent to": f"right: {factor}", "of 32": str(round(32 * share))}
        for factor, share in right.items()
    ],
    about="32 cats on a runway: where the router sent them, and what the judge found right afterwards",
)

# %% [markdown]
# Whichever it picks, the cat is lost, or the runway, or both. A specialist for cats on runways would help, and one for each other pair. Let us add that up.

# %%
sizes = library.recipe["scores"]["parameters"]
each = library.recipe["training"]["specialists"]["pictures"]
painter = pipeline.shipped_pipeline()
rows = [
    {
        "": f"a library for {count} captions",
        "numbers to learn": f"{count * sizes['one specialist'] + sizes['router']:,}",
        "training pictures": f"{count * each:,}",
        "captions never shown to it": "0",
    }
    for count in (len(captions), len(world.scenes()))
]
rows.append(
    {
        "": "one model for all (lesson 5)",
        "numbers to learn": f"{parameter_count(painter.model):,}",
        "training pictures": f"{int(painter.recipe['pictures'].split()[0]):,}",
        "captions never shown to it": f"{len(world.held_out_scenes())}",
    }
)
table(
    rows,
    about="What a library costs, and one model that is told what to paint; and what each serves "
    "without having seen it",
)

# %% [markdown]
# The library grows with every caption, and learns nothing from one specialist for the next: each has to find out anew what a runway looks like. The explainer's answer is one
# larger model for everything, that is *told* what is under the noise. Then nobody has to guess it from the noise, and a cat on a runway is only a matter of saying so.

# %% [markdown]
# ## What you measured

# %%
sharpest, strongest = curve[0], curve[-1]
for point in (sharpest, strongest):
    print(
        f"Blur {point['blur']:g}: legible {point['legible']:.2f}, right {point['right']:.2f}, nobody can beat "
        f"{point['bound']:.3f}, {point['bits']:.1f} bits open."
    )
print(
    f"The mean of 64 answers is wrong by {error(middle):.2f}, one answer by {error(many):.2f}."
)
print(f"The cat's specialist, given planes, painted a cat in {cats:.0%}.")

# %% [markdown]
# **Go further.** Give `enhance.photograph` a picture that is no plate at all, say `pipeline.starting_noise(1, 64, seed=0)[..., :16, :]`, and press the button. Or find the blur at which *you* read as well as the
# reader: draw ten plates with `plates.render_plates(plates.plate_texts(seeds), seeds)` and `seeds = range(3_000, 3_010)`, have somebody blur them, and write down what you see before you look.
#
# **The next question.** One model that is told what to paint: told how? A network takes numbers, and we have words. What numbers is "cat"?
# [Lesson 4: Keys made of words](04_word_keys.ipynb)
