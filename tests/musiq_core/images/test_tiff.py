"""TIFFs of all layouts: exact pixels, or a reason that names the samples."""

import io

import numpy as np
import pytest
from helpers.make_images import noise, photo_like
from helpers.make_tiffs import file_of, page_of, tiff_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from schemas.failures import ImageFailure

GREY, RGB, PALETTE, INKS = 1, 2, 3, 5
COLOURS = {0: 1, GREY: 1, RGB: 3, INKS: 4}
REDUCED = {254: [1]}


def samples_of(channels: int, bits: int, size=(33, 45)) -> np.ndarray:
    kind = np.uint8 if bits <= 8 else np.uint16
    random = np.random.default_rng((channels, bits))
    return random.integers(0, 2**bits, (*size, channels), kind)


def expected_of(samples: np.ndarray, photometric: int, bits: int) -> np.ndarray:
    colours = samples[..., : COLOURS[photometric]]
    levels = (
        colours >> (bits - 8)
        if bits >= 8
        else colours.astype(int) * 255 // (2**bits - 1)
    ).astype(np.uint8)
    if photometric == INKS:
        return np.asarray(Image.fromarray(levels, "CMYK").convert("RGB"))
    if photometric == 0:
        levels = 255 - levels
    return np.broadcast_to(levels, (*samples.shape[:2], 3))


def failure_of(data: bytes) -> ImageFailure:
    with pytest.raises(ImageFailure) as caught:
        decode_image(data)
    return caught.value


class TestLayouts:
    @given(
        photometric=st.sampled_from(list(COLOURS)),
        bits=st.sampled_from([8, 16]),
        extra=st.sampled_from([(), (0,), (2,), (0, 0), (2, 0)]),
        order=st.sampled_from("<>"),
        planar=st.booleans(),
        tile=st.sampled_from([None, 16, 32]),
        rows_per_strip=st.integers(1, 40),
        compression=st.sampled_from(["none", "deflate", "predictor"]),
        big=st.booleans(),
    )
    @example(RGB, 8, (2, 0), "<", True, None, 7, "deflate", False)
    @settings(max_examples=150, deadline=None)
    def test_colours_are_exact_in_every_layout(
        self,
        photometric,
        bits,
        extra,
        order,
        planar,
        tile,
        rows_per_strip,
        compression,
        big,
    ):
        samples = samples_of(COLOURS[photometric] + len(extra), bits)
        data = tiff_of(
            samples,
            photometric=photometric,
            order=order,
            planar=planar,
            tile=tile,
            rows_per_strip=rows_per_strip,
            deflate=compression != "none",
            predictor=compression == "predictor",
            big=big,
            tags={338: list(extra)} if extra else None,
        )
        image = decode_image(data)
        expected = expected_of(samples, photometric, bits)
        np.testing.assert_array_equal(image.pixels, expected)
        assert (image.format, image.frames) == ("TIFF", 1)

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("photometric", [0, GREY, RGB])
    @pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
    def test_samples_that_are_no_whole_bytes_are_spread_or_cut(
        self, bits, photometric, order
    ):
        samples = samples_of(COLOURS[photometric], bits)
        data = tiff_of(samples, bits=bits, photometric=photometric, order=order)
        expected = expected_of(samples, photometric, bits)
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("extra", [(), (2,)])
    def test_palettes_are_looked_up(self, bits, extra):
        samples = samples_of(1 + len(extra), bits)
        palette = np.random.default_rng(0).integers(0, 2**16, (3, 2**bits))
        tags = {320: palette.reshape(-1).tolist()} | (
            {338: list(extra)} if extra else {}
        )
        data = tiff_of(samples, bits=bits, photometric=PALETTE, tags=tags)
        expected = (palette.T >> 8)[samples[..., 0]]
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("photometric", [GREY, RGB, INKS])
    @pytest.mark.parametrize("planar", [False, True])
    @pytest.mark.parametrize("deflate", [False, True])
    def test_premultiplied_colours_are_divided_again(
        self, bits, photometric, planar, deflate
    ):
        colours = COLOURS[photometric]
        samples = samples_of(colours + 1, bits)
        alpha = samples[..., -1:]
        alpha[:3] = 0
        samples[..., :-1] = np.minimum(samples[..., :-1], alpha)
        data = tiff_of(
            samples,
            photometric=photometric,
            planar=planar,
            deflate=deflate,
            tags={338: [1]},
        )
        high = (samples >> (bits - 8)).astype(int)
        straight = high[..., :-1] * 255 // np.maximum(high[..., -1:], 1)
        straight = np.where(high[..., -1:], np.minimum(straight, 255), 0)
        expected = expected_of(straight.astype(np.uint8), photometric, 8)
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    def test_orientation_and_profile_are_read_of_any_layout(self):
        samples = samples_of(2, 16, (20, 30))
        data = tiff_of(samples, tags={338: [2], 274: [6], 34675: b"no profile"})
        image = decode_image(data)
        turned = expected_of(samples, GREY, 16).transpose(1, 0, 2)[:, ::-1]
        np.testing.assert_array_equal(image.pixels, turned)
        assert image.orientation == 6
        assert image.icc.startswith("sha256:")

    def test_limits_hold_in_any_layout(self):
        data = tiff_of(samples_of(2, 16, (20, 30)), tags={338: [2]})
        with pytest.raises(ImageFailure, match="exceed the limit of 599") as caught:
            decode_image(data, DecodeConfig(max_pixels=599))
        assert caught.value.failure == "too_large"

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
    def test_a_cut_picture_is_not_read(self, share):
        samples = samples_of(2, 16)
        directory, body = page_of(samples, tags={338: [2]}, start=8)
        whole = file_of([directory], body)
        cut = whole[: int(len(body) * share)]
        assert failure_of(cut).failure in ("truncated", "undecodable")
        moved = file_of([directory], body[: int(len(body) * share)])
        assert failure_of(moved).failure in ("truncated", "undecodable")


