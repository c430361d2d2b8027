"""Side files: what lies beside photos in folders and is known to be none.

Cameras, computers and photo programs leave them there. They are left out of folders,
counted by kind. Camera raw and HEIC files are photos; a name that says nothing, or that
nobody has heard of, is tried.
"""

_APPLE_DOUBLE = "AppleDouble files (._*)"
_SIDECARS = "sidecars of photo programs"
_VIDEOS = "videos"
_SOUND = "sound"
_TEXTS = "texts and tables"
_CHECKSUMS = "checksums"
_SYSTEM = "files of the system"
_SYSTEM_FOLDERS = "folders of the system"

_SUFFIXES = {
    _SIDECARS: (
        *("xmp", "aae", "thm", "pp3", "dop", "cos", "cop", "on1", "nksc", "spd"),
        *("vrd", "dr4", "rwz", "pto", "lrcat", "lrtemplate", "lrv", "moi", "modd"),
    ),
    _VIDEOS: (
        *("mov", "mp4", "m4v", "avi", "mkv", "webm", "3gp", "3g2", "mts", "m2ts"),
        *("mpg", "mpeg", "mpe", "wmv", "asf", "flv", "f4v", "ogv", "vob", "mxf"),
        *("insv", "360", "braw", "r3d", "mod", "tod", "dv", "divx"),
    ),
    _SOUND: (
        *("wav", "mp3", "m4a", "aac", "flac", "ogg", "oga", "opus", "wma", "amr"),
        *("aif", "aiff", "caf", "mid", "midi"),
    ),
    _TEXTS: (
        *("txt", "md", "rst", "rtf", "html", "htm", "xml", "json", "jsonl", "ndjson"),
        *("csv", "tsv", "yaml", "yml", "toml", "ini", "cfg", "log", "tex", "bib"),
        *("pdf", "doc", "docx", "xls", "xlsx", "odt", "ods", "gpx", "kml", "srt"),
        *("vtt", "url", "webloc", "lnk", "caption", "cls"),
    ),
    _CHECKSUMS: (
        *("md5", "md5sum", "sha1", "sha1sum", "sha224", "sha256", "sha256sum"),
        *("sha384", "sha512", "sha512sum", "blake3", "b3", "crc", "crc32", "sfv"),
        *("xxh", "xxh3", "xxh64", "mhl", "par2", "asc", "sig"),
    ),
}
_NAMES = {
    _SYSTEM: (
        *(".ds_store", ".localized", ".apdisk", ".volumeicon.icns", "icon\r"),
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *(".directory", ".nomedia", ".picasa.ini", "picasa.ini", "zbthumbnail.info"),
        *(".bridgesort", ".bridgelabelsandratings", ".bridgecache", ".bridgecachet"),
        *(".dropbox", ".dropbox.attr", ".stfolder", ".stignore"),
        *(".gitignore", ".gitattributes", ".gitkeep", ".keep", ".dvcignore"),
    ),
    _TEXTS: ("readme", "license", "_success", "_metadata", "_common_metadata"),
    _CHECKSUMS: ("md5sums", "sha1sums", "sha256sums", "sha512sums"),
}
_PACKINGS = frozenset(["gz", "bz2", "xz", "zst"])
_FOLDERS = frozenset(
    [
        *("__macosx", ".appledouble", ".spotlight-v100", ".trashes", ".trash"),
        *(".temporaryitems", ".documentrevisions-v100", ".fseventsd"),
        *("$recycle.bin", "system volume information"),
        *("@eadir", "#recycle", ".@__thumb", ".thumbnails", ".git", ".svn", ".hg"),
    ]
)


def _kinds_by_name(kinds: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: kind for kind, names in kinds.items() for name in names}


SIDE_FILE_KINDS = frozenset([*_SUFFIXES, *_NAMES, _APPLE_DOUBLE, _SYSTEM_FOLDERS])
_KIND_OF_SUFFIX = _kinds_by_name(_SUFFIXES)
_KIND_OF_NAME = _kinds_by_name(_NAMES)


def side_file_kind(name: str) -> str | None:
    """Return what kind of side file a name tells of, None if it may be a photo.

    Args:
      name: Name of a file below a folder or in an archive, with its folders. A glob's
        last part is taken like a name: `*.mov` tells of videos.
    """
    folders, slash, last = name.lower().rpartition("/")
    if last.startswith("._"):
        return _APPLE_DOUBLE
    stem, dot, suffix = last.rpartition(".")
    if suffix in _PACKINGS:
        return side_file_kind(f"{folders}{slash}{stem}")
    kind = _KIND_OF_NAME.get(last)
    if kind is None and dot:
        kind = _KIND_OF_SUFFIX.get(suffix)
    if kind is None and slash and not _FOLDERS.isdisjoint(folders.split("/")):
        return _SYSTEM_FOLDERS
    return kind
