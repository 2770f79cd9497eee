"""The demo's mail servers, inside this process and on loopback only: IMAP by pymap, SMTP by aiosmtpd."""

import asyncio
import itertools
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.operations.demo_mailboxes import Mailboxes

HOST: Final = "127.0.0.1"
NEEDED: Final = ("aiosmtpd", "pymap")
PATIENCE_S: Final = 10  # with servers in this very process
LAYOUT: Final = "++"  # pymap's name for one Maildir with folders inside


def require_servers() -> None:
    """Raises WrongConfiguration when the packages of the servers are not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise WrongConfiguration(
            f"the demo's mail servers are not installed ({', '.join(missing)}); "
            "in the clone of the repository, type: script/demo, or: pipx install --force '.[demo]'"
        )


def free_ports(number: int) -> list[int]:
    """So many ports that nothing listens on."""
    with ExitStack() as probes:
        return [_listen(0, probes).getsockname()[1] for _ in range(number)]


def write_logins(folder: Path, addresses: tuple[str, ...], password: str) -> None:
    """Let the owners of these mailboxes sign in to the IMAP server."""
    from pymap.backend.maildir.users import PasswordsFile, UsersFile
    from pysasl.hashing import BuiltinHash

    async def write() -> None:
        secret = BuiltinHash().hash(password)
        async with (
            UsersFile.with_write(str(folder)) as users,
            PasswordsFile.with_write(str(folder)) as secrets,
        ):
            for address in addresses:
                users.set(users.build_record(address, address))
                secrets.set(secrets.build_record(address, secret))

    asyncio.run(write())


@contextmanager
def serving(mailboxes: Mailboxes, *, imap_port: int, smtp_port: int) -> Iterator[None]:
    """Both servers are there as long as this lasts. Raises ServerTrouble when a port is taken."""
    with ExitStack() as stack:
        imap, smtp = (_listen(port, stack) for port in (imap_port, smtp_port))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="demo-servers", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(_start(mailboxes, imap, smtp), loop).result(PATIENCE_S)
            yield
        finally:
            asyncio.run_coroutine_threadsafe(_end_conversations(), loop).result(PATIENCE_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE_S)
            loop.close()


async def _start(mailboxes: Mailboxes, imap: socket.socket, smtp: socket.socket) -> None:
    from aiosmtpd.smtp import SMTP

    converse = await _imap_service(mailboxes.folder)
    deliverer = _Deliverer(mailboxes)
    await asyncio.get_running_loop().create_server(
        lambda: SMTP(deliverer, hostname="localhost", ident="espomail demo"), sock=smtp
    )
    await asyncio.start_server(converse, sock=imap)


async def _end_conversations() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _imap_service(folder: Path) -> Any:
    """What pymap does with a connection, its mail being the Maildirs of the folder."""
    from proxyprotocol.reader import ProxyProtocolReader
    from pymap.backend.maildir import MaildirBackend
    from pymap.imap import IMAPServer

    settings = Namespace(
        base_dir=str(folder),
        layout=LAYOUT,
        colon=None,
        concurrency=None,
        debug=False,
        host=HOST,
        port=0,
        cert=None,
        key=None,
        tls=False,
        proxy_protocol=None,
        passlib_cfg=None,
        inherited_sockets=None,
    )
    backend, config = await MaildirBackend.init(settings)
    config.apply_context()
    server = IMAPServer(backend.login, config)
    return ProxyProtocolReader(config.proxy_protocol).get_callback(server)


async def _number_mails(maildir: Path) -> None:
    """Have pymap give the new mail its UID now: later it would take all in the order of the file system."""
    from pymap.backend.maildir.layout import MaildirLayout
    from pymap.backend.maildir.mailbox import MailboxSet, Maildir

    layout = MaildirLayout.get(str(maildir), LAYOUT, Maildir)
    await MailboxSet(Maildir(str(maildir), create=False), layout).get_mailbox("INBOX")


class _Deliverer:
    """What aiosmtpd asks: who may be written to, and what becomes of a mail."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes
        self._numbers = itertools.count(1)

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if not self._mailboxes.has_room_for(address):
            return "550 5.1.1 There is no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        for recipient in envelope.rcpt_tos:
            name = f"{time.time_ns()}.{next(self._numbers)}.demo"
            self._mailboxes.deliver((envelope.mail_from or "").strip("<>"), recipient, envelope.content, name)
            await _number_mails(self._mailboxes.folder_of(recipient))
        return "250 2.0.0 Delivered"


def _listen(port: int, stack: ExitStack) -> socket.socket:
    """A socket that waits for connections, closed with the stack."""
    listening = stack.enter_context(socket.socket())
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as trouble:
        raise ServerTrouble(f"{HOST}:{port} cannot be listened on: {trouble.strerror}") from trouble
    return listening
