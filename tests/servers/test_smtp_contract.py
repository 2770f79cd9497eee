"""What a real Postfix and the scripted server have in common, seen through our own client."""

import smtplib
import socket
from collections.abc import Callable

import pytest

from espomail.config.schema import Smtp
from espomail.errors import ServerTrouble
from espomail.outbox import connect
from espomail.outbox.delivery import Accepted, Refused
from espomail.outbox.smtp import open_courier
from espomail.reach import Watch
from tests.servers.dovecot import Dovecot
from tests.servers.ports import HOST, wait_until
from tests.servers.postfix import Postfix
from tests.servers.scripted_smtp import ScriptedSmtp

BODY = b"\r\n\r\n.a line with a dot\r\n..two\r\n"
RAW = b"From: a@example.com\r\nSubject: x" + BODY
CUT = b"From: a@example.com\r\nSubject: x\r\n\r\nas far as the li"


def smtp(port: int, **more: object) -> Smtp:
    return Smtp(**{"host": HOST, "port": port, "security": "none", "place": "mailboxes.m.smtp", **more})


class Contract:
    """The tests; `port` and `delivered` come from the server under test."""

    def test_message_arrives_with_its_bytes(self, port, delivered, user):
        with open_courier(smtp(port), None) as courier:
            assert courier.deliver("a@example.com", [user], RAW) == Accepted()
        assert delivered(user).endswith(BODY)

    def test_null_envelope_sender_is_taken(self, port, delivered, user):
        with open_courier(smtp(port), None) as courier:
            assert courier.deliver("", [user], RAW) == Accepted()
        assert delivered(user).endswith(BODY)

    def test_several_messages_go_over_one_connection_also_after_a_refusal(self, port, delivered, user):
        with open_courier(smtp(port), None) as courier:
            refused = courier.deliver("a@example.com", ["unknown@example.com"], RAW)
            courier.be_ready()
            assert courier.deliver("a@example.com", [user], RAW) == Accepted()
        assert isinstance(refused, Refused)
        assert not refused.is_temporary
        assert refused.said.endswith("no such user")
        assert delivered(user).endswith(BODY)

    def test_refusal_for_now_is_temporary(self, port):
        with open_courier(smtp(port), None) as courier:
            refused = courier.deliver("a@example.com", ["later@example.com"], RAW)
        assert isinstance(refused, Refused)
        assert refused.is_temporary

    def test_one_refused_recipient_does_not_keep_the_mail_from_the_others(self, port, delivered, user):
        with open_courier(smtp(port), None) as courier:
            accepted = courier.deliver("a@example.com", ["unknown@example.com", user], RAW)
        assert isinstance(accepted, Accepted)
        assert [one.recipients for one in accepted.refused] == [("unknown@example.com",)]
        assert delivered(user).endswith(BODY)

    def test_message_that_breaks_off_is_not_taken(self, port, delivered, taken, user):
        with smtplib.SMTP(HOST, port, timeout=30) as client:
            client.ehlo()
            client.mail("a@example.com")
            client.rcpt(user)
            assert client.docmd("DATA")[0] == 354
            client.sock.sendall(CUT)
            client.sock.shutdown(socket.SHUT_WR)
            assert client.sock.recv(1) == b""
            client.close()
        with open_courier(smtp(port), None) as courier:
            assert courier.deliver("a@example.com", [user], RAW) == Accepted()
        assert delivered(user).endswith(BODY)
        assert taken(user) == 1

    @pytest.mark.parametrize("before", [[], ["unknown@example.com"]])
    def test_message_without_a_recipient_is_not_asked_for(self, port, before):
        with smtplib.SMTP(HOST, port, timeout=30) as client:
            client.ehlo()
            client.mail("a@example.com")
            for recipient in before:
                assert client.rcpt(recipient)[0] == 550
            assert client.docmd("DATA")[0] == 554

    def test_reset_forgets_the_recipients(self, port, user):
        with smtplib.SMTP(HOST, port, timeout=30) as client:
            client.ehlo()
            client.mail("a@example.com")
            client.rcpt(user)
            client.rset()
            assert client.docmd("DATA")[0] == 503


