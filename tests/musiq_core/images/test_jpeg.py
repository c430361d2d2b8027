import io

import numpy as np
import pytest
import simplejpeg
from helpers.make_images import encoded, noise, photo_like
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from musiq_core.config import DecodeConfig
from musiq_core.images.decode import decode_image
from musiq_core.images.jpeg_segments import count_jpeg_scans, find_picture_end
from schemas.failures import ImageFailure

END_MARK = b"\xff\xd9"
KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "progressive restarts": {"progressive": True, "restart_marker_blocks": 3},
    "optimized": {"optimize": True, "subsampling": 0},
}


def in_mode(mode: str, **options) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(photo_like(48, 72)).convert(mode)
    if mode == "CMYK":
        black = Image.fromarray(photo_like(48, 72, 1)).convert("L")
        picture = Image.merge("CMYK", [*picture.split()[:3], black])
    picture.save(file, "JPEG", **options)
    return file.getvalue()


FILES = {name: encoded(photo_like(96, 136), "JPEG", **KINDS[name]) for name in KINDS}
FILES |= {"grey": in_mode("L"), "cmyk": in_mode("CMYK")}
BEHIND = {
    "nothing": b"",
    "a few zeros": bytes(5),
    "zeros": bytes(5000),
    "fill bytes": b"\xff" * 300,
    "spaces": b" " * 700,
    "text": b"A maker's note that goes on. " * 60,
    "a maker's trailer": bytes(2048) + b"SEFHk\0\0\0SEFT",
    "numbers": np.arange(900, dtype="<u4").tobytes(),
    "noise": np.random.default_rng(0).bytes(1500),
    "another JPEG": FILES["baseline"],
    "another JPEG without an end mark": FILES["progressive"][:-2],
}


def failure_of(data: bytes) -> str:
    with pytest.raises(ImageFailure) as caught:
        decode_image(data)
    return caught.value.failure


class TestWithoutEndMark:
    @pytest.mark.parametrize("behind", BEHIND)
    @pytest.mark.parametrize("name", FILES)
    def test_a_picture_with_all_its_pixels_is_read_whatever_follows(self, name, behind):
        whole = FILES[name]
        image = decode_image(whole.removesuffix(END_MARK) + BEHIND[behind])
        np.testing.assert_array_equal(image.pixels, decode_image(whole).pixels)

    @pytest.mark.parametrize("name", FILES)
    def test_a_picture_cut_at_any_percent_is_truncated(self, name):
        whole = FILES[name].removesuffix(END_MARK)
        first = whole.index(b"\xff\xda") + 20
        for percent in range(100):
            end = first + (len(whole) - first) * percent // 100
            assert failure_of(whole[:end]) == "truncated", percent

    @pytest.mark.parametrize("behind", ["zeros", "text", "spaces", "numbers"])
    @pytest.mark.parametrize("name", FILES)
    def test_a_cut_picture_that_was_filled_up_is_not_read(self, name, behind):
        whole = FILES[name].removesuffix(END_MARK)
        first = whole.index(b"\xff\xda") + 20
        # A few missing bits may be zeros: nobody can tell them from filling.
        for percent in range(0, 97, 8):
            end = first + (len(whole) - first) * percent // 100
            failure = failure_of(whole[:end] + BEHIND[behind])
            # Zeros for the rest of a table make no table.
            assert failure in ("truncated", "undecodable"), percent

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_last_byte_is_truncated(self, name):
        whole = FILES[name].removesuffix(END_MARK)
        assert failure_of(whole[:-1]) == "truncated"
        assert failure_of(whole[:-1] + END_MARK) == "truncated"

    def test_half_an_end_mark_is_truncated(self):
        assert failure_of(FILES["baseline"][:-1]) == "truncated"

    def test_a_progressive_picture_without_its_last_scan_is_truncated(self):
        whole = FILES["progressive"]
        assert failure_of(whole[: whole.rindex(b"\xff\xda")]) == "truncated"
        tables = whole.rindex(b"\xff\xc4")
        assert failure_of(whole[:tables]) == "truncated"

    @given(
        height=st.integers(26, 80),
        width=st.integers(26, 80),
        kind=st.sampled_from(list(KINDS)),
        quality=st.integers(20, 98),
        seed=st.integers(0, 99),
        cut=st.floats(0, 1),
    )
    @settings(max_examples=30, deadline=None)
    def test_no_part_of_a_random_picture_passes_for_the_whole(
        self, height, width, kind, quality, seed, cut
    ):
        pixels = (photo_like if seed % 2 else noise)(height, width, seed)
        whole = encoded(pixels, "JPEG", quality=quality, **KINDS[kind])
        expected = decode_image(whole).pixels
        coded = whole.removesuffix(END_MARK)
        np.testing.assert_array_equal(decode_image(coded).pixels, expected)
        first = whole.index(b"\xff\xda") + 14
        end = first + int((len(coded) - first) * cut)
        if end < len(coded):
            assert failure_of(coded[:end]) == "truncated"
        if end < len(coded) - 8:
            filled = failure_of(coded[:end] + bytes(4000))
            assert filled in ("truncated", "undecodable")


