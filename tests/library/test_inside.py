"""Stable Diffusion's parts counted, and the course's walk against diffusers' own sampler."""

import builtins
import importlib.util
import math
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from course_lib import inside
from course_lib.errors import CourseError
from course_lib.noise import blend
from course_lib.sampling import guess_picture, walk

pytestmark = pytest.mark.usefixtures("one_thread")
there = all(map(importlib.util.find_spec, ("diffusers", "transformers")))
needs_libraries = pytest.mark.skipif(not there, reason="diffusers and transformers are not installed (extra `inside`)")
CAPTIONS = ["Maine coon cat laying on runway on Mars", "Plane flying over grass"]


@pytest.fixture(scope="module")
def pipeline():
    return inside.tiny_pipeline(seed=0)


@pytest.fixture
def noise():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """As if these modules were not installed."""
    real = builtins.__import__

    def pretend(name, *rest, **more):
        if name.split(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named '{name}'")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", pretend)


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_the_stored_counts_are_the_published_ones_and_make_up_the_explainers_file():
    sums = {name: sum(parts.values()) for name, parts in inside.COUNTED.items()}
    assert sums == {"U-Net": 859_520_964, "text encoder": 123_060_480, "autoencoder": 83_653_863}
    total = 4 * sum(sums.values())
    assert total == 4_264_941_228
    assert 0 < inside.CHECKPOINT - total < 1e6  # names and shapes
    assert round(inside.CHECKPOINT / 1e9, 2) == 4.27


@needs_libraries
def test_the_libraries_build_what_is_stored_and_no_weight_takes_memory():
    built = inside.networks()
    assert inside.count(built) == {name: dict(parts) for name, parts in inside.COUNTED.items()}
    assert {parameter.device.type for network in built.values() for parameter in network.parameters()} == {"meta"}
    assert sum(parameter.numel() for parameter in built["U-Net"].conv_in.parameters()) == 11_840


@needs_libraries
def test_every_parameter_is_counted_in_its_part():
    small = inside.networks(inside.TINY)
    for name, parts in inside.count(small).items():
        assert sum(parts.values()) == sum(parameter.numel() for parameter in small[name].parameters())
        assert min(parts.values()) > 0
    middle = sum(parameter.numel() for parameter in small["U-Net"].mid_block.parameters())
    assert inside.count(small)["U-Net"]["middle"] == middle


def test_missing_libraries_get_one_sentence(monkeypatch):
    without(monkeypatch, "diffusers", "transformers")
    for ask in (inside.networks, inside.tiny_pipeline, lambda: inside.published_pipeline(download=True)):
        with pytest.raises(CourseError) as raised:
            ask()
        assert str(raised.value).startswith("Stable Diffusion's networks need two more libraries (No module named ")
        assert "pip install diffusers transformers" in str(raised.value)
        assert "\n" not in str(raised.value)


# --- Two ways to write one ladder -------------------------------------------------------------------------------------


def test_the_published_ladder_begins_almost_clean_and_ends_almost_noise():
    alphas = inside.published_alphas()
    assert alphas.shape == (1000,)
    assert (alphas.diff() < 0).all()
    assert alphas[0] == pytest.approx(1 - 0.00085, abs=1e-6)
    assert alphas[-1] == pytest.approx(0.0047, abs=1e-4)


def test_a_rung_and_its_amount_hold_the_same_mixture_but_for_a_known_length():
    picture, noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).chunk(2)
    for alpha in torch.tensor([0.999, 0.7, 0.5, 0.1, 0.0047]):
        amount = inside.matching_amount(alpha)
        rung = alpha.sqrt() * picture + (1 - alpha).sqrt() * noise
        straight = blend(picture, noise, amount)
        assert torch.allclose(straight / inside.length(amount), rung, atol=1e-6)
    assert inside.matching_amount(torch.tensor(0.5)) == pytest.approx(0.5)
    assert inside.matching_amount(torch.tensor(1.0)) == 0
    assert inside.length(0.0) == inside.length(1.0) == 1
    assert float(inside.length(0.5)) == pytest.approx(math.sqrt(0.5))


