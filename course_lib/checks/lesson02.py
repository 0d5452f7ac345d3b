"""Checks of lesson 2's exercises: training pairs, guesses, the walk back, and how far a picture is from a copy."""

import torch
from torch import Generator, Tensor

from ..noise import blend
from .verdict import Ask, Mistakes, exercise, photos_and_noise


@exercise(idea="which of the two has more noise, and how much has step k of K?")
def training_pair(ask: Ask, random: Generator) -> None:
    picture, noise = photos_and_noise(random, count=1)
    for step, steps in ((2, 10), (1, 4), (6, 7)):
        ks = torch.tensor([step + 1, step])
        harder, easier = pair = blend(picture, noise, ks / steps)
        mistakes: Mistakes = {
            "The two are the wrong way round: the noisier one comes first.": pair.flip(0),
            "The second is all picture or all noise: it should be step k.": ([harder, picture[0]], [harder, noise[0]]),
            "Both are the same step: the first should be k + 1, the second k.": ([easier] * 2, [harder] * 2),
            "These are steps k and k - 1: the pair is k + 1 and k.": blend(picture, noise, (ks - 1) / steps),
            "Step K is not pure noise: its amount should be 1.": blend(picture, noise, ks / (steps + 1)),
            "Picture and noise have swapped places.": blend(noise, picture, ks / steps),
            "The whole picture stays under the noise.": picture + (ks / steps)[:, None, None, None] * noise,
        }
        ask(picture, noise, step, steps, expect=pair, mistakes=mistakes)


@exercise(idea="noisy = (1 - amount) picture + amount noise: which of these do you know?")
def picture_from_noise(ask: Ask, random: Generator) -> None:
    picture, noise = photos_and_noise(random, count=2)
    for amount in (0.25, 0.5, 0.9):
        noisy, share = blend(picture, noise, amount), amount * noise
        mistakes: Mistakes = {
            "All of the noise is taken away, not its share.": (noisy - noise, (noisy - noise) / (1 - amount)),
            "What is left is too faint: it is still only a share of the picture.": noisy - share,
            "The noise is added, not taken away.": (noisy + share) / (1 - amount),
            "Divide by the picture's share of it.": ((noisy - share) / amount, (noisy - share) * (1 - amount)),
            "Some of the noise is still there.": (noisy / (1 - amount), noisy / (1 - amount) - share),
            "The two shares have swapped places.": (noisy - (1 - amount) * noise) / amount,
        }
        ask(noisy, noise, amount, expect=picture, mistakes=mistakes)


@exercise(idea="the part of the picture that is not the guess: what share of it is left after the step?")
def step_back(ask: Ask, random: Generator) -> None:
    pictures, noise = photos_and_noise(random, count=2)
    for amount, after in ((0.8, 0.6), (1.0, 0.5), (0.3, 0.0)):
        noisy, guess = blend(pictures[:1], noise[:1], amount), pictures[1:]
        rest, kept = noisy - guess, after / amount
        mistakes: Mistakes = {
            "The guess comes back whole: only one step was asked for.": guess,
            "The noisy picture comes back unchanged.": noisy,
            "The ratio of the amounts is upside down: the rest should shrink.": guess + amount / (after or 1) * rest,
            "The shares have swapped places: the guess has to gain, the rest to shrink.": noisy - kept * rest,
            "The step goes away from the guess.": (guess - kept * rest, noisy + (1 - kept) * rest),
            "Neither noisy nor noisy - guess is pure noise.": (blend(guess, noisy, after), blend(guess, rest, after)),
            "The step is the difference of the amounts: divide it by the amount.": noisy - (amount - after) * rest,
        }
        ask(noisy, guess, amount, after, expect=guess + kept * rest, mistakes=mistakes)


