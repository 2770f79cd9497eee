"""Who may read what: every level of a role against every relation to a record."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espomail.crm import cases, emails, notifications, outgoing, records
from espomail.crm.access import SYSTEM, Access, Actor
from espomail.crm.refs import MODELS, Ref
from espomail.crm.rights import may
from espomail.errors import NotPermitted
from espomail.store import connection
from espomail.store.changes import Change, add, change, put, remove
from espomail.store.models import Case, Counter, Email, EmailTeam, EmailUser, RecordTeam
from tests.office import CONFIG, Office, mail
from tests.pipeline.reports import postfix

BORIS = Actor(user="boris")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., tuple[Office, Access]]]:
    """An office in which boris, of the team support, has these roles; its first mail has made case 1."""

    def build(*roles: str, more: str = "") -> tuple[Office, Access]:
        start, end = CONFIG.index("roles:\n"), CONFIG.index("mailboxes:")
        given = (
            "  {}\n"
            if not roles
            else "".join(f"  role{number}: {role}\n" for number, role in enumerate(roles))
        )
        names = ", ".join(f"role{number}" for number in range(len(roles)))
        people = CONFIG[:start].replace("roles: [agent]", f"roles: [{names}]")
        office = Office(tmp_path / "office", f"{people}roles:\n{given}{CONFIG[end:]}{more}")
        office.receive(mail())
        return office, Access(BORIS, office.config)

    yield build
    connection.close_database()


Build = Callable[..., tuple[Office, Access]]


def relate(office: Office, kind: str, relation: str) -> Ref:
    """A record of that kind that has this relation to boris, and no other."""
    made = {"account": office.account, "contact": office.contact, "lead": office.lead}
    number = 1 if kind == "case" else made[kind]("Acme")
    if kind == "case":
        office.write((change(Case, 1, assigned_user=None), remove(RecordTeam, "case", 1, "support")))
    changes: dict[str, Change] = {
        "assigned": change(MODELS[kind], number, assigned_user="boris"),
        "created": change(MODELS[kind], number, created_by="boris"),
        "of the team": add(RecordTeam, record_type=kind, record_id=number, team="support"),
        "of another team": add(RecordTeam, record_type=kind, record_id=number, team="sales"),
        "another's": change(MODELS[kind], number, assigned_user="clara", created_by="clara"),
    }
    office.write((changes[relation],))
    return Ref(kind, number)


REACH = {
    "no": set(),
    "own": {"assigned", "created"},
    "team": {"assigned", "created", "of the team"},
    "all": {"assigned", "created", "of the team", "of another team", "another's"},
}
RELATIONS = ("assigned", "created", "of the team", "of another team", "another's")


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("level", REACH)
@pytest.mark.parametrize("kind", ["account", "contact", "lead", "case"])
def test_a_level_reads_the_records_that_it_reaches(
    house: Build, kind: str, level: str, relation: str
) -> None:
    office, access = house(f"{{{kind}: {{read: {level}}}}}")
    ref = relate(office, kind, relation)
    assert records.is_readable(access, ref) is (relation in REACH[level])


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize("level", REACH)
def test_the_condition_of_a_query_says_the_same_as_the_rules(house: Build, level: str, relation: str) -> None:
    office, access = house(f"{{account: {{read: {level}}}}}")
    ref = relate(office, "account", relation)
    (row,) = office.rows(MODELS["account"])
    teams = [
        team
        for kind, number, team in office.rows(RecordTeam, "record_type", "record_id", "team")
        if kind == ref.kind
    ]
    assert access.user is not None
    owners = (row["assigned_user"], row["created_by"])
    assert records.is_readable(access, ref) is may(
        access.user, office.config, "account", "read", owners=owners, teams=teams
    )


EMAIL_RELATIONS = ("assigned", "in the inbox", "created", "of the team", "of another team", "another's")
EMAIL_REACH = {
    "read": {
        "no": set(),
        "own": {"assigned", "in the inbox", "created"},
        "team": {"assigned", "in the inbox", "created", "of the team"},
        "all": set(EMAIL_RELATIONS),
    },
    "edit": {
        "no": set(),
        "own": {"assigned", "created"},
        "team": {"assigned", "created", "of the team"},
        "all": set(EMAIL_RELATIONS),
    },
}


def relate_email(office: Office, relation: str) -> None:
    """E-mail 1 gets this relation to boris, and no other."""
    office.write(
        (remove(EmailTeam, 1, "support"), *(remove(EmailUser, 1, user) for user in ("anna", "boris")))
    )
    changes: dict[str, Change] = {
        "assigned": add(EmailUser, email=1, user="boris", is_assigned=True),
        "in the inbox": add(EmailUser, email=1, user="boris"),
        "created": change(Email, 1, created_by="boris"),
        "of the team": add(EmailTeam, email=1, team="support"),
        "of another team": add(EmailTeam, email=1, team="sales"),
        "another's": add(EmailUser, email=1, user="clara", is_assigned=True),
    }
    office.write((changes[relation],))


def allowed_emails(access: Access, action: str) -> list[int]:
    query = Email.select(Email.id).where(access.emails(action), Email.id == 1)  # type: ignore[arg-type]
    return [row.id for row in query]


@pytest.mark.parametrize("relation", EMAIL_RELATIONS)
@pytest.mark.parametrize("level", REACH)
@pytest.mark.parametrize("action", EMAIL_REACH)
def test_a_level_reaches_these_emails(house: Build, action: str, level: str, relation: str) -> None:
    office, access = house(f"{{email: {{{action}: {level}}}}}")
    relate_email(office, relation)
    assert bool(allowed_emails(access, action)) is (relation in EMAIL_REACH[action][level])


def test_one_deletes_ones_own_email_as_its_only_assignee(house: Build) -> None:
    office, access = house("{email: {delete: own}}")
    relate_email(office, "assigned")
    assert allowed_emails(access, "delete") == [1]
    office.write((add(EmailUser, email=1, user="clara", is_assigned=True),))
    assert allowed_emails(access, "delete") == []


def test_who_only_reads_an_email_does_not_keep_its_only_assignee_from_deleting_it(house: Build) -> None:
    office, access = house("{email: {delete: own}}")
    relate_email(office, "assigned")
    office.write((add(EmailUser, email=1, user="clara", is_assigned=False),))
    assert allowed_emails(access, "delete") == [1]


@pytest.mark.parametrize("action", ["edit", "delete"])
def test_a_group_folder_lets_its_team_read_and_no_more(house: Build, action: str) -> None:
    folders = "group_folders: {Invoices: {teams: [support]}}\n"
    office, access = house("{email: {read: team, edit: team, delete: team}}", more=folders)
    relate_email(office, "another's")
    office.write((change(Email, 1, group_folder="Invoices"),))
    assert allowed_emails(access, "read") == [1]
    assert allowed_emails(access, action) == []


@pytest.mark.parametrize(
    ("level", "folder", "may_read"),
    [("own", "Invoices", True), ("own", "Others", False), ("no", "Invoices", False)],
)
def test_a_group_folder_is_read_by_its_team_at_any_level_but_no(
    house: Build, level: str, folder: str, *, may_read: bool
) -> None:
    folders = "group_folders: {Invoices: {teams: [support]}, Others: {teams: [sales]}}\n"
    office, access = house(f"{{email: {{read: {level}}}}}", more=folders)
    relate_email(office, "another's")
    office.write((change(Email, 1, group_folder=folder),))
    assert bool(allowed_emails(access, "read")) is may_read


def test_the_most_permissive_of_several_roles_wins(house: Build) -> None:
    office, access = house("{case: {read: own}}", "{case: {read: all}}", "{case: {read: no}}")
    assert records.is_readable(access, relate(office, "case", "another's"))


def test_a_user_without_a_role_reads_own_emails_and_nothing_else(house: Build) -> None:
    office, access = house()
    for kind in ("account", "contact", "lead", "case"):
        assert not records.is_readable(access, relate(office, kind, "assigned"))
    relate_email(office, "in the inbox")
    assert [line.id for line in emails.listing(access).lines()] == [1]
    relate_email(office, "of the team")
    assert list(emails.listing(access).lines()) == []


@pytest.mark.parametrize("actor", [SYSTEM, Actor(user="boris", is_admin=True)])
def test_the_system_and_administrators_may_do_all(house: Build, actor: Actor) -> None:
    office, _ = house()
    access = Access(actor, office.config)
    relate_email(office, "another's")
    assert records.is_readable(access, relate(office, "case", "another's"))
    assert allowed_emails(access, "delete") == [1]
    access.require_admin("fetch")
    access.require_creation("account")


def test_making_records_is_a_right_of_its_own(house: Build) -> None:
    _, access = house("{lead: {create: yes}, account: {read: all, edit: all}}")
    access.require_creation("lead")
    with pytest.raises(NotPermitted):
        access.require_creation("account")
    with pytest.raises(NotPermitted):
        access.require_admin("fetch")


def test_names_of_what_may_not_be_read_are_told_nowhere(house: Build) -> None:
    office, access = house("{email: {read: team}, case: {read: team}, contact: {read: all}}")
    account = office.account("Secret Ltd", "carl@customer.example", followers=["boris"])
    contact = office.contact("Carl Customer", "carl@customer.example", account=account)
    office.receive(mail("Another"))
    system = Access(SYSTEM, office.config)

    def told(access: Access) -> str:
        lists = (
            emails.listing(access),
            cases.listing(access),
            records.listing(access, "contact"),
            notifications.listing(access),
        )
        pages = (cases.page(access, 2), records.page(access, Ref("contact", contact)))
        return repr([*(line for one in lists for line in one.lines()), *pages])

    assert "Secret Ltd" in told(system)
    assert "Secret Ltd" not in told(access)
    assert "Another" in told(access)


def test_notes_of_a_case_name_nothing_that_may_not_be_read(house: Build) -> None:
    office, boris = house("{email: {read: all}, case: {read: own, stream: own}}")
    system = Access(SYSTEM, office.config)
    office.receive(mail("[#1] Let me see", "eve@evil.example"), mail("[#9] Let me see", "eve@evil.example"))
    office.write(tuple(change(Case, number, assigned_user="boris") for number in (1, 2, 3)))

    def told(access: Access) -> list[str]:
        streams = [cases.page(access, number).stream for number in (2, 3)]
        return [note.text for stream in streams for note in stream if note.text.startswith("Its subject")]

    unknown = "Its subject names case number 9, which does not exist."
    rest = "but its sender takes no part in that case."
    assert told(system) == [f"Its subject names case #1, {rest}", unknown]
    assert told(boris) == [told(system)[0], unknown]
    office.write((change(Case, 1, assigned_user="anna"),))
    assert told(boris) == [f"Its subject names a case that you may not read, {rest}", unknown]


def test_note_of_a_bounce_names_no_mail_that_may_not_be_read(house: Build) -> None:
    office, boris = house("{email: {read: own}, case: {read: all, stream: all}}")
    answer = Email.get(Email.status == "queued")
    office.write((change(Email, answer.id, status="sent"),))
    office.receive(postfix(answer.message_id))
    report = Email.get(Email.is_auto, Email.status == "archived")
    office.write((put(EmailUser, email=report.id, user="boris"),))

    def noted(access: Access) -> object:
        return next(note.data for note in cases.page(access, 1).stream if note.type == "post")

    assert noted(Access(SYSTEM, office.config)) == {
        "bounced": answer.id,
        "invalid": ["carl@customer.example"],
    }
    assert noted(boris) == {"invalid": ["carl@customer.example"]}


def test_outbox_names_no_case_that_may_not_be_read(house: Build) -> None:
    office, boris = house("{email: {read: all}, case: {read: own}}")
    office.write((change(Case, 1, assigned_user="anna"),))
    assert [line.case for line in outgoing.listing(Access(SYSTEM, office.config)).lines()] == [1]
    assert [line.case for line in outgoing.listing(boris).lines()] == [None]


@pytest.fixture
def linked(house: Build) -> tuple[Office, Access]:
    """E-mails that lead to each other and to records, with ids of five digits; boris reads one at a time."""
    office, access = house("{email: {read: own}}")
    last = {"email": 70_000, "case": 80_000, "contact": 90_000, "lead": 92_000, "account": 95_000}
    office.write(tuple(put(Counter, table=table, last=number) for table, number in last.items()))
    account = office.account("Customer Ltd")
    office.contact("Carl Customer", "carl@customer.example", account=account)
    office.lead("Dora", "dora@other.example")
    office.receive(mail("Printer", message_id="<1@c>"))
    ours = Email.get(Email.parent_id == 80_001, Email.status == "queued")
    office.write((change(Email, ours.id, status="sent"),))
    office.receive(
        mail("Re: Printer", "dora@other.example", In_Reply_To="<1@c>", message_id="<2@c>"),
        mail("Re: Printer", In_Reply_To=ours.message_id, message_id="<3@c>"),
        mail("Scanner", message_id="<1@c>", body="Another mail."),
        mail("[#80001] more", message_id="<5@c>"),
        postfix(ours.message_id),
        mail("Pump", "dora@other.example", message_id="<7@c>"),
    )
    return office, access


def test_page_of_an_email_names_nothing_that_may_not_be_read(linked: tuple[Office, Access]) -> None:
    office, access = linked
    read = [row.id for row in Email.select() if row.status == "archived" and row.id > 70_000]
    assert len(read) == 7
    for number in read:
        office.write(tuple(remove(EmailUser, other, "boris") for other in read))
        office.write((add(EmailUser, email=number, user="boris"),))
        page = emails.page(access, number)
        told = f"{page.replied_to} {' '.join(step.because for step in page.trace)}"
        assert set(re.findall(r"[0-9]{5}", told)) <= {str(number)}, told
        assert "a case that you may not read" in told
        assert re.search(r"\ba [ae]|\ban [^ae]", told) is None, told


def test_page_of_an_email_names_what_may_be_read(linked: tuple[Office, Access]) -> None:
    office, _ = linked
    reply = Email.get(Email.message_id == "<2@c>")
    page = emails.page(Access(SYSTEM, office.config), reply.id)
    because = {step.rule: step.because for step in page.trace}
    assert page.replied_to == 70_001
    assert because["parent"].startswith("it answers e-mail 70001 of case:80001")
    assert because["email-to-case"].startswith("joins case #80001")
