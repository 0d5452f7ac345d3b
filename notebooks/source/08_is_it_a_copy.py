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
#     summary: do the arithmetic of copies, measure when a model copies what it learned from, and argue about what follows
# ---

# %% [markdown]
# # Lesson 8: Is it a copy?
#
# **In the upper row are drawings by two models. Under each is the most similar picture of all that its model learned from. Which drawings are copies?**
#
# ![Two rows of six small pictures of one scene. In the left half, drawings and the pictures under them are alike; in the right half, they show the same scene in other ways.](../../images/copies.webp)
#
# You will be able to
#
# - do the arithmetic of "it is all stored inside" with units, and say what it settles and what not;
# - state a rule for what counts as a copy, and measure how often the rule is wrong;
# - say when a model copies and when it does not, with figures of your own and of others;
# - argue about a question that has no answer in the back of the book.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, most of it two short trainings, and needs
# no network.*

# %%
from course_lib import checks, checkpoints, judge, world
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.judge import neighbours
from course_lib.pictures import chart, example_photo, load_photo, mean_and_spread
from course_lib.pictures import show, table, to_pixels
from course_lib.pipeline import shipped_pipeline, starting_noise
from course_lib.sampling import draw
from course_lib.sizes import calculation, size_calculator
from course_lib.sizes import Bytes, CopyArithmetic, in_two_bytes, model_size, picture_size
from course_lib.training import DenoisingLoss, train
from course_lib.widgets import slider

import copy
import io
import math
import torch
import torch.nn.functional as F
from PIL import Image
from statistics import mean
from tqdm.auto import tqdm

# %% image="copies"
saved, recipe = checkpoints.load_shipped("copies")
scene = world.parse(recipe["caption"])
# The pictures of this caption that lesson 0's model learned from are made again from their seeds.
pipeline, captions, each = shipped_pipeline(), world.seen_scenes(), 480
seeds = 1_000_000 + captions.index(scene) + len(captions) * torch.arange(each)
learned = world.render([scene] * each, seeds)
drawings = pipeline.draw(scene, count=4)  # 4 x 3 x 32 x 32
few = saved["drawn 4"][:3], saved["nearest 4"][:3]
many = drawings[:3], learned[judge.nearest(drawings[:3], learned)[1]]
show(
    [few[0], many[0], few[1], many[1]],
    rows=["drawn", "nearest"],
    columns=["learned from 4 pictures"] * 3 + [f"learned from {len(captions) * each:,}"] * 3,
    about="Under each drawing stands the nearest picture that its model learned from. Which "
    "are copies?",
    alt="Above, three drawings by a model that learned from 4 pictures, and three by one "
    "that learned from thousands; below, the nearest picture that each model learned from.",
)

# %% [markdown]
# On the left, a model that learned from four pictures gives back the four. On the right, the model of lesson 0, which learned from 480 pictures of this caption and from as many of each of 132 others, draws what is in none of them.
# What is different is how many pictures had to share one memory.
#
# ## The arithmetic
#
# The explainer asks whether the pictures are inside the model. Its "very, very short answer: No" is a sum: 2.3 billion pictures of 256 x 256 pixels, 24 bits each, and a model of 4.2 GB. Here it is with units that can't be
# mixed up.

# %%
pictures = 2_300_000_000
one = picture_size(256, 256, bits=24)
collection = pictures * one
model_file = Bytes.parse("4.2 GB")
print(f"One picture: {one}. All of them: {collection}.")
print(f"Divided by the model: {collection / model_file:,.0f} : 1.")
print(f"Model for each picture: {model_file / pictures}.")
for slip in (lambda: model_file + pictures, lambda: pictures / model_file):
    try:
        slip()
    except CourseError as error:
        print("Refused:", error)

# %% [markdown]
# So about 100,000 to 1, or 2 bytes a picture, as the explainer says. (The collection is LAION-2B-en, 2.32 billion pictures with English captions: Schuhmann et al. 2022, NeurIPS, arXiv:2210.08402. The file of Stable Diffusion 1.4
# has 4,265,380,512 bytes.)
#
# Beware of one letter. A GB is 1,000,000,000 bytes, as on the box of a disk; a GiB is 1,073,741,824, as many programs count, and some of them write "GB" all the same.

# %%
print(f"{model_file} = {model_file:GiB};  {collection} = {collection:TiB}")
numbers = 1_066_235_307  # of Stable Diffusion 1: lesson 9 counts them
print(f"{numbers:,} numbers of 32 bits: {model_size(numbers)}.")
print(f"The same in 16 bits: {model_size(numbers, bits=16)}.")

