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
#     summary: train a small network on one photo until it can draw that photo from pure noise, then another on 400 pictures of one caption, and find out whether it copies
# ---

# %% [markdown]
# # Lesson 2: A denoiser of one photo
#
# **The walk below starts in noise that holds no cat at all. Where does the cat come from?**
#
# ![Four pictures in a row, from pure noise on the left to a sharp photo of a tabby cat on the right.](../../images/walk.webp)
#
# You will be able to
#
# - train a network to go one step down the noise ladder, with a loop of ten lines;
# - say what else one can ask of a denoiser, and why the question matters;
# - walk from pure noise to a picture;
# - explain what a denoiser that has seen one photo knows, and what it does not;
# - train one on many pictures of one caption, and test whether what it draws is a copy.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, most of it training, and needs
# no network. A GPU is used if there is one.*

# %%
from course_lib import checks, judge, world
from course_lib.models import Denoiser, parameter_count
from course_lib.noise import add_noise, blend, classic_denoisers, noise_like
from course_lib.pictures import animate, chart, example_photo, show, table
from course_lib.sampling import draw, guess_picture, walk
from course_lib.training import DenoisingLoss, best_device, train

import torch
from tqdm.auto import tqdm

# %%
device = best_device()
# Or load_photo("my_cat.jpg", size=96), from course_lib.pictures.
cat = example_photo("cat", size=96).to(device)
show(
    cat,
    about="The photo of lesson 1, and all that the network will ever see.",
    alt="A tabby cat's face with green eyes.",
)

# %% [markdown]
# ## One step down
#
# Lesson 1 built a ladder of K steps from the photo (step 0) to noise (step K). Going *up* takes no skill: add noise. Going
# *down* does. So make a pair of neighbouring steps, show a network the noisier one, step k + 1, and have it draw the cleaner
# one, step k. Do that for many noises and all steps. This pair is one example for the network to learn from:

# %%
noise = noise_like(cat, seed=0)
show(
    [blend(cat, noise, 3 / 5), blend(cat, noise, 2 / 5)],
    labels=["given: step 3", "asked for: step 2"],
    about="The network is given the left one, and has to draw the right one.",
    alt="Two neighbouring steps of the ladder: a cat behind specks, and the same cat behind "
    "fewer.",
)

# %% [markdown] exercise="training_pair" minutes=5 difficulty="first steps"
# ### Exercise 2.1: Make a training pair
#
# Write `training_pair(picture, noise, step, steps)` for a ladder of `steps` steps: the picture on step `step + 1`, which the
# network is given, and the one on step `step`, which it has to draw.


# %% solution="training_pair"
def training_pair(picture, noise, step, steps):
    """Two neighbouring steps.

    picture, noise: 1 x 3 x H x W.  step: 0 to steps - 1.  Returns (step + 1, step).
    """
    ### BEGIN SOLUTION
    harder, easier = (step + 1) / steps, step / steps
    return (1 - harder) * picture + harder * noise, (1 - easier) * picture + easier * noise
    ### END SOLUTION


# %% check="training_pair" points=1

# %% [markdown] hints="training_pair"
# <details><summary>Hint 1</summary>
#
# Which amount of noise has step k of a ladder with K steps? (Exercise 1.3.)
#
# </details>
# <details><summary>Hint 2</summary>
#
# Both pictures are blends of the same photo and the same noise; only the amount differs. The noisier one comes first.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `harder, easier = (step + ____) / steps, step / steps`
#
# </details>

# %% [markdown]
# ## The network
#
# The *denoiser* (papers write $D$ or $\epsilon_\theta$) takes a noisy picture and the amount of noise in it, and returns a picture.
# Ours is a small *U-Net*: it looks at the picture at full size and at half size, and joins what it sees. To be quick on a CPU
# it first *folds* each block of 8 x 8 pixels into one place with 192 channels: 144 places instead of 9,216. What the numbers in it
# should be, nobody writes down; they start at random and training changes them.

