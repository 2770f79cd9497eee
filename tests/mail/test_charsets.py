"""Bytes become text by their label, or by what they look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail import defects
from espomail.mail.charsets import codec_of, decode

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"))


@given(TEXT)
def test_utf8_is_read_back(text: str) -> None:
    assert decode(text.encode(), "utf-8").text == text


@given(TEXT)
def test_utf8_is_recognised_without_a_label(text: str) -> None:
    assert decode(text.encode(), None).text == text


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=20)))
def test_any_bytes_with_any_label_are_some_text(data: bytes, label: str | None) -> None:
    text = decode(data, label).text
    text.encode("utf-8")
    assert "\0" not in text


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("ISO-8859-1", "cp1252"),
        ("gb2312", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("ks_c_5601-1987", "cp949"),
        ('"utf-8"', "utf_8"),
        ("utf-8*de", "utf_8"),
        ("charset=utf-8", "utf_8"),
        ("cp-850", "cp850"),
        ("x-gbk", "gb18030"),
    ],
)
def test_labels_of_mail_name_the_charset_that_is_meant(label: str, codec: str) -> None:
    assert codec_of(label) == codec


@pytest.mark.parametrize(
    "label", ["rot13", "zip", "hex", "punycode", "idna", "unicode_escape", "x", "a\0b", "../x"]
)
def test_codecs_that_are_no_charset_are_refused(label: str) -> None:
    assert codec_of(label) is None


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Привет, как у вас дела сегодня?", "koi8-r"),
        ("Привет, как у вас дела сегодня?", "cp1251"),
        ("これはテストのメールです。よろしくお願いします。", "shift_jis"),
        ("これはテストのメールです。よろしくお願いします。", "euc-jp"),
        ("这是一封测试邮件，请查收。谢谢您的帮助。", "gbk"),
        ("이것은 테스트 메일입니다. 감사합니다.", "euc-kr"),
        ("Grüße", "cp1252"),
        ("Viele Grüße aus Köln und bis bald, wir freuen uns schon sehr. " * 5, "cp1252"),
    ],
)
def test_text_without_a_label_is_recognised(text: str, codec: str) -> None:
    assert decode(text.encode(codec), None).text == text
    assert decode(text.encode(codec), "us-ascii").text == text


def test_what_a_wrong_label_says_is_told() -> None:
    assert decode("Grüße".encode(), "iso-8859-1").defect == defects.WRONG_CHARSET
    assert decode("Grüße".encode(), "x-klingon").defect == defects.UNKNOWN_CHARSET
    assert decode(b"Gr\xfc\x81", "utf-8").defect == defects.UNDECODABLE_BYTES