# %% [markdown] exercise="collection_size" minutes=5 difficulty="first steps"
# ### Exercise 8.1: How large is a collection?
#
# Write `collection_size(pictures, width, height, bits)`: the bytes of so many pictures, when each pixel takes `bits` bits. A byte is 8 bits.


# %% solution="collection_size"
def collection_size(pictures, width, height, bits):
    """How many bytes a collection takes.

    pictures: how many.  width, height: of each, in pixels.  bits: for each pixel.  Returns a number.
    """
    ### BEGIN SOLUTION
    return pictures * width * height * bits / 8
    ### END SOLUTION


# %% check="collection_size" points=1

# %% [markdown] hints="collection_size"
# <details><summary>Hint 1</summary>
#
# How many pixels has one picture, and how many have all of them?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Pixels times bits are bits. Then turn bits into bytes: are there more of them, or fewer?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `pictures * width * height * bits / ____`
#
# </details>

# %% [markdown]
# The sum depends on what goes in. Larger pictures make it stronger; pictures kept as JPEG, fewer pictures, or a smaller file change it in either direction. One can count the captions, too, which the model learned from as well; at 60 bytes each they alone would fill the model many times over.

# %%
calculation("2.3 billion", "256", "raw", "0 B", "4.2 GB")

# %%
size_calculator()


# %%
def sum_of(what, pictures, side, bits, caption="0 B", model="4.2 GB"):
    """A row of a table: the same sum from other figures."""
    each = picture_size(side, side, bits=bits) + Bytes.parse(caption)
    told = CopyArithmetic(pictures, each, Bytes.parse(model))
    return {
        "the sum with": what,
        "collection": str(told.collection),
        "to 1": f"{told.ratio:,.0f}",
        "model for each": str(told.share),
    }


table(
    [
        sum_of("the explainer's figures", 2.3e9, 256, 24),
        sum_of("pictures of 512 x 512", 2.3e9, 512, 24),
        sum_of("JPEG, 1.4 bits a pixel", 2.3e9, 256, 1.4),
        sum_of("captions of 60 bytes, no pictures", 2.3e9, 1, 0, caption="60 B"),
        sum_of("numbers of 16 bits in the model", 2.3e9, 256, 24, model="2.1 GB"),
        sum_of("160 million pictures", 1.6e8, 256, 24),
    ],
    about="The explainer's sum, and the same with other figures",
)

# %% [markdown]
# The last row is there because nobody agrees on how many pictures such a model has *seen*. Carlini et al. (2023, see below) say that Stable Diffusion 1.4 was trained on 160 million; its model card names the collection of 2.3 billion for a part of the training, and smaller selections for the rest.
#
# ## What two bytes hold
#
# Two bytes are sixteen bits. Here is the cat in sixteen bits, in three ways: 16 pixels that are black or white; 4 pixels in 16 shades of grey; one pixel in 65,536 colours.

# %%
cat = example_photo("cat", size=256)
tiny = {side: in_two_bytes(cat, side=side) for side in (4, 2, 1)}
show(
    [F.avg_pool2d(cat, 2), *(F.interpolate(small, size=128) for _, small in tiny.values())],
    labels=["the photo"]
    + [f"{side} x {side} pixels:\nnumber {number:,}" for side, (number, _) in tiny.items()],
    columns=4,
    about="How much cat is left in sixteen bits?",
    alt="The photo of a cat, and what sixteen bits keep of it: a few black and white "
    "squares, four grey ones, or one brown one.",
)

# %% [markdown]
# A picture of two bytes is one of 65,536. With 2.3 billion pictures, each of these numbers would have to stand for thirty-five thousand of them. It is worse: two bytes are not even enough for a *name*.

# %% [markdown] exercise="number_bits" minutes=10 difficulty="some thought"
# ### Exercise 8.2: A number for each
#
# Every one of `count` pictures is to get a number of its own, the first number being 0. All numbers are written with equally many bits. Write `number_bits(count)`: how many bits are enough?


# %% solution="number_bits"
def number_bits(count):
    """The smallest number of bits that gives each of `count` things a number of its own.

    count: a whole number, 1 or more; a single thing needs 0 bits.  Returns a whole number.
    """
    ### BEGIN SOLUTION
    bits = 0
    while 2**bits < count:
        bits += 1
    return bits
    ### END SOLUTION


# %% check="number_bits" points=2

# %% [markdown] hints="number_bits"
# <details><summary>Hint 1</summary>
#
# How many different numbers can you write with 1 bit, with 2, with 3? How many bits do 4 pictures need, and how many 5?
#
# </details>
# <details><summary>Hint 2</summary>
#
# With b bits there are 2 to the power of b numbers. Count b up from 0 until that is enough.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `while 2**bits < ____: bits += 1`
#
# </details>