class TestFindPictureEnd:
    @pytest.mark.parametrize("name", FILES)
    def test_it_is_where_the_end_mark_stands(self, name):
        assert find_picture_end(FILES[name]) == len(FILES[name]) - 2

    def test_scans_of_one_colour_each_are_all_needed(self):
        whole = FILES["progressive"]
        for scans in range(1, count_jpeg_scans(whole)):
            starts = [i for i in range(len(whole)) if whole[i : i + 2] == b"\xff\xda"]
            assert find_picture_end(whole[: starts[scans]]) is None

    def test_marks_in_metadata_do_not_count(self):
        data = encoded(photo_like(40, 50), "JPEG", comment=b"\xff\xda\xff\xd9" * 9)
        assert find_picture_end(data) == len(data) - 2


class TestCmyk:
    """What the published implementation's decoder does, in numpy."""

    @staticmethod
    def inks(data: bytes) -> np.ndarray:
        return simplejpeg.decode_jpeg(data, "CMYK", fastdct=True).astype(int)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
    def test_adobes_inverted_inks_are_multiplied_and_rounded_down(self, options):
        data = in_mode("CMYK", **options)
        inks = self.inks(data)
        expected = inks[..., :3] * inks[..., 3:] // 255
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    @pytest.mark.parametrize("subsampling", ["444", "420"])
    def test_ycck_is_turned_into_inks_first(self, subsampling):
        pixels = np.dstack([photo_like(48, 72), photo_like(48, 72, 1)[..., 0]])
        data = simplejpeg.encode_jpeg(pixels, 90, "CMYK", subsampling)
        assert b"Adobe\0d\0\0\0\0\2" in data
        inks = self.inks(data)
        expected = inks[..., :3] * inks[..., 3:] // 255
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    def test_inks_that_are_not_adobes_are_not_inverted(self):
        data = self.without_adobe(in_mode("CMYK"))
        light = 255 - self.inks(data)
        expected = light[..., :3] * light[..., 3:] // 255
        np.testing.assert_array_equal(decode_image(data).pixels, expected)

    def test_the_accurate_dct_gives_pillows_pixels(self):
        data = in_mode("CMYK")
        pixels = decode_image(data, DecodeConfig(jpeg_dct="accurate")).pixels
        pillows = Image.open(io.BytesIO(data)).convert("RGB")
        np.testing.assert_array_equal(pixels, np.asarray(pillows))

    def test_both_dcts_give_nearly_the_same_picture(self):
        for data in (in_mode("CMYK"), self.without_adobe(in_mode("CMYK"))):
            fast = decode_image(data).pixels.astype(int)
            accurate = decode_image(data, DecodeConfig(jpeg_dct="accurate")).pixels
            assert 0 < abs(fast - accurate).max() <= 6

    def test_harmless_stray_bytes_change_nothing(self):
        whole = in_mode("CMYK")
        at = whole.index(b"\xff\xdb")
        image = decode_image(whole[:at] + b"junk" + whole[at:])
        difference = image.pixels.astype(int) - decode_image(whole).pixels
        assert abs(difference).max() <= 6

    @staticmethod
    def without_adobe(data: bytes) -> bytes:
        at = data.index(b"\xff\xee")
        return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]
