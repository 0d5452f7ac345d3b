"""Every figure of the copy arithmetic from its inputs; units that are mixed up raise; what 16 bits give back."""

import io
import math

import pytest
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.pictures import EXAMPLES, example_photo, to_pixels
from course_lib.sizes import BITS_A_PIXEL, Bytes, CopyArithmetic, in_two_bytes, model_size, parse_count, picture_size

PICTURES = 2_300_000_000
EXPLAINER = CopyArithmetic(PICTURES, picture_size(256, 256), Bytes.of(4.2, "GB"))


# --- The figures ------------------------------------------------------------------------------------------------------


def test_two_billion_three_hundred_million_small_pictures_are_452_terabytes():
    assert picture_size(256, 256) == Bytes(256 * 256 * 3) == Bytes(196_608)
    assert EXPLAINER.collection == Bytes(2.3e9 * 256 * 256 * 3)
    assert str(EXPLAINER.collection) == "452 TB"
    assert f"{EXPLAINER.collection:TiB}" == "411 TiB"


def test_the_model_is_a_hundred_thousand_times_as_small():
    assert EXPLAINER.ratio == pytest.approx(452.1984e12 / 4.2e9)
    assert EXPLAINER.ratio == pytest.approx(107_600, rel=1e-3)
    assert round(EXPLAINER.ratio, -5) == 100_000  # as the explainer rounds it


def test_there_are_one_point_eight_bytes_of_model_for_each_picture():
    assert EXPLAINER.share.count == pytest.approx(4.2 / 2.3)
    assert str(EXPLAINER.share) == "1.83 B"
    assert round(EXPLAINER.share.count) == 2  # as the explainer rounds it
    assert EXPLAINER.share.bits == pytest.approx(14.6, abs=0.01)


def test_the_share_of_a_picture_could_not_even_hold_its_number_in_a_list():
    assert 2 ** (EXPLAINER.number.bits - 1) < PICTURES <= 2**EXPLAINER.number.bits * (1 + 1e-9)
    assert EXPLAINER.number.count == pytest.approx(math.log2(2.3e9) / 8)
    assert EXPLAINER.number > EXPLAINER.share
    assert CopyArithmetic(65_536, Bytes(1), Bytes(1)).number == Bytes(2)
    assert CopyArithmetic(1, Bytes(1), Bytes(1)).number == Bytes(0)


def test_other_sizes_of_the_same_sum():
    large = CopyArithmetic(PICTURES, picture_size(512, 512), Bytes.of(4.2, "GB"))
    assert large.ratio == pytest.approx(4 * EXPLAINER.ratio)
    assert str(large.collection) == "1,809 TB"
    half = CopyArithmetic(PICTURES, picture_size(256, 256), Bytes.of(4.2, "GB") / 2)
    assert half.ratio == pytest.approx(2 * EXPLAINER.ratio)
    jpeg = CopyArithmetic(PICTURES, picture_size(256, 256, bits=BITS_A_PIXEL["JPEG"]), Bytes.of(4.2, "GB"))
    assert jpeg.ratio == pytest.approx(EXPLAINER.ratio * BITS_A_PIXEL["JPEG"] / 24)
    assert jpeg.share == EXPLAINER.share
    captioned = CopyArithmetic(PICTURES, picture_size(256, 256) + Bytes(60), Bytes.of(4.2, "GB"))
    assert captioned.collection.count - EXPLAINER.collection.count == pytest.approx(60 * PICTURES)


def test_a_checkpoint_is_as_large_as_its_numbers():
    parameters = 859_520_964 + 123_060_480 + 83_653_863  # Stable Diffusion 1: lesson 9 counts them
    assert model_size(parameters) == Bytes(4_264_941_228)
    assert str(model_size(parameters)) == "4.26 GB"
    assert model_size(parameters, bits=16) == model_size(parameters) / 2


def test_some_pictures_fit_whole_where_all_can_not():
    assert EXPLAINER.fit == pytest.approx(4.2e9 / 196_608)
    assert EXPLAINER.fit < 1e-5 * PICTURES
    assert CopyArithmetic(10, Bytes.of(1, "kB"), Bytes.of(1, "MB")).fit == 10


def test_jpeg_takes_what_the_table_says():
    sizes = []
    for name in EXAMPLES:
        file = io.BytesIO()
        Image.fromarray(to_pixels(example_photo(name, size=256))[0]).save(file, "JPEG", quality=75)
        sizes.append(8 * len(file.getvalue()) / 256**2)
    assert sum(sizes) / len(sizes) == pytest.approx(BITS_A_PIXEL["JPEG"], rel=0.1)


def test_the_smallest_codec_takes_what_its_paper_says():
    assert 140 < picture_size(512, 768, bits=BITS_A_PIXEL["PerCo"]).count < 153


# --- Units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        *[("B", 1), ("kB", 1000), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)],
        *[("KiB", 1024), ("MiB", 1024**2), ("GiB", 1024**3), ("TiB", 1024**4)],
    ],
)
def test_decimal_and_binary_units_are_told_apart(unit, size):
    assert Bytes.of(1, unit) == Bytes(size)
    assert format(Bytes.of(3, unit), unit) == f"3 {unit}"


def test_a_gigabyte_is_not_a_gibibyte():
    assert Bytes.of(4.2, "GB") < Bytes.of(4.2, "GiB")
    assert Bytes.of(1, "GiB") / Bytes.of(1, "GB") == pytest.approx(1.0737, abs=1e-4)
    assert f"{Bytes.of(4.2, 'GB'):GiB}" == "3.91 GiB"