# %%
told = CopyArithmetic(pictures, one, model_file)
print(f"Bits of model for each picture: {told.share.bits:.1f}.")
print(
    f"Bits to give each picture a number, and nothing else: {told.number.bits:.1f}, so {math.ceil(told.number.bits)} whole ones."
)

# %% [markdown]
# What would it take? Here is the photo through the compressors that web pages use, at their usual quality and as small as they go.


# %%
def through(kind, quality):
    """The cat after compression: the size of the file, and what can be read from it again."""
    file = io.BytesIO()
    Image.fromarray(to_pixels(cat)[0]).save(file, kind, quality=quality)
    return Bytes(len(file.getvalue())), load_photo(file.getvalue(), size=256)


squeezed = {
    f"{kind}, quality {quality}": through(kind, quality)
    for kind, quality in (("JPEG", 75), ("JPEG", 5), ("WEBP", 0))
}
show(
    [photo for _, photo in squeezed.values()],
    labels=[f"{name}\n{size}" for name, (size, _) in squeezed.items()],
    columns=3,
    about="The smallest of them is still hundreds of times larger than two bytes.",
    alt="The cat's photo as JPEG at two qualities and as the smallest WebP: from good to "
    "blocks and blur.",
)

# %%
smallest = picture_size(256, 256, bits=0.003)
print(f"The smallest of these files: {min(size for size, _ in squeezed.values())}.")
print(
    f"At 0.003 bits a pixel: {smallest}, {smallest / told.share:.0f} times the model's share."
)
print(f"Pictures of that size in {model_file}: {model_file / smallest:,.0f}.")

# %% [markdown]
# 0.003 bits a pixel is what a codec of 2024 reached (PerCo, Careil et al., ICLR 2024, arXiv:2310.10325: a photo of 512 x 768 in less than 153 bytes). It is no ordinary compressor: a diffusion model makes up what is missing, so that the result is plausible rather than true, like lesson 3's enhance button.
#
# So all 2.3 billion can't be stored. But look at the last line: at that size, 170 million would fit, more than the 160 million above (if the model needed no room for anything else). *Some* can be stored, and with less effort. One that is kept whole, with all its 197 kB, is less than a twenty-thousandth of the model. The sum says what is true on average, and no picture is the average. **Of 2.3 billion pictures the arithmetic forbids that all are in the
# model; of 160 million it does not. And it never forbids any one of them.** For that one has to look.
#
# ## How to look
#
# For each drawing, find the nearest picture that the model learned from. Their distance is the root of the mean squared difference over all pixels, as in lesson 6.

# %% [markdown] exercise="to_nearest" minutes=10 difficulty="some thought"
# ### Exercise 8.3: How far to the nearest?
#
# Write `to_nearest(drawings, known)`: for each drawing its distance to the nearest of the known pictures. The distance of two pictures is the root of the mean of their squared differences.


# %% solution="to_nearest"
def to_nearest(drawings, known):
    """How far each drawing lies from the nearest known picture.

    drawings: B x 3 x H x W.  known: N x 3 x H x W.  Returns B numbers.
    """
    ### BEGIN SOLUTION
    differences = drawings[:, None] - known[None]  # B x N x 3 x H x W
    distances = differences.square().mean(dim=(2, 3, 4)).sqrt()  # B x N
    return distances.min(dim=1).values
    ### END SOLUTION


# %% check="to_nearest" points=2

# %% [markdown] hints="to_nearest"
# <details><summary>Hint 1</summary>
#
# With B drawings and N known pictures, how many distances are there? Along which side do you look for the smallest?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `drawings[:, None] - known[None]` has the shape B x N x 3 x H x W. Square it, take the mean over the last three dimensions, then the root; then the smallest for each drawing.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `differences.square().mean(dim=(2, 3, 4)).sqrt().min(dim=____).values`
#
# </details>

# %% [markdown]
# But how near is too near? The more pictures there are, the nearer one of them lies by chance. So we compare with *fresh* pictures: equally many, made in the same way, that the model never saw. If it lies no nearer to its training pictures than to those, it has not leaned on any of them. The rule of this lesson:
#
# **A drawing is a copy if it lies at most half as far from the nearest training picture as from the nearest of equally many fresh ones.**
#
# "Half" is a choice, and you may choose otherwise. What matters is that it is stated before one looks, and that one knows how often it is wrong: a fresh picture of the world was not copied from anything, so whenever the rule calls one a copy, it is a *false alarm*.

# %% [markdown] exercise="is_copy" minutes=5 difficulty="first steps"
# ### Exercise 8.4: The rule
#
# Write `is_copy(to_known, to_fresh, share)`: for each drawing whether it is a copy. Both distances are given; `share` says how large a part of `to_fresh` the distance `to_known` may be, at most.


