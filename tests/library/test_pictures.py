"""What show, chart, animate and table draw is what they were given, described in words, and the same each time."""

import html
import io
import itertools
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
import torch
from colorspacious import cspace_convert, deltaE
from matplotlib.colors import to_rgb
from PIL import Image

from course_lib.errors import CourseError
from course_lib.pictures import PALETTE, animate, chart, example_photo, mean_and_spread, show, table, to_pixels


def noise(count=1, size=96, seed=0):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def ladder(steps=6, size=96):
    cat = example_photo(size=size)
    return torch.cat([(1 - t) * cat + t * noise(size=size) for t in torch.linspace(0, 1, steps)])


def opened(figure) -> Image.Image:
    return Image.open(io.BytesIO(figure.data))


def drawn(figure) -> np.ndarray:
    return np.asarray(opened(figure).convert("RGB"))


def places(sheet: np.ndarray, picture: np.ndarray, scale: int) -> list[tuple[int, int]]:
    """Where (top, left) a picture, enlarged pixel by pixel, stands in a sheet, pixel for pixel."""
    large = picture.repeat(scale, 0).repeat(scale, 1)
    high, wide = large.shape[:2]
    first = sheet[: len(sheet) - high + 1, : sheet.shape[1] - wide + 1] == large[0, 0]
    corners = first & (sheet[high - 1 :, wide - 1 :] == large[-1, -1])
    starts = np.argwhere(corners.all(-1))
    return [(int(t), int(s)) for t, s in starts if np.array_equal(sheet[t : t + high, s : s + wide], large)]


