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
#     reading_minutes: 25
#     summary: make new pictures out of old ones, keep their captions true, and measure when that helps
# ---

# %% [markdown]
# # Lesson 6: More pictures without a camera
#
# **You have a hundred pictures and can't take more. Of these eight, six were never taken. Are their captions still true?**
#
# ![Two rows of four small pictures: a striped cat on grass and a rocket on Mars, each as it was, as its mirror image, cut into facets with dark seams, and with brush strokes. Under each stands its caption.](../../images/augmented.webp)
#
# You will be able to
#
# - make new pictures out of old ones, and change the caption where the picture demands it;
# - say which of these changes are safe for which caption, and measure it where you are not sure;
# - build the two filters behind "Cubism." and "Oil painting.";
# - read from an experiment what augmentation gains, where it gains nothing, and where it does harm.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, most of it four short trainings, and needs
# no network.*

# %%
from course_lib import augment, checks, enhance, checkpoints, judge, words, world
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.noise import add_noise
from course_lib.pictures import chart, mean_and_spread, show, table
from course_lib.sampling import draw
from course_lib.training import DenoisingLoss, train
from course_lib.world.plates import plate_texts, render_plates
from course_lib.world.shapes import SeededDetails

import torch
from statistics import mean
from tqdm.auto import tqdm

# %% [markdown]
# ## Picture and caption
#
# To make new training pictures out of old ones is called *data augmentation*. For a model that is told what a picture shows, a picture is one half of an example; the
# caption is the other. So every augmentation of this lesson takes pictures, their captions and a seed for each, and gives back pictures *and* captions.

# %% image="augmented"
cat = world.parse("Maine coon cat laying on grass")
rocket = world.parse("Rocket parked on runway on Mars")
pictures = world.render([cat, rocket], (0, 5), size=64)
captions = [cat.caption, rocket.caption]
flipped = pictures.flip(3)  # the columns in reverse order: a mirror image
cubist, cubist_captions = augment.cubism(pictures, captions, (11, 10))
painted, painted_captions = augment.oil_painting(pictures, captions, (1, 5))
said = captions * 2 + cubist_captions + painted_captions
order = (0, 2, 4, 6, 1, 3, 5, 7)
show(
    torch.cat([pictures, flipped, cubist, painted])[list(order)],
    labels=[said[i] for i in order],
    columns=["as it was", "its mirror image", "Cubism", "oil painting"],
    about="Under each picture stands the caption that it would be trained with.",
    alt="A striped cat on grass and a rocket on Mars, each as it was, as its mirror image, "
    "as Cubism and as an oil painting, with their captions.",
)

# %% [markdown]
# Here is the list. The last column is the point of this lesson.

# %%
table(
    [
        {"augmentation": change.name, "what it does to the caption": change.does}
        for change in augment.AUGMENTATIONS
    ],
    about="The course's augmentations",
)

# %%
some = world.seen_scenes()[:92:23]
before = world.render(some, range(4), size=32)
rows = [before]
for change in (augment.flip, augment.crop, augment.colour):
    rows.append(change(before, [scene.caption for scene in some], (6, 14, 25, 29))[0])
show(
    torch.cat(rows),
    rows=["as it was", "flip", "crop", "colour"],
    about="Each row changes the first one anew. A flip comes up half of the time, so some "
    "pictures are left alone.",
    alt="Four pictures, and under them the same ones flipped (some of them), moved within "
    "the frame, and in a slightly different light.",
)

# %% [markdown]
# ## When is the caption still true?
#
# The mirror image of a cat is a cat. But a caption may say more than that.

# %% [markdown] exercise="mirror" minutes=10 difficulty="some thought"
# ### Exercise 6.1: The mirror image, and what to call it
#
# Write `mirror(pictures, captions)`: it returns the mirror images (left becomes right) *and* their captions, in which the words "left" and "right" have changed places.


# %% solution="mirror"
def mirror(pictures, captions):
    """Mirror images with captions that are true of them.

    pictures: B x 3 x H x W.  captions: a list of B texts.  Returns the pictures, B x 3 x H x W, and a list of B texts.
    """
    ### BEGIN SOLUTION
    import re

    other = {"left": "right", "right": "left"}
    said = [
        re.sub(r"\b(left|right)\b", lambda word: other[word[0]], caption)
        for caption in captions
    ]
    return pictures.flip(3), said
    ### END SOLUTION


