"""Showing a token to a mail server: which mechanism, how it is said, and what a refusal is told to mean."""

import json
import time
from base64 import b64decode, b64encode
from datetime import date

import pytest

from espomail.config.schema import Imap, Smtp
from espomail.errors import LoginRefused, ServerTrouble
from espomail.intake.imap import sign_in
from espomail.outbox.smtp import open_courier
from espomail.sign_in.sasl import TokenExchange, in_words
from espomail.sign_in.token import Token
from tests.servers.conversation import Conversation
from tests.servers.ports import HOST

TOKEN = Token(text="the-token")
XOAUTH2 = "user=me@example.com\x01auth=Bearer the-token\x01\x01"
REASON = b64encode(
    json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://mail/"}).encode()
).decode()
IN_WORDS = "it is no longer good, or belongs to another account or service"


def oauthbearer(port: int) -> str:
    return f"n,a=me@example.com,\x01host={HOST}\x01port={port}\x01auth=Bearer the-token\x01\x01"


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


# --- IMAP


def signs_in(server: Conversation, token: Token = TOKEN) -> None:
    imap = Imap(
        host=HOST,
        port=server.port,
        security="none",
        username="me@example.com",
        fetch_since=date(2020, 1, 1),
        place="mailboxes.m.imap",
    )
    with sign_in(imap, token, deadline=time.monotonic() + 5):
        pass


def greeting(*capabilities: str) -> str:
    return f"* OK [CAPABILITY {' '.join(('IMAP4rev1', *capabilities))}] ready"


BYE = "* BYE\r\n{tag} OK bye"


