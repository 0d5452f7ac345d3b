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
#     reading_minutes: 20
#     summary: walk a photo of a cat into noise, measure the way, and meet the denoisers of the time before deep learning
# ---

# %% [markdown]
# # Lesson 1: Noise
#
# **Here is a cat that dissolves into noise. Which of these steps could you undo, and how would you know what to put back?**
#
# ![Six pictures in a row: a photo of a tabby cat's face, fainter and more covered in coloured specks from one to the next, until only specks are left.](../../images/noise_ladder.webp)
#
# You will be able to
#
# - blend a picture with any amount of noise, and say how much picture is left, in decibels;
# - tell noise from structure with one number;
# - say when the difference between a noisy picture and the true one is random, and when it is not;
# - score a denoiser, and know what the denoisers from before deep learning could do.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, and needs no network.*

# %%
from course_lib import checks, judge
from course_lib.noise import add_noise, autocorrelation, classic_denoisers, correlation
from course_lib.noise import noise_ladder, noise_like, signal_to_noise
from course_lib.pictures import chart, show, table
from course_lib.widgets import PhotoUpload, slider

import torch

# %% [markdown]
# ## A picture is numbers
#
# This photo comes with the scikit-image library, so nothing is downloaded. You can use a photo of your own instead: press
# the button, choose a file, then choose *Run Selected Cell and All Below* from the *Run* menu. The text speaks of the cat.

# %%
upload = PhotoUpload()
upload

# %%
cat = upload.photo(size=96)  # 1 x 3 x 96 x 96: one picture, three colours, 96 rows of 96 pixels
show(
    cat,
    about="The photo, 96 pixels wide and three times enlarged.",
    alt="A photo of a tabby cat's face with green eyes, looking to the right.",
)

# %% [markdown]
# To the computer it is a block of numbers: for each pixel how red, how green and how blue it is. In this course they lie
# between -1 (none of that colour) and 1 (as much as the screen has), so that grey is 0.

# %%
print("shape:", tuple(cat.shape))
print(
    "red of the first three pixels:", [round(value, 2) for value in cat[0, 0, 0, :3].tolist()]
)
print("darkest and lightest:", round(cat.min().item(), 2), round(cat.max().item(), 2))

# %% [markdown] exercise="to_screen" minutes=5 difficulty="first steps"
# ### Exercise 1.1: Numbers for a screen
#
# A screen takes whole numbers from 0 to 255. Write `to_screen(picture)`: -1 becomes 0, 1 becomes 255, what lies between
# goes to the nearest whole number in proportion. Noise will soon push values beyond -1 and 1: they stay at 0 and 255.


# %% solution="to_screen"
def to_screen(picture):
    """Whole numbers for a screen.

    picture: a tensor of any shape.  Returns one of the same shape, 0 to 255.
    """
    ### BEGIN SOLUTION
    return ((picture + 1) * 127.5).round().clamp(0, 255)
    ### END SOLUTION


# %% check="to_screen" points=1

# %% [markdown] hints="to_screen"
# <details><summary>Hint 1</summary>
#
# What would you add to -1 to get 0? And what does 1 become then?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Add 1: the range is 0 to 2. Stretch it to 0 to 255, round, and cut off what lies outside.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `((picture + 1) * ____).round().clamp(0, 255)`
#
# </details>

# %% [markdown]
# ## Noise
#
# *Noise* here means Gaussian noise: for each number of the picture one random number, drawn from the bell curve with
# mean 0 and standard deviation 1, without a look at the picture or at its neighbours. The seed makes it the same each
# time, so your numbers are the ones in this text.

# %%
noise = noise_like(cat, seed=0)  # 1 x 3 x 96 x 96
print(f"mean {noise.mean():.2f}, standard deviation {noise.std():.2f}")

# %% [markdown]
# Picture and noise can be blended like two paints. The *amount* of noise runs from 0, all cat, to 1, all noise.
# Papers write $x_t = (1 - t)\,x + t\,n$, with $t$ for the amount.


# %%
def at(amount):
    noisy, _ = add_noise(cat, amount, seed=0)
    return show(noisy, about=f"The cat blended with noise at amount {amount:.2f}.")


at(0.5)

# %% [markdown]
# Move the slider (the arrow keys work too). At which amount do you lose the cat?

# %%
slider(at, label="amount of noise", low=0.0, high=1.0, step=0.05, start=0.5)

# %% [markdown] exercise="blend" minutes=5 difficulty="first steps"
# ### Exercise 1.2: A noisier cat
#
# Write `blend(picture, noise, amount)`: at amount 0 it returns the picture, at 1 the noise, in between some of each.


