"""PSNR, SSIM and the Fréchet distance against answers worked by hand; the judge against pictures it never saw."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import checkpoints, judge
from course_lib.errors import CourseError
from course_lib.judge import REJECT, Judge, frechet_distance, shipped_judge
from course_lib.world import FACTORS, parse, render, scenes
from course_tools.recipes.judge import STEPS
from course_tools.recipes.run import FRESH

# Neither the judge's training nor its exam sees these: they take seeds from the recipe's SEEDS and FRESH on.
UNSEEN = FRESH + 100_000_000
COUNT = 608  # each scene of the world four times
SHIPPED = checkpoints.SHIPPED / "judge.safetensors"


def test_psnr_of_a_constant_error_is_worked_by_hand():
    truth = torch.zeros(1, 3, 16, 16)
    assert judge.psnr(truth + 0.2, truth) == pytest.approx(20)  # 10 log10(2 ** 2 / 0.2 ** 2)
    assert judge.psnr(truth + 2.0, truth) == pytest.approx(0)


def test_psnr_is_the_mean_over_the_batch_and_one_truth_serves_all():
    truth = torch.zeros(1, 3, 16, 16)
    assert judge.psnr(torch.cat([truth + 0.2, truth + 2.0]), truth) == pytest.approx(10)


def test_equal_pictures_give_infinity_and_1_without_a_warning(recwarn):
    picture = torch.rand(1, 3, 16, 16)
    assert judge.psnr(picture, picture) == math.inf
    assert judge.ssim(picture, picture) == pytest.approx(1)
    assert not recwarn.list


def test_ssim_sees_lost_structure_where_psnr_sees_the_same_error():
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    noise = torch.randn_like(picture)
    brighter = picture + 0.3
    noisier = picture + 0.3 * noise / (noise**2).mean().sqrt()
    assert judge.psnr(brighter, picture) == pytest.approx(judge.psnr(noisier, picture), abs=0.01)
    assert judge.ssim(brighter, picture) > judge.ssim(noisier, picture)


def test_ssim_is_near_0_for_unrelated_noise():
    torch.manual_seed(0)
    assert abs(judge.ssim(torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32))) < 0.05


def test_shapes_that_do_not_go_together_are_refused_in_one_sentence():
    with pytest.raises(CourseError, match="can't be compared"):
        judge.psnr(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
    with pytest.raises(CourseError, match="can't be compared"):
        judge.psnr(torch.zeros(3, 3, 8, 8), torch.zeros(2, 3, 8, 8))


# The nearest, and copies.


@pytest.mark.parametrize(("count", "known"), [(1, 1), (300, 7), (513, 40)])
def test_the_nearest_is_the_one_that_a_loop_finds(count, known):
    random = torch.Generator().manual_seed(count)
    pictures, others = (torch.randn(n, 3, 8, 8, generator=random) for n in (count, known))
    far, which = judge.nearest(pictures, others)
    all_of_them = (pictures[:, None] - others).square().mean(dim=(2, 3, 4)).sqrt()  # count x known
    assert torch.allclose(far, all_of_them.amin(dim=1), atol=1e-6)
    assert torch.equal(which, all_of_them.argmin(dim=1))
    some, numbers = judge.nearest(pictures, others, count=known)
    assert torch.allclose(some, all_of_them.sort(dim=1).values, atol=1e-6)
    assert torch.equal(numbers[:, 0], which)
    assert torch.equal(numbers.sort(dim=1).values, torch.arange(known).expand(count, known))


def test_a_distance_is_a_root_mean_square_whatever_the_shape():
    picture = torch.zeros(1, 3, 4, 4)
    assert judge.nearest(picture, picture + 0.2)[0] == pytest.approx(0.2)
    assert judge.nearest(picture.flatten(1), picture.flatten(1) + 0.2)[0] == pytest.approx(0.2)


def test_a_copy_is_at_distance_0_however_many_are_compared():
    pictures = render(scenes()[:60], range(60))
    far, which = judge.nearest(pictures.repeat(10, 1, 1, 1), pictures)
    assert far.abs().max() == 0
    assert torch.equal(which, torch.arange(60).repeat(10))
    nearly = judge.nearest(pictures + 1e-4, pictures)[0]
    assert torch.allclose(nearly, torch.full((60,), 1e-4), rtol=0.01)


def test_of_no_pictures_nothing_is_nearest():
    far, which = judge.nearest(torch.zeros(0, 5), torch.zeros(2, 5))
    assert (far.shape, which.shape, which.dtype) == ((0,), (0,), torch.int64)
    assert judge.nearest(torch.zeros(0, 5), torch.zeros(2, 5), count=2)[0].shape == (0, 2)


@pytest.mark.parametrize(
    ("pictures", "known", "count", "words"),
    [
        ((2, 3, 8, 8), (2, 3, 8, 9), None, "Only pictures of one shape"),
        ((5,), (5,), None, "Only pictures of one shape"),
        ((2, 5), (0, 5), None, "The 1 nearest of 0"),
        ((2, 5), (3, 5), 4, "The 4 nearest of 3"),
        ((2, 5), (3, 5), 0, "The 0 nearest of 3"),
    ],
)
def test_what_can_not_be_compared_is_refused_in_one_sentence(pictures, known, count, words):
    with pytest.raises(CourseError, match=f"^{words}"):
        judge.nearest(torch.zeros(pictures), torch.zeros(known), count=count)


def test_a_copy_lies_at_most_half_as_far_from_what_was_learned():
    known, fresh = torch.zeros(1, 4), torch.full((1, 4), 3.0)
    pictures = torch.tensor([0.0, 0.9, 1.1, 1.5, 2.9])[:, None].expand(-1, 4)
    assert judge.copied(pictures, known, fresh).tolist() == [True, True, False, False, False]
    assert judge.copied(pictures, known, fresh, share=1.0).tolist() == [True, True, True, True, False]
    assert judge.copied(pictures, known, fresh, share=0.1).tolist() == [True] + 4 * [False]


def test_of_three_pictures_and_fresh_ones_the_nearest_count():
    known, fresh = torch.tensor([[0.0], [10.0], [20.0]]), torch.tensor([[4.0], [14.0], [24.0]])
    assert judge.copied(torch.tensor([[1.0], [11.0], [13.0], [23.9]]), known, fresh).tolist() == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("count", [64, 512])
def test_fresh_pictures_of_the_world_are_no_copies(count):
    scene = parse("Maine coon cat laying on grass")
    known, fresh, others = (render([scene] * count, torch.arange(count) + UNSEEN + k * count) for k in range(3))
    assert judge.copied(others, known, fresh).float().mean() <= 0.01
    assert judge.copied(known, known, fresh).all()


def test_the_rule_wants_as_many_fresh_pictures_as_known_ones():
    with pytest.raises(CourseError, match="give as many of each"):
        judge.copied(torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(2, 4))


# The Fréchet distance.


def random_features(rows: int, columns: int, *, seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(columns, columns, generator=random, dtype=torch.double)
    return torch.randn(rows, columns, generator=random, dtype=torch.double) @ mix + seed


def test_a_manifold_is_a_ball_round_each_known_row_worked_by_hand():
    known = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    # With one neighbour the radii are 1, 1, 2 and 4: the balls are [-1, 1], [0, 2], [1, 5] and [3, 11].
    asked = torch.tensor([[-1.01], [-1.0], [0.5], [5.0], [2.5], [11.0], [11.01]])
    assert judge.in_manifold(asked, known, count=1).tolist() == [False, True, True, True, True, True, False]
    # With two they are 3, 2, 3 and 6.
    assert judge.in_manifold(torch.tensor([[-3.0], [-3.01], [13.0]]), known, count=2).tolist() == [True, False, True]


def test_a_manifold_holds_its_own_rows_and_most_of_its_own_kind_and_none_far_away():
    generator = torch.Generator().manual_seed(0)
    known, fresh = (torch.randn(600, 8, generator=generator) for _ in range(2))
    assert judge.in_manifold(known, known).all()
    assert 0.6 < judge.in_manifold(fresh, known).float().mean() < 0.95
    assert not judge.in_manifold(fresh + 20, known).any()
    # Half of what is drawn lies far off: so does half of the precision; the other half covers the real ones.
    drawn = torch.cat([fresh[:300], fresh[300:] + 20])
    whole = judge.in_manifold(fresh, known).float().mean()
    assert judge.in_manifold(drawn, known).float().mean() == pytest.approx(float(whole) / 2, abs=0.05)
    # Drawings that are all alike are precise, and cover next to nothing.
    alike = known[:1] + 0.01 * fresh
    assert judge.in_manifold(alike, known).float().mean() > 0.95
    assert judge.in_manifold(known, alike).float().mean() < 0.05


def test_a_manifold_agrees_with_plain_loops():
    generator = torch.Generator().manual_seed(1)
    known, asked = torch.randn(40, 3, generator=generator).numpy(), torch.randn(30, 3, generator=generator).numpy()
    radii = [sorted(np.linalg.norm(known - row, axis=1))[3] for row in known]
    by_loops = [any(np.linalg.norm(row - known[j]) <= radii[j] for j in range(len(known))) for row in asked]
    assert judge.in_manifold(torch.from_numpy(asked), torch.from_numpy(known)).tolist() == by_loops
    assert 0 < sum(by_loops) < len(by_loops)


@pytest.mark.parametrize(
    ("features", "known", "count", "sentence"),
    [
        (torch.zeros(2, 3), torch.zeros(9, 4), 3, "need as many features each"),
        (torch.zeros(2), torch.zeros(9), 3, "need as many features each"),
        (torch.zeros(2, 3), torch.zeros(3, 3), 3, "more than 3 known rows are needed"),
        (torch.zeros(2, 3), torch.zeros(3, 3), 0, "more than 0 known rows are needed"),
    ],
)
def test_no_manifold_gives_one_sentence(features, known, count, sentence):
    with pytest.raises(CourseError, match=sentence):
        judge.in_manifold(features, known, count=count)


def frechet_by_sqrtm(features: torch.Tensor, others: torch.Tensor) -> float:
    """As the FID's first code reckons it."""
    from scipy.linalg import sqrtm

    a, b = features.numpy(), others.numpy()
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    apart = a.mean(axis=0) - b.mean(axis=0)
    return float(apart @ apart + np.trace(one) + np.trace(other) - 2 * np.trace(sqrtm(one @ other)).real)


