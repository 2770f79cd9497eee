"""Writing e-mails to files, byte for byte as they came; importing them makes the same records again."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from espomail.crm import emails
from espomail.crm.access import Access
from espomail.crm.emails import EmailFilter, Stored
from espomail.errors import NotPermitted, UnusableInput
from espomail.mail import mbox
from espomail.mail.export_label import Label
from espomail.operations.new_file import new_file
from espomail.report import OnProgress

ToFolder = Literal["eml", "maildir"]


class ExportReport(msgspec.Struct, kw_only=True):
    """What was written."""

    exported: int = 0
    unchanged: int = 0  # that were there already, with the same bytes
    missing: int = 0  # whose bytes were not kept
    bytes: int = 0

    @property
    def exit_code(self) -> int:
        """0, or 1 where e-mails could not be exported because their bytes were not kept."""
        return int(self.missing > 0)


def export_to_folder(
    access: Access,
    wanted: EmailFilter,
    kind: ToFolder,
    folder: Path,
    *,
    replaces: bool,
    on_progress: OnProgress,
) -> ExportReport:
    """A file for each e-mail, in a folder that is made where it is missing.

    Its name holds the e-mail's id and time, so what is there already with the same bytes is left as it is;
    raises UnusableInput where the bytes are others, unless it `replaces` files.
    """
    place, ending = (folder / "cur", ":2,S") if kind == "maildir" else (folder, ".eml")
    made_in = folder / "tmp" if kind == "maildir" else None
    _make_folders([place, *([made_in, folder / "new"] if made_in else [])])
    report = ExportReport()
    for raw, one in _each(access, wanted, report, on_progress):
        target = place / f"{_label(one).file_name(one.id)}{ending}"
        if target.is_file() and target.read_bytes() == raw:
            report.unchanged += 1
            continue
        with new_file(target, replaces=replaces, made_in=made_in) as file:
            file.write(raw)
            file.flush()
            os.utime(file.fileno(), (one.received_at.timestamp(),) * 2)  # what other programs go by
        report.exported += 1
        report.bytes += len(raw)
    os.sync()
    return report


def export_as_mbox(
    access: Access, wanted: EmailFilter, write: Callable[[bytes], object], *, on_progress: OnProgress
) -> ExportReport:
    """All e-mails one behind the other, in the variant mboxrd."""
    report = ExportReport()
    for raw, one in _each(access, wanted, report, on_progress):
        label = msgspec.structs.replace(_label(one), is_unended=not raw.endswith(b"\n"))
        write(mbox.written(raw, label.mark, one.received_at))
        report.exported += 1
        report.bytes += len(raw)
    return report


def _each(
    access: Access, wanted: EmailFilter, report: ExportReport, on_progress: OnProgress
) -> Iterator[tuple[bytes, Stored]]:
    total = emails.count(access, wanted)
    for number, one in enumerate(emails.stored(access, wanted), start=1):
        if one.raw is None:
            report.missing += 1
        else:
            yield one.raw, one
        on_progress("exported", number, total)


def _label(one: Stored) -> Label:
    return Label(one.received_at, one.size if one.is_partial else None)


def _make_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except PermissionError:
            raise NotPermitted(f"{folder} may not be made by this login") from None
        except OSError as trouble:
            raise UnusableInput(f"{folder} cannot be made: {trouble.strerror}") from None
