"""A learner's own picture: read right, or refused in one line, with nothing on disk."""

import builtins
import gzip
import io
import pickle
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from resnet_edu import data, pictures
from resnet_edu.data import folder
from resnet_edu.experiment import Cifar10, Digits, FashionMnist, ImageFolder
from resnet_edu.pictures import PictureError, decoded, fitted

RED, BLUE = (255, 0, 0), (0, 0, 255)


def half(width=6, height=4, mode="RGB"):
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    return image.convert(mode)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def with_a_bit_turned(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation, kind="JPEG"):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(half(48, 32), kind, exif=exif.tobytes())


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width=2, height=2, *, before=b"", after=b"", pixels=None, depth=8, colour=2):
    """A PNG put together by hand."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    if pixels is None:
        pixels = zlib.compress(b"".join(b"\0" + b"\x80" * 3 * width for _ in range(height)))
    body = before + chunk(b"IDAT", pixels) + after
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def bomb(size=200_000_000):
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packer.flush()


def archive(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text)
    return content.getvalue()


def jpeg_of_many_scans(count=5000):
    """The last scan of a progressive JPEG, which adds next to nothing, over and over."""
    content = saved(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    begin, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    return content[:end] + content[begin:end] * count + content[end:]


def jpeg_of_many_exif_blocks(count=5000):
    content = saved(half(), "JPEG")
    return content[:2] + (b"\xff\xe1\0\x10Exif\0\0" + bytes(8)) * count + content[2:]


def gif():
    return saved(half(), "GIF")


BOMB = bomb()
MADE = "save it anew"
READ = "PNG, JPEG and WebP are read"
REFUSED = {
    "nothing": (b"", "the file is empty; " + READ),
    "too many bytes": (bytes(10_000_001), "the file has 10.0 MB; at most 10 MB are read"),
    "noise": (bytes(range(256)) * 9, "the file is no picture that is known here; " + READ),
    "text": (b"hello", "the file is no picture that is known here; " + READ),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "the file is an SVG drawing; " + READ),
    "svg with a script": (
        b'<?xml version="1.0"?><svg><script>alert(1)</script></svg>',
        "the file is an SVG drawing; " + READ,
    ),
    "html called png": (b"<!DOCTYPE html><script>x()</script>", "the file is a web page or XML; " + READ),
    "xml with entities": (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>',
        "the file is a web page or",
    ),
    "gif": (gif(), "the file is a GIF; " + READ),
    "bmp": (saved(half(), "BMP"), "the file is a BMP; " + READ),
    "tiff": (saved(half(), "TIFF"), "the file is a TIFF; " + READ),
    "ppm": (saved(half(), "PPM"), "the file is no picture that is known here; " + READ),
    "eps that runs": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the file is no picture that is"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "the file is a HEIC, AVIF or video file; " + READ),
    "pdf": (b"%PDF-1.7\n", "the file is a PDF; " + READ),
    "zip": (archive(**{"a.png": saved(half())}), "the file is a ZIP archive; " + READ),
    "gzip": (gzip.compress(saved(half())), "the file is a gzip archive; " + READ),
    "pickle": (pickle.dumps(print), "the file is a Python object; " + READ),
    "png, cut off": (saved(half(64, 64))[:100], MADE),
    "png, only its name": (b"\x89PNG\r\n\x1a\n", "the file is no picture that is known here"),
    "png without pixels": (png(pixels=b""), MADE),
    "png, pixels of noise": (png(pixels=b"no zlib stream"), MADE),
    "png, too few pixels": (png(pixels=zlib.compress(b"\0\x80"), width=20, height=20), MADE),
    "png, its pixels under another name": (saved(half(64, 64)).replace(b"IDAT", b"IDAX"), ""),
    "png, a bit turned in the middle": (with_a_bit_turned(saved(noise(64, 64))), MADE),
    "png 0 × 0": (png(0, 0), ""),
    "png of an unknown depth": (png(depth=7), ""),
    "jpeg, cut off": (saved(half(200, 200), "JPEG")[:300], MADE),
    "jpeg, only its name": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", ""),
    "jpeg of 5,006 scans": (jpeg_of_many_scans(), "the file has 5,006 scans; at most 100 are read: save it"),
    "jpeg of 5,000 blocks of exif": (
        jpeg_of_many_exif_blocks(),
        "the file has 5,000 blocks of EXIF data; at most 100",
    ),
    "gif and jpeg at once": (b"GIF89a" + saved(half(), "JPEG"), "the file is a GIF; " + READ),
    "zip with a jpeg behind": (
        archive(**{"a.txt": b"x"}) + saved(half(), "JPEG"),
        "the file is a ZIP archive; " + READ,
    ),
    "webp, cut off": (saved(noise(99, 99), "WEBP", lossless=True)[:-9], MADE),
    "webp, noise": (b"RIFF\xff\xff\xff\x7fWEBPVP8 " + bytes(99), ""),
    "40,000,001 pixels": (
        png(40_000_001, 1, pixels=BOMB),
        "the picture has 40,000,001 × 1 pixels; at most 40,000,000 are read: make it smaller",
    ),
    "10,000 × 10,000": (png(10_000, 10_000, pixels=BOMB), "pixels: make it smaller"),
    "2 billion × 2 billion": (
        png(2**31 - 1, 2**31 - 1, pixels=BOMB),
        "far more than 40,000,000 pixels: make it smaller",
    ),
    "text that unpacks to 200 MB": (png(before=chunk(b"zTXt", b"a\0\0" + BOMB)), MADE),
    "unicode text that unpacks to 200 MB": (png(before=chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB)), MADE),
    "text behind the pixels that unpacks to 200 MB": (png(after=chunk(b"zTXt", b"a\0\0" + BOMB)), MADE),
    "a colour profile that unpacks to 200 MB": (png(before=chunk(b"iCCP", b"a\0\0" + BOMB)), ""),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_refused_in_one_line(content, message, monkeypatch):
    on_disk(monkeypatch)
    if not message or message is MADE:
        # What a decoder says, and whether it sees the damage at once or while decoding, is its own affair.
        message = "the picture is damaged or cut off (" if message else "the "
    with pytest.raises(PictureError) as caught:
        decoded(content)
    said = str(caught.value)
    assert said.startswith("the ")
    assert message in said
    assert "\n" not in said
    assert len(said) < 200


def on_disk(monkeypatch):
    """Opening a file to write would be an error from here on."""
    real = builtins.open

    def only_read(file, mode="r", *more, **options):
        assert not set(mode) & set("wax+"), f"{file} opened for {mode}"
        return real(file, mode, *more, **options)

    monkeypatch.setattr(builtins, "open", only_read)
    monkeypatch.setattr("tempfile.mkstemp", lambda *_, **__: pytest.fail("a file on disk"))
    monkeypatch.setattr("os.open", lambda *_, **__: pytest.fail("a file on disk"))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "YCbCr", "I;16"])
def test_every_form_of_pixels_is_read(kind, options, mode, monkeypatch):
    if kind == "JPEG" and mode not in ("RGB", "L", "CMYK", "YCbCr"):
        return
    if (kind == "PNG" and mode in ("CMYK", "YCbCr")) or (kind == "WEBP" and mode not in ("RGB", "RGBA", "L")):
        return
    grey = mode in ("L", "LA", "1", "I;16")
    image = half(48, 32).convert("L") if grey else half(48, 32)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    content = saved(image, kind, **options)
    on_disk(monkeypatch)
    found = decoded(content)
    assert (found.shape, found.dtype) == ((3, 32, 48), np.uint8)
    top, bottom = found[:, 3, 20].astype(int), found[:, -3, 20].astype(int)
    if mode == "1":
        assert {*top, *bottom} <= {0, 255}
    elif grey:
        assert top == pytest.approx([76] * 3, abs=2)
        assert bottom == pytest.approx([29] * 3, abs=2)
    else:
        assert top == pytest.approx(RED, abs=12)
        assert bottom == pytest.approx(BLUE, abs=12)


def test_what_is_transparent_is_white():
    image = half(mode="RGBA")
    image.putpixel((0, 0), (9, 9, 9, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    found = decoded(saved(image))
    assert found[:, 0, 0].tolist() == [255] * 3
    assert found[:, 0, 1] == pytest.approx([127] * 3, abs=1)
    palette = half(mode="P")
    index = palette.getpixel((0, 0))
    found = decoded(saved(palette, transparency=index))
    assert found[:, 0, 0].tolist() == [255] * 3
    assert found[:, -1, 0].tolist() == list(BLUE)


def test_what_follows_a_picture_is_left_alone(monkeypatch):
    on_disk(monkeypatch)
    for kind in ("PNG", "JPEG", "WEBP"):
        content = saved(half(48, 32), kind)
        for more in (b"<script>alert(1)</script>", archive(**{"a.txt": b"x"}), pickle.dumps(print)):
            assert np.array_equal(decoded(content + more), decoded(content))


def test_a_progressive_picture_of_a_camera_is_read():
    assert decoded(saved(noise(99, 99), "JPEG", progressive=True, quality=95)).shape == (3, 99, 99)


def test_sixteen_bits_keep_the_upper_eight():
    deep = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
    assert np.array_equal(decoded(saved(Image.fromarray(deep)))[0], deep >> 8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_was(orientation, kind):
    from PIL import ImageOps

    content = turned(orientation, kind)
    found = decoded(content)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(found, expected)
    assert found.shape == ((3, 48, 32) if orientation > 4 else (3, 32, 48))


@pytest.mark.parametrize("exif", [b"Exif\0\0no", b"Exif\0\0II*\0\xff\xff\xff\xff", b"x" * 60_000])
def test_exif_data_that_are_wrong_turn_nothing(exif):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert decoded(saved(half(48, 32), "JPEG", exif=exif)).shape == (3, 32, 48)


def test_of_an_animation_the_first_picture_is_shown():
    frames = [half(), Image.new("RGB", (6, 4), "green")]
    for kind in ("WEBP", "PNG"):
        content = saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        with Image.open(io.BytesIO(content)) as image:
            assert image.n_frames == 2
        assert decoded(content)[:, 0, 0].tolist() == list(RED)


def test_a_phone_s_file_of_several_pictures_shows_the_first():
    content = saved(half(48, 32), "MPO", save_all=True, append_images=[Image.new("RGB", (48, 32), "green")])
    assert decoded(content)[:, 3, 20] == pytest.approx(RED, abs=12)


def test_the_smallest_and_the_longest_picture_are_read():
    assert decoded(png(1, 1)).shape == (3, 1, 1)
    assert decoded(saved(Image.new("RGB", (30_000, 2)))).shape == (3, 1, 2048)


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_picture_is_made_smaller(kind, mode):
    if kind == "JPEG" and mode != "RGB":
        return
    found = decoded(saved(half(5000, 3000, mode), kind))
    assert found.shape[0] == 3
    assert 1024 <= max(found.shape[1:]) <= 2048
    assert found.shape[2] / found.shape[1] == pytest.approx(5 / 3, rel=0.01)
    assert found[:, 10, 10] == pytest.approx(RED, abs=12)


def test_large_notes_and_colour_profiles_are_left_out():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("story", "x" * 900_000, zip=True)
    assert decoded(saved(half(), pnginfo=notes)).shape == (3, 4, 6)
    assert decoded(saved(half(), "JPEG", icc_profile=bytes(3_000_000))).shape == (3, 4, 6)


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]),
)
def test_random_bytes_give_a_picture_or_one_line(content, beginning):
    assert picture_or_line(beginning + content)


WHOLE = {kind: saved(half(40, 30), kind) for kind in ("PNG", "JPEG", "WEBP")}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_damaged_file_gives_a_picture_or_one_line(kind, drawn):
    content = bytearray(WHOLE[kind])
    for _ in range(drawn.draw(st.integers(1, 4))):
        content[drawn.draw(st.integers(0, len(content) - 1))] = drawn.draw(st.integers(0, 255))
    assert picture_or_line(bytes(content[: drawn.draw(st.integers(1, len(content)))]))


def picture_or_line(content):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own, of damaged EXIF data
            found = decoded(content)
    except PictureError as error:
        lines = str(error).splitlines()
        return len(lines) == 1
    return found.dtype == np.uint8 and found.ndim == 3


def test_a_picture_is_fitted_as_image_folders_are(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (37, 52, 3), np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(noise).save(path)
    found = fitted(decoded(path.read_bytes()), 3, 16)
    assert np.array_equal(found, folder.decode([path], 16)[0])


def test_one_channel_is_the_luminance():
    picture = np.zeros((3, 10, 10), np.uint8)
    picture[:] = np.array([200, 100, 50])[:, None, None]
    assert (
        fitted(picture, 1, 4).tolist()
        == np.full((1, 4, 4), round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).tolist()
    )


def test_only_the_middle_is_kept():
    picture = np.zeros((3, 20, 40), np.uint8)
    picture[:, 5:15, 15:25] = 255
    assert fitted(picture, 3, 10, keep=0.5).min() == 255
    assert fitted(picture, 3, 20)[0, 0, 0] == 0
    assert fitted(picture, 3, 20).shape == (3, 20, 20)


def test_making_smaller_leaves_no_stripes():
    """Every second column white: without antialiasing the small picture is black, or white."""
    picture = np.zeros((3, 64, 64), np.uint8)
    picture[:, :, ::2] = 255
    assert fitted(picture, 3, 8) == pytest.approx(np.full((3, 8, 8), 127), abs=12)


@pytest.mark.parametrize(
    ("picture", "sizes", "message"),
    [
        (
            np.zeros((4, 4, 3), np.uint8),
            (3, 8),
            r"picture is uint8 \(4, 4, 3\); it must be uint8 \(3, height",
        ),
        (np.zeros((3, 4, 4)), (3, 8), "picture is float64"),
        (np.zeros((3, 0, 4), np.uint8), (3, 8), "picture is uint8"),
        (np.zeros((3, 4, 4), np.uint8), (2, 8), "channels 2, side 8, keep 1; allowed: 1 or 3, 1 … 1024"),
        (np.zeros((3, 4, 4), np.uint8), (3, 0), "side 0"),
        (np.zeros((3, 4, 4), np.uint8), (3, 1025), "side 1025"),
        (np.zeros((3, 4, 4), np.uint8), (3, 8, 0.0), "keep 0"),
    ],
)
def test_what_cannot_be_fitted_is_told(picture, sizes, message):
    with pytest.raises(PictureError, match=message):
        fitted(picture, *sizes)


def test_sizes_are_those_of_the_data():
    loaded = data.load(Digits(train=10))
    assert pictures.size_for(Digits()) == (loaded.channels, loaded.side)
    assert pictures.size_for(Digits(side=16)) == (1, 16)
    assert pictures.size_for(Cifar10()) == (3, 32)
    assert pictures.size_for(FashionMnist()) == (1, 28)
    assert pictures.size_for(ImageFolder(side=64)) == (3, 64)


def test_a_net_of_digits_is_said_to_know_nothing_else():
    assert "light on black, 8×8 pixels" in pictures.advice(Digits())
    assert "32×32 pixels" in pictures.advice(Cifar10())
    for each in (FashionMnist(), ImageFolder()):
        assert pictures.advice(each).startswith("This net has only ever seen ")


def test_photographs_come_with_scikit_learn():
    for name, credit in pictures.PHOTOGRAPHS.items():
        assert pictures.photograph(name).shape == (3, 427, 640)
        assert "flickr.com" in credit
    with pytest.raises(PictureError, match="name is 'cat'; allowed: china, flower"):
        pictures.photograph("cat")


def test_a_missing_photograph_is_told(monkeypatch):
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    with pytest.raises(PictureError, match=r"china\.jpg is missing\. Mend it with: pip install"):
        pictures.photograph("china")