@pytest.mark.parametrize("unit", ["KB", "gb", "Gb", "GiBs", "", "bit", "G"])
def test_a_unit_that_is_none_or_could_be_two_is_refused(unit):
    with pytest.raises(CourseError, match=rf"^'{unit}' is no unit of size: write B, kB, .*KiB.*\.$"):
        Bytes.of(1, unit)


@pytest.mark.parametrize(
    ("text", "count"),
    [("4.2 GB", 4.2e9), ("4.2GB", 4.2e9), (" 1,024 KiB ", 2**20), ("0 B", 0), (".5 kB", 500)],
)
def test_a_size_is_read_as_people_write_it(text, count):
    assert Bytes.parse(text) == Bytes(count)


@pytest.mark.parametrize("text", ["", "GB", "4.2", "four GB", "4.2.1 GB", "1e3 kB", "4 G B", "--4 GB", "nan B"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(CourseError, match=r"is no size: write a number and its unit, say 4\.2 GB"):
        Bytes.parse(text)


@pytest.mark.parametrize("count", [-1, math.inf, math.nan, "4"])
def test_a_size_is_never_negative_or_endless(count):
    with pytest.raises(CourseError, match="A size is a number of bytes, 0 or more"):
        Bytes(count)
    with pytest.raises(CourseError, match="A size is a number of bytes"):
        Bytes.parse("-4 GB")


SIZE = Bytes(10)


@pytest.mark.parametrize(
    "mixed",
    [
        lambda: SIZE + 3,
        lambda: 3 + SIZE,
        lambda: sum([SIZE, SIZE]),  # it begins with 0: sum(sizes, Bytes(0))
        lambda: SIZE * SIZE,
        lambda: SIZE * "2",
        lambda: 3 / SIZE,
        lambda: SIZE / 0,
        lambda: SIZE / -2,
        lambda: SIZE / Bytes(0),
        lambda: SIZE / "2",
        lambda: CopyArithmetic(SIZE, SIZE, SIZE),
        lambda: CopyArithmetic(3, 7, SIZE),
        lambda: CopyArithmetic(3, SIZE, 7),
        lambda: CopyArithmetic(0, SIZE, SIZE),
        lambda: CopyArithmetic(3, SIZE, Bytes(0)),
        lambda: picture_size(0, 256),
    ],
)
def test_units_mixed_up_raise_one_sentence(mixed):
    with pytest.raises(CourseError) as error:
        mixed()
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_sizes_are_compared_with_sizes_only():
    assert Bytes(1) < Bytes(2)
    assert Bytes(2) != 2
    with pytest.raises(TypeError):
        Bytes(1) < 2  # noqa: B015


def test_what_can_be_done_with_sizes():
    assert SIZE + SIZE == 2 * SIZE == SIZE * 2 == Bytes(20)
    assert sum([SIZE, SIZE], Bytes(0)) == Bytes(20)
    assert str(SIZE / 4) == "2.5 B"
    assert SIZE / Bytes(4) == 2.5


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *[(0, "0 B"), (0.002, "0.002 B"), (1.826, "1.83 B"), (999, "999 B"), (1000, "1 kB"), (999_999, "1,000 kB")],
        *[(4.2e9, "4.2 GB"), (1.8088e15, "1,809 TB")],
    ],
)
def test_a_size_is_written_with_three_digits_and_its_unit(count, text):
    assert str(Bytes(count)) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [("2.3 billion", 2.3e9), ("2,300,000,000", 2.3e9), ("1", 1), ("5 thousand", 5000), ("0.5 million", 5e5)],
)
def test_a_number_of_pictures_is_read_as_people_write_it(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "0", "-3", "two", "2 GB", "2 dozens", "nan", "inf"])
def test_what_is_no_number_of_pictures_is_refused(text):
    with pytest.raises(CourseError, match="is no number of pictures: write one"):
        parse_count(text)


# --- Two bytes --------------------------------------------------------------------------------------------------------


def test_sixteen_pixels_are_sixteen_bits_read_row_by_row():
    picture = -torch.ones(1, 3, 4, 4)
    picture[:, :, 0, 0] = picture[:, :, 3, 3] = 1
    number, back = in_two_bytes(picture, side=4)
    assert number == 0b1000_0000_0000_0001
    assert torch.equal(back, picture)


def test_four_pixels_have_sixteen_greys_and_one_has_65536_colours():
    grey = (torch.tensor([[0, 5], [10, 15]]) / 15 * 2 - 1).expand(1, 3, 2, 2)
    number, back = in_two_bytes(grey, side=2)
    assert number == 0x05AF
    assert torch.allclose(back, grey)
    red = torch.tensor([1.0, -1, -1]).reshape(1, 3, 1, 1)
    assert in_two_bytes(red, side=1)[0] == 0b11111_000000_00000
    assert in_two_bytes(-red, side=1)[0] == 0b00000_111111_11111


@pytest.mark.parametrize("side", [1, 2, 4])
def test_what_two_bytes_give_back_fits_into_the_same_two_bytes(side):
    number, back = in_two_bytes(example_photo("cat", size=64), side=side)
    assert 0 <= number < 2**16
    assert back.shape == (1, 3, side, side)
    assert in_two_bytes(back, side=side)[0] == number


def test_sixteen_bits_do_not_go_round_among_nine_pixels():
    with pytest.raises(CourseError, match="1, 2 x 2 or 4 x 4 pixels, not 3 x 3"):
        in_two_bytes(torch.zeros(1, 3, 9, 9), side=3)
