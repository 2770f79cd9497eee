"""What an SMTP server answers decides what becomes of a message."""

import base64
import time

import pytest

from espomail.config.schema import Smtp
from espomail.errors import LoginRefused, ServerTrouble
from espomail.outbox import connect
from espomail.outbox.smtp import Accepted, InDoubt, Refused, open_courier
from tests.servers.ports import HOST, free_port
from tests.servers.scripted_smtp import DRIP, DROP, SILENCE, ScriptedSmtp

RAW = b"Subject: x\r\n\r\nhello\r\n"


def smtp(port: int, **more: object) -> Smtp:
    return Smtp(**{"host": HOST, "port": port, "security": "none", "place": "mailboxes.m.smtp", **more})


def delivered(
    server: ScriptedSmtp, *recipients: str, secret: str | None = None, timeout_s: float = 2
) -> object:
    with open_courier(
        smtp(server.port, username="me"), secret, timeout_s=timeout_s, verdict_s=timeout_s
    ) as courier:
        return courier.deliver("a@example.com", recipients or ["b@example.com"], RAW)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(
    ("reply", "is_temporary"),
    [
        ("451 4.7.1 later", True),
        ("550 5.7.1 never", False),
        ("421 closing", True),
        ("wha?", True),
        ("999 x", True),
    ],
)
def test_refusal_is_for_good_only_when_the_server_says_so(scripted_smtp, stage, reply, is_temporary):
    scripted_smtp.answers(stage, reply)
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.is_temporary is is_temporary
    assert scripted_smtp.received == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("trouble", [DROP, SILENCE])
def test_connection_that_breaks_before_the_message_is_a_refusal_for_now(scripted_smtp, stage, trouble):
    scripted_smtp.answers(stage, trouble)
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.is_temporary


@pytest.mark.parametrize("trouble", [DROP, SILENCE])
def test_connection_that_breaks_after_the_message_leaves_it_in_doubt(scripted_smtp, trouble):
    scripted_smtp.answers("END", trouble)
    assert isinstance(delivered(scripted_smtp), InDoubt)


@pytest.mark.parametrize("stage", ["GREETING", "EHLO"])
@pytest.mark.parametrize("trouble", [DROP, SILENCE, "554 go away"])
def test_server_that_does_not_greet_is_in_trouble(scripted_smtp, stage, trouble):
    scripted_smtp.answers(stage, trouble, trouble)
    with pytest.raises(ServerTrouble, match=str(scripted_smtp.port)):
        delivered(scripted_smtp)


def test_login_refused_for_good_is_told_without_the_secret(scripted_smtp):
    scripted_smtp.answers("AUTH", "535 5.7.8 no: s3cr3t-word", "535 5.7.8 no", "535 5.7.8 no")
    with pytest.raises(LoginRefused, match="login of me refused: 535") as refused:
        delivered(scripted_smtp, secret="s3cr3t-word")
    assert "s3cr3t-word" not in str(refused.value)


def test_login_refused_for_now_is_a_passing_trouble(scripted_smtp):
    scripted_smtp.answers("AUTH", *["454 4.7.0 later"] * 3)
    with pytest.raises(ServerTrouble, match="no sign-in for now") as trouble:
        delivered(scripted_smtp, secret="s3cr3t")
    assert trouble.value.is_temporary


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_reply_without_end_is_given_up_in_time(scripted_smtp, stage):
    scripted_smtp.answers(stage, DRIP)
    began = time.monotonic()
    try:
        answer = delivered(scripted_smtp, timeout_s=0.3)
    except ServerTrouble as trouble:
        assert stage == "EHLO"
        assert "it is too slow" in str(trouble)
    else:
        assert isinstance(answer, InDoubt if stage == "END" else Refused)
    assert time.monotonic() - began < 5


def test_refusal_for_good_stays_one_when_the_server_hangs_up_on_it(scripted_smtp):
    scripted_smtp.answers("RCPT", "550 5.1.1 no such user")
    scripted_smtp.answers("RSET", DROP)
    answer = delivered(scripted_smtp)
    assert answer == Refused("550 5.1.1 no such user", is_temporary=False, recipients=("b@example.com",))


