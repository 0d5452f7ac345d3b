"""The captioned world: captions there and back, the split, and pictures that depend on their scene and seed alone."""

import subprocess
import sys

import pytest
import torch

from course_lib import world
from course_lib.errors import CourseError
from course_lib.world import Scene, parse, render
from course_lib.world.shapes import Canvas, SeededDetails, capsule, ellipse, polygon, smoothstep, wave


def test_the_small_library_is_of_scenes_that_models_may_see():
    scenes = world.small_library()
    assert len(set(scenes)) == 8
    assert not any(scene.held_out for scene in scenes)
    assert {scene.place for scene in scenes} == {"grass", "white sofa"}


def test_the_world_has_more_than_150_different_captions_the_explainers_among_them():
    captions = world.captions()
    assert len(set(captions)) == len(captions) > 150
    assert "Maine coon cat laying on a white and black salt and pepper rug." in captions
    assert "Maine coon cat laying on a wooden floor." in captions
    assert "Maine coon cat laying on runway on Mars." in captions


@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.rstrip("."), lambda text: f"  {text} "])
def test_every_caption_is_read_back_to_its_scene(change):
    assert len(world.scenes()) == 152
    for scene in world.scenes():
        assert parse(change(scene.caption)) == scene


@pytest.mark.parametrize(
    ("caption", "hint"),
    [
        ("Mane coon cat laying on grass", "maine"),
        ("dog sitting on a sofer", "sofa"),
        ("a unicorn on a sofa", "'unicorn'"),
        ("dog flying over grass", "laying or sitting or standing"),
        ("rocket sitting on grass", "parked or flying"),
        ("cat on a sofa", "nearest caption"),
        ("grass laying on a dog", "nearest caption"),
        ("", "nearest caption"),
    ],
)
def test_an_unknown_or_senseless_caption_gets_one_sentence_with_a_way_on(caption, hint):
    with pytest.raises(CourseError) as error:
        parse(caption)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scene", [("tiger", "laying", "grass"), ("dog", "parked", "grass"), ("dog", "laying", "moon")])
def test_a_scene_that_makes_no_sense_can_not_be_made(scene):
    with pytest.raises(CourseError):
        Scene(*scene)


def test_the_split_is_fixed_and_leaves_out_pairs_whose_parts_are_all_seen_elsewhere():
    seen, held_out = world.seen_scenes(), world.held_out_scenes()
    assert len(seen) + len(held_out) == len(world.scenes())
    assert len(held_out) >= 12
    assert parse("Maine coon cat laying on runway on Mars") in held_out
    assert not {(scene.subject, scene.place) for scene in seen} & set(world.HELD_OUT)
    for factor, values in world.FACTORS.items():
        for value in values:
            assert sum(getattr(scene, factor) == value for scene in seen) >= 10
    # Each subject was seen in seven places, each pose of a held-out scene with the subject elsewhere.
    assert {(scene.subject, scene.pose) for scene in held_out} <= {(scene.subject, scene.pose) for scene in seen}


def some(count, first_seed=0):
    scenes = world.scenes()
    return [scenes[(37 * i) % len(scenes)] for i in range(count)], torch.arange(first_seed, first_seed + count)


def test_a_picture_is_the_same_to_the_bit_alone_and_in_any_batch():
    scenes, seeds = some(300)
    together = render(scenes, seeds)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    shuffled = render([scenes[i] for i in order.tolist()], seeds[order])
    assert torch.equal(shuffled, together[order])
    for i in (0, 7, 150, 299):
        assert torch.equal(render([scenes[i]], [i])[0], together[i])


@pytest.mark.parametrize("size", [8, 17, 32, 64])
def test_batches_of_any_size_agree_at_any_resolution(size):
    scenes, seeds = some(40)
    together = render(scenes, seeds, size=size)
    pieces = torch.cat([render(scenes[i : i + 7], seeds[i : i + 7], size=size) for i in range(0, 40, 7)])
    assert torch.equal(together, pieces)


@pytest.mark.slow
def test_a_picture_is_the_same_on_any_number_of_threads():
    program = (
        "import hashlib, torch; torch.set_num_threads({}); from course_lib import world;"
        "x = world.render(world.scenes(), range(152)); print(hashlib.sha256(x.numpy().tobytes()).hexdigest())"
    )
    said = {
        subprocess.run([sys.executable, "-c", program.format(n)], capture_output=True, text=True, check=True).stdout
        for n in (1, 2, 5)
    }
    assert len(said) == 1


def test_rendering_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    render(*some(2))
    assert torch.get_num_threads() == before


def test_pictures_lie_in_range_and_use_it():
    pictures = render(*some(152))
    assert pictures.shape == (152, 3, 32, 32)
    assert pictures.isfinite().all()
    assert -1 <= pictures.min() < -0.8
    assert 0.8 < pictures.max() <= 1