class Tags(HTMLParser):
    """Collects (tag, attributes, text) of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        self.found[-1][2] += data


# ---- pixels


def test_every_level_of_a_byte_survives_the_way_to_minus_one_and_one_and_back():
    levels = torch.arange(256).reshape(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert np.array_equal(to_pixels(levels / 127.5 - 1)[0, ..., 0], levels[0, 0].numpy())


def test_pixels_are_clipped_and_rounded():
    values = torch.tensor([-7.0, -1, -0.5, 0.0, 0.5, 1, 7]).reshape(1, 1, 1, 7).expand(1, 3, 1, 7)
    pixels = to_pixels(values)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, 1, 7, 3)
    assert pixels[0, 0, :, 0].tolist() == [0, 0, 64, 128, 191, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_pixels_come_from_floats_of_any_length_even_in_training(dtype):
    halves = torch.full((1, 3, 2, 2), 0.5, dtype=dtype, requires_grad=True)
    assert (to_pixels(halves) == 191).all()


def test_lists_single_pictures_and_arrays_are_pictures_too():
    four = ladder(4, 16)
    for same in (list(four), [p[None] for p in four], tuple(four), four.numpy(), [four[:2], four[2:]]):
        assert np.array_equal(to_pixels(same), to_pixels(four))
    assert np.array_equal(to_pixels(four[0]), to_pixels(four[:1]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pictures_on_a_gpu_are_shown_the_same():
    assert show(ladder(2).cuda(), about="x").data == show(ladder(2), about="x").data


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(2, 1, 8, 8), r"must be B x 3 x H x W and of one size, but these are 2 x 1 x 8 x 8: reshape"),
        (torch.zeros(8, 8, 3), r"these are 1 x 8 x 8 x 3: reshape"),
        (torch.zeros(8, 8), r"these are 8 x 8: reshape"),
        (torch.zeros(0, 3, 8, 8), r"these are 0 x 3 x 8 x 8: reshape"),
        ([], r"these are none: reshape"),
        ([torch.zeros(3, 8, 8), torch.zeros(3, 9, 9)], r"these are 1 x 3 x 8 x 8, 1 x 3 x 9 x 9: reshape"),
        (
            torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
            r"must be floats in \[-1, 1\], but these are torch.uint8: convert",
        ),
        (torch.full((1, 3, 8, 8), torch.nan), r"a picture holds NaN or infinity: look at the step"),
        (torch.full((1, 3, 8, 8), torch.inf), r"a picture holds NaN or infinity: look at the step"),
    ],
)
def test_what_is_no_picture_gives_a_sentence(wrong, message):
    for draw in (to_pixels, lambda p: show(p, about="x"), lambda p: animate(p, about="x")):
        with pytest.raises(CourseError, match=message):
            draw(wrong)


# ---- show


def test_show_draws_every_pixel_of_every_picture_in_order():
    steps = ladder(6)
    sheet = drawn(show(steps, labels="step {}", about="x"))
    found = [places(sheet, picture, 2) for picture in to_pixels(steps)]
    assert all(len(place) == 1 for place in found)
    tops, lefts = zip(*(place[0] for place in found), strict=True)
    assert len(set(tops)) == 1
    assert list(lefts) == sorted(lefts)


@pytest.mark.parametrize(
    ("size", "count", "scale"),
    [(32, 1, 10), (96, 1, 3), (96, 2, 3), (32, 6, 5), (64, 6, 2), (32, 36, 4), (128, 6, 1), (128, 4, 2)],
)
def test_small_pictures_are_enlarged_pixel_by_pixel_and_at_least_128_pixels_wide(size, count, scale):
    steps = ladder(count, size)
    sheet = drawn(show(steps, about="x"))
    assert size * scale >= 128
    assert all(places(sheet, picture, scale) for picture in to_pixels(steps))
    assert sheet.shape[1] <= 1090


def grid(figure, pictures, scale) -> tuple[list[int], list[int]]:
    """The tops and the lefts of the rows and columns in which these pictures stand, in order, each once."""
    found = [places(drawn(figure), picture, scale) for picture in to_pixels(pictures)]
    assert all(len(place) == 1 for place in found)
    tops, lefts = ([place[0][axis] for place in found] for axis in (0, 1))
    assert lefts == (sorted(set(lefts)) * len(found))[: len(found)]
    assert tops == sorted(tops)
    return sorted(set(tops)), sorted(set(lefts))


def test_columns_break_the_pictures_into_rows():
    steps = ladder(5, 32)
    tops, lefts = grid(show(steps, about="x", columns=2), steps, 7)
    assert (len(tops), len(lefts)) == (3, 2)


@pytest.mark.parametrize(
    ("count", "rows", "columns"),
    [(1, 1, 1), (5, 1, 5), (6, 1, 6), (7, 2, 4), (8, 2, 4), (10, 2, 5), (12, 2, 6), (16, 4, 4), (24, 4, 6)],
)
def test_if_nothing_is_said_at_most_six_stand_in_a_row_and_the_last_row_is_full_where_that_can_be(count, rows, columns):
    steps = noise(count, 128)
    scale = 1 if columns > 4 or rows > 2 else 2
    tops, lefts = grid(show(steps, about="x"), steps, scale)
    assert (len(tops), len(lefts)) == (rows, columns)


def test_rows_with_a_text_share_the_pictures_among_them():
    steps = noise(8, 128)
    tops, lefts = grid(show(steps, rows=["one", "two"], about="x"), steps, 2)
    assert (len(tops), len(lefts)) == (2, 4)


def inked(part: np.ndarray) -> bool:
    """Whether dark letters stand there, on white."""
    return part.size > 0 and bool(part.min() < 90)


def test_the_text_of_a_row_stands_left_of_it_once_and_that_of_a_column_over_it_once():
    steps = noise(6, 128)
    figure = show(steps, rows=["one", "two"], columns=["first", "second", "first"], about="x")
    sheet = drawn(figure)
    (top, lower), lefts = grid(figure, steps, 2)
    for row in (top, lower):
        beside = sheet[row : row + 256, : lefts[0]]
        assert inked(beside)
        assert inked(beside[100:156])  # at the middle of its height
        assert (beside[:, :5] == 255).all()  # not at the very edge
    assert not np.array_equal(sheet[top : top + 256, : lefts[0]], sheet[lower : lower + 256, : lefts[0]])
    over = [sheet[:top, left : left + 256] for left in lefts]
    assert all(inked(part) and inked(part[:, 100:156]) for part in over)
    assert np.array_equal(over[0], over[2])
    assert not np.array_equal(over[0], over[1])
    rest = sheet.copy()
    rest[: lower + 256, : lefts[0]] = rest[:top] = 255
    for row in (top, lower):
        for left in lefts:
            rest[row : row + 256, left : left + 256] = 255
    assert not inked(rest)  # nowhere again


def test_a_grid_may_have_a_text_for_each_row_each_column_and_each_picture():
    black = torch.full((4, 3, 32, 32), -1.0)
    texts = {"rows": ["a", "b"], "columns": ["c", "d"], "labels": "{}"}
    plain = drawn(show(black, columns=2, about="x"))
    for name, text in texts.items():
        given = {"columns": 2} | {name: text}
        one = drawn(show(black, about="x", **given))
        assert (one.shape[1] > plain.shape[1]) == (name == "rows")
        assert (one.shape[0] > plain.shape[0]) == (name != "rows")
    everything = drawn(show(black, about="x", **texts))
    assert everything.shape[0] > drawn(show(black, about="x", columns=texts["columns"])).shape[0]


def test_a_long_text_of_a_row_is_broken_and_touches_no_other_row():
    flat = torch.full((2, 3, 16, 64), -1.0)  # as high as three lines
    text = "Maine coon cat laying on a white and black salt and pepper rug"
    sheet = drawn(show(flat, rows=[text, text], about="x"))
    one = drawn(show(flat[:1], rows=[text], about="x"))
    assert sheet.shape[1] == one.shape[1] < 320 + 220
    assert sheet.shape[0] == 2 * one.shape[0]
    assert all((part[[0, -1]] == 255).all() for part in (one, sheet))
    lines = np.flatnonzero(one[:, :160].min((1, 2)) < 90)
    assert lines[-1] - lines[0] > 16 * 5  # higher than the picture


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": 7}, "stand in 1 to 6 columns, not 7: more could not be seen"),
        ({"columns": list("abcdefg")}, "1 to 6 columns, not 7"),
        ({"columns": -1}, "1 to 6 columns, not -1"),
        ({"columns": []}, "1 to 6 columns, not 0"),
        ({"rows": ["only one"]}, "1 to 6 columns, not 12"),
        ({"rows": ["a", "b"], "columns": 4}, "12 pictures can't have 2 rows and 4 columns: give each row and each"),
        ({"rows": list("abcd"), "columns": list("wxyz")}, "12 pictures can't have 4 rows and 4 columns"),
        ({"rows": list("abcdefgh")}, "12 pictures can't have 8 rows and 2 columns"),
        ({"rows": [str(i) for i in range(13)]}, "12 pictures can't have 13 rows"),
    ],
)
def test_counts_that_do_not_fit_give_a_sentence(given, message):
    with pytest.raises(CourseError, match=message):
        show(noise(12, 8), about="x", **given)


def test_more_columns_with_a_text_than_pictures_give_a_sentence():
    with pytest.raises(CourseError, match="2 pictures can't have 1 rows and 3 columns"):
        show(noise(2, 8), columns=list("abc"), about="x")
    assert show(noise(2, 8), columns=3, about="x").data == show(noise(2, 8), columns=2, about="x").data


def test_labels_stand_under_their_pictures_and_differ():
    black = torch.full((3, 3, 96, 96), -1.0)
    sheet = drawn(show(black, labels=["one", "two", "one"], about="x"))
    bare = drawn(show(black, about="x"))
    assert sheet.shape[0] > bare.shape[0]
    third = sheet.shape[1] // 3
    under = [sheet[bare.shape[0] - 4 :, i * third : (i + 1) * third] for i in range(3)]
    assert all(part.min() < 60 and part.max() == 255 for part in under)  # dark ink on white
    assert np.array_equal(under[0], under[2])
    assert not np.array_equal(under[0], under[1])


def test_a_label_with_braces_counts_from_zero():
    counted = show(ladder(3, 32), labels="step {}", about="x")
    assert counted.data == show(ladder(3, 32), labels=["step 0", "step 1", "step 2"], about="x").data
    assert counted.data != show(ladder(3, 32), labels=["step 1", "step 2", "step 3"], about="x").data


def test_a_long_label_is_broken_and_stays_inside():
    text = "Maine coon cat laying on a white and black salt and pepper rug"
    sheet = drawn(show(torch.full((1, 3, 96, 96), -1.0), labels=[text], about="x"))
    short = drawn(show(torch.full((1, 3, 96, 96), -1.0), labels=["cat"], about="x"))
    assert sheet.shape[1] == short.shape[1]
    assert sheet.shape[0] > short.shape[0]
    assert (sheet[:, :2] == 255).all()
    assert (sheet[:, -2:] == 255).all()
    assert (sheet[-2:] == 255).all()
    one_word = drawn(show(torch.full((1, 3, 8, 8), -1.0), labels=["supercalifragilisticexpialidocious" * 2], about="x"))
    assert (one_word[:, :2] == 255).all()
    assert (one_word[:, -2:] == 255).all()


def test_a_label_may_hold_line_breaks():
    black = torch.full((1, 3, 96, 96), -1.0)
    one, two = (drawn(show(black, labels=[label], about="x")) for label in ("the cat", "the\ncat"))
    assert two.shape[0] > one.shape[0]


def test_the_ground_is_white_so_that_dark_mode_hides_nothing():
    for figure in (show(ladder(2), labels="{}", about="x"), chart({"a": ([0, 1], [0, 1])}, x="x", y="y", about="x")):
        assert opened(figure).mode in ("RGB", "P")
        assert "transparency" not in opened(figure).info
        assert (drawn(figure)[[0, -1]] == 255).all()


@pytest.mark.parametrize("labels", [["one"], ["one", "two", "three"], []])
def test_the_number_of_labels_must_match(labels):
    with pytest.raises(CourseError, match=f"there are 2 pictures and {len(labels)} labels: give one label for each"):
        show(ladder(2), labels=labels, about="x")


def test_a_strip_of_noise_is_hardly_larger_than_its_pixels():
    # Noise can't be squeezed: six such pictures hold 166 kB, and a lossless strip is about that, twice enlarged.
    assert len(show(ladder(6), labels="step {}", about="x").data) < 6 * 96 * 96 * 3 * 1.1
    assert len(show(example_photo(), labels="the cat", about="x").data) < 40_000


# ---- the text that describes a figure


AWKWARD = 'A "cat" & <b>noise</b>\'s ladder — ½'


def one_of_each(about):
    yield show(ladder(2, 16), about=about)
    yield animate(ladder(2, 16), about=about)
    yield chart({"a": ([0, 1], [0, 1])}, x="x", y="y", about=about)


def parts(figure):
    """The attributes of the <img> and of the <figcaption>, and the text that everybody sees."""
    (outer, _, _), (img, image, _), (text, caption, seen) = Tags(figure.html).found
    assert (outer, img, text) == ("figure", "img", "figcaption")
    return image, caption, seen


def test_the_text_stands_under_the_figure_and_is_its_alternative_text_escaped():
    for figure in one_of_each(AWKWARD):
        image, caption, seen = parts(figure)
        assert seen == AWKWARD
        assert not re.search("display|visibility|clip|hidden", caption["style"])
        assert image["alt"] == AWKWARD
        assert caption["aria-hidden"] == "true"  # a screen reader has read it as the picture's
        assert image["src"].startswith(f"data:{figure.mime};base64,")
        assert figure._repr_html_() == figure.html
        assert repr(figure) == AWKWARD
        assert "<b>" not in figure.html
        assert figure.html.endswith("</figcaption></figure>")


def test_what_only_describes_the_picture_is_hidden_and_the_text_under_it_is_then_read_too():
    figure = show(ladder(2, 16), about="Which is the cat?", alt=AWKWARD)
    image, caption, seen = parts(figure)
    assert (image["alt"], seen) == (AWKWARD, "Which is the cat?")
    assert "aria-hidden" not in caption
    assert "<b>" not in figure.html
    assert repr(figure) == "Which is the cat?"
    assert figure.data == show(ladder(2, 16), about="Which is the cat?").data


def test_a_figure_in_a_narrow_page_shrinks():
    for figure in one_of_each("x"):
        image, _, _ = parts(figure)
        assert "max-width:100%" in image["style"]
    assert "width" not in parts(show(ladder(2, 16), about="x"))[0]  # as large as it was drawn


def test_the_image_in_the_html_is_the_figures_own():
    import base64

    for figure in one_of_each("x"):
        data = base64.b64decode(parts(figure)[0]["src"].split(",")[1])
        assert data == figure.data
        assert Image.open(io.BytesIO(data)).get_format_mimetype() == figure.mime


@pytest.mark.parametrize("about", ["", "  \n", None])
def test_a_figure_without_a_description_gives_a_sentence(about):
    for draw in (
        lambda: show(ladder(2, 8), about=about),
        lambda: animate(ladder(2, 8), about=about),
        lambda: chart({"a": ([0], [0])}, x="x", y="y", about=about),
        lambda: table([{"a": 1}], about=about),
    ):
        with pytest.raises(CourseError, match="about is empty: say what the figure shows"):
            draw()


def test_the_description_must_be_given_and_by_name():
    with pytest.raises(TypeError, match="about"):
        show(ladder(2, 8))
    with pytest.raises(TypeError, match="positional"):
        show(ladder(2, 8), "a ladder")


def test_a_saved_figure_is_the_shown_one_and_replaces_an_older(tmp_path):
    figure = show(ladder(2, 16), about="x")
    (tmp_path / "strip.webp").write_text("old")
    figure.save(tmp_path / "strip.webp")
    assert (tmp_path / "strip.webp").read_bytes() == figure.data
    assert [path.name for path in tmp_path.iterdir()] == ["strip.webp"]


@pytest.mark.parametrize("name", ["strip.png", "strip.webp", "STRIP.PNG", "a.webp.png"])
def test_a_figure_is_saved_in_the_format_that_the_name_says_pixel_for_pixel(tmp_path, name):
    for figure in (show(ladder(3), labels="{}", about="x"), chart({"a": ([0, 1], [0, 1])}, x="x", y="y", about="x")):
        figure.save(tmp_path / name)
        saved = Image.open(tmp_path / name)
        assert saved.format == name.rpartition(".")[2].upper()
        assert np.array_equal(np.asarray(saved.convert("RGB")), drawn(figure))


def test_a_saved_animation_has_all_its_frames_in_either_format(tmp_path):
    figure = animate(walk(4, 32), about="x")
    for name in ("walk.png", "walk.webp"):
        figure.save(tmp_path / name)
        assert Image.open(tmp_path / name).n_frames == 4


@pytest.mark.parametrize("name", ["strip.jpg", "strip", "png", ".png", "strip.png.txt"])
def test_a_name_that_says_no_format_gives_a_sentence_and_leaves_nothing(tmp_path, name):
    with pytest.raises(CourseError, match=r"is no name for a picture: end it in \.png or \.webp\.$"):
        show(ladder(2, 16), about="x").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_figure_that_cannot_be_saved_gives_a_sentence_and_leaves_nothing(tmp_path):
    figure = show(ladder(2, 16), about="x")
    (tmp_path / "strip.png").mkdir()
    (tmp_path / "file").write_text("no folder")
    for folder in ("nowhere", ".", "file"):
        with pytest.raises(CourseError, match=r"can't be written \(.+\): choose another place\.$"):
            figure.save(str(tmp_path / folder / "strip.png"))
    assert {path.name for path in tmp_path.iterdir()} == {"strip.png", "file"}


def test_the_same_input_gives_the_same_bytes():
    lines = {"a": (range(9), torch.arange(9.0) ** 0.5), "b": ([0, 8], [2, 1])}
    for draw in (
        lambda: show(ladder(3), labels="step {}", about="x").data,
        lambda: animate(ladder(5, 32), labels="step {}", about="x").data,
        lambda: chart(lines, x="x", y="y", about="x").data,
    ):
        assert draw() == draw()


# ---- animate


def walk(steps, size):
    return ladder(steps, size).flip(0)


@pytest.mark.parametrize("labels", [None, "step {}"])
def test_an_animation_has_every_frame_even_of_a_slow_walk(labels):
    film = opened(animate(walk(51, 96), labels=labels, about="x"))
    assert film.format == "WEBP"
    assert film.n_frames == 51


def test_an_animation_loops_and_holds_its_last_frame():
    film = opened(animate(walk(10, 32), about="x", seconds=3))
    pauses = []
    for i in range(film.n_frames):
        film.seek(i)
        film.load()
        pauses.append(film.info["duration"])
    assert film.info["loop"] == 0  # for ever
    assert sum(pauses[:-1]) == 2700
    assert pauses[-1] == 2300


def test_an_animation_starts_and_ends_with_the_right_pictures():
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    film = opened(animate(colours[:, :, None, None].expand(3, 3, 32, 32), about="x"))
    for i, colour in enumerate(to_pixels(colours[:, :, None, None])[:, 0, 0].astype(int)):
        film.seek(i)
        shown = np.asarray(film.convert("RGB"), int)
        assert np.abs(shown[shown.shape[0] // 2, shown.shape[1] // 2] - colour).max() <= 12
    last = opened(animate(walk(51, 96), about="x"))
    last.seek(50)
    shown, cat = np.asarray(last.convert("RGB"), int)[5:101, 5:101], to_pixels(example_photo())[0].astype(int)
    assert 10 * np.log10(255**2 / ((shown - cat) ** 2).mean()) > 28  # stored coarsely, yet the same photo


def test_labels_of_an_animation_change_from_frame_to_frame():
    film = opened(animate(torch.zeros(2, 3, 64, 64), labels=["noise", "cat"], about="x"))
    frames = []
    for i in range(2):
        film.seek(i)
        frames.append(np.asarray(film.convert("L"), int)[70:-4])
    assert all(frame.min() < 120 for frame in frames)
    assert np.abs(frames[0] - frames[1]).max() > 80


@pytest.mark.parametrize("size", [64, 96])
def test_an_animation_of_noise_stays_small_and_is_shown_enlarged(size):
    figure = animate(walk(51, size), labels="step {}", about="x")
    assert len(figure.data) < 250_000
    attributes, _, _ = parts(figure)
    assert int(attributes["width"]) >= 2.5 * size
    assert "image-rendering:pixelated" in attributes["style"]


def test_one_picture_is_an_animation_of_one_frame():
    assert getattr(opened(animate(example_photo(size=32), about="x")), "n_frames", 1) == 1


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_animation_must_take_some_time(seconds):
    with pytest.raises(CourseError, match="must take some time: give seconds above 0"):
        animate(walk(2, 8), about="x", seconds=seconds)


# ---- chart


def shades(figure) -> set[str]:
    return {"#{:02X}{:02X}{:02X}".format(*colour) for _, colour in opened(figure).convert("RGB").getcolors(1 << 20)}


def changes(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The (row, column) of each pixel that differs by more than a shade."""
    return np.argwhere(np.abs(one.astype(int) - other).max(-1) > 60)


