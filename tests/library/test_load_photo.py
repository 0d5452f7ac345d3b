"""load_photo meets every kind of file that a reader may have: the right picture, or one sentence that helps."""

import io
import os
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.pictures import example_photo, load_photo, to_pixels

RED, GREEN, BLUE, GREY, WHITE = (220, 30, 40), (20, 200, 60), (10, 40, 230), (128, 128, 128), (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, GREY)


def quarters(size=64, colours=CORNERS) -> Image.Image:
    """A square with one colour in each quarter: top left, top right, bottom left, bottom right."""
    pixels = np.empty((size, size, 3), np.uint8)
    half = size // 2
    pixels[:half, :half], pixels[:half, half:], pixels[half:, :half], pixels[half:, half:] = colours
    return Image.fromarray(pixels)


def middles(photo) -> list[tuple[int, ...]]:
    """The colour in the middle of each quarter of a loaded photo."""
    pixels = to_pixels(photo)[0]
    one, three = len(pixels) // 4, 3 * len(pixels) // 4
    return [tuple(map(int, pixels[r, c])) for r in (one, three) for c in (one, three)]


def near(got, expected, within=1) -> bool:
    return bool(np.abs(np.array(got, int) - np.array(expected, int)).max() <= within)


def sentence(source, **options) -> str:
    """The message that load_photo gives: checked to be one sentence that says what is wrong and what to do."""
    with pytest.raises(CourseError) as caught:
        load_photo(source, **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message
    assert ": " in message  # what is wrong: what to do
    name = "the uploaded file" if isinstance(source, bytes) else Path(str(source)).name
    assert name in message
    assert caught.value.__cause__ is None
    return message


# ---- pictures that load


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif", "ppm"])
def test_a_plain_picture_of_any_usual_format_loads(tmp_path, ending):
    quarters().save(tmp_path / f"photo.{ending}", **({"lossless": True} if ending == "webp" else {}))
    photo = load_photo(tmp_path / f"photo.{ending}", size=32)
    assert photo.shape == (1, 3, 32, 32)
    assert photo.dtype == torch.float32
    assert photo.is_contiguous()
    assert near(middles(photo), CORNERS, within=4 if ending == "jpg" else 0)


def test_an_unscaled_picture_keeps_every_pixel_and_spans_minus_one_to_one(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    photo = load_photo(str(tmp_path / "ramp.png"), size=16)
    assert np.array_equal(to_pixels(photo)[0], ramp)
    assert photo.min() == -1
    assert photo.max() == 1


@pytest.mark.parametrize(("wide", "high"), [(100, 40), (40, 100)])
def test_the_square_is_cut_from_the_middle(tmp_path, wide, high):
    picture = Image.new("RGB", (wide, high), RED)
    picture.paste(quarters(40), ((wide - 40) // 2, (high - 40) // 2))
    picture.save(tmp_path / "wide.png")
    assert middles(load_photo(tmp_path / "wide.png", size=40)) == list(CORNERS)
    assert RED not in {tuple(p) for p in to_pixels(load_photo(tmp_path / "wide.png", size=40))[0, -1]}


def test_the_bytes_of_an_uploaded_file_load_like_the_file(tmp_path):
    quarters().save(tmp_path / "photo.png")
    data = (tmp_path / "photo.png").read_bytes()
    for given in (data, bytearray(data), memoryview(data)):  # the upload widget hands over a memoryview
        assert torch.equal(load_photo(given), load_photo(tmp_path / "photo.png"))


def test_a_name_may_start_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    quarters().save(tmp_path / "photo.png")
    assert middles(load_photo("~/photo.png")) == list(CORNERS)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path, ending):
    levels = np.array([[0, 13107], [39321, 65535]], np.uint16)  # 0, 51, 153, 255 in eight bits
    Image.fromarray(levels.repeat(32, 0).repeat(32, 1)).save(tmp_path / f"deep.{ending}")
    with Image.open(tmp_path / f"deep.{ending}") as opened:
        assert opened.mode.startswith("I")
    assert middles(load_photo(tmp_path / f"deep.{ending}", size=32)) == [(v, v, v) for v in (0, 51, 153, 255)]


def test_sixteen_bits_of_grey_in_the_other_byte_order_too(tmp_path):
    levels = np.full((32, 32), 13107, ">u2")
    header = b"P5 32 32 65535\n"
    (tmp_path / "deep.pgm").write_bytes(header + levels.tobytes())
    assert middles(load_photo(tmp_path / "deep.pgm", size=16)) == [(51, 51, 51)] * 4


def png(colour_type, depth, wide, high, rows) -> bytes:
    """A PNG file written by hand, for the kinds that Pillow can't write.  rows: bytes, each row led by its filter."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = wide.to_bytes(4, "big") + high.to_bytes(4, "big") + bytes([depth, colour_type, 0, 0, 0])
    packer = zlib.compressobj(1)
    packed = b"".join([packer.compress(row) for row in rows] + [packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_sixteen_bits_of_colour_keep_their_colours(tmp_path):
    deep = (np.array(quarters(32), np.uint16) * 257).astype(">u2")
    (tmp_path / "deep.png").write_bytes(png(2, 16, 32, 32, [b"\0" + row.tobytes() for row in deep]))
    assert near(middles(load_photo(tmp_path / "deep.png", size=32)), CORNERS)


def test_sixteen_bits_with_transparency_are_laid_on_white(tmp_path):
    deep = np.zeros((32, 32, 2), ">u2")
    deep[..., 0], deep[..., 1] = 100 * 257, 51 * 257  # a fifth opaque: 255 - 0.2 * 155 = 224
    (tmp_path / "deep.png").write_bytes(png(4, 16, 32, 32, [b"\0" + row.tobytes() for row in deep]))
    assert near(middles(load_photo(tmp_path / "deep.png", size=32)), [(224, 224, 224)] * 4)


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_print_colours_become_screen_colours(tmp_path, ending):
    quarters().convert("CMYK").save(tmp_path / f"print.{ending}")
    assert near(middles(load_photo(tmp_path / f"print.{ending}", size=32)), CORNERS, within=6)


def test_a_palette_with_transparency_is_laid_on_white(tmp_path):
    indices = np.array([[0, 1], [2, 0]], np.uint8).repeat(32, 0).repeat(32, 1)
    picture = Image.fromarray(indices).convert("P")
    picture.putdata(indices.ravel())
    picture.putpalette([*RED, *GREEN, *BLUE])
    picture.save(tmp_path / "palette.png", transparency=bytes([255, 0, 102]))  # opaque, clear, two fifths
    pale_blue = tuple(round(255 + 0.4 * (v - 255)) for v in BLUE)
    assert near(middles(load_photo(tmp_path / "palette.png", size=32)), [RED, WHITE, pale_blue, RED])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white_and_half_of_it_pale(tmp_path, mode):
    picture = quarters().convert(mode)
    alpha = np.array([[255, 0], [51, 255]], np.uint8).repeat(32, 0).repeat(32, 1)
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "clear.png")
    solid = [tuple(map(int, c)) for c in np.array(quarters(2).convert(mode[:-1]).convert("RGB")).reshape(4, 3)]
    pale = tuple(round(255 + 0.2 * (v - 255)) for v in solid[2])
    assert near(middles(load_photo(tmp_path / "clear.png", size=32)), [solid[0], WHITE, pale, solid[3]])


def test_the_hidden_colour_of_a_clear_pixel_does_not_leak(tmp_path):
    # Black and clear, beside white and opaque, in columns finer than the result.
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, ::2] = 255
    Image.fromarray(pixels).save(tmp_path / "fringe.png")
    assert to_pixels(load_photo(tmp_path / "fringe.png", size=16)).min() >= 254


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_level_or_colour_marked_as_transparent_is_laid_on_white(tmp_path, mode):
    halves = Image.fromarray(np.array([[9, 90]], np.uint8).repeat(32, 1).repeat(64, 0)).convert(mode)
    stripes = Image.fromarray(np.tile(np.array([9, 255], np.uint8), (64, 32))).convert(mode)
    for name, picture in (("halves", halves), ("stripes", stripes)):
        picture.save(tmp_path / f"{name}.png", transparency=9 if mode == "L" else (9, 9, 9))
    assert middles(load_photo(tmp_path / "halves.png", size=32)) == [WHITE, (90, 90, 90)] * 2
    assert to_pixels(load_photo(tmp_path / "stripes.png", size=16)).min() >= 254  # the hidden colour does not leak


@pytest.mark.parametrize("mode", ["1", "P"])
def test_fine_lines_of_a_drawing_blend_when_it_is_made_smaller(tmp_path, mode):
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32))).convert(mode)
    stripes.save(tmp_path / "stripes.png")
    assert near(middles(load_photo(tmp_path / "stripes.png", size=16)), [(128, 128, 128)] * 4, within=3)


def test_black_and_white_drawings_load(tmp_path):
    Image.fromarray(np.array([[0, 255]], np.uint8).repeat(32, 1).repeat(64, 0)).convert("1").save(tmp_path / "ink.png")
    assert middles(load_photo(tmp_path / "ink.png", size=32)) == [(0, 0, 0), WHITE] * 2


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_sideways_gives_an_upright_photo(tmp_path, ending, orientation):
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    upright = Image.new("RGB", (96, 64), WHITE)
    upright.paste(quarters(), (16, 0))
    for turn in undo.get(orientation, []):
        upright = upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright.save(tmp_path / f"held.{ending}", exif=exif)
    assert near(middles(load_photo(tmp_path / f"held.{ending}", size=32)), CORNERS, within=8)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [quarters(), Image.new("RGB", (64, 64), WHITE), Image.new("RGB", (64, 64), RED)]
    for ending, options in (("gif", {}), ("webp", {"lossless": True}), ("png", {})):
        frames[0].save(tmp_path / f"move.{ending}", save_all=True, append_images=frames[1:], **options)
        assert middles(load_photo(tmp_path / f"move.{ending}", size=32)) == list(CORNERS)


def test_a_single_pixel_fills_the_photo(tmp_path):
    Image.new("RGB", (1, 1), RED).save(tmp_path / "dot.png")
    assert (to_pixels(load_photo(tmp_path / "dot.png")) == RED).all()


def test_a_line_one_pixel_high_loads(tmp_path):
    for ending in ("png", "jpg"):
        Image.new("RGB", (3000, 1), RED).save(tmp_path / f"line.{ending}")
        assert near(middles(load_photo(tmp_path / f"line.{ending}", size=8)), [RED] * 4, within=3)


def test_odd_camera_notes_do_not_hinder(tmp_path):
    quarters().save(tmp_path / "odd.jpg", exif=b"Exif\0\0garbage that is no EXIF block at all")
    assert near(middles(load_photo(tmp_path / "odd.jpg", size=32)), CORNERS, within=4)


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads a process's memory from /proc")


def measured(path: Path) -> tuple[str, int, str]:
    """Load a photo in a process of its own: what it printed, its peak memory in MB, what it wrote to stderr.

    The peak is /proc's: that of `getrusage` is never below what the process that started this one had by then.
    """
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from course_lib.pictures import load_photo, to_pixels\n"
        "try: print(to_pixels(load_photo(sys.argv[1], size=8))[0, 0, 0].tolist())\n"
        "except ValueError as error: print(error)\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    said, peak = done.stdout.rsplit("\n", 2)[:2]
    return said, int(peak) // 1024, done.stderr


@ON_LINUX
def test_a_picture_of_20000_by_20000_is_refused_in_a_sentence_and_little_memory(tmp_path):
    (tmp_path / "huge.png").write_bytes(png(0, 1, 20000, 20000, [b"\0" + b"\xaa" * 2500] * 20000))
    said, peak, errors = measured(tmp_path / "huge.png")
    assert said == f"'{tmp_path / 'huge.png'}' has over 150 million pixels: make it smaller in a picture editor first."
    assert peak < 1000
    assert errors == ""


def test_the_limit_holds_where_another_library_has_switched_off_pillows_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "huge.png").write_bytes(png(0, 1, 20000, 20000, [b"\0" + b"\xaa" * 2500]))
    assert "over 150 million pixels" in sentence(tmp_path / "huge.png")


@ON_LINUX
@pytest.mark.slow
@pytest.mark.parametrize(("colour_type", "row"), [(6, (*RED, 255)), (4, (90, 255)), (2, RED)])
def test_the_largest_allowed_picture_stays_below_3_gb(tmp_path, colour_type, row):
    (tmp_path / "large.png").write_bytes(png(colour_type, 8, 12200, 12200, [b"\0" + bytes(row) * 12200] * 12200))
    said, peak, errors = measured(tmp_path / "large.png")
    assert said == str(list(RED if len(row) > 2 else [90] * 3))
    assert peak < 3000
    assert errors == ""


def test_a_large_picture_loads_with_no_warning(tmp_path):
    rows = [b"\0" + b"\xff" * 1200] * 9600  # 92 million pixels: Pillow warns above 89
    (tmp_path / "large.png").write_bytes(png(0, 1, 9600, 9600, rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert middles(load_photo(tmp_path / "large.png", size=8)) == [WHITE] * 4


# ---- files that can't be loaded


def test_a_missing_file_is_named(tmp_path):
    assert "there is no file" in sentence(tmp_path / "nowhere.png")
    (tmp_path / "file.txt").write_text("text")
    assert "there is no file" in sentence(tmp_path / "file.txt" / "photo.png")


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "is empty (0 bytes)" in sentence(tmp_path / "empty.jpg")
    assert "is empty (0 bytes)" in sentence(b"")


def test_a_file_that_is_no_picture_is_said_to_be_none(tmp_path):
    (tmp_path / "notes.png").write_text("Shopping: milk, eggs, a GPU.")
    assert "is not a picture" in sentence(tmp_path / "notes.png")
    assert "is not a picture" in sentence(b"<html>404</html>")


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_a_picture_cut_short_anywhere_gives_a_sentence_or_the_right_picture(tmp_path, ending):
    generator = np.random.default_rng(0)
    noisy = Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8))
    file = io.BytesIO()
    noisy.save(file, Image.registered_extensions()[f".{ending}"])
    data = file.getvalue()
    whole = load_photo(data)
    assert "cut short or damaged" in sentence(data[: len(data) // 2]) or ending in ("webp", "tif")
    for part in range(1, 20):
        path = tmp_path / f"cut{part}.{ending}"
        path.write_bytes(data[: len(data) * part // 20])
        assert "cut short" in sentence(path) or "not a picture" in sentence(path)
    path.write_bytes(data[:-1])  # what is missing may be a mark that nobody needs
    try:
        assert torch.equal(load_photo(path), whole)
    except CourseError:
        assert "cut short" in sentence(path) or "not a picture" in sentence(path)


def test_a_picture_with_damage_inside_never_fails_without_a_sentence(tmp_path):
    generator = np.random.default_rng(0)
    for ending in ("png", "jpg", "gif", "webp", "tif"):
        file = io.BytesIO()
        quarters().save(file, Image.registered_extensions()[f".{ending}"])
        for _ in range(40):
            data = bytearray(file.getvalue())
            for place in generator.integers(0, len(data), 8):
                data[place] = generator.integers(256)
            try:
                assert load_photo(bytes(data), size=8).isfinite().all()
            except CourseError:
                sentence(bytes(data))


def test_a_folder_is_said_to_be_one(tmp_path):
    (tmp_path / "photos").mkdir()
    assert "is a folder" in sentence(tmp_path / "photos")


@pytest.mark.unix
def test_a_file_that_one_may_not_read_gives_a_sentence(tmp_path):
    quarters().save(tmp_path / "private.png")
    (tmp_path / "private.png").chmod(0)
    # Root may read everything, so a test run as root becomes nobody first, once all is imported.
    program = (
        "import os, sys\n"
        "import PIL.Image\n"
        "from course_lib.pictures import load_photo\n"
        "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
        "os.fchdir(fd)\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: load_photo('private.png')\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"HOME": "/"})
    expected = "CourseError you may not read 'private.png': change its permissions, or copy it to your own folder.\n"
    assert done.stdout == expected


def test_rare_kinds_of_pixel_give_a_sentence_not_a_wrong_picture(tmp_path):
    Image.new("F", (8, 8), 0.5).save(tmp_path / "float.tif")
    Image.new("I", (8, 8), 100_000).save(tmp_path / "long.tif")
    Image.new("LAB", (8, 8)).save(tmp_path / "lab.tif")
    for name in ("float", "long", "lab"):
        assert "a rare kind of pixel" in sentence(tmp_path / f"{name}.tif")


def test_a_name_that_no_file_can_have_gives_a_sentence():
    assert "File name too long" in sentence("x" * 5000)


@pytest.mark.parametrize("size", [0, -3, 5000, 48.0])
def test_a_size_that_makes_no_sense_gives_a_sentence(tmp_path, size):
    quarters().save(tmp_path / "photo.png")
    with pytest.raises(CourseError, match=f"can't be {size} pixels wide: choose a whole number from 1 to 4096"):
        load_photo(tmp_path / "photo.png", size=size)


def test_something_that_names_no_file_gives_a_sentence():
    with pytest.raises(CourseError, match="dict is no photo: give load_photo the name of a file, or its bytes"):
        load_photo({"content": b"..."})


# ---- example photos


def test_example_photos_are_four_different_square_pictures_in_range():
    photos = [example_photo(name, size=32) for name in ("cat", "coffee", "astronaut", "rocket")]
    assert all(photo.shape == (1, 3, 32, 32) and photo.abs().max() <= 1 and photo.std() > 0.2 for photo in photos)
    assert all((a - b).abs().mean() > 0.2 for i, a in enumerate(photos) for b in photos[:i])
    assert torch.equal(photos[0], example_photo(size=32))


def test_the_example_cat_is_the_middle_of_scikit_images_photo():
    import skimage.data

    pixels = skimage.data.chelsea()  # 300 x 451
    assert np.array_equal(to_pixels(example_photo("cat", size=300))[0], pixels[:, 75:375])


def test_an_unknown_example_names_those_there_are():
    with pytest.raises(
        CourseError, match="there is no example photo 'dog': choose from cat, coffee, astronaut, rocket"
    ):
        example_photo("dog")
