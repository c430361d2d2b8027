"""Decodes TIFF files: the full picture of several, by Pillow or sample by sample."""

import dataclasses

from PIL import Image

from musiq_core.config import DecodeConfig
from musiq_core.images import pillow_image
from musiq_core.images.camera_raw import name_camera_raw
from musiq_core.images.image_format import unsupported
from musiq_core.images.stored_image import StoredImage, require_allowed_size
from musiq_core.images.tiff.directories import (
    Directory,
    read_directories,
    with_first_directory,
)
from musiq_core.images.tiff.samples import (
    Layout,
    read_colours,
    read_layout,
    require_readable,
)

_UNCOMPRESSED, _YCBCR = 1, 6
_ORIENTATION, _PROFILE = 274, 34675


def decode_tiff(data: bytes, config: DecodeConfig) -> StoredImage:
    """Decode the first picture of a TIFF file that is no smaller copy of another.

    Args:
      data: The whole file.
      config: Limits.

    Raises:
      ImageFailure: `unsupported_format` for a camera's raw file, and for samples
        without a faithful 8-bit RGB form; as `require_allowed_size`.
      Exception: Whatever Pillow raises.
    """
    directories = read_directories(data)
    if raw := name_camera_raw(directories):
        raise unsupported(raw)
    page = directories.full_picture
    layout = read_layout(page) if page else None
    if page is None or layout is None:
        return _read_by_pillow(data, config)
    is_first = page is directories.pages[0]
    whole = data if is_first else with_first_directory(data, page.offset)
    if _pillow_reads(whole, layout):
        stored = _read_by_pillow(whole, config)
        frames = stored.frames if is_first else len(directories.pages)
        return dataclasses.replace(stored, frames=frames)
    require_readable(layout)
    require_allowed_size(layout.width, layout.height, config)
    colours = read_colours(data, page, layout)
    inks = colours if colours.shape[2] == 4 else None
    return StoredImage(
        pixels=colours if inks is None else pillow_image.inks_to_rgb(inks),
        format="TIFF",
        frames=len(directories.pages),
        orientation=_orientation(page),
        profile=_profile(page),
        inks=inks,
    )


def _pillow_reads(data: bytes, layout: Layout) -> bool:
    """Whether Pillow knows a layout, and puts its samples together rightly."""
    if layout.compression == _UNCOMPRESSED and layout.is_planar:
        return False  # it takes the halves of 16-bit samples for samples
    if layout.compression == _UNCOMPRESSED and layout.photometric == _YCBCR:
        return False  # it takes them for RGB
    if layout.is_planar and len(layout.extra) > 1:
        return False  # it has no place for the second of them
    try:
        with pillow_image.open_header(data, "TIFF"):
            return True
    except (Image.UnidentifiedImageError, KeyError):
        return False


def _read_by_pillow(data: bytes, config: DecodeConfig) -> StoredImage:
    with pillow_image.open_header(data, "TIFF") as picture:
        require_allowed_size(*picture.size, config)
        # Pillow turns a TIFF while it loads it, and forgets the orientation.
        orientation = pillow_image.read_orientation(picture)
        profile = pillow_image.read_profile(picture)
        pillow_image.hide_exif(picture)
        return StoredImage(
            pixels=pillow_image.read_rgb(picture),
            format=picture.format or "",
            frames=pillow_image.count_frames(picture),
            orientation=orientation,
            profile=profile,
            inks=pillow_image.read_inks(picture),
        )


def _orientation(page: Directory) -> int:
    orientation = page.number(_ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1


def _profile(page: Directory) -> bytes | None:
    return page.content(_PROFILE) or None