class TestReasons:
    @pytest.mark.parametrize(
        ("data", "samples"),
        [
            (
                tiff_of(np.zeros((4, 4, 2), np.float32), tags={338: [2], 339: [3, 3]}),
                "2 grey samples of 32 bits float",
            ),
            (
                tiff_of(
                    np.zeros((4, 4, 3), np.float32), photometric=RGB, tags={339: [3]}
                ),
                "3 RGB samples of 32 bits float",
            ),
            (
                tiff_of(np.zeros((4, 4, 3), np.uint32), photometric=RGB),
                "3 RGB samples of 32 bits",
            ),
            (
                tiff_of(samples_of(3, 16), photometric=8),
                "3 CIELab samples of 16 bits",
            ),
            (
                tiff_of(samples_of(3, 8), photometric=6),
                "3 YCbCr samples of 8 bits",
            ),
            (
                tiff_of(samples_of(3, 16), photometric=32845, planar=True),
                "3 planar LogLuv samples of 16 bits",
            ),
            (
                tiff_of(samples_of(3, 8), photometric=RGB, tags={258: [5, 6, 5]}),
                "3 RGB samples of 5/6 bits",
            ),
            (tiff_of(samples_of(2, 8), photometric=RGB), "2 RGB samples of 8 bits"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_samples_without_faithful_rgb_are_named(self, data, samples):
        failure = failure_of(data)
        assert failure.failure == "unsupported_format"
        assert failure.detail == f"TIFF with {samples} has no faithful RGB"

    def test_a_compression_that_is_not_read_is_named(self):
        failure = failure_of(
            tiff_of(samples_of(3, 8), photometric=RGB, tags={259: [34712]})
        )
        assert failure.failure == "unsupported_format"
        assert failure.detail == (
            "TIFF with 3 RGB samples of 8 bits in compression 34712 is not read"
        )


class TestFullPicture:
    whole, small = photo_like(60, 90), noise(30, 45)

    def pages(self, *sizes, children=False, tags=({}, {})) -> bytes:
        body, directories = b"", []
        for pixels, more in zip(sizes, tags, strict=True):
            directory, data = page_of(
                pixels, photometric=RGB, start=8 + len(body), tags=more
            )
            directories.append(directory)
            body += data
        if children:
            return file_of(directories[:1], body, children=directories[1:])
        return file_of(directories, body)

    @pytest.mark.parametrize("flag", [{254: [1]}, {255: [2]}, {254: [4]}, {254: [3]}])
    def test_a_reduced_copy_or_mask_in_front_is_passed_over(self, flag):
        data = self.pages(self.small, self.whole, tags=(flag, {}))
        image = decode_image(data)
        np.testing.assert_array_equal(image.pixels, self.whole)
        assert image.frames == 2

    def test_the_full_picture_may_belong_to_its_copy(self):
        data = self.pages(self.small, self.whole, children=True, tags=(REDUCED, {}))
        np.testing.assert_array_equal(decode_image(data).pixels, self.whole)

    def test_copies_that_belong_to_the_full_picture_change_nothing(self):
        data = self.pages(self.whole, self.small, children=True, tags=({}, REDUCED))
        image = decode_image(data)
        np.testing.assert_array_equal(image.pixels, self.whole)
        assert image.frames == 1

    def test_of_several_pages_the_first_is_read(self):
        data = self.pages(self.small, self.whole, tags=({254: [2]}, {254: [2]}))
        np.testing.assert_array_equal(decode_image(data).pixels, self.small)

    def test_of_copies_alone_the_largest_is_read(self):
        data = self.pages(self.small, self.whole, tags=(REDUCED, REDUCED))
        np.testing.assert_array_equal(decode_image(data).pixels, self.whole)
        alone = tiff_of(self.small, photometric=RGB, tags=REDUCED)
        np.testing.assert_array_equal(decode_image(alone).pixels, self.small)

    @pytest.mark.parametrize("big", [False, True])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_the_full_picture_may_have_a_layout_of_its_own(self, order, big):
        start = 16 if big else 8
        first, front = page_of(
            self.small, photometric=RGB, order=order, start=start, tags=REDUCED
        )
        samples = samples_of(4, 16)
        second, rest = page_of(
            samples, photometric=RGB, order=order, planar=True, start=start + len(front)
        )
        data = file_of([first, second], front + rest, order=order, big=big)
        expected = expected_of(samples, RGB, 16)
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    def test_directories_in_a_circle_end(self):
        data = bytearray(tiff_of(self.small, photometric=RGB))
        first = int.from_bytes(data[4:8], "little")
        count = int.from_bytes(data[first : first + 2], "little")
        end = first + 2 + 12 * count
        data[end : end + 4] = data[4:8]
        np.testing.assert_array_equal(decode_image(bytes(data)).pixels, self.small)


class TestCameraRaw:
    preview = noise(12, 16)

    def raw(self, *, first=None, child=None) -> bytes:
        """A preview in front, and the sensor's samples below it."""
        front, body = page_of(
            self.preview, photometric=RGB, tags={**REDUCED, **(first or {})}
        )
        sensor, rest = page_of(
            samples_of(1, 16), start=8 + len(body), tags=child or {262: [32803]}
        )
        return file_of([front], body + rest, children=[sensor])

    @pytest.mark.parametrize(
        ("first", "child", "kind"),
        [
            ({50706: bytes([1, 4, 0, 0]), 271: b"Google\0"}, {262: [32803]}, " (DNG)"),
            ({50706: bytes([1, 4, 0, 0])}, {262: [34892]}, " (DNG)"),
            ({271: b"NIKON CORPORATION\0"}, {259: [34713]}, " (Nikon NEF)"),
            ({271: b"SONY\0"}, {262: [32803], 259: [32767]}, " (Sony ARW)"),
            ({271: b"PENTAX Corporation \0"}, {259: [65535]}, " (Pentax PEF)"),
            ({271: b"SAMSUNG\0"}, {259: [32770]}, " (Samsung SRW)"),
            ({271: b"Hasselblad\0"}, {262: [32803]}, " (Hasselblad 3FR)"),
            ({271: b"EASTMAN KODAK COMPANY\0"}, {259: [65000]}, " (Kodak DCR)"),
            ({271: b"Canon\0"}, {33422: b"\0\1\1\2"}, " (Canon CR2)"),
            ({271: b"Nobody\0"}, {33421: [2, 2]}, ""),
            ({271: b"LEICA\0"}, {}, " (Leica RWL)"),
            ({}, {262: [32803]}, ""),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_camera_raw_is_never_scored_by_its_preview(self, first, child, kind):
        failure = failure_of(self.raw(first=first, child=child))
        assert failure.failure == "unsupported_format"
        assert failure.detail.startswith(f"camera raw{kind} is not one of the formats")

    @pytest.mark.parametrize("tags", [{50706: bytes([1, 1, 0, 0])}, {262: [34892]}])
    def test_a_raw_without_a_preview_is_named_too(self, tags):
        failure = failure_of(tiff_of(samples_of(3, 16), photometric=RGB, tags=tags))
        assert failure.failure == "unsupported_format"
        assert failure.detail.startswith("camera raw")

    def test_sensor_samples_on_a_later_page_tell_it_too(self):
        front, body = page_of(self.preview, photometric=RGB, tags={271: b"PENTAX\0"})
        sensor, rest = page_of(
            samples_of(1, 16), start=8 + len(body), tags={262: [32803]}
        )
        failure = failure_of(file_of([front, sensor], body + rest))
        assert failure.detail.startswith("camera raw (Pentax PEF)")

    def test_a_photo_that_a_camera_made_is_no_raw(self):
        data = tiff_of(self.preview, photometric=RGB, tags={271: b"NIKON\0"})
        np.testing.assert_array_equal(decode_image(data).pixels, self.preview)


def test_pillows_own_files_are_read_as_pillow_reads_them():
    pixels = photo_like(40, 56)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        for compression in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"):
            file = io.BytesIO()
            picture = Image.fromarray(pixels).convert(mode)
            picture.save(file, "TIFF", compression=compression)
            read = decode_image(file.getvalue()).pixels
            np.testing.assert_array_equal(read, np.asarray(picture.convert("RGB")))