def test_another_seed_is_another_picture_and_another_caption_keeps_the_surroundings():
    dog, cat = parse("dog sitting on grass"), parse("black cat sitting on grass")
    one, other = render([dog, dog], [0, 1])
    assert (one - other).abs().mean() > 0.02
    cat_there = render([cat], [0])[0]
    assert torch.equal(cat_there[:, :4], one[:, :4])  # the sky above both
    assert not torch.equal(cat_there, one)


def test_a_larger_picture_shows_the_same_as_the_small_one():
    scenes, seeds = some(64)
    small = render(scenes, seeds, size=32)
    large = torch.nn.functional.avg_pool2d(render(scenes, seeds, size=128), 4)
    assert (small - large).abs().mean() < 0.03
    others = render(scenes, seeds + 1, size=32)
    assert (others - large).abs().mean() > 0.05


def test_seeds_spread_the_free_details_evenly():
    drawn = SeededDetails(torch.arange(20_000))("size").flatten()
    assert abs(drawn.mean() - 0.5) < 4 * (1 / 12 / 20_000) ** 0.5
    assert abs(drawn.var() - 1 / 12) < 0.003
    other = SeededDetails(torch.arange(20_000))("across").flatten()
    assert abs(torch.corrcoef(torch.stack([drawn, other]))[0, 1]) < 4 / 20_000**0.5
    assert abs(torch.corrcoef(torch.stack([drawn[1:], drawn[:-1]]))[0, 1]) < 4 / 20_000**0.5
    signs = SeededDetails(torch.arange(20_000)).sign("facing").flatten()
    assert set(signs.tolist()) == {-1.0, 1.0}
    assert abs(signs.mean()) < 4 / 20_000**0.5


def test_places_look_like_what_they_are_called():
    def sky(place):
        scenes = [scene for scene in world.scenes() if scene.place == place]
        return render(scenes, range(len(scenes)))[:, :, 1].mean(dim=(0, 2))  # a row near the top

    red, _, blue = sky("runway on Mars")
    assert red > blue + 0.3  # pink
    red, _, blue = sky("grass")
    assert blue > red + 0.3
    pale, dark = (
        render([parse(f"plane flying over a {colour} sofa")] * 20, range(20))[:, :, 18:20, 8:24].mean()
        for colour in ("white", "black")
    )
    assert pale > dark + 0.8


def test_a_maine_coons_tail_is_striped_and_a_black_cats_is_not():
    def roughness(subject):
        scene = Scene(subject, "standing", "grass")
        pictures = render([scene] * 40, range(40), size=64)
        bare = render([Scene("plane", "flying", "grass")] * 40, range(40), size=64)
        changed = (pictures - bare).abs().sum(dim=1, keepdim=True) > 0.3
        steps = (pictures[:, :, 1:] - pictures[:, :, :-1]).abs() * changed[:, :, 1:]
        return steps.sum() / changed.sum()

    assert roughness("Maine coon cat") > 1.3 * roughness("black cat")


@pytest.mark.parametrize(("count", "seeds", "size"), [(2, [1], 32), (1, [1, 2], 32), (1, [1], 4)])
def test_seeds_and_sizes_that_do_not_fit_are_refused_in_one_sentence(count, seeds, size):
    with pytest.raises(CourseError, match=r"\."):
        render([parse("dog laying on grass")] * count, seeds, size=size)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_nearly_the_same():
    scenes, seeds = some(64)
    assert torch.allclose(render(scenes, seeds, device="cuda").cpu(), render(scenes, seeds), atol=1e-3)


# --- The shapes, by hand ---


def points(*pairs):
    x, y = torch.tensor(pairs, dtype=torch.float32).T
    return x[None, None], y[None, None]


def test_distances_are_negative_inside_zero_on_the_edge_and_right_along_the_axes():
    assert torch.allclose(ellipse(*points((0, 0), (1, 0), (3, 0)), 1.0, 1.0), torch.tensor([[[-1.0, 0.0, 2.0]]]))
    line, along = capsule(*points((0, 0), (1, 0), (1, 3), (4, 0)), (0.0, 0.0), (2.0, 0.0), (0.5, 0.5))
    assert torch.allclose(line, torch.tensor([[[-0.5, -0.5, 2.5, 1.5]]]))
    assert torch.allclose(along, torch.tensor([[[0.0, 0.5, 0.5, 1.0]]]))
    square = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    assert torch.allclose(polygon(*points((0, 0), (1, 0), (3, 0)), *square), torch.tensor([[[-1.0, 0.0, 2.0]]]))


def test_waves_and_soft_edges_have_the_values_they_should():
    quarters = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, -0.75])
    assert torch.allclose(wave(quarters), torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0, 1.0]), atol=1e-6)
    assert smoothstep(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]), 0.0, 1.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_an_edge_covers_the_share_of_a_pixel_that_lies_inside():
    middles = (torch.arange(4) + 0.5) / 2 - 1
    canvas = Canvas(torch.zeros(1, 3, 4, 4), middles[None, None], middles[None, :, None], 0.5)
    canvas.paint((canvas.x - 0.125).expand(1, 4, 4), torch.ones(1, 3, 1, 1))  # everything left of x = 0.125
    assert torch.allclose(canvas.pictures[0, 0, 0], torch.tensor([1.0, 1.0, 0.25, 0.0]))


