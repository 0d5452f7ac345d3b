# %% [markdown]
# What lesson 2 promises of its models, asserted on those that it has just trained.

# %%
# The walk from pure noise comes to the photo, ever nearer.
assert curve[-1] >= 25
assert curve[26:] == sorted(curve[26:])
assert torch.equal(again, final)

# %%
# It beats every classic denoiser on its photo, and loses to all of them on another.


def ours_and_classics(photo):
    noisy, _ = add_noise(photo, 0.6, seed=1)
    classics = [judge.psnr(picture, photo) for picture in classic_denoisers(noisy, 0.6).values()]
    return judge.psnr(guess_picture(model, noisy, 0.6), photo), classics


ours, classics = ours_and_classics(cat)
assert ours >= max(classics) + 5
ours, classics = ours_and_classics(coffee)
assert ours < min(classics)

# %%
# Asked for the noise, the same training draws no cat.
ends = {}
for question, denoiser in asked.items():
    *_, (_, end) = walk(denoiser, noise_like(cat, seed=1), steps=25)
    ends[question] = judge.psnr(end, cat)
assert ends["picture"] > ends["noise"] + 8

# %%
# Most of what the denoiser of 400 pictures draws shows their caption.
assert critic.score(drawn, [scene] * 16)["all"] >= 0.6


# %%
# All blurred alike, its drawings are as far from its training as new pictures are.  A blurred copy would be found.
def far(pictures):
    return nearest(soften(pictures), soften(photos)).values


assert far(drawn).mean() > 0.85 * far(fresh).mean()
assert far(soften(photos[:16])).max() < far(drawn).min()
