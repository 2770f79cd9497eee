"""The mails of the demo: what people, and machines, write to a support address on an ordinary day."""

from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import msgspec

SUPPORT: Final = "support@example.com"
USERS: Final = ("anna@example.com", "boris@example.com")
EMMA: Final = "emma@fernhill.example"
JUERGEN: Final = "juergen@gaertnerei-weiss.example"
OLGA: Final = "olga@sever.example"
HANAKO: Final = "hanako@sakura.example"
EMILE: Final = "emile@boulangerie.example"
MONITOR: Final = "nagios@monitor.example.com"
NEWSLETTER: Final = "news@printer-weekly.example"
CUSTOMERS: Final = (EMMA, JUERGEN, OLGA, HANAKO, EMILE)


class Letter(msgspec.Struct, frozen=True):
    """A mail with its envelope."""

    sender: str
    raw: bytes


def first_letters(now: datetime) -> tuple[Letter, ...]:
    """What waits in the support mailbox when the demo begins."""
    letters = (_english, _german, _russian, _japanese, _french, _monitoring, _newsletter)
    ages = range(5 * len(letters), 0, -5)
    return tuple(letter(now - timedelta(minutes=age)) for letter, age in zip(letters, ages, strict=True))


def reply_to(answer: bytes, now: datetime) -> Letter:
    """Emma answers the automatic answer that she has got."""
    got = message_from_bytes(answer, policy=policy.default)
    mail = _begin(now, f"Emma Hill <{EMMA}>", f"Re: {got['Subject']}", "reply.1@fernhill.example")
    _answers(mail, got)
    mail.set_content("It is the LaserPro 400 on the second floor.\n\nThank you!\nEmma\n")
    return _sent(EMMA, mail)


def vacation_notice(answer: bytes, now: datetime) -> Letter:
    """Jürgen's mail server answers the automatic answer by itself: the beginning of many a loop."""
    got = message_from_bytes(answer, policy=policy.default)
    subject = f"Abwesend: {got['Subject']}"
    mail = _begin(now, f"Jürgen Weiß <{JUERGEN}>", subject, "vacation.1@gaertnerei-weiss.example")
    _answers(mail, got)
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("Ich bin bis Montag nicht im Büro.\n", charset="utf-8")
    return _sent("", mail)


def _english(date: datetime) -> Letter:
    mail = _begin(date, f"Emma Hill <{EMMA}>", "Printer prints stripes", "stripes.1@fernhill.example")
    mail.set_content(
        "Hello,\n\nsince this morning our printer puts a grey stripe on every page.\n"
        "What can we do?\n\nEmma Hill\nFernhill School\n"
    )
    return _sent(EMMA, mail)


def _german(date: datetime) -> Letter:
    subject = "Rechnung für Oktober fehlt"
    mail = _begin(date, f"Jürgen Weiß <{JUERGEN}>", subject, "rechnung@gaertnerei-weiss.example")
    mail.set_content(
        "Guten Tag,\n\nuns fehlt noch die Rechnung für Oktober. Schicken Sie uns bitte eine Kopie?\n\n"
        "Mit freundlichen Grüßen\nJürgen Weiß\n",
        charset="iso-8859-1",
        cte="quoted-printable",
    )
    return _sent(JUERGEN, mail)


def _russian(date: datetime) -> Letter:
    mail = _begin(date, f"Ольга Смирнова <{OLGA}>", "Не приходит заказ", "zakaz@sever.example")
    mail.set_content(
        "Здравствуйте!\n\nЗаказ № 1047 должен был прийти в понедельник. Где он сейчас?\n\nОльга Смирнова\n",
        charset="utf-8",
        cte="base64",
    )
    return _sent(OLGA, mail)


def _japanese(date: datetime) -> Letter:
    mail = _begin(date, f"山田花子 <{HANAKO}>", "トナーの在庫について", "toner@sakura.example")
    mail.set_content(
        "お世話になっております。\n\n黒のトナーは在庫がありますか。\n\n山田花子\n",
        charset="iso-2022-jp",
        cte="7bit",
    )
    return _sent(HANAKO, mail)


def _french(date: datetime) -> Letter:
    mail = _begin(date, f"Émile Lefèvre <{EMILE}>", "Écran cassé à la livraison", "ecran@boulangerie.example")
    mail.set_content("Bonjour,\n\nl’écran est arrivé cassé, voir la photo.\n\nÉmile Lefèvre\n")
    mail.add_alternative(
        "<p>Bonjour,</p><p>l’écran est arrivé <b>cassé</b>, voir la photo.</p><p>Émile Lefèvre</p>",
        subtype="html",
    )
    mail.add_attachment(_PICTURE, maintype="image", subtype="gif", filename="écran.gif")
    return _sent(EMILE, mail)


def _monitoring(date: datetime) -> Letter:
    mail = _begin(date, MONITOR, "OK: web01 answers again", "web01.ok@monitor.example.com")
    mail.set_content("web01 has recovered.\n")
    return _sent(MONITOR, mail)


def _newsletter(date: datetime) -> Letter:
    mail = _begin(
        date, f"Printer Weekly <{NEWSLETTER}>", "Ten tips for toner", "issue.412@printer-weekly.example"
    )
    mail["List-Id"] = "Printer Weekly <weekly.printer-weekly.example>"
    mail["List-Unsubscribe"] = "<https://printer-weekly.example/unsubscribe>"
    mail.set_content("Tip one: shake it gently.\n")
    return _sent(NEWSLETTER, mail)


def _begin(date: datetime, sender: str, subject: str, message_id: str) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, SUPPORT, subject
    mail["Date"] = format_datetime(date)
    mail["Message-ID"] = f"<{message_id}>"
    return mail


def _answers(mail: EmailMessage, got: EmailMessage) -> None:
    mail["In-Reply-To"] = str(got["Message-ID"])
    mail["References"] = f"{got.get('References', '')} {got['Message-ID']}".strip()


def _sent(sender: str, mail: EmailMessage) -> Letter:
    return Letter(sender, mail.as_bytes())


_PICTURE: Final = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x00\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