# %%
torch.manual_seed(0)
model = Denoiser().to(device)
print(f"{parameter_count(model):,} numbers to learn; the photo has {cat.numel():,}.")

# %% [markdown]
# ## The training loop
#
# Here is the whole of it. Eight random steps of the ladder, eight fresh noises, one guess each; the *loss* is the mean square
# error; `backward` finds out for every number in the network whether more or less of it would lower the loss, and `step`
# changes them all a little.

# %%
K = 5
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in tqdm(range(100), desc="step k + 1 to step k"):
    k = torch.randint(K, (8,), device=device)  # 8 steps of the ladder, from 0 to K - 1
    noise = torch.randn(8, 3, 96, 96, device=device)
    harder, easier = blend(cat, noise, (k + 1) / K), blend(cat, noise, k / K)
    loss = ((model(harder, (k + 1) / K) - easier) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss after 100 rounds: {loss.item():.3f}")

# %% [markdown]
# Apply it again and again, from pure noise on step 5 to step 0:

# %%
x = noise_like(cat, seed=1)
seen = [x]
with torch.no_grad():
    for k in range(K, 0, -1):
        x = model(x, torch.full((1,), k / K, device=device))
        seen.append(x)
show(
    [seen[3], seen[5]],
    labels=["step 2", "step 0"],
    about="Step 0 should be the photo.",
    alt="Step 2 and step 0, drawn from pure noise by the network that draws the next step: "
    "grey and brown blotches, no cat.",
)

# %% [markdown]
# Grey and brown blotches, and no cat: it has only begun to learn. Before you give it more rounds, look at what it was asked to
# draw. Step 4 is four fifths noise, and every speck had to be drawn again in its place.

# %%
easier = blend(cat, noise_like(cat, seed=0), 4 / 5)
share = (0.2 * cat).var() / easier.var()
print(f"Share of the picture in what step 4 asks for: {share:.1%}.  The rest is noise, copied.")

# %% [markdown]
# ## What should a denoiser be asked for?
#
# The three things below are worth the same: whoever has one can work out the others, because
# `noisy = (1 - amount) * picture + amount * noise`.
#
# 1. **the next step**, as above;
# 2. **the noise** that was put in;
# 3. **the picture** that was there before.
#
# They are not equally easy to learn. Noise is different each time and takes a whole network to copy. The picture is always the
# same, or at least always a *picture*.

# %% [markdown] exercise="picture_from_noise" minutes=10 difficulty="some thought"
# ### Exercise 2.2: From the noise to the picture
#
# A denoiser tells you the noise. Write `picture_from_noise(noisy, noise, amount)`: the picture that was there before.


# %% solution="picture_from_noise"
def picture_from_noise(noisy, noise, amount):
    """The clean picture.

    noisy, noise: B x 3 x H x W.  amount: a number from 0 to less than 1.  Returns B x 3 x H x W.
    """
    ### BEGIN SOLUTION
    return (noisy - amount * noise) / (1 - amount)
    ### END SOLUTION


# %% check="picture_from_noise" points=1

# %% [markdown] hints="picture_from_noise"
# <details><summary>Hint 1</summary>
#
# Write down how `noisy` was made from the picture and the noise. Which three of the four do you know?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take away the noise's part. What is left is the picture, but fainter: how much fainter?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `(noisy - amount * noise) / ____`
#
# </details>

# %% [markdown]
# Now the same network, the same 100 rounds, with the other two questions. The library's `train` is the loop above with a learning rate
# that fades out; it hands back each step, so that the progress bar stays with you.

# %%
asked = {}
for question in ("noise", "picture"):
    torch.manual_seed(0)
    asked[question] = Denoiser(predicts=question).to(device)
    for _ in tqdm(
        train(asked[question], DenoisingLoss(cat), steps=100, seed=0),
        total=100,
        desc=f"the {question}",
    ):
        pass

# %%
start = noise_like(cat, seed=1)
drawn = {"the next step": x}
for question, denoiser in asked.items():
    drawn[f"the {question}"] = draw(denoiser, start, steps=25)
show(
    [*drawn.values(), cat],
    labels=[f"{name}\n{judge.psnr(picture, cat):.1f} dB" for name, picture in drawn.items()]
    + ["the photo"],
    about="One noise, and the same training for each question. More decibels are nearer to "
    "the photo.",
    alt="Drawn from the same noise after 100 rounds of training on three questions: only the "
    "network that was asked for the picture draws the cat.",
)

# %% [markdown]
# The question decides. The first papers on such models asked for the noise (Ho et al. 2020, arXiv:2006.11239), and with small folds, large
# networks and long training that works very well. Where a few channels have to carry large blocks of pixels, as here, asking for the
# picture wins by far: Li and He found the same at full scale (2025, arXiv:2511.13720, "Let denoising generative models denoise").
#
# <details><summary>The maths</summary>
#
# With $x_t=(1-t)x+tn$, a guess $\hat x$ of the picture gives the noise $\hat n=(x_t-(1-t)\hat x)/t$, the velocity
# $\hat v=\hat n-\hat x=(x_t-\hat x)/t$ and the next step $x_{t'}=x_t-(t-t')\hat v=\hat x+\tfrac{t'}{t}(x_t-\hat x)$. So all the
# questions differ only in how a mistake at the amount $t$ is weighed, and in what the network has to carry through its layers.
#
# </details>

# %% [markdown]
# ## The denoiser of this photo
#
# So: ask for the picture, and train for longer.

# %%
torch.manual_seed(0)
model = Denoiser(predicts="picture").to(device)
run = train(model, DenoisingLoss(cat), steps=250, seed=0)
losses = [step.loss for step in tqdm(run, total=250, desc="training")]
chart(
    {"mean square error": (range(1, 251), [max(loss, 1e-5) for loss in losses])},
    x="step of training",
    y="mean square error",
    about=f"The error of the guess falls from {losses[0]:.2f} to nearly nothing in 250 steps.",
)

# %% [markdown]
# Here is what it takes the picture to be when half of it is noise, and when all of it is and there is no cat in it:

# %%
half, _ = add_noise(cat, 0.5, seed=2)
noise = noise_like(cat, seed=2)
show(
    [half, guess_picture(model, half, 0.5), guess_picture(model, noise, 1.0)],
    labels=["amount 0.5", "guess", "guess from pure noise"],
    about="The second guess has nothing to go by but noise.",
    alt="The cat half covered by noise, what the denoiser takes it to be, and what it takes "
    "pure noise to be: twice a sharp cat.",
)

# %% [markdown]
# ## The walk
#
# A guess from pure noise is a leap, and with more than one photo to choose from a leap lands between them. So do not trust
# it at once: go a small part of the way towards the guess, look again, and guess again.

# %% [markdown] exercise="step_back" minutes=10 difficulty="some thought"
# ### Exercise 2.3: One step of the walk
#
# You are at `noisy`, with `amount` of noise, and the denoiser has told you its `guess`. Write `step_back(noisy, guess, amount, after)`: the
# picture with only `after` of noise, on the straight line from `noisy` to `guess`. At `after = 0` you stand on the guess.


# %% solution="step_back"
def step_back(noisy, guess, amount, after):
    """One step towards the guess.

    noisy, guess: B x 3 x H x W.  1 >= amount > after >= 0.  Returns B x 3 x H x W.
    """
    ### BEGIN SOLUTION
    return guess + after / amount * (noisy - guess)
    ### END SOLUTION


# %% check="step_back" points=2

# %% [markdown] hints="step_back"
# <details><summary>Hint 1</summary>
#
# `noisy - guess` is all that is not the guess. How much of it should be left when the noise has gone from 0.8 to 0.4?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Keep the guess whole, and of the rest the share `after / amount`: half as much noise, half as much rest.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `guess + ____ * (noisy - guess)`
#
# </details>

# %% [markdown]
# Fifty such steps from pure noise, from eight different seeds:

# %% image="walk"
start = torch.cat([noise_like(cat, seed=seed) for seed in range(100, 108)])  # 8 x 3 x 96 x 96
path = [(1.0, start), *walk(model, start, steps=50)]  # 51 of (amount, 8 x 3 x 96 x 96)
stops = [path[0], path[25], path[40], path[50]]
show(
    [pictures[:1] for _, pictures in stops],
    labels=[f"amount {amount:.1f}" for amount, _ in stops],
    about="Four stops on the first of the walks, and how much noise is left at each.",
    alt="The walk from noise to the cat: first specks, then a cat behind specks, then the cat.",
)

# %%
animate(
    torch.cat([pictures[:1] for _, pictures in path[2::4]]),
    about="Moving picture: specks that turn into the photo of the cat in fifty steps.",
)

# %%
curve = [judge.psnr(pictures, cat) for _, pictures in path]
chart(
    {"mean of 8 walks": ([1 - amount for amount, _ in path], curve)},
    x="way walked (1 - amount of noise)",
    y="PSNR to the photo, dB",
    about=f"PSNR to the photo along the walk: it rises all the way, to {curve[-1]:.0f} dB at "
    "the end.",
)

# %%
final = path[-1][1]
show(
    final[:3],
    labels=[f"seed {100 + i}\n{judge.psnr(final[i : i + 1], cat):.1f} dB" for i in range(3)],
    about="Where the first three walks end, each from a noise of its own.",
    alt="Three times the same cat.",
)

# %% [markdown]
# Eight noises, one cat. The same seed gives the same picture to the last bit:

# %%
again = draw(model, start, steps=50)
print("the same to the bit:", torch.equal(again, final))

# %% [markdown] exercise="walk_back" minutes=15 difficulty="a challenge"
# ### Exercise 2.4: The whole walk
#
# Write `walk_back(noise, guesses)`: `guesses[0]` is what the denoiser said at the start, where the amount is 1, `guesses[1]` what it
# said after the first step, and so on. The steps are even and the last one ends at amount 0. Return the picture after each step.


# %% solution="walk_back"
def walk_back(noise, guesses):
    """A walk from noise.

    noise: 1 x 3 x H x W.  guesses: a list of K such pictures.  Returns a list of K pictures.
    """
    ### BEGIN SOLUTION
    steps, noisy, path = len(guesses), noise, []
    for step, guess in enumerate(guesses):
        amount, after = 1 - step / steps, 1 - (step + 1) / steps
        noisy = guess + after / amount * (noisy - guess)
        path.append(noisy)
    return path
    ### END SOLUTION


# %% check="walk_back" points=3

# %% [markdown] hints="walk_back"
# <details><summary>Hint 1</summary>
#
# With 4 guesses: which amounts of noise are there before the first step, between the steps, and after the last?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Step number s (from 0) goes from the amount 1 - s / K to 1 - (s + 1) / K. Each step is exercise 2.3, and starts where the last one ended.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `amount, after = 1 - step / steps, 1 - ____ / steps`
#
# </details>

# %% [markdown]
# ## Is it better than the classics?
#
# Set it beside lesson 1's denoisers, on the same noisy photo of the cat, and on a photo that it has never seen.


# %%
def best_classic(noisy, amount, truth):
    scores = {
        name: judge.psnr(picture, truth)
        for name, picture in classic_denoisers(noisy, amount).items()
    }
    name = max(scores, key=scores.get)
    return name, scores[name]


# %%
coffee = example_photo("coffee", size=96).to(device)
scores = []
for photo, truth in (("the cat", cat), ("a cup of coffee", coffee)):
    for amount in (0.1, 0.3, 0.6):
        noisy, _ = add_noise(truth, amount, seed=1)
        name, classic = best_classic(noisy, amount, truth)
        ours = judge.psnr(guess_picture(model, noisy, amount), truth)
        scores.append(
            {
                "photo": photo,
                "amount": str(amount),
                "best classic": name,
                "its dB": classic,
                "our dB": ours,
            }
        )
table(scores, about="PSNR of the best classic denoiser and of the one-photo denoiser")

# %%
noisy, _ = add_noise(coffee, 0.6, seed=1)
ours = guess_picture(model, noisy, 0.6)
print(
    f"One-photo denoiser: {judge.psnr(ours, coffee):.1f} dB to the coffee, "
    f"{judge.psnr(ours, cat):.1f} dB to the cat."
)
show(
    [noisy, classic_denoisers(noisy, 0.6)["total variation"], ours],
    labels=["noisy coffee", "total variation", "one-photo denoiser"],
    about="The same noisy cup, cleaned by a classic and by a network that knows one cat.",
    alt="A noisy cup of coffee: total variation gives back a blurred cup, the one-photo "
    "denoiser a blurred cat.",
)

# %% [markdown]
# On the cat it wins by far, and that is no fair fight: it has seen the answer. On the coffee it loses to the best classic at every
# amount. Shown a cup, it paints a cat, because a cat is all that it knows. Lesson 3 asks what that means for the "enhance" button.

# %% [markdown]
# ## What has it learned?
#
# Nothing but this photo, and it takes much more room to keep it than a file does:

# %%
print(
    f"the network: {4 * parameter_count(model) / 1e6:.1f} MB; the photo as raw bytes: "
    f"{cat.numel() / 1e6:.3f} MB"
)

# %% [markdown]
# With one photo in the world there is nothing to decide: whatever the noise, the best guess is that photo. With several photos that are
# equally likely, the best guess is their mean, weighted by how likely each is *given the noisy picture*: this is the *ideal denoiser*.
# In strong noise it can't tell them apart, and its guess is a blur of all; as the noise falls, one of them takes over. That is why the walk
# goes in small steps.
#
# <details><summary>The maths</summary>
#
# Given photo $p_i$, the noisy picture $y$ is Gaussian about $(1-t)\,p_i$ with variance $t^2$ in each number, so its likelihood is
# $w_i\propto\exp\!\big(-\lVert y-(1-t)\,p_i\rVert^2/(2t^2)\big)$. The guess with the least mean square error is the posterior mean
# $\sum_i w_i\,p_i/\sum_i w_i$ (for a derivation: Karras et al. 2022, arXiv:2206.00364, appendix B).
#
# </details>

# %% [markdown] exercise="ideal_guess" minutes=20 difficulty="a challenge"
# ### Exercise 2.5: The ideal denoiser
#
# Write `ideal_guess(noisy, amount, photos)`: the mean of the photos, each weighted by $\exp\!\big(-d_i/(2\,\text{amount}^2)\big)$, where $d_i$ is the sum
# of the squared differences between `noisy` and `(1 - amount) * photos[i]`. The weights add up to 1. (The exponents are large: let
# `torch.softmax` turn them into weights, it knows how to keep them in range.)


# %% solution="ideal_guess"
def ideal_guess(noisy, amount, photos):
    """The best guess when only `photos` exist.

    noisy: 1 x 3 x H x W.  photos: N x 3 x H x W.  Returns 1 x 3 x H x W.
    """
    ### BEGIN SOLUTION
    apart = ((noisy - (1 - amount) * photos) ** 2).sum(dim=(1, 2, 3))  # N
    weights = torch.softmax(-apart / (2 * amount**2), dim=0)  # N
    return (weights.reshape(-1, 1, 1, 1) * photos).sum(dim=0, keepdim=True)
    ### END SOLUTION


# %% check="ideal_guess" points=3

# %% [markdown] hints="ideal_guess"
# <details><summary>Hint 1</summary>
#
# If photo i were the right one, what would the noisy picture look like without its noise? How far off is it?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compute one number per photo, $-d_i / (2\,\text{amount}^2)$, give all of them to `torch.softmax`, and use the result as weights of a sum.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `weights = torch.softmax(-apart / ____, dim=0)`
#
# </details>

# %% [markdown]
# ## Many pictures of one caption
#
# One photo left nothing to decide. So give the next denoiser many pictures of one caption. There are no 400 photos of one cat in this course; there
# is a small made *world*, a program that draws captions. Its cats are toys, and all about them is known. What the caption leaves open (place in the
# frame, size, facing, tail, light) each picture takes from its seed.

# %%
scene = world.parse("Maine coon cat laying on a wooden floor.")
photos = world.render([scene] * 400, range(400)).to(device)  # 400 x 3 x 32 x 32
show(
    photos[:6],
    labels="seed {}",
    about="Six pictures of one caption. What differs is what the caption does not say.",
    alt="Six small drawings of the caption: a striped brown cat with green eyes lies on "
    "boards, further left or right, larger or smaller, facing either way, in warm or cold "
    "light.",
)

# %% [markdown]
# The same loop, and the same question: what was the picture before the noise came? Each round takes eight of the 400. (The amounts are
# drawn on a *bell*, which papers call *logit-normal*: those near the middle come more often, for it is there that a walk decides which cat it
# will be.)

# %%
torch.manual_seed(0)
painter = Denoiser(fold=4, widths=(48, 64)).to(device, memory_format=torch.channels_last)
loss = DenoisingLoss(photos, amounts="logit-normal")
rounds = train(painter, loss, steps=1000, seed=0, learning_rate=6e-3)
for _ in tqdm(rounds, total=1000, desc="400 cats"):
    pass

# %% [markdown]
# Sixteen walks from pure noise. (`order=2` also looks at the step before, to see which way the path bends: fewer steps will do.)

# %%
start = torch.cat([noise_like(photos[:1], seed=seed) for seed in range(200, 216)])
drawn = draw(painter, start, steps=20, order=2)  # 16 x 3 x 32 x 32
show(
    drawn,
    about="All sixteen, as they came. Which would you call muddled?",
    alt="Sixteen drawings by the network: striped brown cats with green eyes that lie on a "
    "floor, left or right, facing either way; softer than the world's own, a few of them "
    "muddled.",
)

# %% [markdown]
# Sixteen noises, sixteen different pictures. Most are a cat at first sight, softer than the world's; a few are a muddle. Don't trust your eye alone.
# The course's *judge* is a network that learned, from other pictures of the world, to name what a picture shows, and to refuse a muddle; some
# softness it forgives (lesson 5 tells more of it). Beside them, new pictures by the world itself, and noise:

# %%
critic = judge.shipped_judge()
fresh = world.render([scene] * 16, range(10_000, 10_016)).to(device)  # seeds never shown
kinds = {"drawn by the network": drawn, "new ones by the world": fresh, "noise": start}
seen_right = {name: critic.score(pictures, [scene] * 16) for name, pictures in kinds.items()}
table(
    [
        {"16 pictures": name} | {factor: f"{share:.0%}" for factor, share in right.items()}
        for name, right in seen_right.items()
    ],
    about="Share of pictures in which the judge sees what the caption says",
)

# %% [markdown]
# ## Is it a copy?
#
# A machine that kept 400 pictures and gave one of them back would please that judge, too. So find, for each new picture, the training picture that is
# nearest to it.

# %% [markdown] exercise="nearest_photo" minutes=10 difficulty="some thought"
# ### Exercise 2.6: The nearest photo
#
# Write `nearest_photo(picture, photos)`: the number of the photo that is nearest to the picture, counted from 0, and how far it is. *How far* is the
# root of the mean of all squared differences, over colours and pixels: 0 for a copy.


# %% solution="nearest_photo"
def nearest_photo(picture, photos):
    """The nearest photo.

    picture: 1 x 3 x H x W.  photos: N x 3 x H x W.  Returns two numbers: which photo, how far.
    """
    ### BEGIN SOLUTION
    far = ((picture - photos) ** 2).mean(dim=(1, 2, 3)).sqrt()  # N
    number = far.argmin()
    return number, far[number]
    ### END SOLUTION


# %% check="nearest_photo" points=2

# %% [markdown] hints="nearest_photo"
# <details><summary>Hint 1</summary>
#
# `picture - photos` takes all N photos from the picture at once. Which axes have to go, so that N numbers are left?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Square first, else differences up and down cancel. Then the mean over the axes 1, 2 and 3, then the root. `argmin` tells which is smallest.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `far = ((picture - photos) ** 2).mean(dim=____).sqrt()`
#
# </details>


# %%
def nearest(pictures, among=photos):
    apart = torch.cdist(pictures.flatten(1), among.flatten(1)) / pictures[0].numel() ** 0.5
    return apart.min(dim=1)  # values: how far; indices: which


show(
    torch.cat([drawn[:6], photos[nearest(drawn[:6]).indices]]),
    rows=["drawn", "nearest"],
    about="Under each drawing stands the training picture that is nearest to it: is it the "
    "same?",
    alt="Six cats, and under each another that is alike in place and facing, and different "
    "in light; the drawn ones have hardly any stripes, and no boards under them.",
)

# %% [markdown]
# How far is far enough? New pictures by the world are certainly no copies: their seeds were never shown. But the network's cats are softer than the
# world's, and even a blurred copy lies some way from its original. So let blurred copies take part, and measure again with all pictures blurred alike.


# %%
def soften(pictures):  # each pixel becomes the mean of itself and its neighbours
    return torch.nn.functional.avg_pool2d(pictures, 3, 1, padding=1, count_include_pad=False)


def row(name, pictures, among=photos):
    plain = nearest(pictures, among).values
    soft = nearest(soften(pictures), soften(among)).values
    how_far = {"nearest, mean": plain.mean(), "smallest": plain.min()}
    how_far |= {"all blurred, mean": soft.mean(), "smallest then": soft.min()}
    return {"16 pictures": name} | {what: f"{far:.3f}" for what, far in how_far.items()}


rows = [
    row("drawn by the network", drawn),
    row("new ones by the world", fresh),
    row("training pictures, to another one", photos[:16], photos[16:]),
    row("blurred copies of training pictures", soften(photos[:16])),
]
table(rows, about="How far the nearest training picture is")

# %%
print(f"The one-photo denoiser, to its photo: {nearest(final, cat).values.mean():.3f}")

# %% [markdown]
# Taken as they are, a blurred copy nearly passes for new. With all blurred alike it gives itself away, and the network's cats still lie as far from
# all that it has seen as new pictures do: none of the sixteen is a copy. The denoiser of one photo copies. A distance between pixels still misses
# a copy that was moved aside or turned round; lesson 8 asks again, more severely, and finds out when such a network copies one of many.

# %% [markdown]
# ## What would a perfect learner draw?
#
# On these 400 pictures no denoiser has a smaller error than the ideal one of exercise 2.5, which knows them by heart. Does it draw the best new cats?
# Let it walk.

# %% [markdown] exercise="ideal_walk" minutes=20 difficulty="a challenge"
# ### Exercise 2.7: The ideal denoiser's walk
#
# Write `ideal_walk(noise, photos, steps)`: the picture at the end of a walk of `steps` even steps, from pure noise at amount 1 down to 0. At each
# stop the ideal denoiser of exercise 2.5 makes a new guess.


# %% solution="ideal_walk"
def ideal_walk(noise, photos, steps):
    """The end of the walk, when only `photos` exist.

    noise: 1 x 3 x H x W.  photos: N x 3 x H x W.  Returns 1 x 3 x H x W.
    """
    ### BEGIN SOLUTION
    noisy = noise
    for step in range(steps):
        amount, after = 1 - step / steps, 1 - (step + 1) / steps
        apart = ((noisy - (1 - amount) * photos) ** 2).sum(dim=(1, 2, 3))  # N
        weights = torch.softmax(-apart / (2 * amount**2), dim=0)  # N
        guess = (weights.reshape(-1, 1, 1, 1) * photos).sum(dim=0, keepdim=True)
        noisy = guess + after / amount * (noisy - guess)
    return noisy
    ### END SOLUTION


# %% check="ideal_walk" points=3

# %% [markdown] hints="ideal_walk"
# <details><summary>Hint 1</summary>
#
# In exercise 2.4 the guesses were given. Here each depends on where you stand: what does the ideal denoiser say there?
#
# </details>
# <details><summary>Hint 2</summary>
#
# In a loop over the steps: the ideal guess for `noisy` at `amount` (exercise 2.5), then one step towards it (exercise 2.3). You may call your own
# functions.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `noisy = guess + ____ * (noisy - guess)`, with a new `guess` in each round
#
# </details>

# %% [markdown]
# Now on our 400 pictures, from the noises that became the network's cats:


# %%
class ByHeart:  # the ideal denoiser of all 400, for many noisy pictures at once
    predicts = "picture"

    def __call__(self, noisy, amount, key=None):
        t = amount[0]  # the same for all of them
        apart = torch.cdist(noisy.flatten(1), (1 - t) * photos.flatten(1)) ** 2  # 16 x 400
        weights = torch.softmax(-apart / (2 * t**2), dim=1)
        return (weights @ photos.flatten(1)).reshape(noisy.shape)


recalled = draw(ByHeart(), start, steps=20, order=2)
rows.append(row("the ideal denoiser", recalled))
show(
    torch.cat([recalled[:4], photos[nearest(recalled[:4]).indices]]),
    rows=["ideal", "nearest"],
    about="Under each picture by the ideal denoiser stands the training picture that is "
    "nearest to it.",
    alt="Four pictures by the ideal denoiser, and under each the training picture nearest to "
    "it: the same picture, each time.",
)

# %%
table([rows[0], rows[-1]], about="How far the nearest training picture is")

# %% [markdown]
# A perfect learner of its training set is a copier. The network's cats are new *because* it falls short of that: the same few numbers have to serve
# all pictures. Kamb and Ganguli (2024, arXiv:2412.20292) start from two such limits of convolutional networks, that they look at neighbourhoods and
# treat all places alike, and predict what they will draw: a patchwork of pieces from different training pictures. Ours also knows where each place
# lies, so their theory fits it in part only.

# %% [markdown]
# ## What you measured

# %%
largest = next(row for row in scores if row["photo"] == "the cat" and row["amount"] == "0.6")
print(f"From pure noise, mean of 8 seeds: {curve[-1]:.1f} dB to the photo in 50 steps.")
print(
    f"Denoising the cat at amount 0.6: {largest['our dB']:.1f} dB, best classic "
    f"{largest['its dB']:.1f} dB."
)
print(
    f"Denoising the coffee at amount 0.6: {scores[-1]['our dB']:.1f} dB, best classic "
    f"{scores[-1]['its dB']:.1f} dB."
)
print(
    f"Of 16 cats by the second network, the judge sees all of the caption in "
    f"{seen_right['drawn by the network']['all']:.0%}."
)
print("The nearest training picture, all blurred alike:")
for measured in rows:
    print(f"  {measured['16 pictures']}: {measured['all blurred, mean']}")

# %% [markdown]
# **Go further.** Give the second network five pictures instead of 400, `DenoisingLoss(photos[:5], ...)`, and measure again how far the nearest
# is. Or train the first on two photos: `DenoisingLoss(torch.cat([cat, coffee]))`. From which seeds do you get the cat, from which the
# coffee? Do you ever get something between, and on which part of the walk is it decided? A long training may be interrupted: what it has
# learned is in `model`, and `train(model, ..., done=100)` goes on after step 100.
#
# **The next question.** The denoiser of one photo painted a cat where there was a cup, sharp and sure of itself. What happens when a button that
# "enhances" pictures does that to a number plate?
# [Lesson 3: The enhance button](03_enhance_button.ipynb)
