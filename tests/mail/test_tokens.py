"""The token in our Message-IDs cannot be made by anybody else, and survives what servers do to ids."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.tokens import Foreign, Forged, Token, make, read

OLD, NEW = {"k1": b"old key"}, {"k1": b"old key", "k2": b"new key"}
TOKEN = Token(kind="reply", record_type="case", record_id=12, email_id=345, unique="9f3a")
WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
TOKENS = st.builds(
    Token,
    kind=st.sampled_from(["reply", "auto-reply", "notification", "send"]),
    record_type=st.sampled_from(["case", "account", "lead", "opportunity", "contact"]),
    record_id=st.integers(1, 10**12),
    email_id=st.integers(0, 10**12),
    unique=WORD,
)


def make_one(token: Token = TOKEN, keys: dict[str, bytes] = NEW, installation_id: str = "inst1") -> str:
    return make(token, keys=keys, installation_id=installation_id, domain="example.org")


def read_one(message_id: str, keys: dict[str, bytes] = NEW) -> Token | Forged | Foreign | None:
    return read(message_id, keys=keys, installation_id="inst1")


@given(TOKENS)
def test_token_is_read_back(token: Token) -> None:
    assert read_one(make_one(token)) == token


def test_token_about_no_record_is_read_back() -> None:
    token = Token(kind="send", record_type=None, record_id=None, email_id=7, unique="x")
    assert read_one(make_one(token)) == token


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda message_id: message_id[1:-1], lambda message_id: f" {message_id} ", str.title],
    ids=["upper case", "without brackets", "with blanks", "title case"],
)
def test_token_survives_what_servers_do_to_ids(change: Callable[[str], str]) -> None:
    assert read_one(change(make_one())) == TOKEN


def test_each_changed_character_is_a_forgery() -> None:
    message_id = make_one()
    for at in range(message_id.index("."), message_id.index("@")):
        changed = message_id[:at] + ("0" if message_id[at] != "0" else "1") + message_id[at + 1 :]
        assert not isinstance(read_one(changed), Token)


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789.-", max_size=120))
def test_made_up_token_is_never_valid(rest: str) -> None:
    assert not isinstance(read_one(f"<em1.inst1.{rest}@example.org>"), Token)
    assert isinstance(read_one(f"<em1.inst1.{rest}@example.org>"), Forged)


def test_token_of_another_installation_is_foreign() -> None:
    assert read_one(make_one(installation_id="inst2")) == Foreign("inst2")


@pytest.mark.parametrize(
    "message_id", ["", "<>", "<abc@example.com>", "<em1@example.com>", "<em2.inst1.k2.x@y>", "em1."]
)
def test_other_ids_are_no_tokens(message_id: str) -> None:
    assert read_one(message_id) is None


def test_keys_can_be_changed_while_old_mail_is_answered() -> None:
    signed_before = make_one(keys=OLD)
    assert read_one(signed_before, keys=NEW) == TOKEN
    assert ".k2." in make_one(keys=NEW)
    assert isinstance(read_one(make_one(keys=NEW), keys=OLD), Forged)


def test_signature_has_at_least_128_bits() -> None:
    signature = make_one().partition("@")[0].rpartition(".")[2]
    assert len(signature) * 5 >= 128


@pytest.mark.parametrize("unique", ["", "a.b", "A", "a b", "a@b", "a\n"])
def test_words_that_would_break_the_id_are_refused(unique: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        make_one(Token(kind="reply", record_type="case", record_id=1, email_id=1, unique=unique))


@given(st.text(max_size=200))
def test_any_text_can_be_read(message_id: str) -> None:
    read_one(message_id)
