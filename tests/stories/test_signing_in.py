"""Signing in with tokens: allowed once by a person, renewed by the runs, shown to real servers."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from tests.office import mail
from tests.servers.espomail import Ended, Espomail
from tests.servers.ports import HOST, wait_until
from tests.servers.postfix import Postfix
from tests.servers.token_dovecot import TokenDovecot
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, SILENCE, TokenServer

CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
teams: {{support: {{}}}}
users: {{anna: {{emails: [anna@example.com], teams: [support]}}}}
mailboxes:
  support:
    kind: group
    address: {address}
    imap:
      host: {host}
      port: {imap_port}
      security: none
      fetch_since: 2026-01-01
      oauth2: &tokens
        client_id: {client_id}
        client_secret: {client_secret}
        scopes: [mail, offline_access]
        token_url: {provider}/token
        device_url: {provider}/device
        authorization_url: {provider}/authorize
    smtp:
      host: localhost
      port: {submission_port}
      security: starttls
      ca_file: {ca_file}
      oauth2: *tokens
    teams: [support]
    case: {{create: true}}
    auto_reply: {{template: case-received}}
"""


class Office:
    """A support mailbox whose servers take tokens."""

    def __init__(
        self, espomail: Espomail, provider: TokenServer, dovecot: TokenDovecot, postfix: Postfix, address: str
    ) -> None:
        self.espomail = espomail
        self.provider = provider
        self.dovecot = dovecot
        self.address = address
        self.tokens = espomail.folder / "tokens" / "support.json"
        self.config = CONFIG.format(
            address=address,
            host=HOST,
            imap_port=dovecot.imap_port,
            submission_port=postfix.submission_port,
            ca_file=postfix.ca_file,
            provider=provider.url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )
        espomail.configure(self.config)

    def authorize(self, *more: str) -> Any:
        """Somebody allows it, and types a code in."""
        ended = self.espomail.run("mailbox", "authorize", "support", "--json", *more)
        assert ended.exit_code == 0, ended
        return json.loads(ended.stdout)

    def fetch(self) -> dict[str, Any]:
        """What `fetch` tells of the mailbox, which it tries at once by its name."""
        ended = self.espomail.run("fetch", "support", "--json")
        (told,) = json.loads(ended.stdout)["mailboxes"]
        assert ended.exit_code == (0 if told["ok"] else 1), ended
        return dict(told)

    def kept(self) -> dict[str, Any]:
        """What is in the token file."""
        return dict(json.loads(self.tokens.read_text()))

    def keep(self, **changes: object) -> None:
        """Change what is in the token file."""
        self.tokens.write_text(json.dumps({**self.kept(), **changes}))

    def age(self, by: timedelta, *, life: timedelta = timedelta(hours=1)) -> None:
        """Let the access token be so much older than it is."""
        then = datetime.now(UTC) - by
        self.keep(obtained_at=then.isoformat(), expires_at=(then + life).isoformat())


@pytest.fixture(scope="module")
def running_provider() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture(scope="module")
def token_dovecot(root: None, running_provider: TokenServer) -> Iterator[TokenDovecot]:
    with TokenDovecot(running_provider) as server:
        yield server


@pytest.fixture(scope="module")
def token_postfix(token_dovecot: TokenDovecot) -> Iterator[Postfix]:
    with Postfix(token_dovecot) as server:
        yield server


@pytest.fixture
def office(
    espomail: Espomail,
    running_provider: TokenServer,
    token_dovecot: TokenDovecot,
    token_postfix: Postfix,
    user: str,
) -> Office:
    running_provider.begin_anew(user)
    return Office(espomail, running_provider, token_dovecot, token_postfix, user)


# --- allowing it