# %% solution="blend"
def blend(picture, noise, amount):
    """Blend two pictures.

    picture, noise: B x 3 x H x W.  amount: a number from 0 to 1.  Returns B x 3 x H x W.
    """
    ### BEGIN SOLUTION
    return (1 - amount) * picture + amount * noise
    ### END SOLUTION


# %% check="blend" points=1

# %% [markdown] hints="blend"
# <details><summary>Hint 1</summary>
#
# How much of the picture should be left when everything is noise? And how much of the noise when the amount is 0?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The two shares always add up to 1. If the noise has the share `amount`, what is left for the picture?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `(1 - ____) * picture + amount * noise`
#
# </details>

# %% [markdown]
# ## The noise ladder
#
# Now go from the photo to pure noise in even steps, always with the same noise. This is the *noise ladder*: step 0 is
# the photo, step K is noise. Lesson 2 will teach a machine to climb down it, one step at a time.

# %% image="noise_ladder"
steps = noise_ladder(cat, steps=5, seed=0)  # 6 x 3 x 96 x 96
show(
    steps,
    labels="step {}",
    about="Each step has a fifth less of the cat, and a fifth more of the noise.",
    alt="The cat on a noise ladder of five steps: step 0 is the photo, step 5 is noise.",
)

# %% [markdown]
# How much cat is left on each step? The *signal-to-noise ratio* says how many times stronger the picture's variation is
# than the noise's. It is given in decibels: 10 dB is ten times, 20 dB a hundred times, 0 dB equally strong, and below 0
# the noise wins.

# %%
table(
    [
        {
            "step": k,
            "amount": f"{k / 5:.1f}",
            "signal to noise, dB": signal_to_noise(cat, k / 5),
        }
        for k in range(1, 5)
    ],
    about="Signal-to-noise ratio of the cat on the steps between the photo and pure noise",
)

# %% [markdown]
# Can you still see the cat on step 3? There the noise is twenty times stronger than the picture (13 dB). Your eye is a good
# denoiser: it knows cats.
#
# <details><summary>The maths</summary>
#
# The picture's part of $x_t$ is $(1-t)\,x$ and the noise's part is $t\,n$, with variances $(1-t)^2\operatorname{Var}(x)$
# and $t^2$. Their ratio in decibels is $10\log_{10}\frac{(1-t)^2\operatorname{Var}(x)}{t^2}$. It is 0 dB where
# $t = \sigma_x/(1+\sigma_x)$, with $\sigma_x$ the standard deviation of the photo's numbers.
#
# </details>

# %% [markdown] exercise="ladder" minutes=10 difficulty="some thought"
# ### Exercise 1.3: Build the ladder
#
# Write `ladder(picture, noise, steps)`: the pictures from step 0 (no noise) to step `steps` (only noise), in even amounts.


# %% solution="ladder"
def ladder(picture, noise, steps):
    """The noise ladder.

    picture, noise: 1 x 3 x H x W.  steps: a whole number, K.  Returns (K + 1) x 3 x H x W.
    """
    ### BEGIN SOLUTION
    amounts = torch.linspace(0, 1, steps + 1).reshape(-1, 1, 1, 1)  # (K + 1) x 1 x 1 x 1
    return (1 - amounts) * picture + amounts * noise
    ### END SOLUTION


# %% check="ladder" points=2

# %% [markdown] hints="ladder"
# <details><summary>Hint 1</summary>
#
# With 4 steps, which five amounts are there?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Step k of K has the amount k / K. Blend once for each k from 0 to K, then join the pictures with `torch.cat`, or let
# `torch.linspace` make all amounts at once.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `amounts = torch.linspace(0, 1, ____).reshape(-1, 1, 1, 1)`
#
# </details>

# %% [markdown]
# ## Is the difference random?
#
# [The explainer](https://crutcher.github.io/2022/12/25/What-Are-AI-Art-Models/) that this course follows shows a messed-up cat beside the true one, and says that the noise was random
# but that the difference between the two pictures "is clearly not random". Its picture of the difference does show a cat.
# Can both be true? It depends on how the picture was messed up. Here are three ways.