class TestPostfix(Contract):
    @pytest.fixture
    def port(self, postfix: Postfix) -> int:
        return postfix.smtp_port

    @pytest.fixture
    def delivered(self, dovecot: Dovecot) -> Callable[[str], bytes]:
        return lambda user: wait_until(lambda: dovecot.messages(user), f"mail for {user}")[0]

    @pytest.fixture
    def taken(self, dovecot: Dovecot) -> Callable[[str], int]:
        return lambda user: len(dovecot.messages(user))


class TestScripted(Contract):
    @pytest.fixture
    def port(self, scripted_smtp: ScriptedSmtp) -> int:
        scripted_smtp.refuses("unknown@example.com", "550 5.1.1 no such user")
        scripted_smtp.refuses("later@example.com", "450 4.2.1 try again later")
        return scripted_smtp.port

    @pytest.fixture
    def delivered(self, scripted_smtp: ScriptedSmtp) -> Callable[[str], bytes]:
        return lambda user: wait_until(lambda: scripted_smtp.received, f"mail for {user}")[0].raw

    @pytest.fixture
    def taken(self, scripted_smtp: ScriptedSmtp) -> Callable[[str], int]:
        return lambda user: len(scripted_smtp.received)


def test_login_with_other_letters_than_ascii_is_taken_by_a_real_server(postfix, dovecot, user):
    server = smtp(
        postfix.submission_port,
        host="localhost",
        security="starttls",
        ca_file=postfix.ca_file,
        username=f"größe-{user}",
    )
    with open_courier(server, Dovecot.password) as courier:
        assert courier.deliver(user, [user], RAW) == Accepted()
    assert wait_until(lambda: dovecot.messages(user), "the mail")[0].endswith(BODY)


def test_submission_over_tls_from_the_first_byte(postfix, dovecot, user):
    server = smtp(
        postfix.submissions_port, host="localhost", security="tls", ca_file=postfix.ca_file, username=user
    )
    with open_courier(server, Dovecot.password) as courier:
        for _ in range(2):
            courier.be_ready()
            assert courier.deliver(user, [user], RAW) == Accepted()
    assert len(wait_until(lambda: (found := dovecot.messages(user))[1:] and found, "both mails")) == 2


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_line_ends_with_its_time_when_it_is_encrypted_too(postfix, security):
    port = postfix.submissions_port if security == "tls" else postfix.submission_port
    server = smtp(port, host="localhost", security=security, ca_file=postfix.ca_file)
    watch = Watch()
    client = connect.new_client(server, 5)
    connect.connect(client, server, watch)
    watch.cut()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(("host", "trusts"), [("localhost", False), ("127.0.0.2", True)])
def test_server_whose_certificate_is_not_trusted_gets_nothing(postfix, monkeypatch, security, host, trusts):
    port = postfix.submissions_port if security == "tls" else postfix.submission_port
    ca_file = postfix.ca_file if trusts else None
    reached = socket.getaddrinfo(HOST, port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(connect.socket, "getaddrinfo", lambda *_, **__: reached)
    server = smtp(port, host=host, security=security, ca_file=ca_file, username="me")
    with pytest.raises(ServerTrouble, match="certificate is not trusted"), open_courier(server, "secret"):
        pass


def test_address_in_other_letters_is_taken_by_a_real_server(postfix):
    with open_courier(smtp(postfix.smtp_port), None) as courier:
        assert courier.deliver("a@example.com", ["jörg@example.com"], RAW) == Accepted()


def test_submission_wants_a_login_and_gets_it_over_starttls(postfix, dovecot, user):
    server = smtp(
        postfix.submission_port, host="localhost", security="starttls", ca_file=postfix.ca_file, username=user
    )
    with open_courier(server, Dovecot.password) as courier:
        assert courier.deliver(user, [user], RAW) == Accepted()
    assert wait_until(lambda: dovecot.messages(user), "the mail")[0].endswith(BODY)