@pytest.mark.parametrize("shape", [(300, 8), (10, 64), (2, 3), (50, 1)])
def test_a_set_is_at_distance_0_from_itself_and_as_far_as_it_is_moved(shape):
    features = random_features(*shape, seed=0)
    move = torch.linspace(-1, 2, shape[1]).double()
    assert 0 <= frechet_distance(features, features) < 1e-6
    assert 0 <= frechet_distance(features, features.flip(0)) < 1e-6
    assert frechet_distance(features, features + move) == pytest.approx(float(move @ move), rel=1e-6)


def test_the_distance_of_two_bell_curves_is_worked_by_hand():
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    stretched = features * torch.tensor([3.0, 2.0]) + torch.tensor([0.0, 4.0])
    deviation = math.sqrt(2 / 3)  # of each column of `features`
    by_hand = 4**2 + ((3 - 1) * deviation) ** 2 + ((2 - 1) * deviation) ** 2
    assert frechet_distance(features, stretched) == pytest.approx(by_hand)
    random = torch.Generator().manual_seed(0)
    many = [torch.randn(20_000, 3, generator=random) for _ in range(2)]
    distance = frechet_distance(many[0] * torch.tensor([1.0, 2.0, 3.0]), many[1] * torch.tensor([2.0, 2.0, 0.5]) + 1)
    assert distance == pytest.approx(3 + (2 - 1) ** 2 + 0 + (3 - 0.5) ** 2, rel=0.03)