def test_with_the_true_noise_a_step_lands_on_the_next_rung():
    clean, noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).chunk(2)

    def rung(alpha):
        return alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise

    assert torch.allclose(inside.ddim_step(rung(0.2), noise, 0.2, 0.6), rung(0.6), atol=1e-6)
    assert torch.allclose(inside.ddim_step(rung(0.2), noise, 0.2, 1.0), clean, atol=1e-5)


class Wrong(nn.Module):
    """Guesses noise that is not there, differently on each rung and far outside of where pictures live."""

    predicts = "noise"

    def forward(self, noisy, amount, key=None):
        return 2 * (noisy * (1 + amount[:, None, None, None])).sin() + 1


def test_the_walk_is_ddim_on_any_rungs():
    noisy = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    alphas = [*inside.published_alphas()[torch.arange(901, 0, -100)], torch.tensor(1.0)]
    stops = inside.matching_amount(torch.stack(alphas))
    latent = noisy
    for alpha, after, amount in zip(alphas, alphas[1:], stops, strict=False):
        guess = Wrong()(latent * inside.length(amount), amount.expand(2))
        latent = inside.ddim_step(latent, guess, alpha, after)
    begin = noisy * inside.length(stops[0])
    *_, (_, walked) = walk(Wrong(), begin, amounts=stops.tolist(), limit=None)
    assert torch.allclose(walked, latent, atol=1e-4)
    *_, (_, kept) = walk(Wrong(), begin, amounts=stops.tolist())
    assert kept.abs().max() == 1 < walked.abs().max()


def test_a_guess_is_kept_within_the_limit_or_left_as_it_is():
    noisy = 5 * torch.ones(1, 3, 2, 2)
    free = guess_picture(Wrong(), noisy, 0.5, limit=None)
    assert free.min() > 3
    for limit in (1.0, 2.0):
        assert torch.equal(guess_picture(Wrong(), noisy, 0.5, limit=limit), free.clamp(max=limit))
    assert torch.equal(guess_picture(Wrong(), noisy, 0.5), free.clamp(max=1.0))


# --- A pipeline -------------------------------------------------------------------------------------------------------


@needs_libraries
@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_our_walk_draws_the_latents_that_diffusers_draws(pipeline, noise, steps, guidance):
    theirs = pipeline(
        CAPTIONS, latents=noise, num_inference_steps=steps, guidance_scale=guidance, output_type="latent"
    ).images
    ours = inside.draw_latents(pipeline, CAPTIONS, noise, steps=steps, guidance=guidance)
    assert (ours - theirs).abs().max() < 1e-4
    assert theirs.abs().max() > 1  # so it matters that nothing is clipped


@needs_libraries
def test_our_walk_develops_to_the_pictures_that_diffusers_draws(pipeline, noise):
    theirs = pipeline(CAPTIONS, latents=noise, num_inference_steps=5, guidance_scale=3.0, output_type="pt").images
    drawn = inside.develop(pipeline, inside.draw_latents(pipeline, CAPTIONS, noise, steps=5, guidance=3.0))
    assert drawn.shape == (2, 3, 64, 64)
    assert torch.allclose(drawn, 2 * theirs - 1, atol=1e-3)


