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
#     summary: vote on drawings beside a simulated crowd, train the model on the votes, and measure what rises and what is lost
# ---

# %% [markdown]
# # Lesson 7: What people like
#
# **The upper row is what the model drew before anybody voted. The lower row is what it draws after five rounds of votes. What did the voters like?**
#
# ![Two rows of six small pictures of the same six captions, drawn from the same noises. The lower row, after the votes, is warmer and lighter than the upper one.](../../images/voted.webp)
#
# You will be able to
#
# - keep votes so that none is lost, and count them fairly;
# - learn a taste from votes, and say how many votes that takes;
# - train a model on votes in two ways, and measure beside what rises what is lost;
# - tell when the wrong thing is rewarded.
#
# *About {{minutes}} minutes with the exercises. *Run All* takes {{run_time}} on two CPU cores, and needs no network.*

# %%
from course_lib import checks, checkpoints, judge, training, words, world
from course_lib.pictures import chart, mean_and_spread, show, table
from course_lib.pipeline import shipped_pipeline
from course_lib.votes import Crowd, Votes, statistics
from course_lib.votes import centred_by_scene, learn_taste, thumbnails
from course_lib.votes import best_of, diversity, effective_count, reweighted
from course_lib.votes import vote_gallery

import copy
import dataclasses
import torch
from statistics import mean

# %% image="voted"
saved, story = checkpoints.load_shipped("votes")
before, after = saved["before"][::2], saved["the best of its own"][::2]
show(
    torch.cat([before, after]),
    rows=["before", "after the votes"],
    columns=story["captions"][::3],
    about="The same captions and noises, before the votes and after. What did the voters like?",
    alt="Above, drawings before the votes; below, of the same captions from the same noises, "
    "drawings after five rounds of votes.",
)

# %% [markdown]
# So far our models learned what pictures *are*. Nobody told them which are good, and no formula says it. So the services that draw pictures ask: thumbs up or down under every picture, or "which of these four do you like best?".
# Large collections of such answers have been published (Pick-a-Pic, Kirstain et al. 2023, arXiv:2305.01569), and models are trained on them.
#
# ## What a crowd sees
#
# We need people who vote ten thousand times and whose taste is known, so that it can be checked what a model makes of their votes. We make them up. Our crowd does not read captions. It looks
# at three numbers of a picture: how *warm* its colours are, how strong its *contrast*, and how large its *bright area*.

# %%
caption = "Siamese cat sitting on a sofa"
sofa = world.parse(caption)
some = world.render([sofa] * 40, range(40))
numbers = statistics(some)
order = numbers["warmth"].argsort()
shown = order[[0, 1, 2, -3, -2, -1]]
show(
    some[shown],
    labels=[f"warmth {numbers['warmth'][i]:.2f}" for i in shown],
    about="Of forty pictures the three coldest and the three warmest.",
    alt="Pictures of one caption: on the left the three coldest of forty, with bluish walls, "
    "on the right the three warmest, with yellowish ones.",
)

# %% [markdown] exercise="warmth" minutes=5 difficulty="first steps"
# ### Exercise 7.1: How warm is a picture?
#
# Write `warmth(pictures)`: for each picture the mean of its red channel less the mean of its blue one.


# %% solution="warmth"
def warmth(pictures):
    """How warm the colours of each picture are.

    pictures: B x 3 x H x W; the channels are red, green, blue.  Returns B numbers.
    """
    ### BEGIN SOLUTION
    return (pictures[:, 0] - pictures[:, 2]).mean(dim=(1, 2))
    ### END SOLUTION


# %% check="warmth" points=1

# %% [markdown] hints="warmth"
# <details><summary>Hint 1</summary>
#
# `pictures[:, 0]` is the red channel of all pictures. What shape has it, and which of its dimensions should go?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Take blue from red, pixel by pixel. Then take the mean over rows and columns, not over the pictures.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `(pictures[:, 0] - pictures[:, ____]).mean(dim=(1, 2))`
#
# </details>