# %% solution="is_copy"
def is_copy(to_known, to_fresh, share):
    """Which drawings are copies.

    to_known, to_fresh: B distances each, to the nearest training picture and to the nearest fresh one.  share: a number.
    Returns B booleans.
    """
    ### BEGIN SOLUTION
    return to_known <= share * to_fresh
    ### END SOLUTION


# %% check="is_copy" points=1

# %% [markdown] hints="is_copy"
# <details><summary>Hint 1</summary>
#
# A copy: which of its two distances is the small one?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compare one distance with `share` times the other. "At most" includes equality.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `to_known <= share * ____`
#
# </details>

# %% [markdown]
# ## Two models, in front of you
#
# A small denoiser, as in lesson 6, without captions. It learns from one picture, and then, from the beginning, from four. Each time it draws from noise, and each drawing is held against the rule. The runs that come with the course took
# 1,000 steps each; one picture is learned in fewer.

# %%
live = {}
for size, steps in {1: 200, 4: 800}.items():
    how = recipe["training"]  # all but the steps as in the shipped runs
    torch.manual_seed(0)
    model = Denoiser(**recipe["model"])
    ema_model = copy.deepcopy(model)
    known = saved["training"][:size]
    loss = DenoisingLoss(known, batch=how["batch"], amounts=how["amounts"])
    run = train(
        model,
        loss,
        steps=steps,
        seed=0,
        learning_rate=how["learning_rate"],
        ema_model=ema_model,
        ema_decay=how["ema_decay"],
    )
    for _ in tqdm(run, total=steps, desc=f"pictures: {size}"):
        pass
    noise = starting_noise(32, 32, seed=recipe["noise"])  # 32 x 3 x 32 x 32
    live[size] = draw(ema_model.eval(), noise, steps=12, order=2)


# %%
def over_seeds(name, size, figure, digits=2):
    """Mean of a figure over the seeds, and how far they spread."""
    values = (run[figure] for run in recipe[name] if run["pictures"] == size)
    return mean_and_spread(values, digits)


live_copies = {}
for size, drawn in live.items():
    fresh = world.render([scene] * size, torch.arange(size) + 2_010_000_000)
    live_copies[size] = judge.copied(drawn, saved["training"][:size], fresh).float().mean()
table(
    [
        {
            "pictures": size,
            "copies, here": f"{share:.2f}",
            "copies, as shipped": over_seeds("remember", size, "copies"),
        }
        for size, share in live_copies.items()
    ],
    about="The share of drawings that are copies: of the models just trained, and of the shipped "
    "runs, mean and spread of three seeds",
)

# %%
show(
    [saved["training"][:4], live[4][:8]],
    rows=["learned from", "drawn", "drawn"],
    about="Can you find a drawing that is none of the four?",
    alt="In the first row the four pictures that the second model learned from; in the two "
    "rows below eight of its drawings, which repeat them.",
)

# %% [markdown]
# That is no surprise. Whoever may look at four pictures only, and is told to draw what is likely, draws one of the four. The best possible model of four pictures *is* a copying machine: its training asks for nothing else (Gu et al. 2025, TMLR, arXiv:2310.02664, show it for any number of pictures). So why
# do large models not copy everything?
#
# ## Experiment 1: How much does it remember?
#
# The same network, the same steps, on 1 to 4,096 pictures of one caption, each size three times with other pictures and other seeds. That takes long, so the results come with the course; `course train copies` makes them again.

# %%
print(f"{recipe['parameters']:,} numbers in each model: {model_size(recipe['parameters'])}.")
shown_in_all = recipe["training"]["steps"] * recipe["training"]["batch"]
print(
    f"{shown_in_all:,} pictures are shown to each; {recipe['drawn']} drawings of each are judged."
)
table(
    [
        {
            "pictures": f"{size:,}",
            "each shown": f"{shown_in_all / size:,.0f} times",
            "copies": over_seeds("remember", size, "copies"),
            "by features": over_seeds("remember", size, "feature copies"),
            "false alarms": over_seeds("remember", size, "false alarms", 3),
            "to the nearest": over_seeds("remember", size, "to the nearest", 3),
            "... of fresh ones": over_seeds("remember", size, "to the nearest fresh", 3),
            "model for each": str(Bytes(recipe["bytes"] / size)),
        }
        for size in recipe["sizes"]
    ],
    about="The share of drawings that are copies, by pixels and by the judge's features; how often "
    "the rule calls a fresh picture a copy; mean distances; and bytes of model for each picture. Mean and spread of three seeds",
)

