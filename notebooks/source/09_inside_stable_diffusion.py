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
#     summary: build Stable Diffusion's three networks without their weights, find in them what you know, and drive a pipeline with the course's own walk
# ---

# %% [markdown]
# # Lesson 9: Inside Stable Diffusion
#
# **The large blocks are Stable Diffusion, the small square is this course's denoiser, on the same scale. What is in the blocks that you have not met?**
#
# ![Blocks whose areas are numbers of parameters: a U-Net of three blocks takes four fifths, a text encoder and an autoencoder the rest. Beside them a small square, the course's denoiser.](../../images/inside.png)
#
# You will be able to
#
# - count the parameters of a network from its settings, and say how large its file is;
# - say of each part of Stable Diffusion what it does, and which lesson has it in small;
# - translate between two ways to write the noise ladder;
# - walk with a U-Net of the `diffusers` library, and get what its own sampler gets.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, and needs no network. Two of its experiments need two more libraries,
# `diffusers` and `transformers` (Colab has them; elsewhere: `pip install diffusers transformers`). Without them the lesson says so and goes on.*

# %%
from course_lib import checks, inside, words
from course_lib.errors import CourseError
from course_lib.models import parameter_count
from course_lib.pictures import areas, chart, show, table
from course_lib.pipeline import shipped_pipeline, starting_noise
from course_lib.sampling import draw, guess_picture

import itertools
import torch

shipped = shipped_pipeline()
ours = parameter_count(shipped.model)

# %% image="inside"
sums = {name: sum(parts.values()) for name, parts in inside.COUNTED.items()}
areas(
    [
        {f"U-Net, {part}": number for part, number in inside.COUNTED["U-Net"].items()},
        {name: sums[name] for name in ("text encoder", "autoencoder")},
    ],
    squares={"this course's\ndenoiser": ours},
    unit="million",
    about="Parameters as areas. Stable Diffusion's U-Net: way down 252 million, middle 97, way up "
    "511; its text encoder 123 and its autoencoder 84. The course's denoiser: 2 million.",
)

# %% [markdown]
# Stable Diffusion (2022) is the model that the explainer has in mind when it speaks of 4.2 gigabytes. Its successors are larger and its ideas are still theirs. This lesson opens version 1.4.
#
# ## A billion numbers without a download
#
# The makers published two things: the *weights*, some gigabytes, and a few small files of *settings*: how many layers, how wide. The settings are enough to build the networks. We put them on PyTorch's device `meta`,
# where a weight has a shape and no value: a billion of them take no memory.

# %%
try:
    networks = inside.networks()
    counts = inside.count(networks)
    print("Built from the published settings. The first layer of the U-Net:")
    print(
        networks["U-Net"].conv_in, f"{parameter_count(networks['U-Net'].conv_in):,} parameters"
    )
except CourseError as error:
    counts = inside.COUNTED
    print(error)

# %% [markdown] exercise="count_parameters" minutes=10 difficulty="first steps"
# ### Exercise 9.1: Count them yourself
#
# A *linear* layer from 320 numbers to 1280 has a weight for each pair, and one *bias* for each of the 1280. A *convolution* with a window of 3 by 3 has a weight for each pair of channels and
# each place in the window, and one bias for each channel that comes out. Write `count_parameters(layers)`: how many numbers a list of layers has in all.


# %% solution="count_parameters"
def count_parameters(layers):
    """How many parameters layers have in all.

    layers: a list of dicts, {"kind": "linear", "from": 320, "to": 1280}
    or {"kind": "convolution", "from": 4, "to": 320, "side": 3}, whose window is side x side.  Returns a whole number.
    """
    ### BEGIN SOLUTION
    total = 0
    for layer in layers:
        places = layer["side"] ** 2 if layer["kind"] == "convolution" else 1
        total += layer["from"] * layer["to"] * places + layer["to"]
    return total
    ### END SOLUTION


# %% check="count_parameters" points=1

# %% [markdown] hints="count_parameters"
# <details><summary>Hint 1</summary>
#
# The U-Net's first layer goes from 4 channels to 320 with a window of 3 by 3, and has 11,840 parameters. How many of them are biases?
#
# </details>
# <details><summary>Hint 2</summary>
#
# For each layer: numbers in, times numbers out, times places in the window (1 for a linear layer); and the biases. Add up over the layers.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `total += layer["from"] * layer["to"] * places + layer[____]`
#
# </details>

