"""Mail as a support address gets it, made up: the same seed gives the same mails, byte for byte.

Several scripts and charsets, plain text, newsletters in HTML, attachments, three replies in ten; 19 KB on
average.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, NamedTuple

SEED: Final = 1971
REPLIES: Final = 0.3
START: Final = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)  # long ago: such mail is taken in quietly


class Language(NamedTuple):
    charset: str
    text: str  # words to choose from
    names: tuple[str, ...]


LANGUAGES: Final = (
    Language(
        "us-ascii",
        "the printer invoice does not work since Monday please send a new part to our office",
        ("Carl Customer", "Mary Miller", "John O Neill"),
    ),
    Language(
        "iso-8859-1",
        "die Rechnung für das Gerät ist größer als erwartet bitte prüfen Sie die Lieferung",
        ("Jürgen Groß", "Käthe Weiß", "Søren Ærø"),
    ),
    Language(
        "utf-8",
        "la livraison reçue hier était endommagée écran cassé « merci » d’échanger l’appareil",
        ("Éloïse Lefèvre", "François Noël", "Zoë Çelik"),
    ),
    Language(
        "windows-1251",
        "принтер не печатает после обновления пришлите пожалуйста новый картридж и счёт",
        ("Иван Петров", "Ольга Щукина"),
    ),
    Language(
        "koi8-r",
        "не могу войти в систему пароль не подходит помогите восстановить доступ",
        ("Семён Ёлкин", "Анна Жукова"),
    ),
    Language(
        "iso-2022-jp",
        "注文した 商品が まだ 届きません 配送状況を 教えてください よろしく お願いします",
        ("山田太郎", "佐藤花子"),
    ),
    Language("gb18030", "您好 我们 收到 的 发票 有 错误 请 尽快 更正 谢谢", ("王伟", "李娜")),
)


def generate(count: int, seed: int = SEED) -> Iterator[tuple[datetime, bytes]]:
    """So many mails with the time of their receipt, the oldest first; a reply answers an earlier one."""
    maker = random.Random(seed)
    threads: list[tuple[str, str, str]] = []  # (Message-ID, subject, sender)
    for number in range(count):
        message = EmailMessage(policy=policy.SMTP)
        message_id = f"<{number}.{maker.randrange(16**12):012x}@mail{maker.randrange(9)}.customer.example>"
        language = maker.choice(LANGUAGES)
        sender = _sender(maker, language)
        subject = _text(maker, language, 4, 9)
        if threads and maker.random() < REPLIES:
            answered, subject, sender = maker.choice(threads[-200:])
            subject = f"Re: {subject}"
            message["In-Reply-To"] = answered
            message["References"] = answered
        else:
            threads.append((message_id, subject, sender))
        when = START + timedelta(seconds=number * 40)
        _trace(message, maker, when)
        message["Message-ID"] = message_id
        message["Date"] = format_datetime(when)
        message["From"] = sender
        message["To"] = "Example Support <support@example.com>"
        message["Subject"] = subject
        _body(message, maker, language)
        if message.is_multipart():
            message.set_boundary(f"=_{maker.randrange(16**24):024x}")
        yield when, message.as_bytes()


def _sender(maker: random.Random, language: Language) -> str:
    company = maker.randrange(120)
    address = f"person{maker.randrange(4)}@company{company}.example"
    return f'"{maker.choice(language.names)}" <{address}>'


def _trace(message: EmailMessage, maker: random.Random, when: datetime) -> None:
    for hop in range(3):
        received = (
            f"from mx{hop}.customer.example (192.0.2.{maker.randrange(256)}) by mx{hop + 1}.example.com"
        )
        message["Received"] = (
            f"{received} with ESMTPS id {maker.randrange(16**10):x}; {format_datetime(when)}"
        )
    signature = maker.randbytes(172).hex()
    message["DKIM-Signature"] = (
        f"v=1; a=rsa-sha256; d=customer.example; s=mail; h=from:to:subject:date; b={signature}"
    )
    message["X-Mailer"] = "Made-up Mailer 3.1"
    message["MIME-Version"] = "1.0"


def _body(message: EmailMessage, maker: random.Random, language: Language) -> None:
    kind = maker.random()
    paragraphs = maker.randrange(3, 12)
    text = "\n\n".join(_text(maker, language, 30, 90) for _ in range(paragraphs))
    message.set_content(text, charset=language.charset)
    if kind < 0.35:
        return
    if kind < 0.75:
        rows = "".join(_row(maker, language) for _ in range(maker.randrange(12, 44)))
        html = f"<html><head><style>p {{ margin: 0 }}</style></head><body><table>{rows}</table></body></html>"
        message.add_alternative(html, subtype="html", charset="utf-8")
        return
    name = f"{_text(maker, language, 1, 3)}.pdf".replace("/", "-")
    content = b"%PDF-1.4\n" + maker.randbytes(maker.randrange(6_000, 34_000))
    message.add_attachment(content, maintype="application", subtype="pdf", filename=name)


def _row(maker: random.Random, language: Language) -> str:
    paragraph, link = _text(maker, language, 20, 50), _text(maker, language, 2, 4)
    style = "padding:8px 12px;font-family:Arial,sans-serif;color:#333"
    url = f"https://customer.example/{maker.randrange(10**6)}"
    return f'<tr><td style="{style}"><p>{paragraph}</p><a href="{url}">{link}</a></td></tr>'


def _text(maker: random.Random, language: Language, least: int, most: int) -> str:
    return " ".join(maker.choices(language.text.split(), k=maker.randrange(least, most)))
