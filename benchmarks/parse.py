"""How fast mail is read: all that intake needs, against the standard library's parser with naive decoding.

Run `python -m benchmarks.parse` from the project's folder. The ratio is the rate of ours divided by that of
the standard library on the same mails; over all of them it is to be at least 0.6. Making HTML harmless is
asked for when a mail is shown; what it costs on top stands in the last column. Real mails are measured too,
once `script/corpus` has brought them.
"""

import email.policy
import random
import time
from collections.abc import Callable, Sequence
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from pathlib import Path

from espomail.mail.parse import harmless_html
from espomail.mail.reading import read

SEED = 20261124
ROUNDS = 5
CORPUS = Path(__file__).parents[1] / "corpus"
WORDS = (
    *(
        "please",
        "printer",
        "invoice",
        "order",
        "delivery",
        "account",
        "question",
        "thanks",
        "regards",
        "urgent",
    ),
    *("office", "tomorrow", "meeting", "contract", "payment", "customer", "support", "number", "answer"),
    *("attached", "document", "problem", "solution", "network", "password"),
)
NOT_ENGLISH = (
    "Grüße aus Köln",
    "Здравствуйте, у меня вопрос",
    "プリンターの件",
    "Żółta drukarka",
    "très déçu",
)


def intake(raw: bytes) -> object:
    """All that intake asks of a message."""
    return read(raw, is_partial=False)


def naive(raw: bytes) -> list[object]:
    """What a program does that trusts its mail: the standard library, and whatever fails is left out."""
    message = BytesParser(policy=email.policy.compat32).parsebytes(raw)
    found: list[object] = []
    for part_of in (_subject, _addresses, _date):
        try:
            found.append(part_of(message))
        except (ValueError, LookupError, TypeError):
            found.append(None)
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if part.get_content_maintype() == "text" and isinstance(content, bytes):
            try:
                found.append(content.decode(part.get_content_charset() or "ascii", "replace"))
            except LookupError:
                found.append(None)
        else:
            found.append((part.get_filename(), content))
    return found


def _subject(message: "Message[str, str]") -> str:
    return str(make_header(decode_header(message.get("Subject", ""))))


def _addresses(message: "Message[str, str]") -> list[tuple[str, str]]:
    fields = [value for name in ("From", "To", "Cc") for value in message.get_all(name, [])]
    return getaddresses([str(make_header(decode_header(str(value)))) for value in fields])


def _date(message: "Message[str, str]") -> object:
    return parsedate_to_datetime(message.get("Date", ""))


def text_mails(count: int, chance: random.Random) -> list[bytes]:
    """Plain mails of 6 KB with twenty header fields."""
    return [
        _mail(chance, number, _text(chance, 5500)).as_bytes(policy=email.policy.SMTP)
        for number in range(count)
    ]


def newsletters(count: int, chance: random.Random) -> list[bytes]:
    """Text beside HTML, 30 KB."""
    mails = []
    for number in range(count):
        message = _mail(chance, number, _text(chance, 6000))
        message.add_alternative(_page(chance, 20000), subtype="html")
        mails.append(message.as_bytes(policy=email.policy.SMTP))
    return mails


def mails_with_attachments(count: int, chance: random.Random) -> list[bytes]:
    """A short text with a file of 200 KB."""
    mails = []
    for number in range(count):
        message = _mail(chance, number, _text(chance, 1000))
        content = chance.randbytes(200_000)
        message.add_attachment(
            content, maintype="application", subtype="pdf", filename=f"Angebot für {number}.pdf"
        )
        mails.append(message.as_bytes(policy=email.policy.SMTP))
    return mails


def _mail(chance: random.Random, number: int, text: str) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    for hop in range(6):
        message[f"X-Hop-{hop}"] = (
            f"from mx{hop}.example.com by mx{hop + 1}.example.com with ESMTPS id {number:08x}"
        )
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.com; s=one; b=" + "Ab0+" * 60
    message["From"] = f"Anna Novák <anna{number}@example.com>" if number % 3 else f"anna{number}@example.com"
    message["To"] = "Support <support@example.org>, desk@example.org"
    message["Subject"] = " ".join(chance.choices(WORDS, k=6)) if number % 3 else chance.choice(NOT_ENGLISH)
    message["Date"] = f"Tue, {number % 28 + 1:02} Nov 2026 10:00:00 +0100"
    message["Message-ID"] = f"<{number}.{chance.getrandbits(64):x}@example.com>"
    message["References"] = " ".join(f"<{chance.getrandbits(64):x}@example.com>" for _ in range(3))
    for field in ("X-Mailer", "X-Priority", "Thread-Topic", "X-Originating-IP", "X-Spam-Status"):
        message[field] = " ".join(chance.choices(WORDS, k=4))
    message.set_content(text, cte="quoted-printable" if not text.isascii() else "7bit")
    return message


def _text(chance: random.Random, size: int) -> str:
    lines = []
    while sum(map(len, lines)) < size:
        lines.append(" ".join(chance.choices(WORDS, k=9)))
    if chance.random() < 0.4:
        lines.insert(0, chance.choice(NOT_ENGLISH))
    return "\n".join(lines)


def _page(chance: random.Random, size: int) -> str:
    cells: list[str] = []
    while sum(map(len, cells)) < size:
        words = " ".join(chance.choices(WORDS, k=12))
        cells.append(
            f'<tr><td style="padding:8px;font:14px Arial" class="c{len(cells)}"><p>{words}&nbsp;'
            f'<a href="https://example.com/?id={len(cells)}&amp;x=1" style="color:#336">{words[:12]}</a>'
            "</p></td></tr>\n"
        )
    rows = "".join(cells)
    return f"<html><head><style>p{{margin:0}}</style></head><body><table>{rows}</table></body></html>"


def best_rate(read: Callable[[bytes], object], mails: Sequence[bytes]) -> float:
    """Mails a second of CPU time, the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for raw in mails:
            read(raw)
        times.append(time.process_time() - start)
    return len(mails) / min(times)


def main() -> None:
    chance = random.Random(SEED)
    sets = {
        "text, 6 KB": text_mails(300, chance),
        "newsletters, 30 KB": newsletters(120, chance),
        "attachments, 270 KB": mails_with_attachments(40, chance),
    }
    sets["all of these"] = [mail for mails in sets.values() for mail in mails]
    if CORPUS.is_dir():
        sets["SpamAssassin corpus"] = [path.read_bytes() for path in sorted(CORPUS.rglob("*.eml"))]
    print(f"{'mails':22} {'naive/s':>10} {'ours/s':>10} {'ratio':>7} {'html ms':>8}")
    for name, mails in sets.items():
        theirs, ours = best_rate(naive, mails), best_rate(intake, mails)
        html_ms = 1000 / best_rate(harmless_html, mails)
        print(f"{name:22} {theirs:10.0f} {ours:10.0f} {ours / theirs:7.2f} {html_ms:8.2f}")


if __name__ == "__main__":
    main()