# %% [markdown]
# Here are all layers, counted in that way. A parameter is usually stored in 4 bytes; half as many do for drawing.

# %%
total = sum(sum(parts.values()) for parts in counts.values())
rows = [
    {
        "network": name,
        "part": part,
        "parameters": f"{number:,}",
        "share": f"{number / total:.1%}",
    }
    for name, parts in counts.items()
    for part, number in parts.items()
]
table(
    [*rows, {"network": "all", "parameters": f"{total:,}", "share": "100.0%"}],
    about="Stable Diffusion 1.4 by parts",
)

# %%
print(
    f"{total:,} parameters of 4 bytes: {4 * total / 1e9:.3f} GB; of 2 bytes: {2 * total / 1e9:.3f} GB."
)
print(f"Bytes: {4 * total:,}; the published file has {inside.CHECKPOINT:,}.")
print(
    f"The course's denoiser: {ours:,} parameters, {4 * ours / 1e6:.1f} MB: {total / ours:.0f} times fewer."
)

# %% [markdown]
# There it is, the explainer's model of 4.2 GB. The file is a little larger than its numbers, for it also holds their names and some small tables, such as the noise schedule.
#
# ## What you know already
#
# Each part has its lesson. The right column says what the same part is in this course.

# %%
known = [
    ("noise schedule", "how much noise each of 1000 rungs holds", "1", "amounts from 0 to 1"),
    ("U-Net", "guesses the noise in what it sees", "2", f"{ours / 1e6:.1f} million parameters"),
    ("sampler", "walks the ladder back", "2", "the function `walk`"),
    ("decoder", "paints fine detail: plausible, not known", "3", "the enhance button"),
    ("text encoder", "makes a caption into 77 x 768 numbers", "4", "a key of 64 numbers"),
    ("cross-attention", "lets each place look at each word", "5", "the key scales and shifts"),
    ("guidance", "goes further the caption's way", "5", "the same"),
    ("encoder", "folds pictures into latents, for training", "9", "below"),
]
table(
    [
        {"part": part, "what it does": does, "lesson": lesson, "in this course": here}
        for part, does, lesson, here in known
    ],
    about="The parts of Stable Diffusion and the lessons that have them in small",
)

# %% [markdown]
# The pictures that it learned from and their captions are lesson 6's subject, what people liked is lesson 7's, and what its weights hold of those pictures is lesson 8's. Its makers took the caption away from one training picture in ten, as lesson 5 does, so that guidance works. One part is new.
#
# ## The latent trick
#
# Our denoiser works on pixels. At 512 by 512 that would be dear. So Stable Diffusion has an *autoencoder*, trained first and by itself: its encoder folds each block of 8 by 8 pixels, three colours each, into
# 4 numbers, and its decoder makes pixels of them again (Rombach et al. 2022, CVPR, arXiv:2112.10752). What lies between is called a *latent*, and all noise, walking and guiding happens there. The decoder is asked once, at the end.

# %% [markdown] exercise="times_fewer" minutes=5 difficulty="first steps"
# ### Exercise 9.2: How many times fewer?
#
# Write `times_fewer(size, fold, channels)`: how many numbers a colour picture has for each number of its latent.