@pytest.mark.parametrize("rows", [(200, 150), (40, 300)])
def test_the_distance_agrees_with_the_matrix_root_of_another_library(rows):
    features, others = random_features(rows[0], 12, seed=1), random_features(rows[1], 12, seed=2)
    distance = frechet_distance(features, others)
    assert distance == pytest.approx(frechet_by_sqrtm(features, others), rel=1e-6)
    assert frechet_distance(others, features) == pytest.approx(distance, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize("rows", [(20, 15), (5, 200), (2, 2)])
def test_the_distance_is_right_where_there_are_fewer_rows_than_features(rows):
    features, others = random_features(rows[0], 48, seed=1), random_features(rows[1], 48, seed=2)
    distance = frechet_distance(features, others)
    # Where C = A'A and C' = B'B, tr (C C')^(1/2) is the sum of the singular values of A B'.
    one, other = ((side - side.mean(0)).numpy() / math.sqrt(len(side) - 1) for side in (features, others))
    cross = np.linalg.norm(one @ other.T, ord="nuc")
    means = (features.mean(0) - others.mean(0)).square().sum().item()
    assert distance == pytest.approx(means + (one**2).sum() + (other**2).sum() - 2 * cross, rel=1e-9)
    assert distance == pytest.approx(frechet_by_sqrtm(features, others), rel=1e-4)  # it is the less exact of the two
    assert frechet_distance(others, features) == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize(
    ("features", "others", "said"),
    [
        (torch.zeros(3, 4), torch.zeros(3, 5), "as many features"),
        (torch.zeros(4), torch.zeros(4), "as many features"),
        (torch.zeros(1, 4), torch.zeros(3, 4), "at least two"),
        (torch.zeros(3, 4), torch.zeros(0, 4), "at least two"),
        (torch.full((3, 4), torch.nan), torch.zeros(3, 4), "not finite"),
    ],
)
def test_sets_that_have_no_distance_are_refused_in_one_sentence(features, others, said):
    with pytest.raises(CourseError, match=said) as error:
        frechet_distance(features, others)
    assert "\n" not in str(error.value)


# What a judge says, by a stand-in: pixel 0 of each channel tells it what to say.


class StandIn(Judge):
    def __init__(self):
        super().__init__({"colour": ("red", "blue"), "shape": ("round", "square", "long")}, widths=(8, 8, 8))

    def forward(self, pictures):
        said = pictures[:, :2, 0, 0].long()
        return {
            name: torch.nn.functional.one_hot(said[:, i], len(values) + 1).float()
            for i, (name, values) in enumerate(self.factors.items())
        }


def told(*answers: tuple[int, int]) -> torch.Tensor:
    pictures = torch.zeros(len(answers), 3, 32, 32)
    pictures[:, :2, 0, 0] = torch.tensor(answers).float()
    return pictures


def test_values_are_named_in_the_pictures_order_and_the_last_is_none():
    pictures = told((0, 0), (1, 3), (2, 2), (1, 1), (0, 3))
    right = {"colour": ["red", "blue", REJECT, "blue", "red"], "shape": ["round", REJECT, "long", "square", REJECT]}
    for batch in (256, 2, 1):
        assert StandIn().name(pictures, batch=batch) == right
    assert list(StandIn().name(pictures)) == ["colour", "shape"]


def test_a_score_is_worked_by_hand():
    scenes = [SimpleNamespace(colour="red", shape="long")] * 3 + [SimpleNamespace(colour="blue", shape="round")] * 2
    pictures = told((0, 2), (0, 1), (2, 3), (1, 0), (0, 0))  # all right, colour right, none, all right, shape right
    assert StandIn().score(pictures, scenes) == pytest.approx({"colour": 3 / 5, "shape": 3 / 5, "all": 2 / 5})
    assert StandIn().score(pictures[:1], scenes[:1]) == {"colour": 1, "shape": 1, "all": 1}
    with pytest.raises(ValueError, match="shorter"):
        StandIn().score(pictures, scenes[:4])


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 32, 32), (2, 3, 32, 33), (3, 32, 32)])
def test_pictures_of_another_size_are_refused_in_one_sentence(shape):
    critic = Judge(FACTORS, widths=(8, 8, 8))
    for look in (critic, critic.features, critic.name, lambda pictures: critic.distance(pictures, pictures)):
        with pytest.raises(CourseError, match="looks at pictures of 3 x 32 x 32"):
            look(torch.zeros(shape))


