"""The invariant that guards the heart: how the same mails are split into batches changes nothing."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espomail.store.changes import change
from espomail.store.connection import close_database
from espomail.store.models import Email
from tests.office import CONFIG, Office, mail
from tests.pipeline.reports import postfix

SENDERS = [
    "carl@customer.example",
    "dora@customer.example",
    "eve@evil.example",
    "anna@example.com",
    "pat@gmail.com",
]
SUBJECTS = ["Question", "Re: Question", "[#1] more", "[#9] none", "Fwd: Question"]
IDS = [f"<{number}@m.example>" for number in range(6)]
STORMY = CONFIG.replace("team: support}", "team: support, storm: 3 in 1h}").replace(
    "round-robin", "less-busy"
)
LIMITED = CONFIG.replace("organisation:", "auto_reply_limits: {per_address: 2 in 1h}\norganisation:")
PARTIES = CONFIG.replace("team: support}", "team: support, join: party}")

OURS = "<our-answer>"
letters = st.builds(
    lambda subject, sender, message_id, answers, auto: mail(
        subject,
        sender,
        message_id=message_id,
        In_Reply_To=answers or "",
        Auto_Submitted="auto-replied" if auto else "",
    ),
    st.sampled_from(SUBJECTS),
    st.sampled_from(SENDERS),
    st.sampled_from(IDS),
    st.none() | st.sampled_from(IDS),
    st.sampled_from([False, False, False, True]),
)
bounces = st.builds(
    postfix,
    st.sampled_from([OURS, OURS, IDS[0]]),
    st.sampled_from(SENDERS[:2]),
    st.sampled_from(["5.1.1", "5.2.2"]),
)
mails = st.lists(letters | bounces, min_size=2, max_size=12)


def database_after(raws: list[bytes], batch: int, config: str, folder: Path) -> dict[str, list]:
    office = Office(folder, config)
    account = office.account("Customer Ltd", "office@customer.example", followers=["boris"])
    office.contact("Carl", "carl@customer.example", account=account)
    office.lead("Pat", "pat@gmail.com")
    office.receive(mail("Earlier", SENDERS[0]))
    office.write((change(Email, 2, status="sent"),))
    ours = Email.get_by_id(2).message_id
    office.receive(*(raw.replace(OURS.encode(), ours.encode()) for raw in raws), batch=batch)
    dump = office.dump()
    close_database()
    dump.pop("Installation")
    return dump


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(raws=mails, batch=st.integers(1, 5), config=st.sampled_from([CONFIG, STORMY, LIMITED, PARTIES]))
def test_any_split_of_the_same_mails_gives_the_same_database(raws, batch, config):
    with tempfile.TemporaryDirectory() as folder:
        together = database_after(raws, len(raws), config, Path(folder, "together"))
        split = database_after(raws, batch, config, Path(folder, "split"))
    assert split == together