# %% solution="times_fewer"
def times_fewer(size, fold, channels):
    """How many times fewer numbers a latent has than its picture.

    size: [height, width] of a colour picture, in pixels.  fold: each block of fold x fold pixels becomes one place.
    channels: numbers at each place of the latent.  Returns a number.
    """
    ### BEGIN SOLUTION
    height, width = size
    picture = height * width * 3
    latent = (height // fold) * (width // fold) * channels
    return picture / latent
    ### END SOLUTION


# %% check="times_fewer" points=1

# %% [markdown] hints="times_fewer"
# <details><summary>Hint 1</summary>
#
# How many numbers has a colour picture of 512 by 512 pixels? How high and how wide is its latent, if 8 by 8 pixels become one place?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Count both: height times width times three colours, and the latent's height times its width times its channels. Divide the first by the second.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `latent = (height // fold) * (____) * channels`
#
# </details>

# %%
picture, latent = 512 * 512 * 3, 64 * 64 * 4
print(
    f"512 x 512 x 3 = {picture:,} numbers; 64 x 64 x 4 = {latent:,}: {picture / latent:.0f} times fewer."
)

# %% [markdown]
# Fewer *numbers*, not fewer bytes in the same measure: a latent's number is finer than a pixel's 256 levels. Detail is lost on the way in ("The autoencoding part of the model is lossy", says its makers' own description), and the decoder puts plausible detail in its place, as lesson 3's
# button did.
#
# ## One ladder, written in two ways
#
# Our ladder is straight: at amount $t$ there are $1-t$ parts of picture and $t$ parts of noise. Stable Diffusion's 1000 rungs are written otherwise (as in Ho et al. 2020, NeurIPS, arXiv:2006.11239): each rung has a number *alpha-bar*
# and holds $\sqrt{\bar\alpha}$ parts of picture and $\sqrt{1-\bar\alpha}$ parts of noise. Then the whole keeps the same strength all the way.
# Only the proportion of the two matters to a network, so each of its rungs has an amount on our ladder.
#
# <details><summary>The maths</summary>
#
# On a rung, $z=\sqrt{\bar\alpha}\,x+\sqrt{1-\bar\alpha}\,n$. With $s=\sqrt{1-\bar\alpha}/\sqrt{\bar\alpha}$ parts of noise to one of picture, $z=\sqrt{\bar\alpha}\,(x+s\,n)$. Our $x_t=(1-t)\,x+t\,n$ has $t/(1-t)$ parts of noise to one of picture. These are the same for $t=s/(1+s)$, and then
# $x_t=(x+s\,n)/(1+s)$. So $z=c\,x_t$ with $c=\sqrt{\bar\alpha}+\sqrt{1-\bar\alpha}=1/\sqrt{(1-t)^2+t^2}$: the two differ by a scale that is known at each rung. A step of Euler's method along our straight path, $x_{t'}=(1-t')\,\hat x+t'\,\hat n$,
# becomes $z'=\sqrt{\bar\alpha'}\,\hat x+\sqrt{1-\bar\alpha'}\,\hat n$: that is the sampler DDIM without fresh noise (Song et al. 2021, ICLR, arXiv:2010.02502).
#
# </details>

# %% [markdown] exercise="amount_for" minutes=10 difficulty="some thought"
# ### Exercise 9.3: From rung to amount
#
# Write `amount_for(alpha)`: the amount $t$ on our ladder at which noise and picture stand in the same proportion as on a rung with this alpha-bar.


# %% solution="amount_for"
def amount_for(alpha):
    """The amount of noise on the straight path that matches a rung.

    alpha: N numbers between 0 and 1, the rungs' alpha-bars.  Returns N amounts.
    """
    ### BEGIN SOLUTION
    strength = ((1 - alpha) / alpha).sqrt()
    return strength / (1 + strength)
    ### END SOLUTION


# %% check="amount_for" points=2

# %% [markdown] hints="amount_for"
# <details><summary>Hint 1</summary>
#
# At alpha-bar 0.2, how many parts of noise are there to one part of picture? At which amount are there as many on our ladder?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Parts of noise by parts of picture is `s`: the two square roots, divided. Our parts add up to 1, so with `s` parts of noise to one of picture, noise is `s` of `1 + s` parts.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `strength = ((1 - alpha) / alpha).sqrt()`, and then `strength / (____)`
#
# </details>

# %%
alphas = inside.published_alphas()  # 1000, from almost 1 to almost 0
amounts = inside.matching_amount(alphas)
rungs = torch.arange(0, 1000, 37)
chart(
    {
        "Stable Diffusion": (rungs, amounts[rungs]),
        "equal steps, as in this course": (rungs, (rungs + 1) / 1000),
    },
    x="rung of 1000",
    y="amount of noise",
    about=f"The amount of noise on Stable Diffusion's rungs: it rises steeply from {amounts[0]:.2f} to "
    f"{amounts[37]:.2f} at rung 37, lies above the straight line until about rung 880, and ends below it, at {amounts[-1]:.2f}.",
)

# %%
print(
    f"First rung: amount {amounts[0]:.3f}. Last rung: {amounts[-1]:.3f}, so {1 - amounts[-1]:.3f} of it is picture."
)

# %% [markdown]
# The last rung is not pure noise. In training, the U-Net always saw a trace of the picture there; when it draws, it gets noise alone and takes it for a rung with a trace. Below, our walk begins near that rung, too,
# and with noise alone, as the library's sampler does.

# %% [markdown] exercise="ddim_step" minutes=10 difficulty="a challenge"
# ### Exercise 9.4: One step of their sampler
#
# Write `ddim_step(noisy, noise, alpha, after)`: from a rung with alpha-bar `alpha` to the one with `after`. `noise` is what the network takes the noise to be. Work out the clean picture that goes with it, and put clean picture and noise together again in
# the next rung's parts.


# %% solution="ddim_step"
def ddim_step(noisy, noise, alpha, after):
    """One step back on the ladder.

    noisy: B x C x H x W on the rung `alpha`.  noise: the guess of the noise in it, of the same shape.
    alpha, after: plain numbers between 0 and 1 (`** 0.5` is the root), alpha-bar of this rung and of the next.  Returns B x C x H x W.
    """
    ### BEGIN SOLUTION
    clean = (noisy - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    return after**0.5 * clean + (1 - after) ** 0.5 * noise
    ### END SOLUTION


# %% check="ddim_step" points=2

# %% [markdown] hints="ddim_step"
# <details><summary>Hint 1</summary>
#
# On a rung, noisy = √alpha · clean + √(1 - alpha) · noise. You have all of it but `clean`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take the noise's part away, and divide by the picture's. The next rung has the same clean picture and the same noise, in its own parts.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `clean = (noisy - (1 - alpha) ** 0.5 * noise) / ____`
#
# </details>

# %% [markdown]
# ## Their sampler, our model
#
# If both ladders are one, then Stable Diffusion's rungs and DDIM, one of the samplers used with it, must draw with *our* model what our walk draws. Six captions, one noise each, 25 rungs.

# %%
captions = [
    "Maine coon cat laying on runway on Mars",
    "Siamese cat sitting on a sofa",
    "Dog standing on a wooden floor",
    "Plane flying over grass",
    "Black cat laying on a white and black salt and pepper rug",
    "Rocket parked on a runway",
]
key = words.caption_keys(shipped.words, captions)
noise = starting_noise(len(captions), 32, seed=2)
chosen = alphas[torch.arange(961, 0, -40)]  # 25 rungs, the noisiest first

theirs = noise
for alpha, after in itertools.pairwise([*chosen, torch.tensor(1.0)]):
    amount = inside.matching_amount(alpha)
    straight = theirs * inside.length(amount)  # as our model wants it
    clean = guess_picture(shipped.model, straight, float(amount), key=key, guidance=2.0)
    guess = (theirs - alpha.sqrt() * clean) / (1 - alpha).sqrt()  # of the noise
    theirs = inside.ddim_step(theirs, guess, alpha, after)

# %%
stops = [*inside.matching_amount(chosen).tolist(), 0.0]
begin = noise * inside.length(stops[0])
walked = draw(shipped.model, begin, amounts=stops, key=key, guidance=2.0)
print(
    f"Largest difference of a pixel: {(theirs - walked).abs().max():.6f}, in a range from -1 to 1."
)
show(
    torch.cat([walked, theirs]),
    rows=["our walk", "their sampler"],
    columns=captions,
    about="Look for a pixel that differs.",
    alt="Six captions drawn by the course's model in two rows, above by the course's walk, "
    "below by DDIM on Stable Diffusion's rungs. Each picture is the same in both rows.",
)

# %% [markdown]
# ## Our walk, their U-Net
#
# Now the other way round: our walk drives a pipeline of the `diffusers` library. `LatentDenoiser` wraps its U-Net so that it is called as our models are: noisy, amount, key. A key is what the text encoder says of the caption *less what it says of an empty one*. So
# no key is zeros, as in lesson 5, and `walk` guides as it always has.
#
# Offline we have no trained weights. So we build a tiny pipeline with the same wiring (tokenizer, text encoder, U-Net with cross-attention, autoencoder) and weights by chance. What it draws is nothing. What counts is whether our walk and the library's own sampler draw the *same* nothing.

# %%
asked = captions[:3]
noise = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
apart, drawn = {}, []
try:
    pipeline = inside.tiny_pipeline(seed=0)
    for guidance in (1.0, 7.5):
        own = pipeline(  # by diffusers alone: 3 x 4 x 8 x 8
            asked,
            latents=noise,
            num_inference_steps=25,
            guidance_scale=guidance,
            output_type="latent",
        ).images
        mine = inside.draw_latents(pipeline, asked, noise, steps=25, guidance=guidance)
        apart[guidance] = float((mine - own).abs().max())
        print(
            f"Guidance {guidance}: numbers up to {own.abs().max():.0f}, differences up to {apart[guidance]:.6f}"
        )
    drawn = inside.develop(pipeline, torch.cat([mine, own]))  # 6 x 3 x 64 x 64
except CourseError as error:
    print(error)

# %%
show(
    drawn,
    rows=["our walk", "diffusers alone"],
    columns=asked,
    about="The weights are chance, so there is nothing to recognise; what counts is that "
    "both rows are the same.",
    alt="Three captions drawn by a pipeline with weights by chance, above by the course's "
    "walk, below by the library's sampler: textures without meaning, the same in both rows.",
) if len(drawn) else "No picture here without the two libraries."

# %% [markdown]
# ## The real one
#
# With a GPU, say in Colab (*Runtime, Change runtime type*), you can let our walk draw with Stable Diffusion itself. The cell says what it would download, how much, and under which licence. It does nothing until you put `True` in its first line.
# The published pipeline has a filter that blacks out what it takes for indecent; it is not loaded here, so what you ask for is up to you.

# %%
really = False
try:
    pipeline = inside.published_pipeline(download=really)
    real_noise = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    latents = inside.draw_latents(pipeline, captions[:1] * 2, real_noise, steps=25)
    real = inside.develop(pipeline, latents).cpu()  # 2 x 3 x 512 x 512
except CourseError as error:
    real = []
    print(error)

# %%
show(
    real,
    about="Two pictures that Stable Diffusion drew with the course's walk: " + captions[0],
) if len(real) else "No picture of Stable Diffusion's was drawn."

# %% [markdown]
# ## What changed since 2022
#
# Five things, and which of them you have met here:
#
# 1. **Straight paths.** Flow matching (Lipman et al. 2023, ICLR, arXiv:2210.02747) and rectified flow (Liu et al. 2023, ICLR, arXiv:2209.03003) go straight from noise to picture and learn the velocity. *This course does both since lessons 1 and 2.*
# 2. **Transformers instead of U-Nets.** DiT (Peebles and Xie 2023, ICCV, arXiv:2212.09748) cuts the latent into patches and lets them look at each other. *Here it is still a U-Net.*
# 3. **Readers that know language.** Imagen (Saharia et al. 2022, NeurIPS, arXiv:2205.11487) found that a larger language model does more for its pictures than a larger image model. *Here a word has one vector, whatever stands beside it.*
# 4. **More of the same.** SDXL (Podell et al. 2024, ICLR, arXiv:2307.01952) has a U-Net three times larger, and two text encoders. *The same parts as above.*
# 5. **All of it together.** Stable Diffusion 3 (Esser et al. 2024, ICML, arXiv:2403.03206) is a transformer on straight paths with three text encoders, in which words look at the picture as well. *Of this the straight path is ours.*
#
# ## What you measured

# %%
print(
    f"Stable Diffusion 1.4: {total:,} parameters, {4 * total / 1e9:.3f} GB; the U-Net has {sums['U-Net'] / total:.0%} of them."
)
print(
    f"Its rungs hold amounts of noise from {amounts[0]:.3f} to {amounts[-1]:.3f}; its latents have {picture / latent:.0f} times fewer numbers than its pictures."
)
print(
    f"Our walk against their sampler, with our model: differences up to {(theirs - walked).abs().max():.6f}."
)
for guidance, difference in apart.items():
    print(
        f"Our walk against diffusers' own, with its U-Net and guidance {guidance}: up to {difference:.6f}."
    )

# %% [markdown]
# **Go further.** `walk` has another way to step: `order=2`. Draw with our model above and 8 rungs instead of 25, once with `order=1` and once with `order=2`. Which comes closer to what 200 rungs draw?
#
# **What you can do now.** You have walked from a heap of noise to a cat on Mars, and opened the machine that others use. When a new model comes out, ask of it what the table above asks: how does it write its ladder, what guesses, what reads the caption, how is it guided,
# and what was it trained on? You have built each of these in small. The last word of the explainer is that all AI art models are variations of this; you can now check that, model by model.