def test_a_judge_sees_each_picture_alone():
    torch.manual_seed(0)
    critic = Judge(FACTORS, widths=(8, 16, 24)).eval()
    pictures = torch.randn(5, 3, 32, 32)
    seen = critic.features(pictures)
    assert seen.shape == (5, 24)
    assert torch.allclose(critic.features(pictures[2:3]), seen[2:3], atol=1e-5)
    assert {name: scores.shape for name, scores in critic(pictures).items()} == {
        name: (5, len(values) + 1) for name, values in FACTORS.items()
    }


def test_the_distance_of_pictures_is_that_of_what_the_judge_sees_in_them():
    torch.manual_seed(0)
    critic = Judge(FACTORS, widths=(8, 16, 24)).eval()
    pictures, others = torch.randn(7, 3, 32, 32), torch.randn(5, 3, 32, 32).clamp(-1, 1)
    distance = critic.distance(pictures, others)
    assert distance == pytest.approx(frechet_distance(critic.features(pictures), critic.features(others)), rel=1e-4)
    assert critic.distance(pictures, others, batch=3) == pytest.approx(distance, rel=1e-3)
    assert critic.distance(others, pictures) == pytest.approx(distance, rel=1e-6)
    with pytest.raises(CourseError, match="at least two"):
        critic.distance(pictures[:1], others)


# The judge that comes with the course, on pictures that it never saw.


@pytest.fixture(scope="module")
def critic():
    return shipped_judge()


@pytest.fixture(scope="module")
def real():
    """Pictures, what they show, and for each another one that shows something else somewhere else."""
    everything = scenes()
    shown = [everything[i % len(everything)] for i in range(COUNT)]
    pictures = render(shown, torch.arange(COUNT) + UNSEEN)
    random = np.random.default_rng(0)
    unlike = [
        random.choice([j for j, b in enumerate(shown) if (a.subject != b.subject) & (a.place != b.place)])
        for a in shown
    ]
    return pictures, shown, pictures[torch.tensor(np.array(unlike))]