# %% check="mirror" points=2

# %% [markdown] hints="mirror"
# <details><summary>Hint 1</summary>
#
# What becomes of "left" if you first replace every "left" by "right" and then every "right" by "left"? And what of a "bright" lamp?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `re.sub(pattern, function, text)` replaces every match by what the function makes of it, all at once. In a pattern `\b` stands for the edge of a word.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `re.sub(r"\b(left|right)\b", lambda word: ____[word[0]], caption)`
#
# </details>

# %% [markdown]
# How wrong does it go if one forgets the words? In the course's world the seed decides which way an animal looks, so we know it. We teach a small judge to see it (3,840 pictures of
# its own seeds), and then ask it about pictures whose captions say "looking left" or "looking right".

# %%
sides = ("right", "left")
animals = [scene for scene in world.scenes() if scene.subject in ("dog", "Siamese cat")]


def looking(count, first_seed):
    """Pictures of animals, and which way each looks: the renderer draws that from the seed."""
    seeds = torch.arange(count) + first_seed
    facing = SeededDetails(seeds).sign("facing").flatten()  # 1 is left, -1 is right
    shown = [animals[i % len(animals)] for i in range(count)]
    return world.render(shown, seeds), [
        f"{scene.caption[:-1]}, looking {sides[side > 0]}."
        for scene, side in zip(shown, facing, strict=True)
    ]


torch.manual_seed(0)
observer = judge.Judge({"side": sides}, widths=(16, 24, 32))
optimizer = torch.optim.Adam(observer.parameters(), lr=4e-3)
for number in tqdm(range(120), desc="a judge of sides"):
    seen, told = looking(32, 1_600_000_000 + 32 * number)
    answers = torch.tensor(
        [sides.index("left" if "left" in text else "right") for text in told]
    )
    loss = torch.nn.functional.cross_entropy(observer(seen)["side"], answers)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %%
def agrees(pictures, captions):
    """The share of pictures that look to the side that their captions say."""
    named = observer.name(pictures, allow_reject=False)["side"]
    return mean(side in caption for side, caption in zip(named, captions, strict=True))


seen, told = looking(256, 2_000_000_000)
always = [augment.mirrored(caption) for caption in told]
share_true = {
    "as they are": agrees(seen, told),
    "flipped, captions left as they were": agrees(seen.flip(3), told),
    "flipped, captions changed too": agrees(seen.flip(3), always),
}
table(
    [{"pictures": name, "caption true": f"{share:.2f}"} for name, share in share_true.items()],
    about="Share of 256 pictures that look to the side that their captions say",
)

# %% [markdown]
# A model trained on the middle row would learn left and right the wrong way round; trained on flipped and unflipped pictures with unchanged captions, it would learn that the words mean
# nothing. Swapping two words mends it.
#
# ## Where no words help
#
# Some captions can't be mended. Lesson 3's reader was trained on sharp number plates. We show it plates, and their mirror images.

# %%
_, reader, _ = enhance.shipped_button()
numbers = plate_texts(range(256))
plates = render_plates(numbers, range(256))
read = {
    "as they are": reader.score(plates, numbers),
    "flipped": reader.score(plates.flip(3), numbers),
}
table(
    [{"plates": name, "read right": f"{score['right']:.2f}"} for name, score in read.items()],
    about="256 number plates, read by the reader of lesson 3",
)

# %%
show(
    torch.cat([plates[:3], plates[:3].flip(3)]),
    labels=[f'caption: "{text}"' for text in numbers[:3]]
    + [f'read: "{text}"' for text in reader.read(plates[:3].flip(3))[0]],
    rows=["plate", "mirror image"],
    about="Above, the text of each plate. Below, what a network reads that has learned to "
    "read plates.",
    alt="Three number plates and their mirror images, with what the reader makes of them.",
)

# %% [markdown]
# Where the caption says what is *written* in the picture, a mirror image has no true caption at all. `augment.flip` leaves such pictures alone. It finds them by a short list of words and
# signs, which is easily fooled: in a real collection nobody has written into the caption that a street sign stands in the background.

# %%
for caption in (
    "Maine coon cat laying on grass.",
    "Dog looking left.",
    f"Number plate {numbers[0]}.",
):
    print(f"{caption:34}", {change.name: change.keeps(caption) for change in augment.KEEPING})