def test_painting_through_a_window_is_painting_on_the_picture():
    def painted(use_window):
        canvas = Canvas(torch.zeros(3, 3, 32, 32), *grid(32), 2 / 32)
        x, y = torch.tensor([-0.9, 0.0, 0.8])[:, None, None], torch.tensor([0.9, 0.1, -0.7])[:, None, None]
        if use_window:
            with canvas.window(x - 0.3, y - 0.3, 0.6, 0.6) as near:
                near.paint(ellipse(near.x - x, near.y - y, 0.2, 0.2), torch.ones(1, 3, 1, 1))
        else:
            canvas.paint(ellipse(canvas.x - x, canvas.y - y, 0.2, 0.2), torch.ones(1, 3, 1, 1))
        return canvas.pictures

    assert torch.equal(painted(True), painted(False))


def grid(side):
    middles = (torch.arange(side) + 0.5) * (2 / side) - 1
    return middles[None, None], middles[None, :, None]


# ---- details and parts


def shares_of(count, **given):
    shares = world.random_details(range(count))
    for name, share in given.items():
        shares[:, world.DETAILS.index(name.replace("_", " "))] = share
    return shares


def test_details_that_are_given_draw_what_their_seeds_draw():
    every = world.scenes()
    given = world.GivenDetails(world.random_details(range(len(every))), world.DETAILS)
    assert torch.equal(render(every, given, size=16), render(every, range(len(every)), size=16))


def test_the_list_of_details_is_what_the_renderer_asks_for():
    asked = set()

    class Asked(world.GivenDetails):
        def __getitem__(self, part):
            return Asked(self.shares[part], self.names)

        def share(self, name):
            asked.add(name)
            return super().share(name)

    every = world.scenes()
    render(every, Asked(world.random_details(range(len(every))), world.DETAILS), size=8)
    assert asked == set(world.DETAILS)


def test_a_detail_that_is_given_is_seen():
    scene = parse("Black cat standing on grass")
    small, large = (
        world.render_parts([scene], world.GivenDetails(shares_of(1, size=share), world.DETAILS), size=64)
        for share in (0.0, 1.0)
    )
    # The largest subject is 0.74 units wide, the smallest 0.62, so its area is 1.42 times as large.
    assert float((large > 0).sum() / (small > 0).sum()) == pytest.approx((0.74 / 0.62) ** 2, rel=0.05)


def test_the_other_way_round_all_parts_are_mirrored():
    every = [scene for scene in world.scenes() if scene.place == "grass"]
    left, right = (
        world.render_parts(every, world.GivenDetails(shares_of(len(every), across=0.5, facing=share), world.DETAILS))
        for share in (0.0, 1.0)
    )
    assert torch.equal(left, right.flip(2))
    assert not torch.equal(left, right)


@pytest.mark.parametrize(
    ("caption", "parts"),
    [
        ("Dog sitting on a sofa", {"body", "face", "eyes", "ears", "tail"}),
        ("Siamese cat laying on a runway", {"body", "face", "eyes", "ears", "tail"}),
        ("Plane parked on grass", {"hull", "fin", "wing", "wheels"}),
        ("Plane flying over grass", {"hull", "fin", "wing"}),
        ("Rocket parked on grass", {"rocket", "nose", "fins", "window"}),
        ("Rocket flying over grass", {"rocket", "nose", "fins", "window", "flame"}),
    ],
)
def test_each_subject_has_its_parts(caption, parts):
    seen = world.render_parts([parse(caption)] * 3, range(3), size=64)
    for one in seen:
        assert {world.PARTS[number] for number in one.unique().tolist()} == parts | {""}


def test_where_there_is_no_part_the_place_is_as_it_is_without_a_subject():
    every = [scene for scene in world.scenes() if scene.subject != "plane" and scene.pose != "flying"]
    shares = shares_of(len(every))
    gone = shares.clone()
    gone[:, world.DETAILS.index("size")] = -5.1  # so small that a pixel holds it
    with_it, without = (render(every, world.GivenDetails(each, world.DETAILS), size=64) for each in (shares, gone))
    parts = world.render_parts(every, world.GivenDetails(shares, world.DETAILS), size=64)
    changed = (with_it - without).abs().amax(dim=1) > 0.25  # more than a whisker or the shadow changes
    assert float(changed[parts > 0].float().mean()) > 0.6
    assert float(changed[parts == 0].float().mean()) < 0.025


def test_as_many_details_as_scenes():
    with pytest.raises(CourseError, match="here are 2 and 1"):
        render([parse("Dog sitting on a sofa")] * 2, world.GivenDetails(shares_of(1), world.DETAILS))