@exercise(idea="at which amount does the walk start, at which does it end, and what does each step keep?")
def walk_back(ask: Ask, random: Generator) -> None:
    known, noises = photos_and_noise(random, count=4, size=16)

    def walk(guesses: Tensor, kept: Tensor) -> Tensor:
        steps = [noises[0]]
        for guess, share in zip(guesses, kept, strict=True):
            steps.append(guess + share * (steps[-1] - guess))
        return torch.stack(steps)

    for count in (4, 1):
        guesses, left = known[:count], torch.arange(count).flip(0)
        whole = walk(guesses, left / (left + 1))  # each step keeps that share of the rest
        right = whole[1:]
        mistakes: Mistakes = {
            "Only the last picture comes back: the one after each step was asked for.": right[-1:],
            "The noise is in the list: begin with the picture after the first step.": whole,
            "The walk stops one step early.": (right[:-1], whole[:-1]),
            "All are the last picture: a step in place changes those before it too.": right[-1:].expand_as(right),
            "The last step should leave no noise.": walk(guesses, (left + 1) / (left + 2))[1:],
            "The guesses are used in the wrong order.": walk(guesses.flip(0), left / (left + 1))[1:],
            "Each step starts from the noise, not the picture before.": blend(guesses, noises[:1], left / count),
            "The share that a step keeps is after / amount, not after.": walk(guesses, left / count)[1:],
        }
        ask(noises[:1], list(guesses.split(1)), expect=right, mistakes=mistakes)


@exercise(idea="how likely is each photo, given how far the noisy one lies from where that photo would be?")
def ideal_guess(ask: Ask, random: Generator) -> None:
    known, noise = photos_and_noise(random, count=3, size=4)
    known *= 0.5  # pictures so small and faint that exp() gives numbers between 0 and 1, not one or the other

    def mean(score: Tensor) -> Tensor:
        return torch.einsum("n,nchw->chw", score.softmax(0), known[: len(score)])[None]

    for amount, count in ((0.7, 3), (0.5, 3), (0.6, 1)):
        noisy, spread = blend(known[:1], noise[:1], amount), 2 * amount**2
        far, unfaded = (((noisy - share * known[:count]) ** 2).sum((1, 2, 3)) for share in (1 - amount, 1))
        wanted, others = mean(-far / spread), (1, 2, amount, 2 * amount, amount**2)
        mistakes: Mistakes = {
            "One photo is taken alone: while unsure, the ideal guess is a mean.": known[far.argmin()][None],
            "All photos count the same: nearer ones are more likely.": mean(0 * far),
            "The photos were not made fainter before comparing with the noisy one.": mean(-unfaded / spread),
            "The likelihood is upside down: the farthest photo counts the most.": mean(far / spread),
            "The exponent's divisor is not twice the noise's variance.": tuple(mean(-far / d) for d in others),
            "The squared differences are not added up.": (mean(-far / 48 / spread), mean(-far.sqrt() / spread)),
            "The likelihoods are not divided by their sum.": wanted * (-far / spread).exp().sum(),
        }
        ask(noisy, amount, known[:count], expect=wanted, mistakes=mistakes, within=1e-4)