def test_a_chart_draws_each_line_in_its_own_colour():
    lines = {f"line {i}": ([0, 1, 2], [i, i + 0.5, i]) for i in range(8)}
    for count in (1, 3, 8):
        found = shades(chart(dict(list(lines.items())[:count]), x="x", y="y", about="x"))
        assert set(PALETTE[:count]) <= found
        assert not set(PALETTE[count:]) - {"#000000"} & found


def nearest_two(colours: Sequence[str], deficiency: str) -> float:
    """How far apart the two most alike of some colours are to an eye without one sort of cones; 1 can just be seen.

    Seen as in Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), at full
    severity; compared in CAM02-UCS.
    """
    eye = {"name": "sRGB1+CVD", "cvd_type": deficiency, "severity": 100}
    seen = cspace_convert([to_rgb(colour) for colour in colours], eye, "sRGB1").clip(0, 1)
    return min(float(deltaE(one, other)) for one, other in itertools.combinations(seen, 2))


@pytest.mark.parametrize("deficiency", ["protanomaly", "deuteranomaly", "tritanomaly"])
def test_colour_blind_readers_tell_any_two_colours_of_the_palette_apart(deficiency):
    assert nearest_two(PALETTE, deficiency) > 10


@pytest.mark.parametrize(
    ("deficiency", "colours"),
    [
        ("protanomaly", ["#8F2D00", "#3A4A00"]),
        ("deuteranomaly", ["#A65E00", "#6E7F00"]),
        ("tritanomaly", ["#0072B2", "#00808A"]),
    ],
)
def test_colours_that_look_alike_to_some_are_found(deficiency, colours):
    assert nearest_two(colours, deficiency) < 10