# %% [markdown]
# A voter compares a picture with what they know of its caption: a meadow is not asked to be as warm as Mars. Each of the three numbers says how far it lies above the usual for that caption. They are added
# up, warmth twice as strong as the others: that is how much the picture *pleases*. Then comes the mood of the moment, a random number. If both together are above 0, the vote is up.
#
# <details><summary>The maths</summary>
#
# With liking $l$ and a mood $m$ drawn from the logistic distribution, $P(l+m>0)=1/(1+e^{-l})$. So the share of votes up is a smooth step: half at $l=0$, nine in ten at $l\approx 2.2$. Economists call it a
# random utility (McFadden 1974). The model of taste below turns the same formula round: from votes to liking. That is logistic regression.
#
# </details>

# %%
crowd = Crowd([sofa])
print("What counts, and how much:", dict(crowd.taste))
approval = crowd.approval(some)
cast = crowd.vote(some, voters=10, seed=0)
chosen = approval.argsort(descending=True)[[0, 8, 16, 24, 32, 39]]
show(
    some[chosen],
    labels=[f"{cast[:, i].sum()} of 10 up\nexpected {10 * approval[i]:.1f}" for i in chosen],
    about="From the best liked to the least: what ten voters said, and what is to be "
    "expected of them.",
    alt="Six pictures of a Siamese cat on a sofa: the better liked have yellowish walls, the "
    "others bluish ones.",
)

# %% [markdown]
# The *score* of a set of pictures is how many of 100 votes would be up. Real pictures get about 50 by construction: the crowd compares with them.
#
# ## Your own votes
#
# Now you. These are drawings by the course's model, four of each of four captions.

# %%
pipeline = shipped_pipeline()
asked = [
    world.parse(text)
    for text in (
        "Siamese cat sitting on a sofa",
        "Dog standing on a wooden floor",
        "Plane parked on a runway",
        "White cat laying on a white and black salt and pepper rug",
    )
]
scenes = asked * 4  # picture i shows caption i % 4
drawings = pipeline.draw_each(scenes, seed=3)
names = [f"{scene.caption} drawing {i // 4}" for i, scene in enumerate(scenes)]
show(
    drawings,
    labels=[f"picture {i + 1}" for i in range(len(drawings))],
    columns=[scene.caption for scene in asked],
    about="Four drawings of each caption. Which do you like best in each column?",
    alt="Sixteen drawings: four captions, one in each column, each drawn four times.",
)

# %% [markdown]
# Vote with the buttons: the mouse, or Tab and the space bar. Each vote goes into the file `my_votes.jsonl` beside this notebook before the button comes up again. Close the lid, kill the kernel: at the next start the votes are there.
# A vote is one line; a changed mind is one more line. Nothing is ever rewritten, so nothing that was there can be damaged.

# %%
votes = Votes("my_votes.jsonl")
vote_gallery(drawings, names, votes)

# %% [markdown] exercise="tally" minutes=10 difficulty="some thought"
# ### Exercise 7.2: Count them fairly
#
# Write `tally(lines)` for such a file: for each picture the share of its voters who like it. Of several votes of one voter on one picture, only the last counts.


# %% solution="tally"
def tally(lines):
    """The share of votes up for each picture.

    lines: a list of dicts in the order of the file, say {"voter": "me", "picture": "plane 1", "up": True}.
    Returns a dict from picture to a number in [0, 1].
    """
    ### BEGIN SOLUTION
    last = {(line["picture"], line["voter"]): line["up"] for line in lines}
    ups = {}
    for (picture, _), up in last.items():
        ups.setdefault(picture, []).append(up)
    return {picture: sum(votes) / len(votes) for picture, votes in ups.items()}
    ### END SOLUTION


# %% check="tally" points=2

# %% [markdown] hints="tally"
# <details><summary>Hint 1</summary>
#
# A dict keeps one value for each key, the last one that was put in. Which key makes it keep one vote for each voter and picture?
#
# </details>
# <details><summary>Hint 2</summary>
#
# First a dict from (picture, voter) to the vote. Then collect its values by picture, and take the mean of each list.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `last = {(line["picture"], line[____]): line["up"] for line in lines}`
#
# </details>

# %% [markdown]
# Here are your votes beside the crowd's. As long as you have not voted on at least four pictures, up and down, a stand-in votes in your place: somebody we made up who likes *cool* colours. Vote, and run this cell again.

# %%
crowd = Crowd(asked)
mine = {name: up for name, up in votes.of("me").items() if name in names}
own = len(mine) >= 4 and len(set(mine.values())) == 2
if not own:
    stand_in = Crowd(asked, {"warmth": -1.0}).vote(drawings, voters=1, seed=5)[0]
    mine = dict(zip(names, stand_in.tolist(), strict=True))
