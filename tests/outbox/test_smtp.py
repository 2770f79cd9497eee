"""What an SMTP server answers decides what becomes of a message."""

import base64
import re
import socket
import threading
import time
from contextlib import suppress

import pytest

from espomail.config.schema import Smtp
from espomail.errors import LoginRefused, ServerTrouble
from espomail.outbox import connect
from espomail.outbox import smtp as smtp_module
from espomail.outbox.delivery import Accepted, InDoubt, Refused
from espomail.outbox.smtp import open_courier
from tests.servers.ports import HOST, free_port, unanswering
from tests.servers.scripted_smtp import DRIP, DROP, RESET, SILENCE, ScriptedSmtp

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
    ],
)
def test_refusal_is_for_good_only_when_the_server_says_so(scripted_smtp, stage, reply, is_temporary):
    scripted_smtp.answers(stage, reply)
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.is_temporary is is_temporary
    assert scripted_smtp.received == []


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("nonsense", ["wha?", "999 x", ""])
def test_answer_that_makes_no_sense_is_a_refusal_for_now(scripted_smtp, stage, nonsense):
    scripted_smtp.answers(stage, nonsense)
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.is_temporary


@pytest.mark.parametrize("nonsense", ["wha?", "999 x", "354 go on", ""])
def test_answer_to_the_message_that_makes_no_sense_leaves_it_in_doubt(scripted_smtp, nonsense):
    scripted_smtp.answers("END", nonsense)
    assert isinstance(delivered(scripted_smtp), InDoubt)


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "END"])
def test_any_answer_with_a_2_is_a_yes(scripted_smtp, stage):
    scripted_smtp.answers(stage, "200 fine")
    assert delivered(scripted_smtp) == Accepted()


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


def test_password_of_a_letter_is_not_looked_for_in_what_a_server_says(scripted_smtp):
    scripted_smtp.answers("AUTH", *["535 5.7.8 Authentication failed"] * 3)
    with pytest.raises(LoginRefused, match="Authentication failed"):
        delivered(scripted_smtp, secret="i")


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


@pytest.mark.parametrize("stage", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "RSET"])
@pytest.mark.parametrize("trouble", [DRIP, SILENCE])
def test_nothing_before_the_end_of_a_message_outlasts_the_deadline(
    scripted_smtp, monkeypatch, stage, trouble
):
    monkeypatch.setattr(smtp_module, "LEAST_S", 0.1)
    scripted_smtp.answers(stage, *(["250 ok"] if stage in {"MAIL", "RCPT"} else []), trouble)
    began = time.monotonic()
    with (
        suppress(ServerTrouble),
        open_courier(smtp(scripted_smtp.port), None, deadline=began + 0.5) as courier,
    ):
        for _ in range(2):
            courier.be_ready()
            courier.deliver("a@example.com", ["b@example.com"], RAW)
    assert time.monotonic() - began < 4


def test_server_that_takes_a_message_byte_by_byte_is_cut_off_and_has_not_got_it(scripted_smtp):
    scripted_smtp.reads_messages = False
    began = time.monotonic()
    with open_courier(smtp(scripted_smtp.port), None, deadline=began + 0.5, timeout_s=60) as courier:
        answer = courier.deliver("a@example.com", ["b@example.com"], RAW + b"x" * 20_000_000)
    assert answer == Refused("the server does not answer in time", is_temporary=True)
    assert time.monotonic() - began < 10
    assert scripted_smtp.received == []


def test_deadline_leaves_the_server_time_for_its_answer(scripted_smtp, monkeypatch):
    monkeypatch.setattr(smtp_module, "LEAST_S", 0.1)
    scripted_smtp.answers("END", SILENCE)
    began = time.monotonic()
    with open_courier(smtp(scripted_smtp.port), None, deadline=began + 0.2, verdict_s=1) as courier:
        answer = courier.deliver("a@example.com", ["b@example.com"], RAW)
    assert answer == InDoubt("after the message, the server does not answer in time")
    assert time.monotonic() - began > 1


def test_name_server_that_does_not_answer_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: threading.Event().wait())
    began = time.monotonic()
    with (
        pytest.raises(ServerTrouble, match="is not known: no name server answers in time"),
        open_courier(smtp(25, host="mail.example.com"), None, timeout_s=0.5),
    ):
        pass
    assert time.monotonic() - began < 5