# %% [markdown] exercise="safe" minutes=10 difficulty="some thought"
# ### Exercise 6.2: Which are safe?
#
# Somebody has written down for each augmentation the words that it makes untrue: to make pictures grey breaks captions that say "red". Write `safe(caption, breaks)`: the names of those
# augmentations after which the caption is as true as before.


# %% solution="safe"
def safe(caption, breaks):
    """The augmentations that keep a caption true.

    caption: a text.  breaks: a dict from a name, say "grey", to a list of words, say ["red", "green"], in lower case.
    Returns a list of names.
    """
    ### BEGIN SOLUTION
    import re

    said = set(re.findall(r"\w+", caption.lower()))
    return [name for name, spoilt in breaks.items() if not said & set(spoilt)]
    ### END SOLUTION


# %% check="safe" points=2

# %% [markdown] hints="safe"
# <details><summary>Hint 1</summary>
#
# Does the caption "A bright room." say "right"? Does "Left of the dog." say "left"?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Cut the caption into whole words in lower case, without full stops and commas. An augmentation is safe if none of its words is among them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `said = set(re.findall(r"\w+", ____))`
#
# </details>

# %% [markdown]
# ## A true caption is not enough
#
# A crop keeps every caption of this world true. And yet: our crop moves the picture by up to two pixels of 32 and fills the gap with a mirror image of the edge. No
# picture of the world looks like that. The judge of lesson 5, which refuses what it does not know, says how far each augmentation leads away from real pictures.

# %%
critic = judge.shipped_judge()
scenes = world.seen_scenes()
shown = [scenes[i % len(scenes)] for i in range(512)]
told = [scene.caption for scene in shown]
real, again = (
    world.render(shown, torch.arange(512) + first) for first in (2_000_000_000, 2_000_010_000)
)
rows = [("other real pictures", again)] + [
    (change.name, change(again, told, range(512))[0]) for change in augment.KEEPING
]
away = {name: critic.distance(changed, real) for name, changed in rows}
table(
    [
        {
            "pictures": name,
            "judge agrees": f"{critic.score(changed, shown)['all']:.2f}",
            "Fréchet distance": f"{away[name]:.2f}",
        }
        for name, changed in rows
    ],
    about="512 real pictures after each augmentation: share in which the judge sees what the "
    "caption says, and the distance from real pictures",
)

# %% [markdown]
# A model that is trained on cropped pictures will draw cropped pictures: the augmentation *leaks* (the word is that of Karras et al. 2020, arXiv:2006.06676; Karras et al. 2022,
# arXiv:2206.00364, tell the denoiser which augmentation it sees, so that it can be asked for none). In the experiments below we flip, and do not crop.

# %% [markdown]
# ## The styles: picture and caption change
#
# The explainer's trick: put a picture through a filter of an image editor, and write the filter's name into the caption. From a thousand photos one gets a thousand oil paintings, with captions.
# Nobody painted them, and no painter would mistake them for paintings. But a model can learn from them what the words ask for.
#
# The cubist filter cuts the picture along straight lines. Each facet shows the scene from a slightly different place, flatter and in a light of its own; the cuts stay visible as dark seams.

# %%
gallery = [
    world.parse(text)
    for text in (
        "Siamese cat sitting on a sofa",
        "Dog standing on a wooden floor",
        "Plane flying over grass",
        "Black cat laying on a white sofa",
        "Rocket parked on runway on Mars",
    )
]
photos = world.render(gallery, (1, 2, 3, 4, 5), size=64)
titles = [scene.caption for scene in gallery]
styled = [photos] + [
    change(photos, titles, (108, 2, 3, 12, 5))[0]
    for change in (augment.cubism, augment.oil_painting)
]
show(
    torch.cat(styled),
    rows=["as it was", "Cubism.", "Oil painting."],
    columns=titles,
    about="The word on the left is what each filter adds to the captions.",
    alt="Five pictures of the world; under them the same cut into facets with dark seams; "
    "under those the same in brush strokes.",
)

# %% [markdown] exercise="flat" minutes=10 difficulty="some thought"
# ### Exercise 6.3: Flat facets
#
# Facets look flat because their colours are drawn towards their mean. Write `flat(picture, regions)`: each region gets its mean colour. `regions` has a whole number for each pixel, 0, 1, 2, ...: which
# region it belongs to.