# %%
messy = {
    "added": cat + noise,
    "blended": add_noise(cat, 0.5, seed=0)[0],  # half and half
    # A picture file holds nothing beyond -1 and 1.
    "added, then saved": (cat + noise).clamp(-1, 1),
}
difference = {name: picture - cat for name, picture in messy.items()}
show(
    [*messy.values(), *difference.values()],
    rows=["messed up", "minus the cat"],
    columns=list(messy),
    about="What is left without the cat? Look for its eyes and nose in the lower row.",
    alt="Above, the cat messed up in three ways; below, the same minus the true cat: specks "
    "alone for added noise, specks with a faint negative of the cat for the other two.",
)

# %% [markdown]
# Below, the true cat was taken away from each; grey means no difference. Look at the eyes and the nose in the second and the
# third: a faint cat, in negative. To see it better, mess up the cat 200 times with 200 different noises and average the differences: what is random cancels, what is not stays.

# %%
mean = {name: torch.zeros_like(cat) for name in messy}
for seed in range(200):
    fresh = noise_like(cat, seed=seed)
    mean["added"] += (cat + fresh - cat) / 200
    mean["blended"] += (0.5 * cat + 0.5 * fresh - cat) / 200
    mean["added, then saved"] += ((cat + fresh).clamp(-1, 1) - cat) / 200

# %% image="mean_difference"
show(
    [2 * picture for picture in mean.values()],  # twice the contrast
    columns=list(mean),
    about="What 200 differences have in common: grey is nothing.",
    alt="The mean of 200 differences: grey for added noise, a clear negative of the cat for "
    "the other two.",
)

# %% [markdown]
# For noise that is *added*, the difference is the noise and nothing else. Noise that is *blended* in takes some of the
# picture away, so the difference carries the picture's negative. And a file that is *saved* cuts off what is brighter than
# white or darker than black, which happens most where the photo is bright or dark already: a negative again. The pictures on
# a web page are saved files, so this is one way in which the explainer's difference could show its cat.

# %% [markdown]
# ### Structure has a number
#
# In a photo a pixel is much like its neighbour; in noise it tells nothing about its neighbour. The *correlation* of two
# sets of numbers is 1 when they rise and fall together, 0 when they have nothing to do with each other, -1 when one is the
# other's negative. The correlation of a picture with itself, moved over by some pixels, is its *autocorrelation*.

# %%
curves = {"the photo": cat, "added": difference["added"], "blended": difference["blended"]}
chart(
    {name: (range(9), autocorrelation(picture, reach=8)) for name, picture in curves.items()},
    x="how far apart, in pixels",
    y="correlation",
    about="Autocorrelation against distance: near 1 and falling slowly for the photo, 0 from "
    "the first pixel on for added "
    "noise, and a little above it at all distances for the difference of the blended picture.",
)

# %%
table(
    [
        {
            "difference": name,
            "of neighbours": f"{autocorrelation(picture, reach=1)[1]:+.2f}",
            "with the photo": f"{correlation(picture, cat):+.2f}",
        }
        for name, picture in difference.items()
    ],
    about="Correlation of the differences: of neighbouring pixels, and with the photo",
)

# %% [markdown]
# For 27,648 random numbers a correlation within 0.02 of 0 is nothing but chance. So added noise has no structure and nothing to
# do with the photo, and the other two differences go against it. And here is what the rest of the course builds on: to undo a *blend*, you have to put picture back,
# not only take noise away. What a denoiser must put back is not random: it is the cat.

# %% [markdown] exercise="neighbours" minutes=15 difficulty="some thought"
# ### Exercise 1.4: Is a pixel like its neighbour?
#
# Write `neighbours(picture)`: the correlation of each pixel with the one on its right, over all colours and rows.


# %% solution="neighbours"
def neighbours(picture):
    """How alike neighbours in a row are.

    picture: B x 3 x H x W.  Returns a number from -1 to 1.
    """
    ### BEGIN SOLUTION
    left, right = picture[..., :-1], picture[..., 1:]
    left, right = left - left.mean(), right - right.mean()
    return (left * right).mean() / ((left**2).mean() * (right**2).mean()).sqrt()
    ### END SOLUTION


# %% check="neighbours" points=2

# %% [markdown] hints="neighbours"
# <details><summary>Hint 1</summary>
#
# Every pixel but those of the last column has a neighbour on its right. Which two slices of the picture are these pairs?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take the mean off both. The mean of their products is the covariance; divide it by both standard deviations.
# `torch.corrcoef` does it too.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `left, right = picture[..., :-1], picture[..., ____]`
#
# </details>

