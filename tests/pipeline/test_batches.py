"""The invariant that guards the heart: how the same mails are split into batches changes nothing."""

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from espomail.intake import journal
from espomail.intake.messages import Position, RawMessage
from espomail.intake.reader import read_all
from espomail.intake.settle import Pace, settle_kept
from espomail.store.changes import Set, change
from espomail.store.connection import close_database
from espomail.store.models import Case, Email
from tests.office import CONFIG, Office, mail
from tests.pipeline.reports import postfix

SENDERS = [
    "carl@customer.example",
    "dora@partner.example",
    "eve@evil.example",
    "anna@example.com",
    "pat@gmail.com",
    "support@example.com",
]
SUBJECTS = ["Question", "Question", "Re: Question", "[#1] more", "[#2] more", "[#9] none", "Fwd: Question"]
IDS = [f"<{number}@m.example>" for number in range(6)]
OURS = "<our-answer>"
VERDICTS = ["", "", "pass", "fail"]
PLACES = [("support", "INBOX")] * 4 + [
    ("support", "Sent"),
    ("info", "INBOX"),
    ("anna", "INBOX"),
    ("anna", "Sent"),
]

BASE = CONFIG.replace(
    "mailboxes:\n",
    """authentication: {trusted_authserv_id: mx.example.com}
mailboxes:
  info:
    kind: group
    address: info@example.com
    imap: {host: imap.example.com, username: info, password: x, fetch_since: 2026-01-01}
    teams: [sales]
  anna:
    kind: personal
    user: anna
    imap: {host: imap.example.com, username: anna, password: x, fetch_since: 2026-01-01}
""",
)
STORMY = BASE.replace("team: support}", "team: support, storm: 3 in 1h}").replace("round-robin", "less-busy")
LIMITED = BASE.replace("organisation:", "auto_reply_limits: {per_address: 2 in 1h}\norganisation:")
STRICT = BASE.replace("team: support}", "team: support, join: party, reply_to_closed: new}")