def test_lines_are_told_apart_by_marker_and_dash_where_colour_is_lost():
    flat = {f"line {i}": ([0, 1, 2], [i, i, i]) for i in range(8)}
    sheet = drawn(chart(flat, x="x", y="y", about="x")).astype(int)[95:428]  # below the legend, above the axis
    dashes, markers = set(), []
    for hue in PALETTE:
        mine = np.abs(sheet - [int(hue[i : i + 2], 16) for i in (1, 3, 5)]).max(-1) < 60
        row = mine[:, 120:380].sum(1).argmax()
        middle = 380 + mine[row - 4 : row + 5, 380:460].sum(0).argmax()
        dashes.add(mine[row, 120:380].tobytes())
        markers.append(sheet[row - 7 : row + 8, middle - 7 : middle + 8].min(-1) < 200)
    assert len(dashes) == 8
    assert min((a ^ b).sum() for a, b in itertools.combinations(markers, 2)) > 12


def test_a_long_line_carries_few_markers():
    sheet = drawn(chart({"a": (range(300), [1] * 300)}, x="x", y="y", about="x")).astype(int)
    blue = np.abs(sheet - [0x00, 0x72, 0xB2]).max(-1) < 60
    heights = blue[:, blue.any(0)].sum(0)
    assert heights.max() >= 7  # a marker
    assert (heights <= 4).mean() > 0.7  # the bare line