# %% solution="flat"
def flat(picture, regions):
    """Paint each region in its mean colour.

    picture: 1 x 3 x H x W.  regions: H x W, whole numbers from 0 on.  Returns 1 x 3 x H x W.
    """
    ### BEGIN SOLUTION
    painted = picture.clone()
    for region in regions.unique():
        inside = regions == region  # H x W booleans
        painted[:, :, inside] = picture[:, :, inside].mean(dim=2, keepdim=True)
    return painted
    ### END SOLUTION


# %% check="flat" points=2

# %% [markdown] hints="flat"
# <details><summary>Hint 1</summary>
#
# How many numbers is a mean colour? Which pixels go into it?
#
# </details>
# <details><summary>Hint 2</summary>
#
# For each region, `inside = regions == region` marks its pixels, and `picture[:, :, inside]` picks them: 1 x 3 x (as many as there are).
#
# </details>
# <details><summary>Hint 3</summary>
#
# `painted[:, :, inside] = picture[:, :, inside].mean(dim=____, keepdim=True)`
#
# </details>

# %% [markdown]
# The oil filter works in two steps. First it clears small detail away and keeps the edges, with a trick from 1976 (Kuwahara's filter): for each pixel look at four windows, of which it is a corner each time, and take
# the mean colour of the one that varies least. A window across an edge varies a lot, so it is never taken. Then colours and a little noise are smeared along the edges: the brush strokes.

# %% [markdown] exercise="quietest" minutes=10 difficulty="a challenge"
# ### Exercise 6.4: The quietest window
#
# The means and the spreads of K windows are given for each pixel. Write `quietest(means, spreads)`: at each pixel the mean of the window with the smallest spread.


# %% solution="quietest"
def quietest(means, spreads):
    """At each pixel the mean of the window that varies least.

    means: K x 3 x H x W.  spreads: K x H x W.  Returns 1 x 3 x H x W.
    """
    ### BEGIN SOLUTION
    least = spreads.argmin(dim=0)  # H x W: which window
    return means.gather(0, least[None, None].expand(1, 3, -1, -1))
    ### END SOLUTION


# %% check="quietest" points=2

# %% [markdown] hints="quietest"
# <details><summary>Hint 1</summary>
#
# Which window is taken may differ from pixel to pixel, but not from colour to colour.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Go through the windows one after the other, and keep for each pixel the best mean so far and its spread: `torch.where(condition, one, other)` chooses pixel by pixel. Or find the
# number of the window with `argmin`, and pick with `gather`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `best = torch.where(spread < least, ____, best)`, and then `least = torch.minimum(spread, least)`
#
# </details>

# %% [markdown]
# ## Words for the styles
#
# The caption has new words now, and the course's word vectors have never met them. The shipped vectors have to stay as they are, since the shipped models were trained with them. So we
# train others, on the same corpus and a few thousand sentences more.

# %%
try:
    words.caption_key(words.shipped_words(), cubist_captions[0])
except CourseError as error:
    print(error)
more = augment.style_sentences()
print(*(" ".join(sentence) for sentence in more[:3]), sep="\n")
others = words.train_words(words.corpus() + more)
for word in ("cat", "cubism"):
    print(f"{word}:", [near for near, _ in others.nearest(others.vector(word))[1:]])

# %% [markdown]
# The new training knows both old words and new ones. But it has turned everything its own way: the same word points elsewhere in it than in the shipped vectors, though the neighbours of "cat" are alike. `words.joined` looks for
# the turn that brings the words known to both nearest to each other, and turns the new words the same way (Mikolov and others translated words between languages so: 2013, arXiv:1309.4168).

# %%
shipped = words.shipped_words()
vectors = words.joined(shipped, others)
# Tried on words whose place is known: every second word is turned as if it were new.
unseen = shipped.vocabulary[1::2]
half = words.joined(words.Words(shipped.vocabulary[::2], shipped.vectors[::2]), others)
for name, found in (("as it was trained", others), ("turned", half)):
    cosines = [float(shipped.vector(word) @ found.vector(word)) for word in unseen]
    print(f"A word {name}: cosine with its shipped vector {mean(cosines):.2f}.")

