"""Of a large mail that a filter skips by its header, nothing more is fetched."""

from pathlib import Path

import pytest

from espomail import run
from espomail.config.load import load
from espomail.report import FetchRequest, MailboxReport
from tests.servers.ports import HOST
from tests.servers.scripted_imap import ScriptedImap

CONFIG = """
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {{host: {host}, port: {port}, security: none, username: u, password: p, fetch_since: 2026-01-01}}
filters: [{{name: noise, subject: "{subject}", action: skip}}]
"""
HEADER = b"From: a@b.example\r\nSubject: Noise\r\nMessage-ID: <1@b.example>\r\n\r\n"
BODY = b"x" * 100_000


def fetched(server: ScriptedImap, folder: Path, *, skipping: str, size: int) -> MailboxReport:
    whole = HEADER + BODY[: size - len(HEADER)]
    about = b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE %d)\r\n'
    server.answers("ABOUT", about % size + b"{tag} OK done\r\n")
    for part, content in ((b"BODY[HEADER]<0>", HEADER), (b"BODY[]", whole)):
        answer = b"* 1 FETCH (UID 1 %s {%d}\r\n%s)\r\n{tag} OK done\r\n" % (part, len(content), content)
        server.answers("BODY", answer, to=part[:-1].removesuffix(b"<0").decode().replace("BODY", "BODY.PEEK"))
    file = folder / "config.yaml"
    file.write_text(CONFIG.format(host=HOST, port=server.port, subject=skipping))
    file.chmod(0o600)
    return run.fetch(load(file), FetchRequest()).mailboxes[0]


@pytest.mark.parametrize(
    ("skipping", "size", "asked_for"),
    [
        ("Noise", 100_000, [b"HEADER"]),
        ("Other", 100_000, [b"HEADER", b"whole"]),
        ("Noise", 1_000, [b"whole"]),
    ],
    ids=["large and skipped", "large and wanted", "small"],
)
def test_body_is_fetched_only_where_it_is_needed(
    tmp_path: Path, skipping: str, size: int, asked_for: list[bytes]
):
    with ScriptedImap() as server:
        report = fetched(server, tmp_path, skipping=skipping, size=size)
        is_skipped = skipping == "Noise"
        assert (report.skipped, report.imported) == (int(is_skipped), int(not is_skipped))
        heard = {b"HEADER": b"BODY.PEEK[HEADER]", b"whole": b"BODY.PEEK[]"}
        assert [name for name, command in heard.items() if command in server.heard] == asked_for
