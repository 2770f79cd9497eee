"""The benchmark's mails: the same each time, and of the shape that it claims to measure."""

from statistics import mean

import pytest

from benchmarks.mails import generate
from espomail.mail.message import ParsedMail
from espomail.mail.parse import parse

COUNT = 1000


@pytest.fixture(scope="module")
def raws() -> list[bytes]:
    return [raw for _, raw in generate(COUNT)]


@pytest.fixture(scope="module")
def mails(raws: list[bytes]) -> list[ParsedMail]:
    return [parse(raw) for raw in raws]


def test_the_same_seed_gives_the_same_mails():
    assert list(generate(50)) == list(generate(60))[:50]
    assert list(generate(50, seed=1)) != list(generate(50, seed=2))


def test_a_mail_has_19_kb_on_average(raws: list[bytes]):
    assert mean(map(len, raws)) / 1024 == pytest.approx(19, abs=1)


def test_three_in_ten_answer_an_earlier_mail(mails: list[ParsedMail]):
    seen: set[str] = set()
    for mail in mails:
        assert seen.issuperset(mail.in_reply_to)
        assert mail.message_id not in seen
        seen.add(mail.message_id)
    answers = [mail for mail in mails if mail.in_reply_to]
    assert len(answers) / COUNT == pytest.approx(0.3, abs=0.03)


def test_mails_come_from_hundreds_of_people(mails: list[ParsedMail]):
    assert len({mail.sender.address for mail in mails if mail.sender}) > 300


@pytest.mark.parametrize(
    "words",
    [
        *(b"charset=" + name for name in (b'"us-ascii"', b'"iso-8859-1"', b'"utf-8"', b'"windows-1251"')),
        *(b"charset=" + name for name in (b'"koi8-r"', b'"iso-2022-jp"', b'"gb18030"')),
        *(b"Content-Type: text/html", b"Content-Type: application/pdf", b"DKIM-Signature: "),
    ],
)
def test_many_mails_have(words: bytes, raws: list[bytes]):
    assert sum(words in raw for raw in raws) > COUNT / 20


def test_every_mail_is_sound(mails: list[ParsedMail]):
    assert {defect for mail in mails for defect in mail.defects} == set()