# %% [markdown]
# The column *copies* says what share of the drawings are copies, and *false alarms* is the rule's own error, which should be near 0. The last column is the explainer's: how many bytes of model there are for each picture. Here both questions meet in one chart.

# %%
copies = {
    size: [run["copies"] for run in recipe["remember"] if run["pictures"] == size]
    for size in recipe["sizes"]
}
room = [math.log10(recipe["bytes"] / size) for size in copies]
raw, theirs = math.log10(picture_size(32, 32).count), math.log10(told.share.count)
chart(
    {
        "mean": (room, [mean(shares) for shares in copies.values()]),
        "lowest seed": (room, [min(shares) for shares in copies.values()]),
        "highest seed": (room, [max(shares) for shares in copies.values()]),
        "a raw picture": ([raw, raw], [0, 1]),
        "the explainer's sum": ([theirs, theirs], [0, 1]),
    },
    x="bytes of model for each picture, as a power of 10",
    y="share of copies",
    about="The share of copies against the bytes of model for each picture: near 0 on the left, "
    "where 4,096 pictures share a model, near 1 on the right, where one has it for itself. Two lines mark the size of a raw picture and the explainer's 1.8 bytes.",
)

# %%
sizes = (4, 256, 4096)
show(
    [saved[f"{row} {size}"][:6] for size in sizes for row in ("drawn", "nearest")],
    rows=[f"{row}, {size:,} pictures" for size in sizes for row in ("drawn", "nearest")],
    about="For models that learned from 4, 256 and 4,096 pictures: six drawings, and under "
    "each the nearest of those pictures.",
    alt="For three sizes of the training set a row of six drawings and under it the nearest "
    "training pictures: alike for four pictures; for 256 and 4,096 the drawings are blurred, "
    "and lie otherwise.",
)

# %% [markdown]
# One thing in these rows should make you suspicious: the drawings of 256 and of 4,096 are blurred. Eight thousand looks are few for so many pictures, and a blur is no copy of anything. So let us ask a model that draws sharply: the one of lesson 0.

# %%
drawings = pipeline.draw(scene, count=32)
fresh = world.render([scene] * each, seeds + 2_000_000_000)
print(
    f"Pictures that it learned from: {each * len(captions):,}, {each} of this caption. "
    f"Copies among {len(drawings)} drawings: {judge.copied(drawings, learned, fresh).sum()}."
)
for name, others in (("training picture", learned), ("fresh one", fresh)):
    print(f"To the nearest {name}: {judge.nearest(drawings, others)[0].mean():.3f}.")

# %%
show(
    [drawings[:6], learned[judge.nearest(drawings[:6], learned)[1]]],
    rows=["drawn", "nearest"],
    about="Under each drawing the nearest of the 480 pictures of this caption that the model "
    "learned from.",
    alt="Six sharp drawings by the shipped model and under each the nearest of the 480 "
    "pictures of this caption that it learned from: the same scene, with another light, tail "
    "or cloud.",
)

# %% [markdown]
# Sharp, and no copy: its training pictures lie as far away as those that it never saw.
#
# So of one picture, and of four, everything is a copy; of sixteen, some; of 64 and more, nothing. Now look at the last column of the table. At 64 pictures there are still 67 kB of model for each: a raw picture of this size takes 3 kB, so *all* of them could be stored twenty times over, and not one of 768 drawings is a copy. At 4,096 it is 1 kB, hundreds
# of times the explainer's 1.8 bytes. So where there is no room, not everything can be stored; but where there is room, nothing need be. Two things go along with the copies here, and always together: how often each picture came round, and how few others there were. The next experiment takes them apart.
#
# ## Experiment 2: The picture that is there again and again
#
# Real collections are not a set of different pictures. A famous painting, a logo, a product photo is there hundreds of times. About 30 % of LAION-2B are duplicates, roughly 700 million pictures (Webster et al. 2023, arXiv:2303.12733). So the average of 2 bytes says little about *them*.
#
# Our small case: 1,000 pictures, of which one fills 10 %, 3 % or 1 % of the training. It is the one least like the others, so that no drawing is taken for it by chance. How often does it come back, compared with any of the others?

# %% [markdown] exercise="times_as_often" minutes=10 difficulty="some thought"
# ### Exercise 8.5: How many times as often?
#
# For each drawing you are told which training picture it is a copy of, or -1 if it is a copy of none. Write `times_as_often(copy_of, repeated, count)`: how many times as often the repeated picture came back as *one* of the others did on average.