def test_imap_server_is_shown_the_token_with_the_command_where_it_takes_that():
    with Conversation(greeting("SASL-IR", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER"), "{tag} OK in", BYE) as server:
        signs_in(server)
    assert server.heard[0].split()[1:] == ["AUTHENTICATE", "OAUTHBEARER", coded(oauthbearer(server.port))]


def test_imap_server_is_shown_the_token_when_it_asks():
    with Conversation(greeting("AUTH=XOAUTH2"), "+ ", "{tag} OK in", BYE) as server:
        signs_in(server)
    assert server.heard[0].split()[1:] == ["AUTHENTICATE", "XOAUTH2"]
    assert server.heard[1] == coded(XOAUTH2)


def test_token_that_is_too_long_for_a_command_line_is_shown_when_the_server_asks():
    token = Token(text="t" * 9000)
    with Conversation(greeting("SASL-IR", "AUTH=XOAUTH2"), "+ ", "{tag} OK in", BYE) as server:
        signs_in(server, token)
    assert server.heard[0].split()[1:] == ["AUTHENTICATE", "XOAUTH2"]
    assert b"Bearer " + token.text.encode() in b64decode(server.heard[1])


@pytest.mark.parametrize(("mechanism", "end"), [("XOAUTH2", ""), ("OAUTHBEARER", "AQ==")])
def test_imap_server_s_reason_is_answered_and_told_in_words(mechanism: str, end: str):
    refusal = "{tag} NO [AUTHENTICATIONFAILED] no the-token"
    offer = greeting("SASL-IR", f"AUTH={mechanism}")
    with (
        Conversation(offer, f"+ {REASON}", refusal, BYE) as server,
        pytest.raises(LoginRefused) as refused,
    ):
        signs_in(server)
    assert server.heard[1] == end
    assert server.heard[2].endswith("LOGOUT")
    assert str(refused.value) == (
        f"{HOST}: login of me@example.com refused: the token: {IN_WORDS} (status 400; it wants the scope "
        "https://mail/): [AUTHENTICATIONFAILED] no ********"
    )


def test_imap_server_that_gives_one_reason_after_the_other_is_left():
    offer = greeting("SASL-IR", "AUTH=XOAUTH2")
    with (
        Conversation(offer, f"+ {REASON}", f"+ {REASON}", "{tag} BAD broken off", BYE) as server,
        pytest.raises(ServerTrouble, match="broken off"),
    ):
        signs_in(server)
    assert server.heard[1:3] == ["", "*"]


def test_imap_server_in_trouble_of_its_own_is_a_passing_trouble():
    offer = greeting("SASL-IR", "AUTH=XOAUTH2")
    renewed: list[str] = []

    def newer() -> None:
        renewed.append("asked")

    with (
        Conversation(offer, "{tag} NO [UNAVAILABLE] cannot check tokens", BYE) as server,
        pytest.raises(ServerTrouble, match="no sign-in for now") as trouble,
    ):
        signs_in(server, Token(text="t", newer=newer))
    assert trouble.value.is_temporary
    assert renewed == []


def test_imap_server_that_hangs_up_is_a_passing_trouble():
    with (
        Conversation(greeting("SASL-IR", "AUTH=XOAUTH2"), "* BYE not today") as server,
        pytest.raises(ServerTrouble) as trouble,
    ):
        signs_in(server)
    assert trouble.value.is_temporary


def test_token_that_has_aged_is_renewed_and_shown_on_the_same_connection():
    offer = greeting("SASL-IR", "AUTH=XOAUTH2")
    aged = Token(text="aged", newer=lambda: TOKEN)
    with Conversation(offer, "{tag} NO too old", "{tag} OK in", BYE) as server:
        signs_in(server, aged)
    assert server.heard[1].endswith(coded(XOAUTH2))


@pytest.mark.parametrize("offered", [(), ("AUTH=PLAIN", "AUTH=LOGIN")])
def test_imap_server_that_takes_no_tokens_is_shown_none(offered: tuple[str, ...]):
    with (
        Conversation(greeting("SASL-IR", *offered), BYE) as server,
        pytest.raises(LoginRefused, match="takes no tokens"),
    ):
        signs_in(server)
    assert [line.split()[1] for line in server.heard] == ["LOGOUT"]


# --- SMTP


def delivers(server: Conversation, secret: Token | str = TOKEN) -> None:
    smtp = Smtp(
        host=HOST, port=server.port, security="none", username="me@example.com", place="mailboxes.m.smtp"
    )
    with open_courier(smtp, secret, timeout_s=5):
        pass


def ehlo(offered: str) -> tuple[str, str]:
    return "220 scripted ESMTP", f"250-scripted\r\n250 AUTH {offered}"


@pytest.mark.parametrize(
    ("offered", "chosen"), [("PLAIN XOAUTH2 OAUTHBEARER", "OAUTHBEARER"), ("LOGIN XOAUTH2", "XOAUTH2")]
)
def test_smtp_server_is_shown_the_token(offered: str, chosen: str):
    with Conversation(*ehlo(offered), "235 in", "221 bye") as server:
        delivers(server)
    message = XOAUTH2 if chosen == "XOAUTH2" else oauthbearer(server.port)
    assert server.heard[1] == f"AUTH {chosen} {coded(message)}"


@pytest.mark.parametrize(("mechanism", "end"), [("XOAUTH2", ""), ("OAUTHBEARER", "AQ==")])
def test_smtp_server_s_reason_is_answered_and_told_in_words(mechanism: str, end: str):
    with (
        Conversation(*ehlo(mechanism), f"334 {REASON}", "535 5.7.8 no the-token", "221 bye") as server,
        pytest.raises(LoginRefused, match=r"the token: it is no longer good.*\(status 400.*535 5.7.8 no \*+"),
    ):
        delivers(server)
    assert server.heard[2] == end


def test_smtp_server_that_gives_one_reason_after_the_other_is_left():
    reason = f"334 {REASON}"
    with (
        Conversation(*ehlo("XOAUTH2"), reason, reason, "501 broken off", "221 bye") as server,
        pytest.raises(LoginRefused, match="501 broken off"),
    ):
        delivers(server)
    assert server.heard[2:4] == ["", "*"]


def test_long_token_is_shown_when_the_smtp_server_asks():
    token = Token(text="t" * 10_000)
    with Conversation(*ehlo("XOAUTH2"), "334 ", "235 in", "221 bye") as server:
        delivers(server, token)
    assert server.heard[1] == "AUTH XOAUTH2"
    assert b"Bearer " + token.text.encode() in b64decode(server.heard[2])


@pytest.mark.parametrize("code", ["454 4.7.0 later", "nonsense"])
def test_smtp_server_in_trouble_of_its_own_is_a_passing_trouble(code: str):
    with (
        Conversation(*ehlo("XOAUTH2"), code, "221 bye") as server,
        pytest.raises(ServerTrouble) as trouble,
    ):
        delivers(server)
    assert trouble.value.is_temporary


def test_token_that_has_aged_is_renewed_and_shown_to_the_same_smtp_server():
    aged = Token(text="aged", newer=lambda: TOKEN)
    with Conversation(*ehlo("XOAUTH2"), "535 too old", "235 in", "221 bye") as server:
        delivers(server, aged)
    assert server.heard[2] == f"AUTH XOAUTH2 {coded(XOAUTH2)}"


@pytest.mark.parametrize(
    ("offered", "secret", "said"),
    [
        ("PLAIN LOGIN", TOKEN, "takes no tokens: the server offers PLAIN, LOGIN"),
        ("XOAUTH2", "a-password", "takes tokens, and no password: set oauth2"),
        ("LOGIN", "größe", "letters that only PLAIN can carry"),
    ],
)
def test_smtp_server_that_does_not_take_what_we_have_is_shown_nothing(
    offered: str, secret: Token | str, said: str
):
    with Conversation(*ehlo(offered), "221 bye") as server, pytest.raises(LoginRefused, match=said):
        delivers(server, secret)
    assert not any(line.startswith("AUTH") for line in server.heard)


def test_login_takes_the_password_where_plain_is_not_offered():
    with Conversation(*ehlo("LOGIN"), f"334 {coded('Password:')}", "235 in", "221 bye") as server:
        delivers(server, "secret")
    assert server.heard[1:3] == [f"AUTH LOGIN {coded('me@example.com')}", coded("secret")]


# --- what is said


def test_letters_that_have_a_meaning_in_oauthbearer_are_written_otherwise():
    server = Smtp(host="h", port=1, username="a=b,c", place="mailboxes.m.smtp")
    assert TokenExchange("OAUTHBEARER", server, TOKEN).first.startswith(b"n,a=a=3Db=2Cc,\x01")


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        (b'{"status": "invalid_token"}', f"{IN_WORDS} (status invalid_token)"),
        (
            b'{"status": "insufficient_scope", "scope": "mail"}',
            "scopes are too few (status insufficient_scope; ",
        ),
        (b'{"status": "503"}', "the server cannot check it for now (status 503)"),
        (b'{"status": 401}', f"{IN_WORDS} (status 401)"),
        (b'{"status": "odd"}', "status odd"),
        (b'{"other": 1}', '{"other": 1}'),
        (b"\x1b[31mnot JSON\xff", "[31mnot JSON\ufffd"),
        (b'{"status": "401", "scope": "f\xfcr"}', f"{IN_WORDS} (status 401; it wants the scope f\ufffdr)"),
        (b'{"status":' + b"[" * 3000, '{"status":[['),
        (b"[1]", "[1]"),
        (b"", ""),
    ],
)
def test_reason_is_told_in_words_whatever_it_is(challenge: bytes, said: str):
    told = in_words(challenge)
    assert said in told
    assert told.isprintable()


def test_token_does_not_show_itself():
    assert "the-token" not in repr(TOKEN) + str(TOKEN)
