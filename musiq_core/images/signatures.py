"""The first bytes of image formats, read or not: what a file announces itself to be."""

import re

# The first match wins, so the narrower pattern of two stands first. The names of
# formats that are read are Pillow's. A BMP has only two letters of its own: the size of
# the header after them tells it from a text that begins with "BM".
_SIGNATURES = {
    "JPEG-LS": rb"\xff\xd8\xff\xf7",
    "JPEG": rb"\xff\xd8",
    "PNG for iOS (CgBI)": rb"\x89PNG\r\n\x1a\n....CgBI",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "AVIF": rb"....ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,12}?avi[fs])",
    "HEIC/HEIF": rb"....ftyp(?:he[iv].|mif.|msf1)",
    "camera raw (Canon CR3)": rb"....ftypcrx ",
    "camera raw (Canon CR2)": rb"(?:II\*\0|MM\0\*)....CR",
    "camera raw (Canon CRW)": rb"II\x1a\0..HEAPCCDR",
    "camera raw (Phase One IIQ)": rb"II\*\0....IIII|MM\0\*....MMMM",
    "camera raw (Olympus ORF)": rb"IIR[OS]|MMOR",
    "camera raw (Panasonic RW2)": rb"IIU\0",
    "camera raw (Fujifilm RAF)": rb"FUJIFILMCCD-RAW",
    "camera raw (Sigma X3F)": rb"FOVb",
    "camera raw (Minolta MRW)": rb"\0MR[MI]",
    "camera raw (Apple QuickTake)": rb"qkt[kn]",
    "camera raw (ARRI)": rb"ARRI",
    "TIFF": rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]|II\0\x2a|MM\x2a\0",
    "Microsoft Document Imaging": rb"EP\*\0",
    "JPEG 2000": rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "JPEG XL": rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a",
    "JPEG XR": rb"II\xbc[\0\x01]",
    "JPEG XS": rb"\0\0\0\x0cJXS \r\n\x87\n|\xff\x10\xff\x50",
    "PDF": rb"%PDF-",
    "PostScript/EPS": rb"%!PS|\xc5\xd0\xd3\xc6",
    "SVG": rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<(?:\?xml|!--|!doctype svg).{,900})?<svg[\s>]",
    "PSD": rb"8BPS\0[\x01\x02]",
    "ICO": rb"\0\0\x01\0[\x01-\xff]\0",
    "CUR": rb"\0\0\x02\0[\x01-\xff]\0",
    "animated cursor": rb"RIFF....ACON",
    "ICNS": rb"icns",
    "DDS": rb"DDS ",
    "KTX": rb"\xabKTX [12][01]\xbb\r\n\x1a\n",
    "PVR": rb"PVR\x03",
    "VTF": rb"VTF\0",
    "ASTC": rb"\x13\xab\xa1\x5c",
    "BLP": rb"BLP[012]",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?(?:RADIANCE|RGBE)",
    "PFM": rb"P[Ff]\s+\d",
    "QOI": rb"qoif",
    "farbfeld": rb"farbfeld",
    "FLIF": rb"FLIF[1-9A-Ta-t]",
    "Netpbm": rb"P[1-7][\s#]+[\dW]",
    "PCX": rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]",
    "SGI": rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]",
    "Sun raster": rb"\x59\xa6\x6a\x95",
    "IFF picture": rb"FORM....(?:ILBM|PBM |ACBM|DEEP|RGB8|RGBN)|FOR[48]....CIMG",
    "MNG/JNG": rb"\x8a[MJ]NG\r\n\x1a\n",
    "BPG": rb"BPG\xfb",
    "WebP 2": rb"\xf4\xff\x6f",
    "JBIG2": rb"\x97JB2\r\n\x1a\n",
    "FITS": rb"SIMPLE  =",
    "NIfTI": rb".{344}n[+i][12]\0",
    "XCF": rb"gimp xcf ",
    "Paint Shop Pro": rb"Paint Shop Pro Image File\n",
    "Clip Studio": rb"CSFCHUNK",
    "CorelDRAW": rb"RIFF....CDR",
    "MIFF": rb"id=ImageMagick",
    "XPM": rb"/\* XPM \*/",
    "XBM": rb"#define \w+_width \d+\s+#define \w+_height \d+",
    "WMF": rb"\xd7\xcd\xc6\x9a",
    "EMF": rb"\x01\0\0\0.{36} EMF",
    "PICT": rb".{522}\0\x11\x02\xff\x0c\0",
    "Cineon": rb"\x80\x2a\x5f\xd7|\xd7\x5f\x2a\x80",
    "DPX": rb"SDPX|XPDS",
    "DjVu": rb"AT&TFORM....DJV",
    "DICOM": rb".{128}DICM",
    "Lytro light field": rb"\x89LFP\r\n\x1a\n",
}
_PATTERNS = {
    name: re.compile(pattern, re.DOTALL) for name, pattern in _SIGNATURES.items()
}


def sniff_format(data: bytes) -> str | None:
    """Return the name of the image format that a file's first bytes announce.

    Args:
      data: The file; only its first kilobyte is looked at.

    Returns:
      The name of a format, read or not, or None.
    """
    head = data[:1024]
    names = (name for name, pattern in _PATTERNS.items() if pattern.match(head))
    return next(names, None)