def refused(critic: Judge, pictures: torch.Tensor) -> float:
    """The share of pictures of which it says "none of these" for every factor."""
    return float(np.mean([set(answers) == {REJECT} for answers in zip(*critic.name(pictures).values(), strict=True)]))


def noise_for(pictures: torch.Tensor) -> torch.Tensor:
    return torch.randn(pictures.shape, generator=torch.Generator().manual_seed(7))


def test_the_shipped_judge_knows_the_worlds_factors_and_how_it_was_made(critic):
    assert critic.factors == FACTORS
    assert not critic.training
    _, recipe = checkpoints.load(SHIPPED)
    assert recipe["command"] == "course train judge"
    assert (recipe["seed"], recipe["steps"]) == (0, STEPS)
    assert min(recipe["scores"].values()) > 0.99
    assert {f"real {name}" for name in (*FACTORS, "all")} < set(recipe["scores"])
    assert SHIPPED.stat().st_size < 5_000_000


def test_the_shipped_judge_names_what_fresh_pictures_show(critic, real):
    pictures, shown, _ = real
    scores = critic.score(pictures, shown)
    assert list(scores) == [*FACTORS, "all"]
    assert min(scores.values()) >= 0.99


def test_the_shipped_judge_is_not_put_off_by_a_faint_grain(critic, real):
    pictures, shown, _ = real
    scores = critic.score((0.97 * pictures + 0.03 * noise_for(pictures))[::2], shown[::2])
    assert min(scores.values()) >= 0.99


def test_the_shipped_judge_says_none_of_these_of_muddles(critic, real):
    from scipy.ndimage import gaussian_filter

    pictures, _, others = real
    some, noise = pictures[::2], noise_for(pictures)[::2]
    half = torch.cat([some[..., :16], others[::2, ..., 16:]], dim=3)
    low = torch.cat([some[..., :16, :], others[::2, ..., 16:, :]], dim=2)
    blur = torch.from_numpy(gaussian_filter(some.numpy(), sigma=(0, 0, 4, 4)))
    assert refused(critic, (some + others[::2]) / 2) >= 0.95
    assert refused(critic, 0.65 * some + 0.35 * noise) >= 0.95
    assert refused(critic, blur) >= 0.95
    assert refused(critic, noise[:50]) == 1
    assert refused(critic, torch.zeros(1, 3, 32, 32)) == 1
    assert min(refused(critic, half), refused(critic, low)) >= 0.85


def test_the_shipped_judge_finds_real_pictures_near_real_ones_and_muddles_far(critic, real):
    one, two, others, noise = real[0][:152], real[0][152:304], real[2][:152], noise_for(real[0][:152])
    apart = critic.distance(one, two)
    assert critic.distance(one, one) < 1e-3
    assert 0 < apart < 5
    assert critic.distance(noise, two) > 50 * apart
    assert critic.distance((one + others) / 2, two) > 20 * apart


@pytest.mark.parametrize("damage", ["missing", "cut short", "overwritten", "empty", "another file", "another make"])
def test_a_damaged_judge_is_refused_in_one_sentence(damage, tmp_path):
    path, whole = tmp_path / "judge.safetensors", SHIPPED.read_bytes()
    if damage == "another file":
        path.write_bytes((checkpoints.SHIPPED / "words.safetensors").read_bytes())
    elif damage == "another make":
        made = {"factors": {"pose": ["sitting"]}, "widths": [8, 8, 8]}
        checkpoints.save({"model.look.weight": torch.zeros(2)}, path, recipe={"model": made})
    elif damage != "missing":
        path.write_bytes({"cut short": whole[: len(whole) // 2], "overwritten": b"x" * 999, "empty": b""}[damage])
    with pytest.raises(CourseError, match=r"judge\.safetensors") as error:
        shipped_judge(path)
    assert "\n" not in str(error.value)


def test_a_judge_that_may_not_refuse_chooses_the_nearest_value():
    critic = judge.shipped_judge()
    grey = torch.zeros(2, 3, 32, 32)
    assert critic.name(grey)["place"] == [REJECT] * 2
    chosen = critic.name(grey, allow_reject=False)
    for factor, values in critic.factors.items():
        assert set(chosen[factor]) <= set(values)
    scene = parse("dog sitting on grass")
    real = render([scene] * 4, torch.arange(4) + 2_300_000_000)
    assert critic.score(real, [scene] * 4, allow_reject=False) == critic.score(real, [scene] * 4)