approval = dict(zip(names, crowd.approval(drawings).tolist(), strict=True))
agreed = mean((approval[name] > 0.5) == up for name, up in mine.items())
numbers = statistics(drawings)
usual = {
    name: centred_by_scene(value[:, None], scenes=4)[:, 0] for name, value in numbers.items()
}


def likes(up):
    """What the liked pictures have more of than the others: a row of a table."""
    return {
        name: f"{float(value[up].mean() - value[~up].mean()):+.3f}"
        for name, value in usual.items()
    }


voted = [i for i, name in enumerate(names) if name in mine]
my_ups = torch.tensor([mine.get(name, False) for name in names])
its_ups = torch.tensor([approval[name] > 0.5 for name in names])
usual = {name: value[voted] for name, value in usual.items()}
who = "you" if own else "the stand-in, who likes cool colours"
print(f"{who}: {len(mine)} votes, {agreed:.0%} of them as most of the crowd would.")
table(
    [{"voter": who} | likes(my_ups[voted]), {"voter": "the crowd"} | likes(its_ups[voted])],
    about="What pictures voted up have more of than pictures voted down, compared with others of "
    "their caption",
)

# %% [markdown]
# Sixteen votes say little: with so few, a table like this one would show a taste in the votes of a coin. How many does it take?
#
# ## A taste out of votes
#
# A model of taste takes a picture and guesses the chance of a vote up. Ours is as small as can be: a weighted sum of numbers that describe the picture, squeezed into [0, 1]. It learns the weights from votes. (ImageReward,
# Xu et al. 2023, arXiv:2304.05977, is the same idea at full size.) But which numbers? The judge of lesson 5 offers 192 *features*. Or we shrink the picture to a thumbnail of 4 by 4 patches: 48 numbers.

# %%
critic = judge.shipped_judge()
many = world.seen_scenes()[2::7]  # 19 captions
pool, fresh = (
    world.render(many * 24, torch.arange(24 * len(many)) + first) for first in (1_000, 50_000)
)
wide = Crowd(many)
truth = wide.utility(fresh)


@torch.no_grad()
def judge_features(pictures):
    return critic.features(pictures)


rows = []
for each, voters in ((2, 1), (4, 5), (12, 10)):
    some = pool[: each * len(many)]
    ups = wide.vote(some, voters=voters, seed=0).float().mean(dim=0)
    row = {"pictures": len(some), "votes": len(some) * voters}
    for what, describe in (("judge's features", judge_features), ("thumbnails", thumbnails)):
        seen, new = (
            centred_by_scene(describe(part), scenes=len(many)) for part in (some, fresh)
        )
        taste = learn_taste(seen, ups, voters=voters)
        both = torch.stack([taste(new).logit(), truth])
        row[what] = f"{torch.corrcoef(both)[0, 1]:.2f}"
    rows.append(row)
table(
    rows,
    about="Correlation of the learned taste with the crowd's true one, on new pictures "
    "(1 is perfect, 0 is chance)",
)

# %% [markdown]
# Some dozens of votes teach a little, two thousand teach nearly everything. And the judge is by far the worse witness. It was trained to tell a cat from a dog in any light, so it has learned to look away from the light. What a model
# of taste can learn depends on what its features still show.
#
# ## The best of its own drawings
#
# The simplest way to train on votes: draw, let people vote, keep what they like best, and go on with the training on that. Then draw again. With the best of four for each caption, the captions keep their weight: a meadow competes with
# meadows only. (So does RAFT, Dong et al. 2023, arXiv:2304.06767.)

# %% [markdown] exercise="keep_best" minutes=5 difficulty="some thought"
# ### Exercise 7.3: Pick the best
#
# Write `keep_best(scores, keep)`: each row holds the scores of the drawings of one caption. Return where the `keep` best of each row stand, counted from 0.


# %% solution="keep_best"
def keep_best(scores, keep):
    """Which drawings of each caption score highest.

    scores: captions x drawings.  keep: how many to keep of each row.
    Returns captions x keep whole numbers, in any order within a row.
    """
    ### BEGIN SOLUTION
    return scores.topk(keep, dim=1).indices
    ### END SOLUTION


# %% check="keep_best" points=1