# %%
styled_key = words.caption_key(vectors, cubist_captions[0])
plain_key = words.caption_key(shipped, captions[0])
cubism_key = words.caption_key(vectors, "Cubism", offset=7)
print(f"{len(words.tokens(captions[0]))} words, so the style stands at offset 7.")
print(
    "key of the whole - shipped key of the photo - key of the style: largest number "
    f"{(styled_key - plain_key - cubism_key).abs().max():.1g}"
)

# %% [markdown]
# A style is one more part of the sum. That is what will let a model use it with subjects that never had it. But first the question of the hundred pictures.
#
# ## What does it gain? A small case
#
# Twenty-four pictures: three of each of eight captions. Two models of one kind get the same number of steps; one sees the pictures as they are, the other flips them at random.

# %%
library = world.small_library()  # eight scenes: four subjects, each in two places
STEPS = 400
few = [library[i % 8] for i in range(24)]
album, names = world.render(few, range(24)), [scene.caption for scene in few]
keys = words.caption_keys(words.shipped_words(), names)
models = {}
for way, material in (
    ("as they are", album),
    ("flipped at random", augment.Augmented(album, names, using=[augment.flip])),
):
    torch.manual_seed(0)
    model = Denoiser(predicts="picture", fold=2, widths=(16, 32, 64), key_size=64)
    loss = DenoisingLoss(material, keys, batch=16, amounts="logit-normal")
    run = train(model, loss, steps=STEPS, seed=0, learning_rate=4e-3)
    losses = [step.loss for step in tqdm(run, total=STEPS, desc=way)]
    models[way] = model, mean(losses[-50:])

# %% [markdown]
# Now give both models something new: fresh pictures of the same eight captions, three tenths noise. Each model knows the caption and has to finish the picture. The mean square error
# says how far the result is from the picture under the noise.

# %%
shown = [library[i % 8] for i in range(64)]
fresh = world.render(shown, torch.arange(64) + 2_000_000_000)
noisy, _ = add_noise(fresh, 0.3, seed=0)
fresh_keys = words.caption_keys(words.shipped_words(), [scene.caption for scene in shown])
finished, errors = {}, {}
for way, (model, _) in models.items():
    finished[way] = draw(model, noisy, steps=8, order=2, start=0.3, key=fresh_keys)
    errors[way] = float((finished[way] - fresh).square().mean())
table(
    [
        {
            "24 pictures": way,
            "error in training": f"{loss:.4f}",
            "error on fresh pictures": f"{errors[way]:.4f}",
        }
        for way, (_, loss) in models.items()
    ],
    about=f"Two models after {STEPS} steps: the mean square error of one guess in training, and of fresh pictures finished from noise 0.3",
)

# %%
show(
    torch.cat([fresh[:6], noisy[:6], *(part[:6] for part in finished.values())]),
    rows=["fresh", "noise 0.3", *finished],
    about="Compare the two last rows with the first: which model finished the pictures better?",
    alt="Six fresh pictures, the same blended with noise, and what the two models make of "
    "them: both a little blurred.",
)

# %% [markdown]
# In training the model without augmentation is ahead; on fresh pictures it is not. It has begun to learn its twenty-four pictures by heart. That is *overfitting*, and augmentation is a remedy against it: a
# model can't learn by heart what never looks twice the same.
#
# ## What does it gain? A hundred, four hundred, sixteen hundred
#
# The same with 100, 400 and 1,600 pictures and several seeds, each time the same number of steps. That takes long, so the results come with the course (`course train augmentation` makes them again).
# First, as above: each model finishes 512 fresh pictures that are three tenths noise. How far is the result from the picture under the noise?

# %%
saved, figures = checkpoints.load_shipped("augmentation")
sizes = sorted({run["pictures"] for run in figures["with"]})


def runs(way, size, figure):
    """One figure of all seeds."""
    return [run[figure] for run in figures[way] if run["pictures"] == size]


def results(figure, digits=2):
    """A row for each size: the figure without and with flips, and by how much the mean changes."""
    rows = []
    for size in sizes:
        without, flipped = (runs(way, size, figure) for way in ("without", "with"))
        rows.append(
            {"pictures": size}
            | {
                "without": mean_and_spread(without, digits),
                "with flips": mean_and_spread(flipped, digits),
            }
            | {"change": f"{100 * (mean(flipped) / mean(without) - 1):+.0f} %"}
        )
    return rows


