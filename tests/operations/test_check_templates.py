"""Templates are tried out before a customer's mail finds out."""

from pathlib import Path

import pytest

from espomail.config.load import load
from espomail.operations.check_templates import SAMPLE, template_faults, template_oddities
from espomail.store.models import EmailText
from tests.office import CONFIG, Office, mail

NAMES = "".join(f"{name}={{{{ {name}.keys() | sort | join(',') if {name} else '' }}}}\n" for name in SAMPLE)


def checked(folder: Path, text: str) -> tuple[list[str], list[str]]:
    path = folder / "config.yaml"
    path.write_text(CONFIG.replace("case-received", "ours"), encoding="utf-8")
    path.chmod(0o600)
    (folder / "templates").mkdir()
    (folder / "templates" / "ours.txt.j2").write_text(text, encoding="utf-8")
    config = load(path).config
    return template_faults(config), template_oddities(config)


def test_template_that_renders_is_fine(tmp_path: Path) -> None:
    text = "Subject: {{ case.name }}\n{% if contact %}{{ contact.first_name }}{% endif %} {{ email.subject }}"
    assert checked(tmp_path, text) == ([], [])


def test_built_in_template_renders(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    path.chmod(0o600)
    config = load(path).config
    assert (template_faults(config), template_oddities(config)) == ([], [])


def test_template_with_a_name_that_there_is_not_is_a_fault(tmp_path: Path) -> None:
    faults, _ = checked(tmp_path, "{{ case.nummer }}")
    (fault,) = faults
    assert fault.startswith("mailboxes.support.auto_reply.template: ")
    assert "ours.txt.j2" in fault
    assert "nummer" in fault


def test_template_that_takes_the_sender_for_a_known_contact_is_odd(tmp_path: Path) -> None:
    faults, oddities = checked(tmp_path, "Subject: We are at it\nDear {{ contact.name }}")
    assert faults == []
    (oddity,) = oddities
    assert "for a sender who is no contact" in oddity


@pytest.mark.parametrize(
    "text", ["Dear customer", "Subject:\nDear customer", "Subject: {{ '' }}\nDear customer"]
)
def test_template_without_a_subject_is_a_fault(tmp_path: Path, text: str) -> None:
    told = 'mailboxes.support.auto_reply.template: "ours" has no subject; its first line must be `Subject: …`'
    assert checked(tmp_path, text) == ([told], [])


def test_template_whose_subject_needs_a_contact_is_fine(tmp_path: Path) -> None:
    assert checked(tmp_path, "Subject: {% if contact %}Dear {{ contact.name }}{% endif %}\nHello") == ([], [])


def test_sample_values_have_the_names_that_a_real_answer_has(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "case-received.txt.j2").write_text(NAMES, encoding="utf-8")
    office = Office(tmp_path)
    account = office.account("Customer Ltd", "office@customer.example")
    office.contact("Carl Customer", "carl@customer.example", account=account)
    office.receive(mail())
    (answer,) = [body for body in office.rows(EmailText, "body_plain") if body.startswith("case=")]
    told = dict(line.split("=", 1) for line in answer.splitlines())
    assert told == {name: ",".join(sorted(values)) for name, values in SAMPLE.items()}