# %% solution="times_as_often"
def times_as_often(copy_of, repeated, count):
    """How much more often the repeated picture is copied than the average other one.

    copy_of: a list with a number for each drawing: the training picture that it copies, from 0 to count - 1, or -1.
    repeated: the number of the repeated picture.  count: how many training pictures there are.
    At least one drawing copies another picture.  Returns a number.
    """
    ### BEGIN SOLUTION
    back = sum(number == repeated for number in copy_of)
    others = sum(number not in (repeated, -1) for number in copy_of)
    return back / (others / (count - 1))
    ### END SOLUTION


# %% check="times_as_often" points=2

# %% [markdown] hints="times_as_often"
# <details><summary>Hint 1</summary>
#
# If 30 drawings copy the repeated picture and 30 copy others, is that "equally often"? How many others are there to share those 30?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Count three kinds of drawings: copies of the repeated one, copies of others, copies of none. Divide the second count by the number of the other pictures.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `back / (others / (count - ____))`
#
# </details>


# %%
def times(run):
    """If no other came back, the least that it is with 95 % confidence: fewer than 3 come back then (rule of three)."""
    if not run["came back"]:
        return "-"
    return f"{run['times']:,.0f}" if run["any other"] else f"at least {run['times'] / 3:,.0f}"


repeating, often = recipe["repeating"], {run["share"]: run for run in recipe["repeated"]}
shown_in_all = repeating["steps"] * recipe["training"]["batch"]
table(
    [
        {
            "share of the training": f"{share:.0%}",
            "shown": f"{share * shown_in_all:,.0f} times",
            "came back": f"{run['came back']:.2%}",
            "one of the others": f"{run['any other']:.4%}",
            "times as often": times(run),
        }
        for share, run in often.items()
    ],
    about="How often one picture comes back as a copy, by its share of the training, beside the "
    f"average other training picture; {repeating['drawn']:,} drawings of each model",
)

# %%
show(
    [
        part
        for share in often
        for part in (saved["repeated"], saved[f"nearest to repeated, {share:g}"][:5])
    ],
    rows=[f"{share:.0%} of the training" for share in often],
    columns=["the repeated picture", "nearest", "2nd", "3rd", "4th", "5th"],
    about=f"Of {repeating['drawn']:,} drawings by each model these are only the five that come "
    "nearest to the repeated picture.",
    alt="Three rows, each with the repeated picture and the five drawings that come nearest "
    "to it, by a model in whose training it had a share: at 10 percent they repeat it down "
    "to the cloud, at 3 percent nearly, at 1 percent clouds and cats differ.",
)

# %% [markdown]
# A model that drew just what it was shown would bring the picture back as often as it was shown: in 10 %, 3 % and 1 % of the drawings. It came back less often, and the less it was shown, the larger the gap; but the others did not come back at all. So it is not the size of the model or of the collection alone. One picture that is repeated is copied by a model that copies no other.
#
# ### At full scale
#
# Here the explainer needs a correction. It is of December 2022; in that month and the next, two groups told what they had found when they looked.
#
# | Who | Where they looked | What they found |
# | --- | --- | --- |
# | Carlini et al. 2023, "Extracting training data from diffusion models", USENIX Security ([arXiv:2301.13188](https://arxiv.org/abs/2301.13188)) | Stable Diffusion 1.4: the 350,000 *most duplicated* training pictures, 500 drawings for the caption of each, 175 million drawings | 94 pictures came back by a strict distance; 109 by the paper's count with near-copies. Most of them stand in the training at least 100 times |
# | the same | Imagen: the 1,000 most duplicated captions | 23 |
# | the same | models of their own on CIFAR-10, 50,000 small pictures | 1,280 came back; 986 after 5,275 near-duplicates were taken out |
# | Somepalli et al. 2023, "Diffusion art or digital forgery?", CVPR ([arXiv:2212.03860](https://arxiv.org/abs/2212.03860)) | Stable Diffusion 1.4: 9,000 captions taken at random, compared with 12 million of its training pictures | 1.88 % of the drawings show something that stands in a training picture, too: a looser rule, and by the authors' words an underestimate. Close matches are pictures that were there 34.1 times on average, a random one 11.6 times |
# | Somepalli et al. 2023, "Understanding and mitigating copying in diffusion models", NeurIPS ([arXiv:2305.20086](https://arxiv.org/abs/2305.20086)) | models trained with and without captions | duplicates are not all: captions play "a similarly important role", and without captions copies are rare |
# | OpenAI 2022, "DALL·E 2 pre-training mitigations" | an early model: 50,000 captions of its training | a few hundred copies, less than 1 %; nearly all were simple vector graphics, and all had many near-duplicates in the training |
#
# Two cautions. The 109 are no rate: they are what a search found where copies were likeliest. And the two rules differ, so 94 and 1.88 % can't be set side by side. But nobody who has read them can say that it never happens. The remedy is what our table suggests: to look for duplicates before the training, and to
# take them out. OpenAI did. The model card of Stable Diffusion 1.4 says that nobody had done it there: "As a result, we observe some degree of memorization for images that are duplicated in the training data."
#
# ## Experiment 3: Two halves
#
# Now the other end. Two models learn from pictures that have *nothing* in common: not one training picture of the one was shown to the other. Then both start from the same noise. If each only pasted its own pictures together, there would be little reason why they should agree.