print(f"{figures['training']['steps']:,} steps of each model. Seeds:")
print(*(f"{size:,} pictures: {len(runs('with', size, 'seed'))}" for size in sizes), sep="; ")
table(
    results("finished error", digits=4),
    about="The mean square error of finished pictures, without and with flips: mean and spread of the seeds",
)

# %%
chart(
    {
        f"{way} flips": (
            sizes,
            [mean(runs(way, size, "finished error")) for size in sizes],
        )
        for way in ("without", "with")
    },
    x="training pictures",
    y="mean square error",
    about="The error on fresh pictures against the number of training pictures: with 100 pictures "
    "it is lower with flips than without; from 400 on the two lines lie together.",
)

# %%
show(
    torch.cat(
        [saved["fresh"][:6], saved["noisy"][:6]]
        + [saved[f"{sizes[0]} {way}, finished"][:6] for way in ("without", "with")]
    ),
    rows=["fresh", "noise 0.3", "100 without flips", "100 with flips"],
    about="The two last rows should be the first. Can you say which of them is nearer?",
    alt="Six fresh pictures, the same with noise, and how models that were trained on 100 "
    "pictures finished them, without and with flips.",
)

# %% [markdown]
# With 100 pictures the flips pay, with every seed. From 400 on they hardly do: there is enough to learn from, and a picture is met too seldom to be learned by heart. Augmentation is worth most where pictures are few. (To
# the eye the two last rows differ little. It takes a measure.)
#
# The error asks for *this* picture. Lesson 5's Fréchet distance asks whether pictures look, all in all, like real ones. What does it say of the finished ones?

# %%
table(
    results("finished distance"),
    about="Fréchet distance of finished pictures from real ones, without and with flips "
    f"(real pictures: {figures['real'][0]['distance']:.2f}); mean and spread of the seeds",
)

# %% [markdown]
# At 100 pictures it agrees: the distance falls by more than a quarter, and the worst seed with flips is better than the best without. At 400 it rises and at 1,600 it falls, where the error hardly moves. With two trainings each that may
# be chance: the error, which compares picture with picture, is the steadier of the two.

# %% [markdown] exercise="fall" minutes=5 difficulty="first steps"
# ### Exercise 6.5: By how much?
#
# Write `fall(before, after)`: by how many percent the mean distance falls. 0 is no change, 100 would be no distance left, and a rise is negative.


# %% solution="fall"
def fall(before, after):
    """By how many percent a mean falls.

    before, after: lists of distances, one for each seed.  Returns a number.
    """
    ### BEGIN SOLUTION
    old, new = sum(before) / len(before), sum(after) / len(after)
    return 100 * (old - new) / old
    ### END SOLUTION


# %% check="fall" points=1

# %% [markdown] hints="fall"
# <details><summary>Hint 1</summary>
#
# If a distance goes from 8 to 6, how much is gone? How much is that of what there was?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take the mean of each list first. Divide the difference of the means by the first of them.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `100 * (old - new) / ____`
#
# </details>

# %% [markdown]
# ## Where the score looks away
#
# Now let the same models draw from pure noise, and take the same distance.

# %%
table(
    results("distance"),
    about="Fréchet distance of drawings from pure noise, without and with flips",
)

# %% [markdown]
# Here the flips of 100 pictures seem to do *harm*. How can that be, when the same models finish fresh pictures so much better? Here is the same distance for the training pictures themselves, and how near the drawings lie to them.

# %%
table(
    results("distance of what it saw"),
    about="Fréchet distance of the pictures that the model was trained on, without and with flips, from other real ones",
)

# %%
table(
    [
        {"pictures": size}
        | {
            name: mean_and_spread(runs(way, size, "to the nearest"))
            for way, name in (("without", "without"), ("with", "with flips"))
        }
        for size in sizes
    ],
    about="How far drawings from pure noise lie from the nearest training picture (root mean "
    "square; a fresh real picture lies "
    f"{figures['fresh to the nearest of 100']:.2f} from the nearest of 100; mirror images are not counted)",
)

# %% [markdown]
# A hundred pictures shown again would have a better score than any of our models. And without flips a model of 100 pictures draws much nearer to them than a new picture would lie, and nearer than a model that met them flipped (though its copies of their mirror images are not counted here): it leans more on what it knows by heart, and the judge finds nothing wrong with that. A copy of a real picture *is* a
# real picture, and the Fréchet distance asks for no more. So a score can look away from the very thing that augmentation mends. Whether a model copies is a question of its own, and lesson 8 asks it.