class Asking:
    """`mailbox authorize`, while it waits for somebody."""

    def __init__(self, office: Office, *more: str, through: tuple[str, ...] = ()) -> None:
        words = ("mailbox", "authorize", "support", "--json", *more)
        pipe = subprocess.PIPE
        self.process = office.espomail.start(*words, through=through, stdin=pipe, stdout=pipe, stderr=pipe)
        self.url = str(json.loads(self.line())["open"]["url"])

    def line(self) -> str:
        """The next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode()

    def paste(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def ended(self) -> Ended:
        stdout, stderr = self.process.communicate(timeout=30)
        return Ended(self.process.returncode, stdout.decode(), stderr.decode())


class _Stays(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def visit(url: str) -> str:
    """The page that a browser on this machine shows in the end."""
    with build_opener().open(url, timeout=30) as page:
        return str(page.read().decode())


def address_afterwards(url: str) -> str:
    """Where a browser is sent, that runs on another machine and cannot go there."""
    with pytest.raises(HTTPError) as answer:
        build_opener(_Stays).open(url, timeout=30)
    answer.value.close()
    return str(answer.value.headers["Location"])


def test_code_that_is_typed_in_elsewhere_lets_mail_in_and_answers_out(office: Office):
    told = office.authorize()
    assert told == {
        "mailbox": "support",
        "account": office.address,
        "scopes": ["mail", "offline_access"],
        "until": None,
        "file": str(office.tokens),
    }
    assert (office.tokens.stat().st_mode & 0o777, office.tokens.parent.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )
    customer = f"carl-{office.address.split('@')[0]}@customer.example"
    office.dovecot.deliver(office.address, mail("Printer", sender=customer))
    assert office.fetch()["cases_created"] == 1
    wait_until(lambda: office.dovecot.messages(customer), "the answer")


def test_person_is_told_what_to_do_in_words(office: Office):
    ended = office.espomail.run("mailbox", "authorize", "support")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert f"\n  {office.provider.url}/type-it-in\n" in ended.stderr
    assert "Type this code in there: ABCD-EFGH\n" in ended.stderr


def test_browser_on_this_machine_comes_back_with_the_answer(office: Office):
    asking = Asking(office, "--way", "browser")
    assert "You can close this page" in visit(asking.url)
    assert asking.ended().exit_code == 0
    assert office.fetch()["ok"] is True


@pytest.mark.parametrize("stdin", ["<&-", "</dev/null"])
def test_browser_comes_back_though_nobody_can_type_anything(office: Office, stdin: str):
    asking = Asking(office, "--way", "browser", through=("sh", "-c", f'exec "$0" "$@" {stdin}'))
    visit(asking.url)
    assert asking.ended().exit_code == 0


def test_address_that_a_browser_elsewhere_cannot_open_is_pasted(office: Office):
    asking = Asking(office, "--way", "browser")
    asking.paste("https://login.example.com/?state=of-another&code=x")
    assert "not the address" in asking.line()
    asking.paste(address_afterwards(asking.url))
    assert asking.ended().exit_code == 0
    assert office.fetch()["ok"] is True


def test_answer_to_another_question_is_not_taken(office: Office):
    asking = Asking(office, "--way", "browser")
    back = urlsplit(address_afterwards(asking.url))
    for path in ("/?state=guessed&code=x", "/favicon.ico", "/?state=guessed&error=access_denied"):
        with pytest.raises(HTTPError, match="400") as refused:
            visit(f"http://{back.netloc}{path}")
        refused.value.close()
    assert asking.process.poll() is None
    visit(back.geturl())
    assert asking.ended().exit_code == 0


@pytest.mark.parametrize("way", ["device", "browser"])
def test_refusal_of_the_person_is_told_and_nothing_is_kept(office: Office, way: str):
    office.provider.is_allowed = False
    asking = Asking(office, "--way", way)
    if way == "browser":
        visit(asking.url)
    ended = asking.ended()
    assert (ended.exit_code, ended.stdout) == (77, "")
    assert "not allowed: " in json.loads(ended.stderr)["error"]["message"]
    assert "the user said no" in ended.stderr
    assert not office.tokens.exists()


@pytest.mark.parametrize("way", ["device", "browser"])
def test_waiting_ends_with_ctrl_c_and_leaves_nothing_behind(office: Office, way: str):
    office.provider.is_allowed = None
    asking = Asking(office, "--way", way)
    if way == "device":
        wait_until(lambda: office.provider.asked[-1][0] == "/token", "the first question")
    else:
        office.provider.is_allowed = False
        back = urlsplit(address_afterwards(asking.url))
        with pytest.raises(HTTPError, match="400") as refused:
            visit(f"http://{back.netloc}/")
        refused.value.close()
    asking.process.send_signal(signal.SIGINT)
    assert asking.ended() == Ended(130, "", "")
    assert [file.name for file in office.tokens.parent.iterdir()] == [".support.json.lock"]


def test_waiting_outlasts_troubles_of_the_token_server(office: Office):
    office.provider.is_allowed = None
    office.provider.answers("/token", (503, b"<h1>later</h1>"))
    asking = Asking(office)
    wait_until(lambda: [path for path, _ in office.provider.asked].count("/token") > 1, "a second question")
    office.provider.is_allowed = True
    assert asking.ended().exit_code == 0


def test_what_is_wrong_is_told_before_anybody_is_asked(office: Office):
    for old, new, code, said in (
        ("client_secret: c", "client_secret: wrong-c", 78, "check client_id and client_secret"),
        ("[mail, offline_access]", "[mail]", 78, "check scopes"),
        ("/device", "/nowhere", 69, "answers 404"),
    ):
        office.espomail.configure(office.config.replace(old, new))
        ended = office.espomail.run("mailbox", "authorize", "support")
        assert ended.exit_code == code
        assert said in ended.stderr
    office.espomail.configure(office.config)
    assert office.espomail.run("mailbox", "authorize", "nobody").exit_code == 66


def test_provider_that_gives_no_refresh_token_is_told(office: Office):
    office.provider.answers("/token", (200, {"access_token": "a", "expires_in": 3600}))
    ended = office.espomail.run("mailbox", "authorize", "support")
    assert ended.exit_code == 69
    assert "gives no refresh token" in ended.stderr
    assert not office.tokens.exists()


# --- renewing it


def test_each_renewal_brings_a_new_refresh_token_which_is_kept(office: Office):
    office.authorize()
    for number in (1, 2, 3):
        before = office.kept()
        office.age(timedelta(minutes=56))
        assert office.fetch()["ok"] is True
        assert office.provider.renewals() == number
        assert office.kept()["refresh_token"] != before["refresh_token"]
    assert office.tokens.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in office.tokens.parent.iterdir()) == [
        ".support.json.lock",
        "support.json",
    ]


def test_token_that_is_good_for_long_is_not_renewed(office: Office):
    office.authorize()
    office.age(timedelta(minutes=54))
    assert office.fetch()["ok"] is True
    assert office.provider.renewals() == 0


def test_runs_at_the_same_time_renew_once(office: Office):
    office.authorize()
    office.age(timedelta(hours=2))
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: office.espomail.run("mailbox", "folders", "support"), range(4)))
    assert [one.exit_code for one in ended] == [0, 0, 0, 0]
    assert office.provider.renewals() == 1


def test_imap_and_smtp_with_logins_of_their_own_are_allowed_one_by_one(office: Office):
    office.espomail.configure(
        office.config.replace("oauth2: *tokens", "oauth2: *tokens\n      username: other")
    )
    office.authorize()
    assert office.authorize("--server", "smtp")["account"] == "other"
    assert {file.name for file in office.tokens.parent.glob("*.json")} == {
        "support.json",
        "support.smtp.json",
    }


def test_token_server_in_trouble_goes_unnoticed_while_the_token_is_good(office: Office):
    office.authorize()
    office.age(timedelta(minutes=57))
    office.provider.answers("/token", (503, {"error": "temporarily_unavailable"}))
    assert office.fetch()["ok"] is True
    assert office.provider.renewals() == 1


def test_token_server_in_trouble_is_told_and_the_next_run_tries_again(office: Office):
    office.authorize()
    office.age(timedelta(hours=2))
    office.provider.answers("/token", (503, b"<h1>later</h1>"))
    told = office.fetch()
    assert told["error"] == f"{HOST}: the token server answers 503"
    assert office.fetch()["ok"] is True


def test_token_server_that_says_nothing_is_given_up_in_time(office: Office):
    office.authorize()
    office.age(timedelta(hours=2))
    office.provider.answers("/token", SILENCE)
    began = time.monotonic()
    assert "does not answer in time" in office.fetch()["error"]
    assert time.monotonic() - began < 20


def test_token_that_the_mail_server_refuses_before_its_end_is_renewed_at_once(office: Office):
    office.authorize()
    office.provider.expire()
    assert "the token: " in office.fetch()["error"]  # it is quite new, so that its age cannot be why
    assert office.provider.renewals() == 0
    office.age(timedelta(minutes=20))
    assert office.fetch()["ok"] is True
    assert office.provider.renewals() == 1


def test_aged_token_that_cannot_be_renewed_is_shown_once(office: Office):
    office.authorize()
    office.provider.expire()
    office.age(timedelta(minutes=20))
    office.provider.answers("/token", *[(503, {})] * 9)
    office.provider.asked.clear()
    assert "the token: " in office.fetch()["error"]
    assert [path for path, _ in office.provider.asked] == ["/introspect", "/token"]


def test_what_was_withdrawn_is_told_once_and_asked_for_no_more_until_somebody_allows_it_again(office: Office):
    office.authorize()
    office.age(timedelta(hours=2))
    office.provider.revoke()
    first = office.espomail.run("fetch", "support")
    assert first.exit_code == 1
    assert first.stderr.endswith("somebody has to allow it again; type: espomail mailbox authorize support\n")
    assert "invalid_grant Token has been expired or revoked: ********" in first.stderr
    assert office.espomail.run("fetch", "support") == Ended(1, "", "")
    assert office.provider.renewals() == 1
    ended = office.espomail.run("mailbox", "test", "support", "--json")
    assert ended.exit_code == 77
    found = {one["what"]: one for one in json.loads(ended.stdout)}
    assert found["IMAP secret"]["advice"] == "type: espomail mailbox authorize support"
    assert office.provider.renewals() > 1
    office.authorize()
    again = office.espomail.run("fetch", "support")
    assert (again.exit_code, again.stderr) == (0, "mailbox support: works again\n")


def test_refusal_is_asked_about_again_the_next_day(office: Office):
    office.authorize()
    office.age(timedelta(hours=2))
    office.provider.answers("/token", (400, {"error": "invalid_grant"}))
    assert office.fetch()["ok"] is False
    office.keep(refused_at=(datetime.now(UTC) - timedelta(hours=13)).isoformat())
    assert office.fetch()["ok"] is True


def test_tokens_that_cannot_be_kept_are_not_asked_for(office: Office):
    """A refresh token is good once: without room for the next one, that would be lost."""
    office.authorize()
    office.age(timedelta(hours=2))
    (office.tokens.parent / ".support.json.new").mkdir()
    assert "support.json cannot be written: Is a directory" in office.fetch()["error"]
    assert office.provider.renewals() == 0


def test_mailbox_that_nobody_has_allowed_yet_says_what_to_type(office: Office):
    told = office.fetch()["error"]
    assert told.endswith("nobody has allowed it yet; type: espomail mailbox authorize support")
    ended = office.espomail.run("mailbox", "test", "support")
    assert ended.exit_code == 78
    assert "authorize support" in ended.stdout


def test_check_of_the_configuration_tells_once_what_nobody_has_allowed_yet(office: Office):
    allowed = "nobody has allowed it yet; type: espomail mailbox authorize support"
    warning = f"espomail: warning: mailboxes.support.imap.oauth2: {allowed}\n"
    assert office.espomail.run("config", "check") == Ended(0, "", warning)
    office.authorize()
    assert office.espomail.run("config", "check") == Ended(0, "", "")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda file: file.chmod(0o640), "is open to others (mode 0640); type: chmod 600"),
        (lambda file: file.write_text('{"refresh_token": "r'), "is not what espomail has written"),
    ],
    ids=["readable", "broken"],
)
def test_token_file_that_is_not_as_it_was_written_is_told(office: Office, spoil: Any, said: str):
    office.authorize()
    spoil(office.tokens)
    assert said in office.fetch()["error"]


def test_tokens_of_another_provider_are_not_used(office: Office):
    office.authorize()
    office.espomail.configure(office.config.replace("client_id: e", "client_id: another-e"))
    assert "another client's; type: espomail mailbox authorize support" in office.fetch()["error"]


# --- a token helper


def with_helper(office: Office, prints: object) -> None:
    """Have the mailbox's tokens printed by a program."""
    before, _, after = office.config.partition("      oauth2: &tokens")
    rest = after.partition("    smtp:")[2].partition("    teams:")[2]
    helper = office.espomail.folder / "helper"
    helper.write_text(f"#!/bin/sh\necho '{prints}'\n")
    helper.chmod(0o700)
    office.espomail.configure(f"{before}      token_command: [./helper]\n    teams:{rest}".replace(REPLY, ""))


