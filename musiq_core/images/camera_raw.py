"""Tells a camera's raw file from a TIFF: it begins alike, and holds a small preview.

What a raw file shows is up to a raw developer, so none is scored, and its preview is
not taken for it.
"""

from musiq_core.images.tiff.directories import Directories, Directory

_MAKE, _DNG_VERSION = 271, 50706
_COMPRESSION, _PHOTOMETRIC = 259, 262
_SENSOR_SAMPLES = {32803, 34892}  # a colour filter array, linear raw
_SENSOR_TAGS = (33421, 33422)  # size and pattern of a colour filter array
_MAKERS_COMPRESSIONS = {
    32767: "Sony ARW",
    32769: "packed",
    32770: "Samsung SRW",
    32867: "Kodak KDC",
    34316: "Panasonic RW2",
    34713: "Nikon NEF",
    34826: "Panasonic RW2",
    34828: "Panasonic RW2",
    34830: "Panasonic RW2",
    65000: "Kodak DCR",
    65535: "Pentax PEF",
}
# The first word of the maker's name, in capitals.
_MAKERS = {
    "NIKON": "Nikon NEF",
    "SONY": "Sony ARW",
    "CANON": "Canon CR2",
    "PENTAX": "Pentax PEF",
    "RICOH": "Pentax PEF",
    "SAMSUNG": "Samsung SRW",
    "OLYMPUS": "Olympus ORF",
    "PANASONIC": "Panasonic RW2",
    "FUJIFILM": "Fujifilm RAF",
    "HASSELBLAD": "Hasselblad 3FR",
    "PHASE": "Phase One IIQ",
    "LEAF": "Leaf MOS",
    "KODAK": "Kodak DCR",
    "EASTMAN": "Kodak DCR",
    "EPSON": "Epson ERF",
    "SEIKO": "Epson ERF",
    "MAMIYA": "Mamiya MEF",
    "LEICA": "Leica RWL",
}


def name_camera_raw(directories: Directories) -> str | None:
    """Return what kind of camera raw file a TIFF is; None if it is none.

    Args:
      directories: Of the file.
    """
    everything = (*directories.pages, *directories.children)
    if any(_DNG_VERSION in one.tags for one in everything):
        return "camera raw (DNG)"
    codes = {one.number(_COMPRESSION) for one in everything}
    named = [_MAKERS_COMPRESSIONS[code] for code in codes & {*_MAKERS_COMPRESSIONS}]
    if not (named or any(map(_holds_sensor_samples, everything))):
        first = next(iter(directories.pages), None)
        if first is None or not _is_a_preview(first):
            return None
    makes = (_make(one).upper().split() for one in everything)
    words = [make[0] for make in makes if make]
    kinds = [*(_MAKERS[word] for word in words if word in _MAKERS), *named]
    return f"camera raw ({kinds[0]})" if kinds else "camera raw"


def _holds_sensor_samples(directory: Directory) -> bool:
    return directory.number(_PHOTOMETRIC) in _SENSOR_SAMPLES or any(
        tag in directory.tags for tag in _SENSOR_TAGS
    )


def _is_a_preview(first: Directory) -> bool:
    """Whether a camera made the file, and its first picture stands for another."""
    return first.is_reduced and bool(first.children) and bool(_make(first))


def _make(directory: Directory) -> str:
    return directory.content(_MAKE).decode("latin-1").strip("\0 ")