# %% [markdown] exercise="pair_distances" minutes=10 difficulty="a challenge"
# ### Exercise 8.6: From the same noise
#
# Drawing i of `first` and drawing i of `second` began as the same noise. Write `pair_distances(first, second)`: the mean distance of drawings from the same noise, and the mean distance of drawings from different noise. Distances are root mean squares, as before.


# %% solution="pair_distances"
def pair_distances(first, second):
    """How alike two models draw from the same noise, and from different noise.

    first, second: B x 3 x H x W, drawings of two models, B at least 2.  Returns two numbers: same noise, different noise.
    """
    ### BEGIN SOLUTION
    differences = first[:, None] - second[None]  # B x B x 3 x H x W
    distances = differences.square().mean(dim=(2, 3, 4)).sqrt()  # B x B
    same = torch.eye(len(first), dtype=torch.bool)
    return distances[same].mean(), distances[~same].mean()
    ### END SOLUTION


# %% check="pair_distances" points=2

# %% [markdown] hints="pair_distances"
# <details><summary>Hint 1</summary>
#
# Imagine a table with a row for each drawing of the first model and a column for each of the second. Where in it are the pairs from the same noise?
#
# </details>
# <details><summary>Hint 2</summary>
#
# They are the diagonal. The rest of the table is the second mean. `torch.eye(B, dtype=torch.bool)` marks the diagonal.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `return distances[same].mean(), distances[____].mean()`
#
# </details>

# %%
halves = sorted({run["pictures"] for run in recipe["halves"]})
table(
    [
        {
            "pictures of each": f"{size:,}",
            "same noise": over_seeds("halves", size, "same noise", 3),
            "different noise": over_seeds("halves", size, "different noise", 3),
            "copies of its own half": over_seeds("remember", size, "copies"),
        }
        for size in halves
    ],
    about="The distance of two models' drawings from the same noise, and from different noise; and "
    "how many drawings are copies of what that model learned from",
)

# %%
apart = {
    figure: [
        mean(run[figure] for run in recipe["halves"] if run["pictures"] == size)
        for size in halves
    ]
    for figure in ("same noise", "different noise")
}
powers = [math.log2(size) for size in halves]
chart(
    {
        "same noise": (powers, apart["same noise"]),
        "different noise": (powers, apart["different noise"]),
    },
    x="pictures of each model, as a power of 2",
    y="distance of their drawings",
    about="The distance of two models' drawings against the number of pictures that each learned "
    + "; ".join(
        f"from {noise} it falls from {line[0]:.2f} to {line[-1]:.2f}"
        for noise, line in apart.items()
    )
    + ".",
)

# %%
show(
    [saved[f"drawn {size}{who}"][:6] for size in sizes for who in ("", ", other")],
    rows=[f"{who}, {size:,} pictures" for size in sizes for who in ("A", "B")],
    about="Models A and B share no training picture, and start from the same noise in each "
    "column. Compare the two rows of each pair.",
    alt="Three pairs of rows: what two models, A and B, which share no training picture, "
    "draw from the same six noises, for few training pictures and for many.",
)

# %% [markdown]
# With few pictures the two have nothing in common: each draws its own. The more pictures they learned from, the more alike they draw, though neither has seen a picture of the other's. (Blur alone would make drawings from different noise alike, too, and their distance falls far less.) What they share is in no single picture; it is what all pictures of this kind have in common. A drawing on which both agree, and which is in neither half,
# is a copy of neither.
#
# Kadkhodaie et al. (2024, ICLR, arXiv:2310.02557) did this with faces: up to 100 faces the networks memorise, at 1,000 the drawings resemble training faces with distortions, and at 100,000 two networks that share no face draw nearly identical ones, which are in neither set. (So the number of pictures that is enough depends on the pictures and on the network: our cartoons of one caption
# are simpler than faces.)
#
# ## Look for yourself
#
# A rule is a rule. Here is a drawing by the shipped model, the five nearest of its training pictures, and what is different. Grey means that nothing is.


# %%
def viewer(number):
    return neighbours(
        drawings[int(number) - 1],
        learned,
        about=f"Drawing {number:g} by the shipped model, the five nearest of its training pictures, "
        "and under each its difference from the drawing.",
    )