REPLY = "    auto_reply: {template: case-received}\n"


def test_token_of_a_helper_opens_the_mailbox(office: Office):
    token = office.provider.tokens()["access_token"]
    with_helper(office, token)
    assert office.fetch()["ok"] is True
    ended = office.espomail.run("mailbox", "test", "support", "--json")
    found = {one["what"]: one for one in json.loads(ended.stdout)}
    assert found["IMAP login"]["said"] == f"signed in as {office.address} with OAUTHBEARER"
    office.provider.expire()
    refused = office.fetch()["error"]
    assert "the token: " in refused
    assert str(token) not in refused


def test_helper_that_prints_no_token_is_told(office: Office):
    with_helper(office, "no such account")
    assert office.fetch()["error"].endswith("imap.token_command: what it printed is no access token")


# --- what is told


def test_checks_tell_the_method_and_how_long_it_is_allowed(office: Office):
    office.provider.extra["refresh_token_expires_in"] = 40 * 86_400
    assert office.authorize()["until"] is not None
    ended = office.espomail.run("mailbox", "test", "support", "--json")
    found = {one["what"]: one for one in json.loads(ended.stdout)}
    for protocol in ("IMAP", "SMTP"):
        said = found[f"{protocol} login"]["said"]
        assert said.startswith(
            f"signed in as {office.address} with OAUTHBEARER; the token is good for 59 more"
        )
        assert f"allowed on {datetime.now(UTC).date()} for 39 more days" in said
    office.keep(authorized_until=(datetime.now(UTC) + timedelta(days=3)).isoformat())
    ended = office.espomail.run("doctor", "--json")
    (one,) = [one for one in json.loads(ended.stdout) if one["what"] == "IMAP login"]
    assert (one["level"], one["advice"]) == (
        "warning",
        "type: espomail mailbox authorize support before that day",
    )


def test_no_command_shows_a_token_or_a_secret(office: Office):
    commands = (
        ("mailbox", "authorize", "support", "-vv"),
        ("fetch", "-vv"),
        ("mailbox", "test", "support", "-vv"),
        ("mailbox", "show", "support", "--json"),
        ("config", "show"),
        ("config", "check"),
        ("doctor", "-vv"),
    )
    said = [office.espomail.run(*command) for command in commands]
    office.provider.expire()
    office.age(timedelta(hours=2))
    office.provider.answers("/token", (400, {"error": "invalid_grant", "error_description": CLIENT_SECRET}))
    said += [office.espomail.run("fetch", "-vv"), office.espomail.run("mailbox", "test", "support", "-vv")]
    given = office.provider.given()
    assert len(given) > 4
    for ended in said:
        for secret in given:
            assert secret not in ended.stdout + ended.stderr