letters = st.builds(
    lambda subject, sender, message_id, answers, cc, auto, body: mail(
        subject,
        sender,
        message_id=message_id,
        body=body,
        In_Reply_To=answers or "",
        Cc=cc,
        Auto_Submitted="auto-replied" if auto else "",
    ),
    st.sampled_from(SUBJECTS),
    st.sampled_from(SENDERS),
    st.sampled_from(IDS),
    st.none() | st.sampled_from([*IDS, OURS]),
    st.sampled_from(["", "", *SENDERS[1:5]]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from(["Hello, it does not work.", "Hello, it does not work.", "Pay to this account."]),
)
bounces = st.builds(
    postfix,
    st.sampled_from([OURS, OURS, IDS[0]]),
    st.sampled_from(SENDERS[:2]),
    st.sampled_from(["5.1.1", "5.2.2"]),
)
mails = st.lists(letters | letters | letters | bounces, min_size=2, max_size=5)
deliveries = st.tuples(
    st.integers(0, 4),
    st.sampled_from(VERDICTS),
    st.sampled_from(PLACES),
    st.sampled_from([False, False, True]),
)
Delivery = tuple[bytes, tuple[str, str], bool]


def delivered(raws: list[bytes], some: list[tuple[int, str, tuple[str, str], bool]]) -> list[Delivery]:
    """The mails as they come: each any number of times, to any mailbox, with what its server says of it.

    Of a partial one the header alone is taken.
    """
    head = b"Authentication-Results: mx.example.com; dmarc=%s header.from=example.com\r\n"
    return [
        ((head % verdict.encode() if verdict else b"") + raws[number % len(raws)], place, is_partial)
        for number, verdict, place, is_partial in some
    ]


def happened(office: Office) -> dict[str, Set]:
    """What may have happened to the mails before: e-mail 1 has made case 1, e-mail 3 case 2."""
    return {
        "closed": change(Case, 1, status="Closed", closed_at=office.now - timedelta(hours=1)),
        "merged": change(Case, 2, status="Duplicate", survivor=1),
        "deleted": change(Email, 3, is_deleted=True),
        "sent": change(Email, 2, status="sent"),
    }


def begin(folder: Path, config: str, earlier: list[Delivery], events: set[str]) -> None:
    """Make the installation that the mails come to."""
    office = Office(folder, config)
    account = office.account("Customer Ltd", "office@customer.example", followers=["boris"])
    office.contact("Carl", "carl@customer.example", account=account)
    office.lead("Pat", "pat@gmail.com")
    office.receive(mail("Question", SENDERS[0], message_id=IDS[0]))
    office.receive(mail("Question", SENDERS[2], message_id=IDS[1]))
    receive(office, earlier, len(earlier))
    office.write(tuple(one for name, one in happened(office).items() if name in events))
    close_database()


def database_after(folder: Path, config: str, later: list[Delivery], batch: int) -> dict[str, list]:
    office = Office(folder, config)
    office.uid = 100
    receive(office, later, batch)
    dump = office.dump()
    close_database()
    dump.pop("Installation")
    return dump


def receive(office: Office, some: list[Delivery], batch: int) -> None:
    """Take the mails in, so many in a batch, whatever mailboxes they came to."""
    ours = Email.get_by_id(2).message_id.encode()
    kept = []
    for raw, (mailbox, folder), is_partial in some:
        office.uid += 1
        raw = raw.replace(OURS.encode(), ours)
        date, size = office.now - timedelta(minutes=5), len(raw)
        if is_partial:
            raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        message = RawMessage(folder, 7, office.uid, (), date, raw, size, is_partial)
        kept += journal.keep(mailbox, [message], Position(folder, 7, office.uid))
    pace = Pace(batch)
    pace.learn = lambda mails, took_s: None  # type: ignore[method-assign]
    list(settle_kept(kept, read_all(kept), office.context, pace))


CARL, DORA = SENDERS[:2]
HERE, ELSEWHERE, SENT = ("support", "INBOX"), ("info", "INBOX"), ("support", "Sent")
TO_DORA = {"to": DORA, "message_id": IDS[4], "In_Reply_To": IDS[0]}
OF_DORA = mail("[#1] yes", DORA, message_id=IDS[5], body="me too")


@example(  # a mail that another mailbox had first makes its case just before somebody of its Cc answers
    raws=[
        mail("Question", "zoe@z.example", message_id=IDS[4], Cc=DORA),
        mail("Re: Question", DORA, message_id=IDS[5], In_Reply_To=IDS[4]),
    ],
    earlier=[(0, "", ELSEWHERE, False)],
    events=set(),
    later=[(0, "", HERE, False), (1, "", HERE, False)],
    batch=1,
    config=BASE,
)
@example(  # a colleague's mail is proved by its second copy just before its recipient names the case
    raws=[mail("Re: Question", "anna@example.com", **TO_DORA), OF_DORA],
    earlier=[(0, "", HERE, False)],
    events=set(),
    later=[(0, "pass", HERE, False), (1, "", HERE, False)],
    batch=1,
    config=BASE,
)
@example(  # the same, by the copy in the Sent folder
    raws=[mail("Re: Question", "support@example.com", **TO_DORA), OF_DORA],
    earlier=[(0, "", HERE, False)],
    events=set(),
    later=[(0, "", SENT, False), (1, "", HERE, False)],
    batch=1,
    config=BASE,
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    raws=mails,
    earlier=st.lists(deliveries, max_size=3),
    events=st.sets(st.sampled_from(["closed", "merged", "deleted", "sent"])),
    later=st.lists(deliveries, min_size=2, max_size=10),
    batch=st.integers(1, 3),
    config=st.sampled_from([BASE, STORMY, LIMITED, STRICT]),
)
def test_any_split_of_the_same_mails_gives_the_same_database(raws, earlier, events, later, batch, config):
    later = delivered(raws, later)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin(folder / "together", config, delivered(raws, earlier), events)
        shutil.copytree(folder / "together", folder / "split")
        together = database_after(folder / "together", config, later, len(later))
        split = database_after(folder / "split", config, later, batch)
    assert split == together