viewer(1)

# %%
slider(viewer, label="drawing", low=1, high=len(drawings), step=1, start=1)

# %% [markdown]
# What would you call a copy? A drawing with the same pose, but another light? The same cat on other grass? Our rule counts pixels; the judge's features count what is shown; a court counts something else again.
#
# ## What follows?
#
# The explainer ends with questions that no experiment settles. Nor does this lesson. Below is a written exercise: a person reads it, and grades how you reason, not where you come out. First, the measured facts that you may lean on.

# %%
first, last = recipe["sizes"][0], recipe["sizes"][-1]
facts = {
    "Arithmetic: model for each of 2.3 billion pictures": str(told.share),
    "Arithmetic: bits to give each a number": f"{told.number.bits:.1f}, of {told.share.bits:.1f}",
    f"Copies, model of {first} picture": over_seeds("remember", first, "copies"),
    f"Copies, model of {last:,} pictures": over_seeds("remember", last, "copies"),
    "One picture that fills 10% of the training: came back": f"{often[0.1]['came back']:.1%}",
    "... times as often as another": times(often[0.1]),
    f"Two models, {halves[-1]:,} pictures each, same noise: distance": f"{apart['same noise'][-1]:.3f}",
    "... different noise": f"{apart['different noise'][-1]:.3f}",
    "At full scale: found again of 350,000 most duplicated": "94 (109 with near-copies), Carlini et al. 2023",
}
table(
    [{"what was measured": what, "figure": figure} for what, figure in facts.items()],
    about="Facts of this lesson",
)

# %% [markdown] exercise="what_follows" minutes=30 difficulty="a challenge"
# ### Exercise 8.7: What follows?
#
# Choose one of these questions, and answer it in 300 to 500 words, for a reader who disagrees with you.
#
# 1. *Learning.* May a model learn from pictures whose makers were not asked? Does it matter whether any of them can be had back from it?
# 2. *Drawing.* A drawing turns out to be a copy by some rule. Who answers for it: who collected the pictures, who trained the model, who typed the caption, who shows the drawing?
# 3. *Style.* No picture is copied, but the caption asks for the style of a living painter. Is anything taken from them, and if so, what? Is it different for a filter like those of lesson 6, or for a student?
# 4. *Persons.* Somebody's face, or a photo from their medical record, is in the collection. What, if anything, should they be able to ask for? What could "take me out" mean, once the training is over?
# 5. *Owning.* Whose is the drawing: the typist's, the model's maker's, the painters' whose pictures it learned from, everybody's, nobody's?
#
# **How it is graded.** By a person, by this table. No point depends on which side you take.
#
# | What counts | Points |
# | --- | ---: |
# | The question is made precise: who, what, where; and what is left aside | 1 |
# | At least two measured facts, of this lesson or of its sources, each with its figure, and with what it does *not* show | 3 |
# | The strongest argument of the other side, as its own people would put it, and an answer to it | 3 |
# | What is the case, what some law says, and what ought to be are kept apart; of a law, it is said which country's | 2 |
# | What finding, or which case, would change your mind | 1 |

# %% [markdown] answer="what_follows" points=10
# *There is no model answer.* People who agree on every figure of this lesson disagree on what follows from them, and the course takes no side. Before you hand in, read your text against the table of the task, row by row: which sentence of yours earns the points?

# %% [markdown]
# ## What you measured

# %%
print(
    f"The sum: {told.collection} of pictures, {told.model} of model: {told.ratio:,.0f} to 1, {told.share} for each picture."
)
print(
    f"Copies: {over_seeds('remember', first, 'copies')} of the drawings by a model of {first} picture, "
    f"{over_seeds('remember', last, 'copies')} by one of {last:,}."
)
print(
    f"A picture that fills 10% of the training came back in {often[0.1]['came back']:.1%} of the drawings, "
    f"{times(often[0.1])} times as often as another."
)
print(
    f"Two models without a common picture, {halves[-1]:,} each: their drawings lie {apart['same noise'][-1]:.3f} apart from the same noise, "
    f"{apart['different noise'][-1]:.3f} from different noise."
)

# %% [markdown]
# So the answer is longer than "No": of 2.3 billion not all and not most, and some of them yes, above all those that were there many times.
#
# **Go further.** Train the live model of four pictures with one of them eight times in the set (`saved["training"][[0, 1, 2] + [3] * 8]`), and count which comes back. Then choose another share for the rule, `judge.copied(..., share=0.7)`: what happens to the copies, and what to the false alarms?
#
# **The next question.** All our models were small enough to be taken apart. Is there the same inside the one that everybody uses? That is [lesson 9](09_inside_stable_diffusion.ipynb).