def test_a_chart_of_several_lines_has_a_legend_and_of_one_has_none():
    one = drawn(chart({"a": ([0, 1], [0, 1])}, x="x", y="y", about="x"))
    two = drawn(chart({"a": ([0, 1], [0, 1]), "b": ([0, 1], [1, 0])}, x="x", y="y", about="x"))
    renamed = drawn(chart({"a": ([0, 1], [0, 1]), "c": ([0, 1], [1, 0])}, x="x", y="y", about="x"))
    changed = changes(two, renamed)
    assert len(changed)  # the name is drawn, once, above the lines
    assert changed[:, 0].max() < 60
    assert np.array_equal(one, drawn(chart({"other": ([0, 1], [0, 1])}, x="x", y="y", about="x")))


def test_the_axes_of_a_chart_carry_their_names():
    base = drawn(chart({"a": ([0, 1], [0, 1])}, x="amount", y="PSNR", about="x"))
    other_x = changes(base, drawn(chart({"a": ([0, 1], [0, 1])}, x="steps", y="PSNR", about="x")))
    other_y = changes(base, drawn(chart({"a": ([0, 1], [0, 1])}, x="amount", y="SSIM", about="x")))
    assert len(other_x)
    assert other_x[:, 0].min() > 0.9 * base.shape[0]
    assert len(other_y)
    assert other_y[:, 1].max() < 0.1 * base.shape[1]


