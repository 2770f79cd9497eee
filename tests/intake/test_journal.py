"""The journal: raw messages and positions, kept together before anything is decided."""

from datetime import datetime, timedelta

import pytest

from espomail.intake import after_import, journal
from espomail.intake.messages import Known, Position, RawMessage
from espomail.store import write
from espomail.store.changes import add, change
from espomail.store.compression import decompress
from espomail.store.connection import writing
from espomail.store.models import AfterImport, FolderPosition, Journal
from espomail.store.models import RawMessage as StoredRaw
from tests.office import Office, mail


def message(
    office: Office,
    uid: int,
    raw: bytes = b"",
    *,
    uidvalidity: int = 7,
    date: datetime | None = None,
    size: int = 10,
) -> RawMessage:
    raw = raw or mail(str(uid))
    return RawMessage("INBOX", uidvalidity, uid, (r"\Seen",), date or office.now, raw, size)


def test_messages_and_position_are_kept_together(office):
    journal.keep("support", [message(office, 3), message(office, 9)], Position("INBOX", 7, 9, office.now))
    assert office.rows(Journal, "uid", "outcome", "flags") == [(3, "new", [r"\Seen"]), (9, "new", [r"\Seen"])]
    assert journal.position_of("support", "INBOX") == Position("INBOX", 7, 9, office.now)


def test_raw_messages_are_kept_byte_for_byte(office):
    raw = bytes(range(256)) * 20
    journal.keep("support", [message(office, 1, raw)], Position("INBOX", 7, 1))
    assert decompress(bytes(StoredRaw.get().data)) == raw
    assert journal.waiting(["support"])[0].raw == raw


def test_empty_message_is_kept_like_any_other(office):
    journal.keep("support", [RawMessage("INBOX", 7, 1, (), office.now, b"", 0)], Position("INBOX", 7, 1))
    assert journal.waiting(["support"])[0].raw == b""


def test_position_does_not_move_when_the_messages_cannot_be_kept(office, monkeypatch):
    def fail(changes):
        raise OSError("disk full")

    monkeypatch.setattr(write, "apply", fail)
    with pytest.raises(OSError, match="disk full"):
        journal.keep("support", [message(office, 3)], Position("INBOX", 7, 3))
    monkeypatch.undo()
    assert office.rows(Journal) == office.rows(FolderPosition) == office.rows(StoredRaw) == []


def test_message_that_a_server_names_twice_is_kept_once(office):
    position = Position("INBOX", 7, 3)
    assert len(journal.keep("support", [message(office, 3)], position)) == 1
    assert journal.keep("support", [message(office, 3)], position) == []
    assert len(office.rows(StoredRaw)) == 1


def test_uid_that_a_server_set_back_gives_out_again_is_another_message(office):
    journal.keep("support", [message(office, 1), message(office, 2)], Position("INBOX", 7, 2))
    office.write((add(AfterImport, journal=2, mailbox="support", message_id_key=""),))
    for days in (1, 2):
        again = [message(office, 1), message(office, 2, date=office.now + timedelta(days=days))]
        (kept,) = journal.keep("support", again, Position("INBOX", 7, 2))
        assert kept.received_at == again[1].internal_date
    assert sorted(office.rows(Journal, "uid")) == [-3, -2, 1, 2]
    assert office.rows(AfterImport) == []
    assert len(journal.waiting(["support"])) == 4


def test_message_of_another_size_is_another_message(office):
    for size in (100, 100, 101):
        journal.keep("support", [message(office, 1, size=size)], Position("INBOX", 7, 1))
    assert office.rows(Journal, "size") == [100, 101]


def test_same_uid_after_a_change_of_uidvalidity_is_another_message(office):
    journal.keep("support", [message(office, 3)], Position("INBOX", 7, 3))
    journal.keep("support", [message(office, 3, uidvalidity=8)], Position("INBOX", 8, 3))
    assert office.rows(Journal, "uidvalidity", "uid") == [(7, 3), (8, 3)]


