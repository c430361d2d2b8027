import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from helpers import shared_data
from PIL import ExifTags, Image, ImageOps

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.image_format import ALLOWED_FORMATS
from musiq_core.images.jpeg_segments import count_jpeg_scans
from musiq_core.images.signatures import sniff_format
from schemas.failures import Failure, ImageFailure

STORED = DecodeConfig(orientation="ignore")
UNDO_TRANSPOSE = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo(width=64, height=48, mode="RGB") -> Image.Image:
    """A smooth picture with some noise, different in each corner and channel."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [rows * 4, columns * 3, rows + columns]
    noise = np.random.default_rng(0).integers(0, 20, (height, width, 3))
    pixels = (np.stack(channels, axis=-1) + noise).clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(picture: Image.Image, file_format: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def rgb(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"))


def failure_of(data: bytes, config=STORED) -> ImageFailure:
    with pytest.raises(ImageFailure) as caught:
        decode_image(data, config)
    return caught.value


def orientation_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def png(header: bytes, rows: bytes) -> bytes:
    def chunk(kind, content):
        checked = kind + content
        return (
            struct.pack(">I", len(content))
            + checked
            + struct.pack(">I", zlib.crc32(checked))
        )

    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def tiff(samples: np.ndarray, *, order="<", photometric=1, bits=16, body=None) -> bytes:
    """An uncompressed one-strip TIFF of [height, width, channels] samples."""
    height, width, channels = samples.shape
    body = body or samples.astype(f"{order}u2").tobytes()
    bits_at = 8 + len(body)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits) if channels == 1 else (258, 3, channels, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 4, 1, height),
        (279, 4, 1, len(body)),
    ]
    directory = struct.pack(f"{order}H", len(tags))
    for tag, kind, count, value in tags:
        is_short = kind == 3 and count == 1
        packed = struct.pack(
            f"{order}HH" if is_short else f"{order}I", value, *[0] * is_short
        )
        directory += struct.pack(f"{order}HHI", tag, kind, count) + packed
    start = b"II*\0" if order == "<" else b"MM\0*"
    start += struct.pack(f"{order}I", bits_at + 2 * channels)
    return (
        start
        + body
        + struct.pack(f"{order}{channels}H", *[bits] * channels)
        + (directory + b"\0\0\0\0")
    )


def samples_of_every_format() -> dict[str, bytes]:
    picture = photo()
    frames = {"save_all": True, "append_images": [picture.rotate(90)]}
    return {
        "jpeg": encoded(picture, "JPEG", exif=orientation_exif(6)),
        "jpeg progressive": encoded(picture, "JPEG", progressive=True),
        "jpeg cmyk": encoded(photo(mode="CMYK"), "JPEG"),
        "mpo": encoded(picture, "MPO", **frames),
        "png": encoded(picture, "PNG", exif=orientation_exif(6)),
        "png 16 bit": encoded(photo(mode="L").convert("I;16"), "PNG"),
        "apng": encoded(picture, "PNG", **frames),
        "gif": encoded(picture, "GIF"),
        "gif animated": encoded(picture, "GIF", **frames),
        "webp": encoded(picture, "WEBP", exif=orientation_exif(6)),
        "webp lossless": encoded(picture, "WEBP", lossless=True),
        "webp animated": encoded(picture, "WEBP", **frames),
        "tiff": encoded(picture, "TIFF", exif=orientation_exif(6)),
        "tiff lzw": encoded(picture, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": encoded(picture, "TIFF", compression="jpeg"),
        "bmp": encoded(picture, "BMP"),
        "avif": encoded(picture, "AVIF", exif=orientation_exif(6), max_threads=1),
    }


SAMPLES = samples_of_every_format()


class TestGoldenPixels:
    names = tuple(str(name) for name in shared_data.golden()["names"])

    @pytest.mark.parametrize("name", names)
    def test_fast_dct_gives_the_published_pixels(self, name):
        data = shared_data.golden()[f"{name}/encoded"].tobytes()
        image = decode_image(data, STORED)
        assert (
            zlib.crc32(image.pixels.tobytes())
            == shared_data.golden()[f"{name}/rgb_crc32"]
        )

    @pytest.mark.parametrize("name", names)
    def test_accurate_dct_gives_the_published_pixels(self, name):
        golden = shared_data.golden()
        data = golden[f"{name}/encoded"].tobytes()
        image = decode_image(
            data, DecodeConfig(jpeg_dct="accurate", orientation="ignore")
        )
        expected = golden.get(f"{name}/rgb_crc32_islow", golden[f"{name}/rgb_crc32"])
        assert zlib.crc32(image.pixels.tobytes()) == expected


@pytest.mark.parametrize(
    "bad", shared_data.bad_inputs(), ids=lambda bad: ascii(bad.name.decode())
)
def test_every_bad_input_ends_in_an_allowed_outcome(bad):
    try:
        decode_image(bad.data)
        outcome = "score"
    except ImageFailure as failure:
        outcome = f"dead:{failure.failure}" if failure.detail else "no detail"
    assert outcome in bad.allowed


class TestResult:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_pixels_are_contiguous_uint8_rgb(self, name):
        image = decode_image(SAMPLES[name])
        assert image.pixels.dtype == np.uint8
        assert image.pixels.flags.c_contiguous
        assert image.pixels.shape == (image.height, image.width, 3)

    @pytest.mark.parametrize(
        ("name", "file_format", "frames"),
        [
            ("jpeg", "JPEG", 1),
            ("mpo", "MPO", 2),
            ("png", "PNG", 1),
            ("apng", "PNG", 2),
            ("gif", "GIF", 1),
            ("gif animated", "GIF", 2),
            ("webp", "WEBP", 1),
            ("webp animated", "WEBP", 2),
            ("tiff", "TIFF", 1),
            ("bmp", "BMP", 1),
            ("avif", "AVIF", 1),
        ],
    )
    def test_format_and_frames_are_recorded(self, name, file_format, frames):
        image = decode_image(SAMPLES[name])
        assert (image.format, image.frames) == (file_format, frames)

    @pytest.mark.parametrize("name", ["apng", "gif animated", "webp animated", "mpo"])
    def test_the_first_frame_is_decoded(self, name):
        accurate = DecodeConfig(jpeg_dct="accurate")
        first = Image.open(io.BytesIO(SAMPLES[name]))
        np.testing.assert_array_equal(
            decode_image(SAMPLES[name], accurate).pixels, rgb(first)
        )

    def test_frames_that_cannot_be_counted_count_as_one(self, monkeypatch):
        def fail(picture):
            raise struct.error("broken")

        monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.n_frames", property(fail))
        assert decode_image(SAMPLES["gif animated"]).frames == 1

    @pytest.mark.parametrize("claimed", [2**31 - 1, 2**31])
    def test_frames_that_no_format_allows_count_as_one(self, monkeypatch, claimed):
        monkeypatch.setattr("PIL.GifImagePlugin.GifImageFile.n_frames", claimed)
        counted = claimed if claimed < 2**31 else 1
        assert decode_image(SAMPLES["gif animated"]).frames == counted


class TestOrientation:
    @pytest.mark.parametrize("orientation", UNDO_TRANSPOSE)
    @pytest.mark.parametrize(
        ("file_format", "options"),
        [
            ("PNG", {}),
            ("WEBP", {"lossless": True}),
            ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
        ],
    )
    def test_all_eight_orientations_of_a_photo_give_equal_pixels(
        self, file_format, options, orientation
    ):
        undo = UNDO_TRANSPOSE[orientation]
        stored = photo() if undo is None else photo().transpose(undo)
        data = encoded(
            stored, file_format, exif=orientation_exif(orientation), **options
        )

        upright, ignored = decode_image(data), decode_image(data, STORED)

        assert upright.orientation == ignored.orientation == orientation
        np.testing.assert_array_equal(upright.pixels, rgb(photo()))
        np.testing.assert_array_equal(ignored.pixels, rgb(stored))

    @pytest.mark.parametrize("orientation", UNDO_TRANSPOSE)
    def test_jpeg_is_turned_as_pillow_turns_it(self, orientation):
        data = encoded(photo(), "JPEG", exif=orientation_exif(orientation))
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        image = decode_image(data, DecodeConfig(jpeg_dct="accurate"))
        np.testing.assert_array_equal(image.pixels, rgb(turned))

    def test_16_bit_tiff_is_turned_once(self):
        grey = photo(mode="L")
        samples = np.asarray(grey).astype(np.uint16) * 257
        data = encoded(Image.fromarray(samples), "TIFF", exif=orientation_exif(6))
        turned = rgb(grey.transpose(Image.Transpose.ROTATE_270))
        np.testing.assert_array_equal(decode_image(data).pixels, turned)
        np.testing.assert_array_equal(decode_image(data, STORED).pixels, rgb(grey))

    @pytest.mark.parametrize("orientation", [0, 9, 200])
    def test_an_invalid_orientation_counts_as_upright(self, orientation):
        data = encoded(photo(), "PNG", exif=orientation_exif(orientation))
        image = decode_image(data)
        assert image.orientation == 1
        np.testing.assert_array_equal(image.pixels, rgb(photo()))

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "JPEG", "AVIF", "TIFF"])
    def test_broken_exif_never_costs_the_picture(self, file_format):
        data = encoded(photo(), file_format, exif=orientation_exif(6))
        if file_format == "PNG":
            data = encoded(photo(), file_format, exif=b"Exif\0\0not exif")
        elif file_format == "TIFF":
            tag = struct.pack("<HHI", ExifTags.Base.Orientation, 3, 1)
            assert tag in data
            data = data.replace(tag, struct.pack("<HHI", 34665, 4, 1))  # an EXIF folder
        else:
            at = max(data.rfind(b"MM\0*"), data.rfind(b"II*\0"))
            data = data[:at] + b"XXXX" + data[at + 4 :]
        image = decode_image(data, STORED)
        # An AVIF says its orientation outside the EXIF data too.
        assert image.orientation == (6 if file_format == "AVIF" else 1)
        assert (image.width, image.height) == photo().size


class TestSampleKinds:
    @pytest.mark.parametrize("mode", ["1", "L"])
    def test_grey_is_repeated(self, mode):
        grey = photo(mode=mode)
        expected = np.repeat(np.asarray(grey.convert("L"))[..., None], 3, axis=2)
        np.testing.assert_array_equal(
            decode_image(encoded(grey, "PNG")).pixels, expected
        )

    def test_grey_jpeg_is_repeated(self):
        pixels = decode_image(encoded(photo(mode="L"), "JPEG")).pixels
        np.testing.assert_array_equal(pixels, np.repeat(pixels[..., :1], 3, axis=2))

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_alpha_is_dropped_without_blending(self, mode):
        opaque = photo(mode=mode[:-1])
        clear = opaque.copy()
        clear.putalpha(Image.linear_gradient("L").resize(clear.size))
        pixels = decode_image(encoded(clear, "PNG")).pixels
        np.testing.assert_array_equal(pixels, rgb(opaque))

    @pytest.mark.parametrize("transparency", [3, bytes(range(256))])
    def test_palette_colours_are_looked_up_whatever_their_transparency(
        self, transparency
    ):
        palette = photo().quantize(256)
        data = encoded(palette, "PNG", transparency=transparency)
        np.testing.assert_array_equal(decode_image(data).pixels, rgb(palette))

    def test_jpeg_that_stores_rgb_is_not_taken_for_ycbcr(self):
        data = encoded(photo(), "JPEG", keep_rgb=True)
        image = decode_image(data, DecodeConfig(jpeg_dct="accurate"))
        np.testing.assert_array_equal(image.pixels, rgb(Image.open(io.BytesIO(data))))

    def test_progressive_jpeg_gives_pillows_pixels(self):
        data = SAMPLES["jpeg progressive"]
        image = decode_image(data, DecodeConfig(jpeg_dct="accurate"))
        np.testing.assert_array_equal(image.pixels, rgb(Image.open(io.BytesIO(data))))

    samples = np.array([[[0], [255], [256]], [[0x1234], [0xFF00], [0xFFFF]]])
    high_bytes = np.repeat(
        np.array([[[0], [0], [1]], [[0x12], [0xFF], [0xFF]]]), 3, axis=2
    )

    def test_16_bit_grey_png_keeps_the_high_byte(self):
        data = encoded(Image.fromarray(self.samples[..., 0].astype(np.uint16)), "PNG")
        np.testing.assert_array_equal(decode_image(data).pixels, self.high_bytes)

    def test_16_bit_rgb_png_keeps_the_high_byte(self):
        samples = self.samples.reshape(1, 2, 3).astype(">u2")
        data = png(
            struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), b"\0" + samples.tobytes()
        )
        np.testing.assert_array_equal(decode_image(data).pixels, samples >> 8)

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_16_bit_tiff_keeps_the_high_byte(self, order):
        grey = tiff(self.samples, order=order)
        np.testing.assert_array_equal(decode_image(grey).pixels, self.high_bytes)
        colours = self.samples.reshape(1, 2, 3)
        colour = tiff(colours, order=order, photometric=2)
        np.testing.assert_array_equal(decode_image(colour).pixels, colours >> 8)

    @pytest.mark.parametrize("mode", ["I;16", "I;16B"])
    def test_16_bit_compressed_tiff_keeps_the_high_byte(self, mode):
        order = ">u2" if mode == "I;16B" else "<u2"
        raw = self.samples[..., 0].astype(order).tobytes()
        picture = Image.frombytes(mode, (3, 2), raw)
        data = encoded(picture, "TIFF", compression="tiff_lzw")
        np.testing.assert_array_equal(decode_image(data).pixels, self.high_bytes)

    def test_12_bit_tiff_uses_the_full_range(self):
        body = bytes.fromhex("000 fff 123 800".replace(" ", ""))
        data = tiff(np.zeros((1, 4, 1)), bits=12, body=body)
        assert decode_image(data).pixels[0, :, 0].tolist() == [0x00, 0xFF, 0x12, 0x80]

    def test_white_is_zero_tiff_is_inverted_at_16_bits(self):
        data = tiff(self.samples, photometric=0)
        np.testing.assert_array_equal(decode_image(data).pixels, 255 - self.high_bytes)

    @pytest.mark.parametrize("mode", ["F", "I", "LAB"])
    def test_samples_without_faithful_rgb_are_refused_by_name(self, mode):
        picture = Image.new(mode, (4, 4))
        failure = failure_of(encoded(picture, "TIFF"))
        assert failure.failure == Failure.UNSUPPORTED_FORMAT
        assert failure.detail == f"TIFF samples of mode {mode} have no faithful RGB"


class TestFormats:
    def test_an_empty_file_is_empty(self):
        failure = failure_of(b"")
        assert (failure.failure, failure.detail) == (
            Failure.EMPTY,
            "the file has no bytes",
        )

    @pytest.mark.parametrize(
        "data",
        [b"<html><svg></html>", b"BMW is a car maker", b"\0" * 99, b"{}", b"GIF"],
    )
    def test_other_content_is_not_an_image(self, data):
        failure = failure_of(data)
        assert failure.failure == Failure.NOT_AN_IMAGE
        assert failure.detail == "the first bytes belong to no known image format"

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript/EPS"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
            (b"\0\0\0\x0cJXS \r\n\x87\n", "JPEG XS"),
            (b"8BPS\0\x01", "PSD"),
            (b"\0\0\x01\0\x01\0", "ICO"),
            (b"\0\0\x02\0\x01\0", "CUR"),
            (b"\xabKTX 20\xbb\r\n\x1a\n", "KTX"),
            (b"FLIF44", "FLIF"),
            (b"farbfeld\0\0\0\1", "farbfeld"),
            (b"\1\0\0\0" + bytes(36) + b" EMF", "EMF"),
            (bytes(522) + b"\0\x11\2\xff\x0c\0", "PICT"),
            (b"FORM\0\0\1\0ILBMBMHD", "IFF picture"),
            (b"#define a_width 8\n#define a_height 8\n", "XBM"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI", "PNG for iOS (CgBI)"),
            (b"%PDF-1.7\n", "PDF"),
            (b"P6 1 1 255 abc", "Netpbm"),
            (
                b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
                "SVG",
            ),
            (b"II*\0\x10\0\0\0CR\x02\0", "camera raw (Canon CR2)"),
            (b"II\x1a\0\0\0HEAPCCDR", "camera raw (Canon CRW)"),
            (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw (Canon CR3)"),
            (b"IIRO\x08\0\0\0", "camera raw (Olympus ORF)"),
            (b"IIU\0\x18\0\0\0", "camera raw (Panasonic RW2)"),
            (b"FUJIFILMCCD-RAW 0201", "camera raw (Fujifilm RAF)"),
            (b"II*\0\x10\0\0\0IIIITwaR", "camera raw (Phase One IIQ)"),
            (b"FOVb\0\0\2\0", "camera raw (Sigma X3F)"),
            (b"\0MRM\0\0\1\0", "camera raw (Minolta MRW)"),
        ],
    )
    def test_other_image_formats_are_named(self, data, name):
        failure = failure_of(data)
        assert failure.failure == Failure.UNSUPPORTED_FORMAT
        assert failure.detail == (
            f"{name} is not one of the formats JPEG, PNG, GIF, WEBP, TIFF, BMP, AVIF"
        )

    @pytest.mark.parametrize("rest", [b"", b"\0", b"words", b"\xfe" * 99, b"\xff"])
    def test_what_begins_as_a_jpeg_is_a_damaged_one(self, rest):
        failure = failure_of(b"\xff\xd8" + rest)
        assert failure.failure == Failure.UNDECODABLE
        assert "JPEG" in failure.detail

    @pytest.mark.parametrize("name", SAMPLES)
    def test_every_sample_is_sniffed_as_an_allowed_format(self, name):
        assert sniff_format(SAMPLES[name]) in ALLOWED_FORMATS

    def test_a_generic_brand_that_lists_avif_is_avif(self):
        data = b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif"
        assert sniff_format(data) == "AVIF"

    def test_only_plugins_of_allowed_formats_are_ever_imported(self):
        program = (
            "import sys\n"
            "from musiq_core.images.decode import ImageFailure, decode_image\n"
            "for data in map(bytes.fromhex, sys.argv[1:]):\n"
            "    try: decode_image(data)\n"
            "    except ImageFailure: pass\n"
            "print(*sorted(m for m in sys.modules if m.endswith('ImagePlugin')))\n"
        )
        eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"
        damaged = [data[:40] for data in SAMPLES.values()]
        files = [eps, *damaged, *(SAMPLES[name] for name in ("gif", "webp"))]
        result = subprocess.run(
            [sys.executable, "-c", program, *(data.hex() for data in files)],
            capture_output=True,
            text=True,
            check=True,
        )
        names = {name.removeprefix("PIL.") for name in result.stdout.split()}
        allowed = {"Avif", "Bmp", "Gif", "Jpeg", "Mpo", "Png", "Tiff", "WebP"}
        preloaded_by_pillow = {"Ppm"}
        assert {name.removesuffix("ImagePlugin") for name in names} <= (
            allowed | preloaded_by_pillow
        )


class TestLimits:
    def test_a_header_within_pillows_limit_is_held_to_ours(self):
        data = SAMPLES["png"]
        limit = 64 * 48
        decode_image(data, DecodeConfig(max_pixels=limit))
        failure = failure_of(data, DecodeConfig(max_pixels=limit - 1))
        assert failure.failure == Failure.TOO_LARGE
        assert failure.detail == "64x48 = 3072 pixels exceed the limit of 3071"

    @pytest.mark.parametrize("side", [9_000, 12_000, 70_000])
    def test_a_lying_header_is_refused_before_decoding(self, side):
        data = png(struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"")
        failure = failure_of(data)
        assert failure.failure == Failure.TOO_LARGE
        assert "pixels" in failure.detail

    def test_scans_over_the_limit_are_refused_with_both_numbers(self):
        whole = SAMPLES["jpeg progressive"]
        last_scan = whole[whole.rindex(b"\xff\xda") : -2]
        data = whole[:-2] + last_scan * 91 + whole[-2:]
        failure = failure_of(data)
        assert failure.failure == Failure.TOO_LARGE
        assert failure.detail == "101 JPEG scans exceed the limit of 100"

    def test_scans_are_counted_by_segments(self):
        assert count_jpeg_scans(SAMPLES["jpeg"]) == 1
        assert count_jpeg_scans(SAMPLES["jpeg progressive"]) == 10
        commented = encoded(photo(), "JPEG", comment=b"\xff\xda" * 200)
        assert count_jpeg_scans(commented) == 1

    def test_scans_of_later_pictures_do_not_count(self):
        assert count_jpeg_scans(SAMPLES["mpo"]) == 1

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("jpeg_dct", "slow", r"jpeg_dct must be one of .*, got 'slow'"),
            ("orientation", "guess", r"orientation must be one of .*, got 'guess'"),
            ("max_pixels", 0, r"max_pixels must be in 1\.\.178956970, got 0"),
            (
                "max_pixels",
                2**28,
                r"max_pixels must be in 1\.\.178956970, got 268435456",
            ),
            ("max_jpeg_scans", 0, r"max_jpeg_scans must be at least 1, got 0"),
        ],
    )
    def test_impossible_settings_are_refused(self, field, value, message):
        with pytest.raises(ValueError, match=message):
            DecodeConfig(**{field: value})


class TestDamage:
    @pytest.mark.parametrize("tenth", range(1, 10))
    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_cut_file_never_gives_an_incomplete_picture(self, name, tenth):
        whole = SAMPLES[name]
        try:
            image = decode_image(whole[: len(whole) * tenth // 10])
        except ImageFailure as failure:
            assert failure.failure in (  # noqa: PT017
                Failure.TRUNCATED,
                Failure.UNDECODABLE,
                Failure.NOT_AN_IMAGE,
            )
        else:
            np.testing.assert_array_equal(image.pixels, decode_image(whole).pixels)

    @pytest.mark.parametrize(
        "name", ["jpeg", "jpeg progressive", "jpeg cmyk", "png", "gif"]
    )
    def test_half_a_file_is_called_truncated(self, name):
        failure = failure_of(SAMPLES[name][: len(SAMPLES[name]) // 2])
        assert failure.failure == Failure.TRUNCATED
        assert failure.detail.endswith("ends before its picture does")

    def test_a_cut_jpeg_that_was_closed_again_is_truncated(self):
        half = encoded(photo(640, 480), "JPEG")[:-9000]
        assert failure_of(half + b"\xff\xd9").failure == Failure.TRUNCATED

    @pytest.mark.parametrize("where", ["first segment", "quantization", "end"])
    def test_stray_bytes_between_jpeg_segments_are_harmless(self, where):
        whole = SAMPLES["jpeg progressive"]
        at = {
            "first segment": whole.index(b"\xff\xdb"),
            "quantization": whole.index(b"\xff\xc2"),
            "end": len(whole) - 2,
        }[where]
        image = decode_image(whole[:at] + b"junk" + whole[at:])
        difference = image.pixels.astype(int) - decode_image(whole).pixels
        assert abs(difference).max() <= 5

    @pytest.mark.parametrize(
        ("error", "failure"),
        [
            (OSError("image file is truncated"), Failure.TRUNCATED),
            (ValueError("not enough image data"), Failure.TRUNCATED),
            (Image.DecompressionBombError("large"), Failure.TOO_LARGE),
            (MemoryError(), Failure.TOO_LARGE),
            (OSError("secret"), Failure.UNDECODABLE),
            (SyntaxError("secret"), Failure.UNDECODABLE),
            (KeyError("secret"), Failure.UNDECODABLE),
            (struct.error("secret"), Failure.UNDECODABLE),
            (NotImplementedError("secret"), Failure.UNDECODABLE),
            (OverflowError("secret"), Failure.UNDECODABLE),
            (AssertionError("secret"), Failure.UNDECODABLE),
        ],
        ids=repr,
    )
    def test_every_exception_of_a_decoder_becomes_a_failure(
        self, monkeypatch, error, failure
    ):
        def fail(picture):
            raise error

        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail)
        found = failure_of(SAMPLES["png"])
        assert found.failure == failure
        assert "secret" not in found.detail

    @pytest.mark.parametrize("name", SAMPLES)
    def test_random_damage_raises_nothing_but_image_failures(self, name):
        random = np.random.default_rng(zlib.crc32(name.encode()))
        whole = np.frombuffer(SAMPLES[name], np.uint8)
        for _ in range(30):
            damaged = whole.copy()
            # Headers decide most, so half the damage falls into the first bytes.
            end = random.choice([100, len(whole)])
            where = random.integers(0, end, random.integers(1, 6))
            damaged[where] = random.integers(0, 256, len(where))
            try:
                image = decode_image(damaged.tobytes(), DecodeConfig(max_pixels=2**20))
            except ImageFailure:
                continue
            assert image.pixels.dtype == np.uint8


def test_pillows_warnings_stay_inside_even_with_threads():
    palette = encoded(photo().quantize(256), "PNG", transparency=bytes(range(256)))
    large = png(struct.pack(">IIBBBBB", 9_000, 11_000, 8, 2, 0, 0, 0), b"")
    filters = list(warnings.filters)
    leaked = []

    def work():
        try:
            for _ in range(10):
                decode_image(palette)
                failure_of(large)
        except Exception as error:
            leaked.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaked == []
    assert warnings.filters == filters
