"""Finding the configuration, and what it says once it is read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from espomail.config.load import Loaded, find, load
from espomail.config.schema import Config, MoveTo, NewAfter
from espomail.errors import WrongConfiguration
from espomail.store.connection import close_database, open_database

MINIMAL = """\
users:
  anna: {emails: [Anna@Example.com, anna@example.org]}
mailboxes:
  support:
    kind: group
    address: Support@Example.com
    imap: {host: imap.example.com, fetch_since: 2026-11-01, password: secret}
  anna:
    kind: personal
    user: anna
    imap: {host: imap.example.com, fetch_since: 2026-11-01, password: secret}
"""
SINCE = "mailboxes.support.imap.fetch_since"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def loaded(folder: Path, text: str) -> Loaded:
    return load(written(folder, text))


def support(*more: str, imap: str = "password: secret", top: str = "") -> str:
    """A configuration with one group mailbox; `more` are lines of the mailbox, `top` begins the file."""
    return (
        f"{top}mailboxes:\n  support:\n    kind: group\n    address: support@example.com\n"
        f"    imap: {{host: imap.example.com, fetch_since: 2026-11-01, {imap}}}\n"
        + "".join(f"    {line}\n" for line in more)
    )


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL).config
    support = config.mailboxes["support"]
    assert (support.key, support.address, support.imap.username) == ("support", *["support@example.com"] * 2)
    assert (support.imap.port, support.imap.security, support.imap.folders) == (993, "tls", ("INBOX",))
    assert (support.imap.portion, support.imap.max_size, support.imap.after_import) == (
        500,
        25 * 1024**2,
        "keep",
    )
    assert (support.case.create, support.case.distribution, support.case.join) == (False, "none", "thread")
    assert support.imap.place == "mailboxes.support.imap"
    assert config.quiet_after == timedelta(days=2)
    assert (config.auto_reply_limits.per_address.most, config.auto_reply_limits.total.most) == (5, 500)
    assert config.mailboxes["anna"].address == "anna@example.com"
    anna = config.users["anna"]
    assert (anna.key, anna.name, anna.login) == ("anna", "anna", "anna")
    assert anna.emails == ("anna@example.com", "anna@example.org")


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    config = loaded(tmp_path, support(imap="password_file: secrets/support, ca_file: /etc/ca.pem")).config
    assert config.database_file == tmp_path / "espomail.db"
    assert config.database == f"sqlite:///{tmp_path}/espomail.db"
    assert config.templates == tmp_path / "templates"
    assert config.secret_key_file == tmp_path / "secret.key"
    assert config.mailboxes["support"].imap.password_file == tmp_path / "secrets/support"
    assert config.mailboxes["support"].imap.ca_file == Path("/etc/ca.pem")


def test_absolute_database_stays_where_it_is(tmp_path: Path) -> None:
    config = loaded(tmp_path, support(top="database: sqlite:////var/lib/espomail/mail.db\n")).config
    assert config.database_file == Path("/var/lib/espomail/mail.db")


def test_program_with_a_relative_path_starts_at_the_folder_and_one_without_on_the_path(
    tmp_path: Path,
) -> None:
    by_path = loaded(tmp_path, support(imap="password_command: [./secret, support]")).config
    assert by_path.mailboxes["support"].imap.password_command == (f"{tmp_path}/secret", "support")
    by_name = loaded(tmp_path, support(imap="password_command: [pass, show, a/b]")).config
    assert by_name.mailboxes["support"].imap.password_command == ("pass", "show", "a/b")


@pytest.mark.parametrize(
    ("security", "imap_port", "smtp_port"), [("tls", 993, 465), ("starttls", 143, 587), ("none", 143, 25)]
)
def test_ports_follow_the_security(tmp_path: Path, security: str, imap_port: int, smtp_port: int) -> None:
    text = support(
        f"smtp: {{host: localhost, security: {security}}}", imap=f"password: secret, security: {security}"
    )
    mailbox = loaded(tmp_path, text).config.mailboxes["support"]
    assert mailbox.smtp is not None
    assert (mailbox.imap.port, mailbox.smtp.port) == (imap_port, smtp_port)


def test_smtp_without_a_password_is_not_signed_in_to(tmp_path: Path) -> None:
    text = support("smtp: {host: localhost}")
    smtp = loaded(tmp_path, text).config.mailboxes["support"].smtp
    assert smtp is not None
    assert smtp.username is None
    with_password = loaded(tmp_path, support("smtp: {host: localhost, password: x}")).config
    smtp = with_password.mailboxes["support"].smtp
    assert smtp is not None
    assert smtp.username == "support@example.com"


def test_no_is_a_level_of_access_and_a_section_may_be_empty(tmp_path: Path) -> None:
    roles = "roles:\n  agent: {group_mailbox: no, email: {read: no, edit: own, create: no}}\n  idle:\n"
    config = loaded(tmp_path, f"{MINIMAL}{roles}filters:\n").config
    agent = config.roles["agent"]
    assert (agent.group_mailbox, agent.email.read, agent.email.edit) == ("no", "no", "own")
    assert agent.email.create is False
    assert config.roles["idle"].email.read == "no"
    assert config.filters == ()


def test_null_is_the_same_as_left_out(tmp_path: Path) -> None:
    text = support("group_folder: null", "case:", "teams:", imap="password: x, ca_file: null, portion: null")
    mailbox = loaded(tmp_path, text).config.mailboxes["support"]
    assert (mailbox.imap.portion, mailbox.group_folder) == (500, None)
    assert (mailbox.case.create, mailbox.teams) == (False, ())


def test_least_busy_is_less_busy_and_the_only_team_gets_the_cases(tmp_path: Path) -> None:
    text = support(
        "teams: [support]",
        "case: {create: true, distribution: least-busy}",
        top="teams: {support: }\nusers: {anna: {teams: [support]}}\n",
    )
    case = loaded(tmp_path, text).config.mailboxes["support"].case
    assert (case.distribution, case.team) == ("less-busy", "support")


def test_actions_with_a_value_are_read(tmp_path: Path) -> None:
    text = support(
        "case: {reply_to_closed: {new_after: 30d}, storm: 3 in 10m}",
        imap="password: x, after_import: {move: Archive}, max_size: 1024",
    )
    mailbox = loaded(tmp_path, text).config.mailboxes["support"]
    assert mailbox.imap.after_import == MoveTo(move="Archive")
    assert mailbox.imap.max_size == 1024
    assert isinstance(mailbox.case.reply_to_closed, NewAfter)
    assert mailbox.case.reply_to_closed.new_after == timedelta(days=30)
    assert (mailbox.case.storm.most, mailbox.case.storm.window) == (3, timedelta(minutes=10))


def test_teams_of_a_user_are_a_list_or_name_positions(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "users:\n", "teams: {a: , b: }\nusers:\n  bob: {teams: {a: Agent, b: }}\n  eve: {teams: [b]}\n"
    )
    config = loaded(tmp_path, text).config
    assert config.users["bob"].positions == {"a": "Agent", "b": None}
    assert config.users["eve"].positions == {"b": None}


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = """\
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: &imap {host: a.example.com, fetch_since: 2026-11-01, password: secret}
  sales:
    kind: group
    address: sales@example.com
    imap: {<<: *imap, host: b.example.com}