def test_waiting_messages_come_in_order(office):
    kept = [message(office, uid) for uid in range(1, 6)]
    journal.keep("support", kept, Position("INBOX", 7, 5))
    assert [one.uid for one in journal.waiting(["support"])] == [1, 2, 3, 4, 5]
    assert journal.waiting(["other"]) == []


def test_message_is_parked_when_its_tries_are_used_up(office):
    (kept,) = journal.keep("support", [message(office, 1)], Position("INBOX", 7, 1))
    office.write(journal.fail(kept.id, 2, "x", now=office.now))
    assert journal.left_over(["support"]) == [kept.id]
    assert journal.again(kept.id).tries == 3
    office.write(journal.fail(kept.id, 3, "x", now=office.now))
    assert journal.left_over(["support"]) == []
    assert journal.again(kept.id) is None


def test_parked_message_waits_no_longer_until_it_is_retried_by_hand(office):
    (kept,) = journal.keep("support", [message(office, 1)], Position("INBOX", 7, 1))
    for _ in range(2):
        office.write(journal.fail(kept.id, 3, "ValueError: x", now=office.now))
        assert journal.waiting(["support"]) == []
        assert office.rows(Journal, "is_told") == [False]
        office.write((change(Journal, kept.id, is_told=True),))  # a run has said so
        office.write(journal.retry(kept.id))
        assert [(one.id, one.tries) for one in journal.waiting(["support"])] == [(kept.id, 1)]


def test_dropped_message_leaves_its_outcome_and_no_bytes(office):
    (kept,) = journal.keep("support", [message(office, 1)], Position("INBOX", 7, 1))
    office.write(journal.drop(kept.id, kept.raw_id, now=office.now))
    assert office.rows(Journal, "outcome", "because") == [("skipped", "dropped by hand")]
    assert office.rows(StoredRaw) == []


def test_nothing_is_kept_of_a_transaction_that_is_not_committed(office):
    with pytest.raises(RuntimeError), writing():
        write.apply(journal.fail(1, 3, "x", now=office.now))
        raise RuntimeError


def test_what_is_kept_is_known_from_a_uid_on_also_above_the_position(office):
    journal.keep("support", [message(office, 1), message(office, 2)], Position("INBOX", 7, 1))
    journal.keep("support", [message(office, 3)], Position("INBOX", 7, 1))
    known = journal.known("support", "INBOX", 7, from_uid=2)
    assert known == {2: Known(2, office.now, 10), 3: Known(3, office.now, 10)}
    assert journal.known("support", "INBOX", 8) == journal.known("sales", "INBOX", 7) == {}


@pytest.mark.parametrize("how", ["reset", "set back"])
def test_uids_of_a_folder_that_is_read_again_may_be_other_messages_now(office, how):
    journal.keep("support", [message(office, uid) for uid in (1, 2, 3)], Position("INBOX", 7, 3))
    if how == "reset":
        FolderPosition.delete().execute()
    for _ in range(2):
        journal.keep("support", [message(office, 1), message(office, 4)], Position("INBOX", 7, 1))
        known = journal.known("support", "INBOX", 7)
        assert {uid for uid, one in known.items() if one.is_former} == {1, 2, 3}
        assert 4 in known


def test_server_is_told_nothing_of_a_message_whose_uid_is_anothers_by_now(office):
    mailbox = office.config.mailboxes["support"]
    (former,) = journal.keep("support", [message(office, 1)], Position("INBOX", 7, 1))
    journal.keep(
        "support", [message(office, 1, date=office.now + timedelta(days=1))], Position("INBOX", 7, 1)
    )
    office.write(
        (add(AfterImport, journal=former.id, mailbox="support", message_id_key=""),)
    )  # it is decided only now
    after_import.forget_needless([mailbox])
    assert after_import.untold(mailbox) == office.rows(AfterImport) == []