@exercise(
    idea="of all the photos, which differs least from the picture, all its numbers taken together, and by how much?"
)
def nearest_photo(ask: Ask, random: Generator) -> None:
    for count in (4, 3, 5):
        photos, noise = photos_and_noise(random, count=count, size=16)
        photos += 0.2 * torch.randperm(count, generator=random)[:, None, None, None]
        which = int(torch.randint(count, (1,), generator=random))
        picture = (photos[which] + 0.3 * noise[0] - 0.2)[None]
        gaps = (picture - photos).flatten(1).double()  # N x numbers
        far = (gaps**2).mean(1).sqrt()

        def least(apart: Tensor) -> Tensor:
            return torch.stack([apart.argmin().double(), apart.min()])

        right, signed = least(far), (gaps.mean(1), gaps.mean(1).abs(), gaps.sum(1), gaps.sum(1).abs())
        number, root = right
        nearest = photos[int(number)]
        squares = (far**2, (gaps**2).sum(1), (gaps**2).sum(1).sqrt())
        mistakes: Mistakes = {
            "This is the photo that differs most: the nearest differs least.": torch.stack([far.argmax(), far.max()]),
            "The photos are counted from 0, as Python counts.": torch.stack([number + 1, root]),
            "The two are the wrong way round: first the number of the photo, then how far.": right.flip(0),
            "The differences are not squared: those up and those down cancel.": tuple(map(least, signed)),
            "The squares need the root of their mean: that is how far.": tuple(map(least, squares)),
            "These are the differences without their sign: square them.": (
                *map(least, (gaps.abs().mean(1), gaps.abs().sum(1), gaps.abs().amax(1))),
            ),
            "Both were asked for: the number of the photo, and how far.": (number, root, right[:1], right[1:]),
            "How far each photo is comes back: only the nearest was asked for.": (far, *squares),
            "This is the photo: its number, and how far, were asked for.": (nearest, nearest[None]),
        }
        ask(picture, photos, expect=right, mistakes=mistakes, within=1e-4)


@exercise(
    idea="what does the ideal denoiser say at each stop of the walk, and what share of the rest is left after the step?"
)
def ideal_walk(ask: Ask, random: Generator) -> None:
    patches, noises = photos_and_noise(random, count=4, size=4)
    noise, apart = noises[:1], noises[1:] / noises[1:].flatten(1).norm(dim=1)[:, None, None, None]
    known = patches[0] + 0.5 * apart  # so much alike that the last guess, too, is a mean of several

    def walk(photos: Tensor, steps: int, kept: str = "ratio", shown: float = 1.0, by: float = 2.0) -> Tensor:
        """The noise, then the picture after each step: (steps + 1) x 3 x 4 x 4."""
        seen = [noise]
        for left in range(steps, 0, -1):
            amount, after = left / steps, (left - 1) / steps
            far = ((seen[-1] - (1 - shown * amount) * photos) ** 2).sum((1, 2, 3))
            guess = torch.einsum("n,nchw->chw", (-far / (by * amount**2)).softmax(0), photos)
            share = {"ratio": after / amount, "after": after, "nothing": 0.0}[kept]
            seen.append(guess + share * (seen[-1] - guess))
        return torch.cat(seen)

    for steps, count in ((3, 3), (4, 3), (3, 2)):
        photos = known[:count]
        path, longer, unfaded = walk(photos, steps), walk(photos, steps + 1), walk(photos, steps, shown=0.0)
        nearest = ((path[-1] - photos) ** 2).sum((1, 2, 3)).argmin()
        first = noise.sub(photos).square().sum((1, 2, 3)).argmin()
        mistakes: Mistakes = {
            "That is what pure noise gives, the mean of all: guess anew after each step.": photos.mean(0, keepdim=True),
            "The walk stops one step early: at the end no noise is left.": (path[-2:-1], longer[-2:-1]),
            "All pictures on the way come back: only the last was asked for.": (path, path[1:]),
            "Each step jumps to the guess: go only a part of the way.": walk(photos, steps, kept="nothing")[-1:],
            "The share that a step keeps is after / amount, not after.": walk(photos, steps, kept="after")[-1:],
            "The photos were not made fainter before comparing with the noisy one.": unfaded[-1:],
            "The exponent's divisor is not twice the amount squared.": (
                walk(photos, steps, by=1.0)[-1:],
                walk(photos, steps, by=4.0)[-1:],
            ),
            "The squared differences are not added up.": walk(photos, steps, by=2.0 * photos[0].numel())[-1:],
            "That is one of the photos: with so few steps the walk ends between them.": (
                photos[nearest, None],
                photos[first, None],
            ),
        }
        ask(noise, photos, steps, expect=path[-1:], mistakes=mistakes, within=1e-4)
