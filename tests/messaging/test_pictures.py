"""Uploads judged by content, without metadata, made to fit."""

import struct
import zlib
from io import BytesIO
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

from messaging import pictures
from messaging.pictures import BadPicture, Picture, prepare

PLENTY = 5_000_000


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.frombytes(mode, (width, height), Random(7).randbytes(width * height * len(mode)))


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    image.load()
    assert image.size == (picture.width, picture.height)
    assert Image.MIME[image.format or ""] == picture.content_type
    return image


def animation(frames: int = 3, size: tuple[int, int] = (40, 30)) -> bytes:
    stills = [Image.new("RGB", size, (80 * (frame % 3), frame, 0)) for frame in range(1, frames + 1)]
    return encoded(stills[0], "GIF", save_all=True, append_images=stills[1:], duration=100, loop=0)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises far more than its few bytes hold."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("GIF", "image/gif")])
def test_a_picture_that_fits_keeps_type_and_size(kind, content_type):
    picture = prepare(encoded(Image.new("RGB", (40, 30), "red"), kind), max_bytes=PLENTY)
    assert (picture.content_type, picture.width, picture.height) == (content_type, 40, 30)
    assert opened(picture).convert("RGB").getpixel((20, 15))[0] >= 250
    assert "data" not in repr(picture)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "This file is empty."),
        (b"%PDF-1.7\n%%EOF", "This is a PDF; only JPEG, PNG and GIF pictures can be texted."),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "This is a video; only JPEG, PNG and GIF pictures can be texted."),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "This is a HEIC picture; only JPEG, PNG and GIF pictures can be texted.",
        ),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
            "This is an SVG drawing; only JPEG, PNG and GIF pictures can be texted.",
        ),
        (b"hello", "This is not a picture we know; only JPEG, PNG and GIF pictures can be texted."),
        (
            b"<html><script>alert(1)</script>",
            "This is a web page; only JPEG, PNG and GIF pictures can be texted.",
        ),
        (b"x" * 25_000_001, "This file is larger than 25 MB; choose a smaller one."),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(BadPicture) as refused:
        prepare(data, max_bytes=PLENTY)
    assert str(refused.value) == sentence


def test_webp_is_named():
    with pytest.raises(BadPicture, match="^This is a WebP picture; only"):
        prepare(encoded(Image.new("RGB", (9, 9)), "WEBP"), max_bytes=PLENTY)