def test_address_of_the_host_that_does_not_answer_leaves_time_for_the_others(scripted_smtp, monkeypatch):
    with unanswering("127.0.0.2") as address:
        both = [address, (HOST, scripted_smtp.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in both]
        monkeypatch.setattr(connect.socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        assert delivered(scripted_smtp, timeout_s=4) == Accepted()
        assert time.monotonic() - began < 3.5


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
        courier.be_ready()
        assert courier.deliver("", ["c@example.com"], RAW) == Accepted()
    assert [one.recipients for one in scripted_smtp.received] == [["c@example.com"]]
    assert scripted_smtp.verbs.count("RSET") == 1


@pytest.mark.parametrize("trouble", [DROP, SILENCE, "421 4.7.0 too many messages", "550 what?"])
def test_server_that_has_enough_of_a_connection_is_called_again(scripted_smtp, trouble):
    scripted_smtp.answers("RSET", trouble, trouble)
    with open_courier(smtp(scripted_smtp.port), None, timeout_s=0.5) as courier:
        for _ in range(3):
            courier.be_ready()
            assert courier.deliver("", ["b@example.com"], RAW) == Accepted()
    assert len(scripted_smtp.received) == 3
    assert scripted_smtp.verbs.count("EHLO") == 3


def test_several_messages_go_over_one_connection(scripted_smtp):
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        for _ in range(3):
            courier.be_ready()
            assert courier.deliver("", ["b@example.com"], RAW) == Accepted()
    assert scripted_smtp.verbs.count("EHLO") == 1
    assert scripted_smtp.verbs[-1] == "QUIT"


@pytest.mark.parametrize("trouble", [DROP, SILENCE, DRIP, "500 what?"])
def test_trouble_with_the_goodbye_changes_nothing(scripted_smtp, trouble):
    scripted_smtp.answers("QUIT", trouble)
    began = time.monotonic()
    with open_courier(smtp(scripted_smtp.port), None, deadline=began) as courier:
        assert courier.deliver("", ["b@example.com"], RAW) == Accepted()
    assert time.monotonic() - began < 5


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


def test_address_in_other_letters_is_refused_for_good_where_the_server_cannot_take_it(scripted_smtp):
    answer = delivered(scripted_smtp, "jörg@example.com")
    assert isinstance(answer, Refused)
    assert not answer.is_temporary
    assert answer.said == (
        "jörg@example.com has letters that the server does not take: it offers no SMTPUTF8"
    )


def test_address_in_other_letters_is_named_to_a_server_that_takes_it(scripted_smtp):
    scripted_smtp.answers("EHLO", "250-scripted.example\r\n250-8BITMIME\r\n250 SMTPUTF8")
    assert delivered(scripted_smtp, "jörg@example.com", "b@example.com") == Accepted()
    assert scripted_smtp.received[0].recipients == ["jörg@example.com", "b@example.com"]
    assert "FROM:<a@example.com> BODY=8BITMIME SMTPUTF8" in scripted_smtp.arguments


def test_domain_in_other_letters_has_a_name_that_every_server_takes(scripted_smtp):
    assert delivered(scripted_smtp, "joerg@bücher.example") == Accepted()
    assert scripted_smtp.received[0].recipients == ["joerg@xn--bcher-kva.example"]
    assert "SMTPUTF8" not in scripted_smtp.arguments


def test_server_that_refuses_the_empty_sender_is_told_with_the_key_to_set(scripted_smtp):
    scripted_smtp.answers("MAIL", "550 5.7.1 sender denied")
    with open_courier(smtp(scripted_smtp.port), None) as courier:
        answer = courier.deliver("", ["b@example.com"], RAW)
    assert isinstance(answer, Refused)
    assert not answer.is_temporary
    assert answer.said.startswith("550 5.7.1 sender denied (")
    assert "auto_reply.envelope_sender" in answer.said


def test_server_without_8bitmime_is_not_asked_for_it(scripted_smtp):
    scripted_smtp.answers("EHLO", "250 scripted.example")
    assert delivered(scripted_smtp) == Accepted()
    assert "BODY" not in scripted_smtp.arguments


def test_answer_of_several_lines_is_told_in_one(scripted_smtp):
    scripted_smtp.answers("RCPT", "550-5.1.1 There is nobody\r\n550 5.1.1 of this name")
    answer = delivered(scripted_smtp)
    assert isinstance(answer, Refused)
    assert answer.said == "550 5.1.1 There is nobody 5.1.1 of this name"


def test_connection_that_is_torn_down_is_told_in_the_systems_words(scripted_smtp):
    scripted_smtp.answers("MAIL", RESET)
    assert delivered(scripted_smtp) == Refused(
        "the connection broke: Connection reset by peer", is_temporary=True
    )
    scripted_smtp.answers("EHLO", RESET)
    with pytest.raises(ServerTrouble, match="the server broke off: Connection reset by peer"):
        delivered(scripted_smtp)


def test_no_trouble_is_told_in_pythons_notation(scripted_smtp):
    scripted_smtp.answers("GREETING", "421 4.3.2 closing", "220-" + "x" * 9000, *["220 hello"] * 9)
    scripted_smtp.answers("EHLO", "421 4.3.2 closing", "250 AUTH LOGIN", "250 AUTH LOGIN")
    scripted_smtp.answers("AUTH", "334 VXNlcm5hbWU6", "421 4.3.2 closing")
    scripted_smtp.answers("OTHER", *["334 VXNlcm5hbWU6"] * 6)
    said = []
    for _ in range(5):
        with pytest.raises(ServerTrouble) as trouble:
            delivered(scripted_smtp, secret="s3cr3t")
        said.append(str(trouble.value))
    assert "421 4.3.2 closing" in said[0]
    assert not [one for one in said if re.search(r"b'|b\"|\(\d{3}|\\", one)], said


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