"""
    config = loaded(tmp_path, text).config
    assert [mailbox.imap.host for mailbox in config.mailboxes.values()] == ["a.example.com", "b.example.com"]


def test_addresses_in_other_scripts_are_addresses(tmp_path: Path) -> None:
    text = MINIMAL.replace("anna@example.org", "анна@пример.рф")
    assert "анна@пример.рф" in loaded(tmp_path, text).config.users["anna"].emails


def test_missing_template_is_refused_and_a_file_of_its_name_will_do(tmp_path: Path) -> None:
    text = support("smtp: {host: localhost}", "auto_reply: {template: welcome}")
    with pytest.raises(
        WrongConfiguration, match=r"config\.yaml:7: .*auto_reply\.template: there is no .*/templates/welcome"
    ):
        load(written(tmp_path, text))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "welcome.txt.j2").touch()
    auto_reply = loaded(tmp_path, text).config.mailboxes["support"].auto_reply
    assert auto_reply is not None
    assert auto_reply.from_address == "support@example.com"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_private_file_is_read(tmp_path: Path, mode: int) -> None:
    assert isinstance(load(written(tmp_path, MINIMAL, mode)).config, Config)


@pytest.mark.parametrize(
    ("mode", "exposed"),
    [
        (0o644, "readable by everybody"),
        (0o660, "writable by others than its owner"),
        (0o602, "writable by others than its owner"),
        (0o666, "readable by everybody and writable by others than its owner"),
    ],
)
def test_exposed_file_is_refused_together_with_its_other_faults(
    tmp_path: Path, mode: int, exposed: str
) -> None:
    path = written(tmp_path, "timezone: Mars/Olympus\n" + MINIMAL, mode)
    with pytest.raises(WrongConfiguration) as refused:
        load(path)
    _, told, other = str(refused.value).splitlines()
    assert told == f"config.yaml:1: is {exposed} (mode {mode:04o}); type: chmod g-w,o= {path}"
    assert "timezone" in other


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("teams:\n  support: {}\n" + MINIMAL, "config.yaml:2: teams.support: no active user belongs to it"),
        (
            "filters:\n  - {name: a, action: skip}\n" + MINIMAL,
            "config.yaml:2: filters[0]: has no field to match, so it never acts",
        ),
        (
            support(imap="password: x, security: none"),
            "config.yaml:5: mailboxes.support.imap.security: password and mail travel in clear text",
        ),
        (
            support().replace("2026-11-01", "9999-01-01"),
            f"config.yaml:5: {SINCE}: is a day to come: no mail before it is ever read",
        ),
    ],
)
def test_odd_configuration_is_read_with_a_warning(tmp_path: Path, text: str, warning: str) -> None:
    assert loaded(tmp_path, text).warnings == (warning,)


def test_default_database_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "what? & more#100%"
    folder.mkdir()
    config = loaded(folder, MINIMAL).config
    open_database(config.database, now=datetime.now(UTC))
    close_database()
    assert (folder / "espomail.db").is_file()


def test_secret_stands_in_no_repr(tmp_path: Path) -> None:
    assert "secret'" not in repr(loaded(tmp_path, MINIMAL))


def test_folder_and_unreadable_file_are_refused_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(WrongConfiguration, match="is a folder"):
        load(tmp_path)
    with pytest.raises(WrongConfiguration, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_what_is_no_file_of_a_sensible_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongConfiguration, match="/dev/zero is a device; name a file"):
        load(Path("/dev/zero"))
    with pytest.raises(WrongConfiguration, match="is no configuration: it has more than 10485760 bytes"):
        load(written(tmp_path, "#" * 11_000_000))


def test_inbox_is_one_folder_in_whatever_letters(tmp_path: Path) -> None:
    text = support(imap="password: x, folders: [inbox, Inbox/Old], after_import: {move: done}")
    assert loaded(tmp_path, text).config.mailboxes["support"].imap.folders == ("INBOX", "Inbox/Old")
    text = support(imap="password: x, folders: [Sales], after_import: {move: inbox}")
    assert loaded(tmp_path, text).config.mailboxes["support"].imap.after_import == MoveTo(move="INBOX")


def test_text_of_several_lines_may_stand_where_it_goes_to_no_server(tmp_path: Path) -> None:
    text = 'users:\n  anna: {signature: "Anna\\nSupport"}\n' + support(
        imap='password_command: [sh, -c, "echo\\nsecret"]'
    )
    assert loaded(tmp_path, text).config.users["anna"].signature == "Anna\nSupport"


def test_anchors_may_be_used_as_often_as_people_would(tmp_path: Path) -> None:
    entries = "".join(f"  u{number}: *agent\n" for number in range(5000))
    text = "users:\n  first: &agent {active: false, roles: []}\n" + entries + support()
    assert len(loaded(tmp_path, text).config.users) == 5001


def test_configuration_is_found_where_it_is_named_first(tmp_path: Path) -> None:
    places = [tmp_path / name / "espomail" / "config.yaml" for name in ("xdg", "home/.config", "etc")]
    for place in (*places, tmp_path / "named.yaml", tmp_path / "variable.yaml"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    environ = {
        "ESPOMAIL_CONFIG": str(tmp_path / "variable.yaml"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "HOME": str(tmp_path / "home"),
    }
    xdg, home, etc = places
    assert find(str(tmp_path / "named.yaml"), environ, etc) == tmp_path / "named.yaml"
    assert find(None, environ, etc) == tmp_path / "variable.yaml"
    del environ["ESPOMAIL_CONFIG"]
    assert find(None, environ, etc) == xdg
    environ["XDG_CONFIG_HOME"] = "relative/is/ignored"
    assert find(None, environ, etc) == home
    home.unlink()
    assert find(None, environ, etc) == etc
    etc.unlink()
    with pytest.raises(WrongConfiguration, match=f"there is no {home} or {etc}; `espomail init` makes one"):
        find(None, environ, etc)


def test_named_configuration_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(WrongConfiguration, match="which --config names"):
        find(str(tmp_path / "none.yaml"), {})
    with pytest.raises(WrongConfiguration, match=r"which \$ESPOMAIL_CONFIG names"):
        find(None, {"ESPOMAIL_CONFIG": str(tmp_path / "none.yaml")})


def test_position_that_nobody_holds_is_warned_of(tmp_path: Path) -> None:
    text = support(
        "teams: [support]",
        "case: {create: true, distribution: less-busy, position: Agent}",
        top="teams: {support: }\nusers: {anna: {teams: {support: Head}}}\n",
    )
    (warning,) = loaded(tmp_path, text).warnings
    assert warning.endswith('mailboxes.support.case.position: no active user of support is "Agent"')


def test_servers_may_be_named_by_ip_address_or_in_another_script(tmp_path: Path) -> None:
    text = support("smtp: {host: почта.рф}").replace("host: imap.example.com", 'host: "2001:db8::1"')
    mailbox = loaded(tmp_path, text).config.mailboxes["support"]
    assert (mailbox.imap.host, mailbox.smtp and mailbox.smtp.host) == ("2001:db8::1", "почта.рф")


def test_home_of_somebody_unknown_is_a_path_like_any_other(tmp_path: Path) -> None:
    config = loaded(tmp_path, support(imap="password_file: ~no-such-login/secret")).config
    assert config.mailboxes["support"].imap.password_file == tmp_path / "~no-such-login/secret"