def test_points_of_a_chart_stand_where_the_numbers_say():
    sheet = drawn(chart({"a": ([0, 1], [0, 1])}, x="x", y="y", about="x")).astype(int)
    blue = np.argwhere(np.abs(sheet - [0x00, 0x72, 0xB2]).max(-1) < 3)
    left, right = blue[blue[:, 1].argmin()], blue[blue[:, 1].argmax()]
    assert left[0] > right[0] + 200  # the line rises


def test_a_chart_takes_lists_ranges_arrays_and_tensors_alike():
    ys = [1.0, 4.0, 2.0]
    figures = [
        chart({"a": (xs, values)}, x="x", y="y", about="x").data
        for xs, values in [
            ([0, 1, 2], ys),
            (range(3), np.array(ys)),
            (torch.arange(3), torch.tensor(ys, requires_grad=True)),
            ([0, 1, 2], [torch.tensor(y) for y in ys]),
        ]
    ]
    assert len(set(figures)) == 1


def test_a_chart_looks_the_same_under_the_readers_own_settings_and_leaves_them():
    lines = {"a": ([0, 1], [0, 1])}
    plain = chart(lines, x="x", y="y", about="x").data
    mine = {"figure.facecolor": "black", "axes.facecolor": "black", "text.color": "white", "font.size": 5.0}
    with matplotlib.rc_context(mine):
        assert chart(lines, x="x", y="y", about="x").data == plain
        assert matplotlib.rcParams["font.size"] == 5.0
        assert matplotlib.rcParams["text.color"] == "white"