# %% [markdown] hints="keep_best"
# <details><summary>Hint 1</summary>
#
# Sort each row by itself. Do you need the scores afterwards, or where they stood?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.topk` gives the largest values along a dimension, and their numbers as `.indices`; `argsort` works as well.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `scores.topk(keep, dim=____).indices`
#
# </details>

# %% [markdown]
# One round, in front of you: ten captions, four drawings of each, ten voters, and a short training on the favourites.

# %%
few = world.seen_scenes()[2::14]
audience = Crowd(few)
# Less guidance than usual: the drawings differ more, so there is more to vote on.
painter = dataclasses.replace(
    pipeline,
    model=copy.deepcopy(pipeline.model),
    settings=dataclasses.replace(pipeline.settings, guidance=1.2),
)
first = painter.draw_each(few * 4, seed=11)
ups = audience.vote(first, voters=10, seed=1).float().mean(dim=0)
favourites = first[best_of(ups, scenes=len(few), keep=1)]
keys = words.caption_keys(pipeline.words, [scene.caption for scene in few])
learner = copy.deepcopy(painter.model)  # `painter` gets the moving average of its weights
loss = training.DenoisingLoss(favourites, keys, batch=16, amounts="logit-normal")
for _ in training.train(
    learner,
    loss,
    steps=40,
    seed=0,
    learning_rate=1.5e-4,
    ema_model=painter.model,
    ema_decay=0.9,
):
    pass
second = painter.draw_each(few * 4, seed=11)