DAMAGED = "This picture is damaged; open it, save it again and choose the new file."


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_damaged_pictures_are_refused(kind):
    whole = encoded(noise(80, 80), kind)
    for data in (whole[: len(whole) // 2], whole[:30]):
        with pytest.raises(BadPicture) as refused:
            prepare(data, max_bytes=PLENTY)
        assert str(refused.value) == DAMAGED


def test_a_png_with_a_wrong_checksum_is_refused():
    data = bytearray(encoded(noise(80, 80), "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BadPicture) as refused:
        prepare(bytes(data), max_bytes=PLENTY)
    assert str(refused.value) == DAMAGED


@pytest.mark.parametrize("side", [7_200, 12_000, 60_000])
def test_bombs_are_refused_before_they_are_unpacked(side):
    with pytest.raises(BadPicture, match="^This picture has more than 50 million pixels"):
        prepare(bomb(side, side), max_bytes=PLENTY)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_metadata_is_left_behind_and_the_picture_turned_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by a quarter to view
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (27.0, 57.0, 3.0)
    image = Image.new("RGB", (60, 40), "white")
    image.paste("black", (0, 0, 60, 10))  # the top edge becomes the right one
    options = {"comment": b"SECRETWORDS", "quality": 95} if kind == "JPEG" else {}
    data = encoded(image, kind, exif=exif, **options)
    assert b"SECRETMAKER" in data
    picture = prepare(data, max_bytes=PLENTY)
    turned = opened(picture)
    assert turned.size == (40, 60)
    assert not turned.getexif()
    assert b"SECRET" not in picture.data
    assert b"Exif" not in picture.data
    grey = turned.convert("L")
    assert grey.getpixel((37, 30)) < 30
    assert grey.getpixel((5, 30)) > 225


def test_png_texts_and_gif_comments_are_left_behind():
    info = PngInfo()
    info.add_text("Author", "SECRETNAME")
    still = Image.new("RGB", (20, 20))
    for data in (encoded(still, "PNG", pnginfo=info), encoded(still, "GIF", comment=b"SECRETNAME")):
        assert b"SECRETNAME" in data
        assert b"SECRETNAME" not in prepare(data, max_bytes=PLENTY).data


@pytest.mark.parametrize("max_bytes", [500_000, 100_000, 10_000])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_big_pictures_are_made_to_fit(kind, max_bytes):
    data = encoded(noise(900, 600), kind)
    assert len(data) > 100_000
    picture = prepare(data, max_bytes=max_bytes)
    assert len(picture.data) <= max_bytes
    assert opened(picture).width / picture.height == pytest.approx(1.5, abs=0.05)


def test_a_camera_picture_comes_down_to_what_phones_show():
    picture = prepare(encoded(Image.new("RGB", (4000, 3000), "green"), quality=95), max_bytes=500_000)
    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 2048, 1536)


def test_what_cannot_fit_is_refused():
    with pytest.raises(BadPicture) as refused:
        prepare(encoded(noise(300, 300)), max_bytes=1000)
    assert str(refused.value) == "This picture cannot be made smaller than 1 kB; choose another."
    with pytest.raises(BadPicture) as refused:
        prepare(encoded(noise(300, 300), "PNG"), max_bytes=1000, allowed=("image/png",))
    assert str(refused.value) == "This picture cannot be made smaller than 1 kB; choose a smaller one."


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_can_become_a_jpeg(mode):
    image = Image.new(mode, (30, 20)) if mode == "I;16" else Image.new("RGBA", (30, 20), "white").convert(mode)
    picture = prepare(encoded(image, "PNG"), max_bytes=PLENTY, allowed=("image/jpeg",))
    assert (picture.content_type, picture.width, picture.height) == ("image/jpeg", 30, 20)


def test_cmyk_becomes_rgb():
    picture = prepare(encoded(Image.new("CMYK", (30, 20), (0, 255, 255, 0))), max_bytes=PLENTY)
    image = opened(picture)
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((15, 10))
    assert (red > 240, green < 15, blue < 15) == (True, True, True)


def test_transparency_stays_in_png_and_turns_white_in_jpeg():
    image = Image.new("RGBA", (30, 20), (255, 0, 0, 0))
    data = encoded(image, "PNG")
    assert opened(prepare(data, max_bytes=PLENTY)).getpixel((3, 3))[3] == 0
    flat = opened(prepare(data, max_bytes=PLENTY, allowed=("image/jpeg",)))
    assert min(flat.getpixel((3, 3))) > 250


def test_animations_are_kept_whole_or_refused():
    data = animation() + b"\0" * 2000
    assert prepare(data, max_bytes=len(data)) == Picture("image/gif", data, 40, 30)
    with pytest.raises(BadPicture) as refused:
        prepare(data, max_bytes=2000)
    assert str(refused.value) == "This animation is larger than 2 kB, and an animation cannot be made smaller here."
    with pytest.raises(BadPicture) as refused:
        prepare(data, max_bytes=PLENTY, allowed=("image/jpeg", "image/png"))
    assert str(refused.value) == "This carrier takes no animations; choose a still picture."


def test_an_animation_that_grows_while_it_plays_is_refused():
    """Only its first size was judged: a later frame could fill the memory."""
    data = bytearray(animation())
    assert data.count(b"\x2c\0\0\0\0\x28\0\x1e\0") > 1  # image descriptors: at 0, 0, 40 by 30
    place = data.rindex(b"\x2c\0\0\0\0\x28\0\x1e\0")
    data[place + 5 : place + 9] = b"\x00\x20\x00\x20"
    with pytest.raises(BadPicture) as refused:
        prepare(bytes(data), max_bytes=PLENTY)
    assert str(refused.value) == DAMAGED


def test_an_animation_of_too_many_pixels_is_refused(monkeypatch):
    data = animation(frames=3, size=(40, 30))
    monkeypatch.setattr(pictures, "MAX_ANIMATION_PIXELS", 3 * 40 * 30)
    assert prepare(data, max_bytes=PLENTY).width == 40
    monkeypatch.setattr(pictures, "MAX_ANIMATION_PIXELS", 3 * 40 * 30 - 1)
    with pytest.raises(BadPicture) as refused:
        prepare(data, max_bytes=PLENTY)
    assert str(refused.value) == "This animation is too long for a phone; choose a shorter one."


def test_colours_survive():
    image = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    shown = opened(prepare(encoded(image, quality=95), max_bytes=PLENTY))
    assert max(high for _, high in ImageChops.difference(image, shown).getextrema()) < 12


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF"]), st.binary(max_size=40), st.integers(0, 400), st.booleans())
def test_any_bytes_become_a_picture_or_a_sentence(kind, junk, place, cut):
    data = animation() if kind == "GIF" else encoded(noise(12, 12), kind)
    data = data[:place] + junk + (b"" if cut else data[place + len(junk) :])
    try:
        picture = prepare(data, max_bytes=PLENTY)
    except BadPicture as refused:
        words = str(refused)
    else:
        words = f"This picture is {opened(picture).width} pixels wide."
    assert words.startswith("This ")
