"""Templates are filled safely, and one that cannot be filled says why."""

from pathlib import Path
from typing import Any

import pytest

from espomail.mail.templating import Rendered, TemplateTrouble, load

CASE: dict[str, Any] = {
    "case": {"name": "Printer <b>on fire</b>", "number": 12},
    "contact": {"name": "Anna"},
    "email": {"subject": "Printer <b>on fire</b>"},
}


def rendered(folder: Path, source: str, context: dict[str, Any] = CASE, kind: str = "txt") -> Rendered:
    (folder / f"answer.{kind}.j2").write_text(source, encoding="utf-8")
    return load(folder).render("answer", context)


def test_built_in_answer_names_case_and_subject() -> None:
    answer = load(None).render("case-received", CASE)
    assert "Printer <b>on fire</b>" in answer.subject
    assert "12" in answer.text
    assert "Printer <b>on fire</b>" in answer.text
    assert "Hello Anna," in answer.text
    assert answer.html is None


def test_built_in_answer_bears_a_stranger_without_a_name() -> None:
    assert load(None).render("case-received", CASE | {"contact": None}).text.startswith("Hello,\n")
    assert (
        load(None)
        .render("case-received", {"case": CASE["case"], "email": CASE["email"]})
        .text.startswith("Hello,\n")
    )


def test_file_of_the_same_name_wins_over_the_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "case-received.txt.j2").write_text("Subject: Ours\nText")
    assert load(tmp_path).render("case-received", CASE) == Rendered("Ours", "Text", None)


def test_subject_is_always_one_line(tmp_path: Path) -> None:
    answer = rendered(tmp_path, "Subject: {{ case.name }}\nText", {"case": {"name": "a\r\nBcc: b\n\nc"}})
    assert answer.subject == "a Bcc: b c"
    assert answer.text == "Text"


def test_template_without_a_subject_has_an_empty_one(tmp_path: Path) -> None:
    assert rendered(tmp_path, "Text\nSubject: no") == Rendered("", "Text\nSubject: no", None)


def test_html_escapes_what_strangers_wrote_and_the_subject_does_not(tmp_path: Path) -> None:
    answer = rendered(tmp_path, "Subject: {{ case.name }}\n<p>{{ case.name }}</p>", kind="html")
    assert answer.subject == "Printer <b>on fire</b>"
    assert answer.html == "<p>Printer &lt;b&gt;on fire&lt;/b&gt;</p>"
    assert answer.text == "Printer <b>on fire</b>"


def test_text_is_not_escaped(tmp_path: Path) -> None:
    assert rendered(tmp_path, "{{ case.name }}").text == "Printer <b>on fire</b>"


def test_absent_value_is_empty(tmp_path: Path) -> None:
    assert rendered(tmp_path, "[{{ case.x }}]", {"case": {"x": None}}).text == "[]"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ case.nothing }}", "no attribute 'nothing'"),
        ("{{ account.name }}", "no attribute 'name'"),
        ("{% if %}", "Expected an expression"),
        ("{% for x in case", "answer.txt.j2"),
        ("Subject: {{ nothing }}\nText", "'nothing' is undefined"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 'a' * 1000000000 }}", "small numbers"),
        ("{{ 9 ** 9 ** 9 }}", "small numbers"),
        ("{% for x in range(90000) %}{{ 'a' }}aaaaaaaaaaaaaaaaaaaaa{% endfor %}", "characters"),
        ("{{ 1 / 0 }}", "division"),
        ("{% include '../secret.key' %}", "secret.key"),
        ("{{ range(10000000000) }}", "range"),
    ],
)
def test_template_that_cannot_be_filled_says_why(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(TemplateTrouble, match=r"answer\.txt\.j2") as trouble:
        rendered(tmp_path, source)
    assert said.lower() in str(trouble.value).lower()


def test_missing_template_names_the_places_that_were_searched(tmp_path: Path) -> None:
    with pytest.raises(TemplateTrouble, match=str(tmp_path)):
        load(tmp_path).check("nothing")


@pytest.mark.parametrize("name", ["../case-received", "/etc/passwd", "", "a/b", ".hidden"])
def test_name_that_is_a_path_is_no_template(tmp_path: Path, name: str) -> None:
    assert not load(tmp_path).has(name)


def test_check_finds_an_error_before_anything_is_filled(tmp_path: Path) -> None:
    (tmp_path / "answer.txt.j2").write_text("Subject: x\n{% if %}")
    with pytest.raises(TemplateTrouble, match=r"answer\.txt\.j2"):
        load(tmp_path).check("answer")


def test_text_of_a_stranger_is_cut_rather_than_refused(tmp_path: Path) -> None:
    answer = rendered(tmp_path, "{{ case.name }}", {"case": {"name": "x" * 5_000_000}})
    assert 0 < len(answer.text) <= 100_000