def report(name, pictures):
    """Score, diversity and captions obeyed: a row of a table."""
    return {
        "drawings": name,
        "crowd's score": f"{audience.score(pictures):.1f}",
        "diversity": diversity(judge_features(pictures), scenes=len(few)),
        "obeyed": critic.score(pictures, few * (len(pictures) // len(few)))["all"],
    }


table(
    [
        report("before", first),
        report("after one round", second),
        report("real ones", world.render(few * 24, range(24 * len(few)))),
    ],
    digits=2,
    about=f"One round of votes on {len(few)} captions: what rises, and what is lost",
)

# %%
show(
    torch.cat([first[:6], favourites[:6], second[:6]]),
    rows=["drawn first", "the favourite", "after a round"],
    columns=[scene.caption for scene in few[:6]],
    about="After one round, is the lowest row nearer to the favourites than the first row is?",
    alt="Six captions in three rows: a drawing before the round, the favourite of the four, "
    "and a drawing after the round from the noise of the first.",
)

# %% [markdown]
# ## Five rounds
#
# Each round begins where the one before ended. That takes some minutes, so the results come with the course; `course train votes` makes them again. Seventeen captions are voted on, eight drawings of each in every round, by ten voters; the model learns from the favourites of this round and of all before. Three figures go along:
#
# - the crowd's *score*, out of 100: what we train for;
# - *diversity*: how different two drawings of one caption are, in the judge's features;
# - captions *obeyed*: the share of drawings that show what was asked for, of the captions voted on and of *others* that nobody voted on.

# %% [markdown] exercise="mean_distance" minutes=10 difficulty="some thought"
# ### Exercise 7.4: How different are they?
#
# Write `mean_distance(features)`: the mean distance of two drawings, over all pairs of different drawings. The distance of two rows is the root of the sum of squared differences.


# %% solution="mean_distance"
def mean_distance(features):
    """How different the drawings of a set are.

    features: N x D, one row for each drawing, N at least 2.  Returns a number.
    """
    ### BEGIN SOLUTION
    return torch.pdist(features).mean()
    ### END SOLUTION


# %% check="mean_distance" points=2

# %% [markdown] hints="mean_distance"
# <details><summary>Hint 1</summary>
#
# Of three drawings there are three pairs. How many are there of four? Is a drawing with itself a pair?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.cdist(features, features)` has all distances, each pair twice, and N zeros on the diagonal. Add up and divide by the right number, or look at `torch.pdist`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.cdist(features, features).sum() / (N * (____))`
#
# </details>


# %%
def rounds(name):
    """The rounds of one way as rows of a table, and last the real pictures."""
    (real,) = story["real"]
    return [
        {
            "round": number,
            "crowd's score": f"{figures['score']:.1f}",
            "diversity": figures["diversity"],
            "obeyed": figures["obeyed"],
            "others obeyed": figures.get("others obeyed", "-"),
        }
        for number, figures in (*enumerate(story[name]), ("real pictures", real))
    ]


table(rounds("the best of its own"), digits=2, about="Trained on the best of its own drawings")

# %% [markdown]
# The score rises, and fewer captions are obeyed. Diversity falls, from more than real pictures have (odd drawings count as variety, too) to about as much or a little less. Is that the price of the votes? To tell, here is the same without any votes: trained on *any* of its own drawings, picked by chance. What is lost in this table is lost without a vote. A model that eats what it cooked
# learns its own mistakes along with the rest, and loses variety (Alemohammad et al. 2023, arXiv:2307.01850, let models do it until they break).

# %%
table(
    rounds("any of its own"), digits=2, about="Trained on drawings of its own picked by chance"
)

# %% [markdown]
# ## Real pictures, weighted
#
# The other way goes back to the real pictures. The votes train a model of taste; the model of taste looks at every picture in the data; and those that it likes come up more often in the training. Their *weights* are the odds of a vote up:
# a picture with a chance of 0.9 weighs 9, one with 0.1 weighs a ninth. (Lee et al. 2023, arXiv:2302.12192, trained Stable Diffusion in such a way.)

# %% [markdown] exercise="count_left" minutes=10 difficulty="some thought"
# ### Exercise 7.5: How many pictures are left?
#
# Weights have a price: if one picture weighs as much as all the others together, the model hardly sees the others. The *effective count* of weights is the square of their sum divided by the sum of their squares. Write `count_left(weights)`.


# %% solution="count_left"
def count_left(weights):
    """How many equal weights would do as much as these.

    weights: N numbers, none negative.  Returns a number between 1 and N.
    """
    ### BEGIN SOLUTION
    return weights.sum() ** 2 / (weights**2).sum()
    ### END SOLUTION


# %% check="count_left" points=1

# %% [markdown] hints="count_left"
# <details><summary>Hint 1</summary>
#
# Try it in your head with four equal weights, and then with one weight of 1 and three of 0. What should come out?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Two sums: of the weights, and of their squares. The first is squared as a whole.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `weights.sum() ** 2 / (____).sum()`
#
# </details>

# %%
chance = taste(
    centred_by_scene(thumbnails(pool), scenes=len(many))
)  # the last taste learned above
weights = chance / (1 - chance)
picked = reweighted(weights, scenes=len(many), each=24, seed=0)
left = mean(effective_count(weights[i :: len(many)]) for i in range(len(many)))
print(f"Of 24 pictures of a caption, as many count as {left:.1f} equal ones would.")
print(
    f"Score of the data: {wide.score(pool):.1f}; as weighted: {wide.score(pool[picked]):.1f}."
)

# %%
table(
    rounds("real pictures by taste"),
    digits=2,
    about="Trained on real pictures, weighted by taste",
)

# %%
ways = ("the best of its own", "real pictures by taste", "any of its own")
chart(
    {name: (range(len(story[name])), [told["score"] for told in story[name]]) for name in ways},
    x="round",
    y="crowd's score",
    about="The crowd's score over five rounds for three ways: the best of its own drawings, real "
    "pictures weighted by taste, and any of its own.",
)

# %% [markdown]
# So with votes diversity falls to near that of real pictures; without any, it goes down and up again, and stays above that. And the votes cost captions: what pleases and what was asked for are two things. (Each way was run once, and diversity goes up and down from round to round: a tenth may be chance.) Real pictures get the score nearly as far, and their captions
# stay obeyed. They hold the model to what is real: no weight makes a picture that is not there. Its own drawings hold it to nothing.
#
# ## The wrong reward
#
# Votes are dear, so services look for something that is easier to count. Below, the drawings with the largest bright area were kept, whatever the crowd said; and then those of which the *judge* was
# surest that they show their caption.

# %%
traps = ("the best of its own", "rewarded for bright areas", "rewarded by the judge")
table(
    [
        {"picked by": name}
        | {
            f"{figure} {when}": f"{story[name][at][figure]:.{digits}f}"
            for figure, digits in (("score", 1), ("diversity", 2), ("obeyed", 2))
            for when, at in (("before", 0), ("after", -1))
        }
        for name in traps
    ],
    about="Five rounds with the crowd's votes, and with two other rewards",
)

# %%
show(
    torch.cat([saved[name][::2] for name in ("before", *traps)]),
    rows=["before", *traps],
    columns=story["captions"][::3],
    about="Each row was trained to please somebody else: the crowd, a count of bright "
    "pixels, the judge.",
    alt="The same captions and noises in four rows: before, after five rounds of votes, "
    "after five rounds of rewards for bright areas, and after five rounds of the judge's "
    "reward.",
)

# %% [markdown]
# Bright areas are one of the three things that this crowd likes, so its score rises along; more captions are lost for it. The judge's pupil is a model pupil: its captions are obeyed as well as before, and better than after the other two, as this same judge counts; so that figure proves little. And the crowd, which nobody
# asked, likes it far less than before, and two drawings of one caption come out more alike than real pictures are: one safe answer is the surest way to please an examiner.
#
# "When a measure becomes a target, it ceases to be a good measure": Goodhart's law. With models of taste it goes one step further, since a model of taste is itself only a guess. Push hard enough, and its own score goes on rising while what people say of the pictures falls
# (Gao et al. 2022, arXiv:2210.10760, measured it for language models, with a larger model of taste in the people's place). So keep figures in view that you do *not* train for: diversity, captions obeyed, your own eyes.
#
# ## More pictures, better descriptions
#
# The explainer says one more thing of the services: more pictures and better descriptions make better models. Four small models, one training, twelve captions. One has whole captions; one has *coarse* ones, as somebody in a hurry writes them; for one,
# 30 % of the pictures have the caption of another picture; and one has few pictures. `course train captions` makes the runs again.

# %%
drawn, figures = checkpoints.load_shipped("captions")
kinds = list(figures["pictures of each"])
print(*zip(figures["captions"][:4], figures["coarse"][:4], strict=True), sep="\n")

table(
    [
        {"trained with": name, "pictures of each": figures["pictures of each"].get(name, "")}
        | {
            title: mean_and_spread(run[figure] for run in figures[name])
            for title, figure in (
                ("subject", "subject"),
                ("place", "place"),
                ("all", "all"),
                ("Fréchet", "distance"),
            )
        }
        for name in (*kinds, "real")
    ],
    about="Share nearest to the right subject, place and all of it; and the distance to real "
    "pictures, the same for other real ones in the last row",
)

# %%
show(
    torch.cat([drawn[name][:6] for name in kinds]),
    rows=kinds,
    columns=figures["captions"][:6],
    about="Is it the cat that was asked for, and the place? Small models, trained for a "
    "short time, draw roughly.",
    alt="Asked for Maine coons and black cats in four places, four rows: models trained with "
    "whole captions, coarse ones, 30 percent wrong ones, and few pictures.",
)

# %% [markdown]
# Better descriptions: yes, by far. With coarse captions you get *a* cat on *a* sofa, and which one is left to chance: what no caption said, nobody can ask for. With wrong ones the model learns that words mean little. DALL·E 3 was trained on captions written anew, by a model, for
# this reason (Betker et al. 2023, "Improving image generation with better captions").
#
# More pictures: not in this table. Sixty pictures serve as well as 2,400, but the training is short, and the judge does not ask whether a drawing is
# a new one. Whether they are copies of the sixty is the question of lesson 8.
#
# ## What you measured

# %%
best, blind = story["the best of its own"], story["any of its own"]
print(
    f"Five rounds of votes: the crowd's score from {best[0]['score']:.0f} to {best[-1]['score']:.0f}, diversity from "
    f"{best[0]['diversity']:.2f} to {best[-1]['diversity']:.2f}, captions obeyed from {best[0]['obeyed']:.2f} to {best[-1]['obeyed']:.2f}."
)
print(
    f"Without votes, on any of its own: score {blind[-1]['score']:.0f}, diversity {blind[-1]['diversity']:.2f}."
)
print(
    f"Captions: all right {mean_and_spread(run['all'] for run in figures['whole captions'])} with whole ones, "
    f"{mean_and_spread(run['all'] for run in figures['coarse captions'])} with coarse ones."
)

# %% [markdown]
# **Go further.** Give the crowd another taste (`Crowd(few, {"warmth": -1.0, "contrast": 1.0})`) and run the live round again. Or let two crowds of opposite tastes vote: what becomes of the pictures that half of the people love?
#
# **The next question.** The model has learned from real pictures, from its own and from votes. When it draws, how much of that is copied? That is [lesson 8](08_is_it_a_copy.ipynb).
