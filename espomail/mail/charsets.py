"""Bytes to text, whatever the label says: by the label, UTF-8, a detector, windows-1252. Never raises."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from espomail.mail import defects
from espomail.mail.iso2022jp import decode_iso2022jp

# What webencodings (the WHATWG table, made for browsers) does not know, and mail brings.
_MORE_ALIASES: Final = {
    "utf8mb4": "utf_8",
    "utf_8": "utf_8",
    "utf": "utf_8",
    "unicode": "utf_8",
    "unicode-1-1-utf-7": "utf_7",
    "x-unicode-2-0-utf-7": "utf_7",
    "utf-7": "utf_7",
    "utf-16": "utf_16",
    "utf-32": "utf_32",
    "ansi": "cp1252",
    "iso8859_1": "cp1252",
    "iso-8859": "cp1252",
    "latin": "cp1252",
    "latin-1": "cp1252",
    "us": "cp1252",
    "ascii": "ascii",
    "ascii-7": "ascii",
    "7bit": "ascii",
    "us-ascii": "ascii",
    "ansi_x3.4-1968": "ascii",
    "iso646-us": "ascii",
    "win1250": "cp1250",
    "win-1250": "cp1250",
    "windows1250": "cp1250",
    "win1251": "cp1251",
    "win-1251": "cp1251",
    "windows1251": "cp1251",
    "cp-1251": "cp1251",
    "windows-1251-1": "cp1251",
    "win1252": "cp1252",
    "windows1252": "cp1252",
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "cp-866": "cp866",
    "cp-850": "cp850",
    "hz": "hz",
    "hz-gb-2312": "hz",
    "cn-gb": "gb18030",
    "cn-big5": "big5hkscs",
    "chinesebig5": "big5hkscs",
    "gb_2312-80": "gb18030",
    "gb-2312": "gb18030",
    "iso-2022-cn": "gb18030",
    "iso-2022-kr": "iso2022_kr",
    "iso-2022-jp-2": "iso2022_jp_2",
    "iso-2022-jp-3": "iso2022_jp_3",
    "iso-2022-jp-2004": "iso2022_jp_2004",
    "iso-2022-jp-ms": "iso2022_jp",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "eucjp-ms": "euc_jp",
    "cp943": "cp932",
    "cp943c": "cp932",
    "ibm-943": "cp932",
    "ms932": "cp932",
    "mskanji": "cp932",
    "x-windows-949": "cp949",
    "ms949": "cp949",
    "uhc": "cp949",
    "johab": "johab",
    "ksc5601": "cp949",
    "x-mac-ce": "mac_latin2",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
    "armscii-8": "utf_8",
}
# The labels that name less than what their users write.
_WIDER: Final = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso8859-1": "cp1252",
    "latin_1": "cp1252",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "tis_620": "cp874",
    "iso8859-9": "cp1254",
}
_NOT_FOR_TEXT: Final = frozenset(
    {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap"}
)
_ASCII_LOOKS_DIFFERENT: Final = (
    *("utf_7", "utf_16", "utf_32", "iso2022", "hz"),
    *("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"),  # EBCDIC
)
_SINGLE_BYTE_LATIN: Final = frozenset({"cp1252", "cp1250", "cp1254", "iso8859-2", "iso8859-15", "iso8859_15"})
_DETECTOR_LOOKS_AT_BYTES: Final = 64 * 1024
_DETECTOR_READS_BYTES: Final = 4 * 1024
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_LONG_TEXT_BYTES: Final = 200
_LABEL = re.compile(r"[a-z0-9][a-z0-9._:+-]{0,39}")
_HIGH_BYTES = bytes(range(0x80, 0x100))
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Decoded(NamedTuple):
    text: str
    defect: str | None = None


def decode(data: bytes, label: str | None, hint: str | None = None) -> Decoded:
    """The text of `data`, which says of itself that it is in `label`; `hint` is what its surroundings are in.

    NUL characters, byte order marks and lone surrogates do not come out.
    """
    codec = codec_of(label) if label else None
    if data.isascii() and (codec is None or not codec.startswith(_ASCII_LOOKS_DIFFERENT)):
        unknown = defects.UNKNOWN_CHARSET if label and codec is None and not _says_nothing(label) else None
        return Decoded(_clean(data.decode("ascii")), unknown)
    decoded = _decode_by_label(data, codec) or _decode_unlabelled(
        data, codec, codec_of(hint) if hint else None
    )
    if decoded.defect is None and label and codec is None and not _says_nothing(label):
        decoded = decoded._replace(defect=defects.UNKNOWN_CHARSET)
    return decoded._replace(text=_clean(_LONE_SURROGATE.sub("\ufffd", decoded.text)))


@lru_cache(maxsize=512)
def codec_of(label: str) -> str | None:
    """The Python codec for a charset label as mail writes it, or None for one that nobody knows."""
    import webencodings

    name = label.strip().strip("\"'<>").partition(";")[0].partition("*")[0].strip().strip("\"'").lower()
    if name.startswith("charset="):
        name = name[len("charset=") :].strip("\"'")
    if not _LABEL.fullmatch(name):
        return None
    codec = _MORE_ALIASES.get(name)
    if codec is None and (encoding := webencodings.lookup(name)) is not None:
        codec = str(encoding.codec_info.name)
    if codec is None and name.startswith(("x-", "cs")):
        return codec_of(name[2:])
    codec = _python_codec(codec or name)
    return _WIDER.get(codec, codec) if codec else None


def _python_codec(name: str) -> str | None:
    import codecs

    try:
        codec = codecs.lookup(name).name
        if not codec.startswith("iso8859"):
            codec = codec.replace("-", "_")
        if codec in _NOT_FOR_TEXT:
            return None
        if not codec.startswith("utf"):
            b"a".decode(codec)  # raises LookupError for rot13, zip and the like: no encodings of text
    except (LookupError, ValueError):
        return None
    return codec


def _says_nothing(label: str) -> bool:
    return label.strip("\"' ").lower() in {
        "",
        "none",
        "default",
        "unknown",
        "x-unknown",
        "unknown-8bit",
        "8bit",
        "binary",
    }


def _decode_by_label(data: bytes, codec: str | None) -> Decoded | None:
    if codec is None:
        return None
    if codec.startswith("iso2022_jp"):
        text = decode_iso2022jp(data)
        return Decoded(text, defects.UNDECODABLE_BYTES if "\ufffd" in text else None)
    if codec.startswith(("utf_16", "utf_32")) and b"\0" not in data[:4096]:
        return None  # the label of a page that was something else when it was mailed
    if codec in _SINGLE_BYTE_LATIN and (utf8 := _strict(data, "utf_8")) is not None:
        return Decoded(utf8, defects.WRONG_CHARSET)
    text_or_none = _strict(data, codec)
    if text_or_none is None and codec == "euc_jp":
        text_or_none = _strict(data, "euc_jis_2004")  # vendor rows such as ①
    if text_or_none is None and codec == "big5hkscs":
        text_or_none = _strict(data, "cp950")
    return None if text_or_none is None else Decoded(text_or_none)


def _decode_unlabelled(data: bytes, codec: str | None, hint: str | None) -> Decoded:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") and (text := _strict(data, "utf_16")) is not None:
        return Decoded(text, defects.WRONG_CHARSET)
    if (text := _strict(data, "utf_8")) is not None:
        return Decoded(text, defects.WRONG_CHARSET if codec else None)
    if (text := _cesu8(data)) is not None:
        return Decoded(text, defects.WRONG_CHARSET)
    for known in dict.fromkeys((codec, "utf_8")):
        if known is not None and (text := _almost(data, known)) is not None:
            return Decoded(text, defects.UNDECODABLE_BYTES)
    if hint is not None and hint != codec and (text := _strict(data, hint)) is not None:
        return Decoded(text, defects.WRONG_CHARSET if codec else None)
    if (guess := _detected(data)) is not None and (text := _strict(data, guess)) is not None:
        return Decoded(text, defects.WRONG_CHARSET)
    text = data.decode("cp1252", "replace")
    return Decoded(text, defects.UNDECODABLE_BYTES if "\ufffd" in text else defects.WRONG_CHARSET)


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _cesu8(data: bytes) -> str | None:
    """UTF-8 as some databases write it: what lies beyond U+FFFF as two surrogates of three bytes each."""
    if b"\xed" not in data:
        return None
    try:
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return None


def _almost(data: bytes, codec: str) -> str | None:
    """`data` in a charset of several bytes a character, with little in it broken (a cut end, a lost byte)."""
    if codec.startswith(("cp125", "iso8859", "koi8", "mac", "cp8")):
        return None
    try:
        text = data.decode(codec, "replace")
    except (UnicodeError, LookupError):
        return None
    broken = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - broken
    cut_at_the_end = broken == 1 and text.endswith("\ufffd") and codec == "utf_8" and whole > 0
    return text if cut_at_the_end or broken * 10 <= whole else None


def _detected(data: bytes) -> str | None:
    """What the detector says where it is worth asking: of short Latin text it thinks Mac code pages."""
    sample = _telling_lines(data)
    high = len(sample) - len(sample.translate(None, _HIGH_BYTES))
    mostly_high = high >= 0.4 * len(sample)
    if high < 4 or not (mostly_high or len(sample) >= _LONG_TEXT_BYTES):
        return None
    import chardet

    guess = chardet.detect(sample)["encoding"]
    codec = codec_of(guess) if guess else None
    if codec is None or (not mostly_high and codec.startswith(("mac", "cp4", "cp7", "cp8", "cp0", "cp1"))):
        # A page of DOS, Mac or EBCDIC for a text that is mostly ASCII is a wrong guess at Western text.
        return codec if codec is not None and codec.startswith("cp125") else None
    return codec


def _telling_lines(data: bytes) -> bytes:
    """The lines with high bytes, up to a few: plain ASCII tells nothing, and the detector is slow."""
    first = _HIGH_BYTE.search(data)
    start = max(0, first.start() - 200) if first is not None else 0
    lines = data[start : start + _DETECTOR_LOOKS_AT_BYTES].split(b"\n")
    return b"\n".join(line for line in lines if not line.isascii())[:_DETECTOR_READS_BYTES]


def _clean(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "")
    return text.removeprefix("\ufeff")