# %% [markdown]
# ## A style for those who never had it
#
# Back to the styles. The shipped model, which has seen neither, was trained further: on all its captions in three styles (none, Cubism, oil painting), *except* that no Maine coon was shown in Cubism, and no plane as an oil painting.
# A part of the time the caption was cut down to the style alone, or to all but the subject, as lesson 5's model was trained. Then it was asked for just the two that it had never seen. A judge of style and subject, trained on other
# seeds, had to say what each drawing comes nearest to (`course train style`).

# %%
saved, styles = checkpoints.load_shipped("style")
minutes = styles["seconds"] / 60
print(f"{styles['steps']:,} steps, and the judge's training: {minutes:.0f} minutes.")
table(
    [
        {"asked for, never seen": plain["caption"]}
        | {"said plainly": f"{plain['style']:.2f}", "style said louder": f"{loud['style']:.2f}"}
        | {"subject right": f"{loud['subject']:.2f}"}
        for plain, loud in zip(
            styles["never seen, said plainly"], styles["never seen"], strict=True
        )
    ],
    about="Share of 64 drawings in which the judge sees the style, said plainly and louder, and the subject, said louder",
)

# %%
rows = ("never seen, said plainly", "never seen", "real, never seen")
show(
    torch.cat([saved[name][::4] for name in rows]),  # of each caption the first
    rows=["said plainly", "said louder", "the filter"],
    columns=[asked["caption"] for asked in styles["never seen"]],
    about="The model has seen no Maine coon in Cubism and no plane in oil. The lowest row is "
    "what was asked for.",
    alt="Maine coons in Cubism and planes as oil paintings, each on grass and on a white "
    "sofa. Said plainly, the cats have no facets, the planes have strokes. Said louder, "
    "there are dark cracks round the cats, too. Made by the filters: sharp facets and long "
    "strokes.",
)

# %% [markdown]
# Asked plainly, the model paints the planes in oil, but hardly a cat in Cubism: to it, a Maine coon was never in pieces. It is the trouble of lesson 5, where a dog was drowned by a rug, and the same remedy helps: the part of the key that
# says the style is counted one and a half times. Interfaces of art models offer this too; people write (cubism:1.5) into the caption.
#
# How good are the drawings, where it has seen everything?

# %%
table(
    [
        {"drawings": name}
        | {
            factor: f"{mean(run[factor] for run in styles[name]):.2f}"
            for factor in ("style", "subject", "all")
        }
        for name in (
            "never seen",
            "real, never seen",
            "seen",
            "seen, said plainly",
            "real, seen",
        )
    ],
    about="Share judged right: style, subject, and both; the style said louder if nothing else is said. Real ones are pictures of the world put through the filters",
)

# %% [markdown]
# Look at the pictures again, though: the judge, which has to name one of three styles, is easier to please than you are. The model's facets have soft edges and its strokes are short. So small a model in so short a training got the look of
# the filters, not their sharpness.
#
# And it is *not* a painter. The model has learned what our filter does, thirty lines of code that know nothing of Braque. In the large collections that art models learn from there are both, filtered photos and photographed paintings by
# people with names. What that means for those people is a question for lesson 8.

# %% [markdown]
# ## What you measured

# %%
print(
    f"Captions that name a side: {share_true['as they are']:.2f} true; flipped without a change of words "
    f"{share_true['flipped, captions left as they were']:.2f}, with it {share_true['flipped, captions changed too']:.2f}."
)
print(
    f"Number plates read right: {read['as they are']['right']:.2f}; their mirror images {read['flipped']['right']:.2f}."
)
for row in results("finished error", digits=4):
    print(
        f"{row['pictures']} pictures: error on fresh ones {row['without']} without flips, {row['with flips']} with ({row['change']})."
    )
print(
    "A style on a subject that never had it: right in "
    f"{mean(run['all'] for run in styles['never seen, said plainly']):.2f} as the caption says, in "
    f"{mean(run['all'] for run in styles['never seen']):.2f} with the style said louder."
)

# %% [markdown]
# **Go further.** Train the small case with `using=[augment.flip, augment.colour]`, or with crops. Does the error on fresh pictures go down or up? Then give it 2,000 steps.
#
# **The next question.** More pictures help, true captions help. But who says which of the drawings are any *good*? That is [lesson 7](07_votes.ipynb).