# %% [markdown]
# ## Denoisers from before deep learning
#
# People have removed noise for decades without a neural network. Four classics, each told how strong the noise is:
#
# - **median**: each pixel becomes the middle one of those about it;
# - **total variation**: the smoothest picture that still fits;
# - **non-local means**: patches that look alike are averaged, wherever they are;
# - **wavelet**: the picture as waves of all sizes; weak waves are dropped.
#
# To score them we need a number for "how near is this to the true photo?"

# %% [markdown] exercise="psnr" minutes=10 difficulty="some thought"
# ### Exercise 1.5: A score in decibels
#
# Take the *mean square error*: the mean of the squared differences. The *peak signal-to-noise ratio* compares it with the
# square of the whole range, which is 2 (from -1 to 1): $10 \log_{10}(2^2 / \text{error})$ dB. Write `psnr(picture, truth)`.


# %% solution="psnr"
def psnr(picture, truth):
    """How near a picture is to the true one, in decibels.

    picture, truth: B x 3 x H x W from -1 to 1.
    """
    ### BEGIN SOLUTION
    error = ((picture - truth) ** 2).mean()
    return 10 * torch.log10(4 / error)
    ### END SOLUTION


# %% check="psnr" points=2

# %% [markdown] hints="psnr"
# <details><summary>Hint 1</summary>
#
# Should a better picture have a higher score or a lower one? Which of the two numbers must then be divided by the other?
#
# </details>
# <details><summary>Hint 2</summary>
#
# First the error: subtract, square, mean. Then the ratio, then its logarithm to base 10 (`torch.log10`), then times 10.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `10 * torch.log10(____ / error)`
#
# </details>

# %% [markdown]
# From here on PSNR comes from a library, and so does a second score: *SSIM* compares small neighbourhoods instead of
# pixels; it is 1 for equal pictures and near 0 for unrelated ones. Higher is better for both.

# %%
noisy, _ = add_noise(cat, 0.3, seed=1)
cleaned = {"noisy": noisy, **classic_denoisers(noisy, 0.3)}
show(
    [*cleaned.values(), cat],
    labels=[f"{name}\n{judge.psnr(picture, cat):.1f} dB" for name, picture in cleaned.items()]
    + ["the photo"],
    columns=3,
    about="A noisy cat at amount 0.3, what four classic denoisers make of it, and the photo. "
    "More decibels are nearer to the photo.",
)

# %%
scores = []
for amount in (0.1, 0.3, 0.6):
    noisy, _ = add_noise(cat, amount, seed=1)
    for name, picture in {"left as it is": noisy, **classic_denoisers(noisy, amount)}.items():
        scores.append(
            {
                "amount": str(amount),
                "denoiser": name,
                "PSNR, dB": judge.psnr(picture, cat),
                "SSIM": f"{judge.ssim(picture, cat):.2f}",
            }
        )

# %%
table(scores, about="Four classic denoisers at three amounts of noise")

# %% [markdown]
# All four help, and the strongest noise defeats all four: they know that pictures are smooth, or that patches come back, but
# they have never seen a cat. At amount 0.6 what comes back is a blur.

# %%
noisy, _ = add_noise(cat, 0.6, seed=1)
cleaned = classic_denoisers(noisy, 0.6)
show(
    [noisy, cleaned["total variation"], cleaned["non-local means"]],
    labels=["noisy", "total variation", "non-local means"],
    about="At amount 0.6, the two best classics: where the fur was is a blur.",
    alt="A cat under strong noise, and two brown blurs with patches and a dark spot for each "
    "eye.",
)

# %% [markdown]
# ## What you measured

# %%
best = max((row for row in scores if row["amount"] == "0.6"), key=lambda row: row["PSNR, dB"])
print(
    f"Neighbouring pixels: correlation {autocorrelation(cat, reach=1)[1]:.2f} in the photo, "
    f"{autocorrelation(noise, reach=1)[1]:+.2f} in noise."
)
print(
    f"Difference and photo: correlation {correlation(difference['added'], cat):+.2f} for added "
    "noise, "
    f"{correlation(difference['blended'], cat):+.2f} for blended."
)
print(f"Best classic denoiser at amount 0.6: {best['denoiser']}, {best['PSNR, dB']:.1f} dB.")

# %% [markdown]
# **Go further.** Draw noise that *does* have structure: blur `noise` with `torch.nn.functional.avg_pool2d(noise, 5, 1, 2)`, scale it
# back to standard deviation 1, and add it to the cat. Which of the classic denoisers still helps?
#
# **The next question.** A denoiser that had seen *this very cat* would not have to guess. Can it find its way back when there
# is no cat left in the noise at all? [Lesson 2: A denoiser of one photo](02_single_image_denoiser.ipynb)