@needs_libraries
def test_the_tiny_pipeline_keeps_the_published_ladder_and_is_the_same_for_a_seed(pipeline, noise):
    assert torch.allclose(pipeline.scheduler.alphas_cumprod, inside.published_alphas(), atol=1e-6)
    before = torch.get_rng_state()
    again, other = inside.tiny_pipeline(seed=0), inside.tiny_pipeline(seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    drawn = [inside.draw_latents(one, CAPTIONS, noise, steps=2) for one in (pipeline, again, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2], atol=0.1)


@needs_libraries
def test_captions_and_guidance_change_what_is_drawn(pipeline, noise):
    plain, swapped = (inside.draw_latents(pipeline, said, noise, steps=5) for said in (CAPTIONS, CAPTIONS[::-1]))
    assert (plain - swapped).abs().max() > 0.1
    weak = inside.draw_latents(pipeline, CAPTIONS, noise, steps=5, guidance=1.0)
    assert (plain - weak).abs().max() > 0.1


@needs_libraries
def test_no_key_is_the_empty_caption(pipeline, noise):
    model = inside.LatentDenoiser(pipeline)
    amount = model.amounts[[500, 500]]
    assert torch.equal(model.keys([""]), torch.zeros(1, 77 * 32))
    key = model.keys(CAPTIONS)
    assert key.shape == (2, 77 * 32)
    with torch.no_grad():
        assert torch.equal(model(noise, amount), model(noise, amount, torch.zeros_like(key)))
        assert not torch.allclose(model(noise, amount), model(noise, amount, key), atol=1e-3)


@needs_libraries
def test_the_nearest_rung_is_what_the_u_net_hears(pipeline, noise):
    model = inside.LatentDenoiser(pipeline)
    heard = []
    hook = model.unet.register_forward_pre_hook(lambda _, given: heard.append(given[1].tolist()))
    with torch.no_grad():
        model(noise, torch.tensor([model.amounts[3], (0.9 * model.amounts[700] + 0.1 * model.amounts[701])]))
    hook.remove()
    assert heard == [[3, 700]]


@needs_libraries
def test_stops_are_the_schedulers_rungs(pipeline):
    model = inside.LatentDenoiser(pipeline)
    for steps in (1, 7, 50, 999):
        pipeline.scheduler.set_timesteps(steps)
        assert model.stops(steps) == [*model.amounts[pipeline.scheduler.timesteps].tolist(), 0.0]
    for steps in (0, -1, 1000):
        with pytest.raises(CourseError, match=rf"^A walk on 1000 rungs takes 1 to 999 steps, not {steps}\.$"):
            model.stops(steps)


@needs_libraries
def test_a_u_net_that_predicts_something_else_is_refused(pipeline, monkeypatch):
    scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config, prediction_type="v_prediction")
    monkeypatch.setattr(pipeline, "scheduler", scheduler)
    with pytest.raises(CourseError, match=r"predicts the noise \(epsilon\), not 'v_prediction'\.$"):
        inside.LatentDenoiser(pipeline)


# --- The real one -----------------------------------------------------------------------------------------------------


def test_nothing_is_downloaded_unless_the_reader_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # importing it would raise
    with pytest.raises(CourseError) as raised:
        inside.published_pipeline()
    sentence = str(raised.value)
    for part in (
        inside.REPOSITORY,
        "4.3 GB",
        "CreativeML OpenRAIL-M",
        "unet/",
        "text_encoder/",
        "vae/",
        "download=True",
    ):
        assert part in sentence


@needs_libraries
def test_a_folder_with_a_pipeline_needs_no_download(pipeline, noise, tmp_path):
    pipeline.save_pretrained(tmp_path / "stand-in")
    again = inside.published_pipeline(tmp_path / "stand-in")
    assert again.safety_checker is None
    expected = inside.draw_latents(pipeline, CAPTIONS, noise, steps=3)
    assert torch.allclose(inside.draw_latents(again, CAPTIONS, noise, steps=3).cpu(), expected, atol=1e-4)


@needs_libraries
def test_only_what_was_named_is_asked_of_the_hub(pipeline, tmp_path, monkeypatch):
    pipeline.save_pretrained(tmp_path)
    asked = []

    def snapshot(repository, *, allow_patterns):
        asked.append((repository, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert inside.published_pipeline(download=True).unet.config.sample_size == 8
    ((repository, patterns),) = asked
    assert repository == inside.REPOSITORY
    files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert {file for file in files if not any(map(Path(file).match, patterns))} == set()
    assert not any(map(Path("safety_checker/model.safetensors").match, patterns))


@needs_libraries
@pytest.mark.parametrize("error", [OSError("no route to host\nat all"), RuntimeError("")], ids=["network", "silent"])
def test_without_a_network_there_is_one_sentence(monkeypatch, error):
    def snapshot(*_, **__):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    with pytest.raises(CourseError) as raised:
        inside.published_pipeline(download=True)
    said = "no route to host" if str(error) else "RuntimeError"
    start = f"{inside.REPOSITORY} could not be downloaded ({said}): "
    assert str(raised.value) == start + "look at the network and try again, what is there is kept."


@needs_libraries
def test_half_a_pipeline_is_said_to_be_one(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    whole = tmp_path / "unet/diffusion_pytorch_model.safetensors"
    whole.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(
        CourseError, match=r"holds no whole Stable Diffusion pipeline: delete it and download it again\.$"
    ):
        inside.published_pipeline(tmp_path)