def test_server_that_closes_in_the_middle_of_the_recipients_is_quoted(scripted_smtp):
    scripted_smtp.answers("RCPT", "250 ok", "421 4.3.2 shutting down")
    answer = delivered(scripted_smtp, "b@example.com", "c@example.com")
    assert isinstance(answer, Refused)
    assert answer.is_temporary
    assert answer.said == "421 4.3.2 shutting down"


def test_message_after_one_that_was_refused_at_data_is_begun_afresh(scripted_smtp):
    scripted_smtp.answers("DATA", "451 4.3.0 later")
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        assert isinstance(courier.deliver("", ["b@example.com"], RAW), Refused)
        assert courier.deliver("", ["c@example.com"], RAW) == Accepted()
    assert [one.recipients for one in scripted_smtp.received] == [["c@example.com"]]
    assert scripted_smtp.verbs.count("RSET") == 1


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n"])
def test_no_line_in_a_message_ends_it(scripted_smtp, end):
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        assert courier.deliver("", ["b@example.com"], b"Subject: x\r\n\r\nhi" + end + b"MAIL") == Accepted()
    assert scripted_smtp.received[0].raw == b"Subject: x\r\n\r\nhi\r\n.\r\nMAIL\r\n"


def test_address_is_named_to_the_server_as_it_is(scripted_smtp):
    assert delivered(scripted_smtp, "a,b@example.com", '"c d"@example.com') == Accepted()
    assert scripted_smtp.received[0].recipients == ["a,b@example.com", '"c d"@example.com']


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com> NOTIFY=NEVER <b",
        "a@example.com>\r\nRCPT TO:<b@example.com",
        "a b@example.com",
        "",
        "a",
    ],
)
def test_what_is_no_address_is_refused_and_keeps_the_message_from_nobody_else(scripted_smtp, address):
    answer = delivered(scripted_smtp, address, "b@example.com")
    assert isinstance(answer, Accepted)
    assert [(one.recipients, one.is_temporary) for one in answer.refused] == [((address,), False)]
    assert scripted_smtp.received[0].recipients == ["b@example.com"]


def test_message_for_nobody_is_refused(scripted_smtp):
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        answer = courier.deliver("", [], RAW)
    assert isinstance(answer, Refused)
    assert not answer.is_temporary


def test_password_with_other_letters_than_ascii_goes_as_utf8(scripted_smtp):
    assert delivered(scripted_smtp, secret="größe") == Accepted()
    assert base64.b64encode("\0me\0größe".encode()).decode() in scripted_smtp.arguments


def test_server_without_starttls_gets_nothing_in_clear_text(scripted_smtp):
    server = smtp(scripted_smtp.port, security="starttls", username="me")
    with pytest.raises(ServerTrouble, match="offers no STARTTLS"), open_courier(server, "secret"):
        pass
    assert scripted_smtp.received == []


def test_server_that_is_not_there_is_told():
    server = smtp(free_port())
    with (
        pytest.raises(ServerTrouble, match="cannot be reached: Connection refused"),
        open_courier(server, None),
    ):
        pass


def test_address_that_not_every_server_takes_is_refused_for_good(scripted_smtp):
    answer = delivered(scripted_smtp, "jörg@example.com")
    assert isinstance(answer, Refused)
    assert not answer.is_temporary


def test_control_characters_of_a_server_do_not_reach_us(scripted_smtp):
    scripted_smtp.answers("RCPT", "550 no\x1b[31m red")
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.said == "550 no [31m red"


def test_message_without_a_last_line_end_gets_one(scripted_smtp):
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        assert courier.deliver("", ["b@example.com"], b".x\r\n\r\n.y") == Accepted()
    assert scripted_smtp.received[0].raw == b".x\r\n\r\n.y\r\n"


def test_name_in_ehlo_is_not_looked_up(monkeypatch, scripted_smtp):
    def slow(*_):
        time.sleep(60)

    monkeypatch.setattr(connect.socket, "getfqdn", slow)
    assert delivered(scripted_smtp) == Accepted()