def test_a_chart_is_small():
    xs = torch.linspace(0, 1, 300)
    lines = {f"line {i}": (xs, torch.sin(9 * xs + i)) for i in range(3)}
    assert len(chart(lines, x="x", y="y", about="x").data) < 40_000


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({}, "holds 1 to 8 lines, not 0"),
        ({str(i): ([0], [0]) for i in range(9)}, "holds 1 to 8 lines, not 9: split it"),
        ({"psnr": ([0, 1, 2], [0, 1])}, r"line 'psnr' has \(3,\) xs and \(2,\) ys: give as many"),
        ({"psnr": ([], [])}, r"line 'psnr' has \(0,\) xs"),
        ({"psnr": ([[0, 1]], [[0, 1]])}, r"line 'psnr' has \(1, 2\) xs"),
    ],
)
def test_lines_that_make_no_chart_give_a_sentence(lines, message):
    with pytest.raises(CourseError, match=message):
        chart(lines, x="x", y="y", about="x")


# ---- table


ROWS = [
    {"denoiser": "median", "PSNR": 12.345, "SSIM": "0.51", "seconds": 3},
    {"denoiser": "non-local <means>", "PSNR": torch.tensor(9.25), "SSIM": "0.6", "seconds": np.int64(11)},
]


def test_a_table_as_text_is_aligned_with_numbers_on_the_right():
    assert repr(table(ROWS, about="Two denoisers")).splitlines() == [
        "Two denoisers",
        "denoiser           PSNR  SSIM  seconds",
        "--------------------------------------",
        "median             12.3  0.51        3",
        "non-local <means>   9.2   0.6       11",
    ]


def test_a_table_in_a_notebook_has_a_caption_and_headings_for_columns_and_rows():
    shown = table(ROWS, about=AWKWARD)
    assert shown._repr_html_() == shown.html
    tags = Tags(shown.html).found
    assert [tag[2] for tag in tags if tag[0] == "caption"] == [AWKWARD]
    assert [t[2] for t in tags if t[1].get("scope") == "col"] == ["denoiser", "PSNR", "SSIM", "seconds"]
    assert [t[2] for t in tags if t[1].get("scope") == "row"] == ["median", "non-local <means>"]
    assert [t[2] for t in tags if t[0] == "td"] == ["12.3", "0.51", "3", "9.2", "0.6", "11"]
    assert len([t for t in tags if t[0] == "tr"]) == 3
    assert all("text-align:right" in t[1]["style"] for t in tags if t[0] == "td")
    assert all("text-align:left" in t[1]["style"] for t in tags if t[1].get("scope") == "row")
    for tag in ("table", "caption", "tr", "th", "td"):
        assert len(re.findall(f"<{tag}[ >]", shown.html)) == shown.html.count(f"</{tag}>")
    assert html.escape("<means>") in shown.html


def test_a_table_shows_floats_with_as_many_decimals_as_it_is_told():
    rows = [{"a": 0.126, "b": 3, "c": torch.tensor(2.0), "d": "0.1"}]
    assert table(rows, about="x").text.split("\n")[-1].split() == ["0.1", "3", "2.0", "0.1"]
    assert table(rows, about="x", digits=2).text.split("\n")[-1].split() == ["0.13", "3", "2.00", "0.1"]


def test_a_mean_stands_with_the_spread_of_a_sample_and_a_single_value_alone():
    assert mean_and_spread(value / 10 for value in (1, 2, 3)) == "0.20 ± 0.10"  # of all, not a sample, it were 0.08
    assert mean_and_spread([0.12345, 0.12345], digits=4) == "0.1235 ± 0.0000"
    assert mean_and_spread([0.5]) == "0.50"
    with pytest.raises(CourseError, match="at least one value"):
        mean_and_spread([])


def test_a_table_leaves_blank_what_a_row_lacks():
    shown = table([{"a": "x", "n": 1.0}, {"a": "y", "extra": "z"}], about="Gaps")
    assert [line.rstrip() for line in repr(shown).splitlines()[1:]] == [
        "a    n  extra",
        "-------------",
        "x  1.0",
        "y       z",
    ]


@pytest.mark.parametrize("cells", [["12.3 dB", "9.1 dB"], ["+0.5", "−3"], ["12%", "nan"], [1_000, 2.5], ["1,000", ""]])
def test_numbers_with_a_unit_or_sign_stand_on_the_right(cells):
    shown = table([{"n": "x", "value": cell} for cell in cells], about="x")
    assert shown.html.count("text-align:right") == 3


@pytest.mark.parametrize("cells", [["median", "mean"], ["3", "three"], ["2 pictures", "1"], [True, False]])
def test_words_stand_on_the_left(cells):
    shown = table([{"n": "x", "value": cell} for cell in cells], about="x")
    assert "text-align:right" not in shown.html


@pytest.mark.parametrize("rows", [[], [{}]])
def test_a_table_without_rows_gives_a_sentence(rows):
    with pytest.raises(CourseError, match="a table needs at least one row with one value"):
        table(rows, about="x")


# ---- cost


def test_drawing_leaves_pyplot_and_its_global_figures_alone():
    program = (
        "from course_lib.pictures import *; import sys, torch\n"
        "show(torch.zeros(1, 3, 8, 8), labels='a', about='a'); animate(torch.zeros(2, 3, 8, 8), about='a')\n"
        "chart({'a': ([0], [0])}, x='x', y='y', about='a'); print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_empty_cell_of_a_table_is_no_header():
    drawn = table([{"": "cat", "score": 1.0}, {"": "", "score": 2.0}], about="Scores of a cat and of nobody").html
    assert re.findall(r'<th scope="(\w+)"[^>]*>([^<]*)</th>', drawn) == [("col", "score"), ("row", "cat")]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", drawn) == ["", "1.0", "", "2.0"]
