"""A server that says line by line what a test has written down: exchanges that no real one has on demand."""

import socket
import threading
from types import TracebackType
from typing import Self

from tests.servers.ports import HOST


class Conversation:
    """Start it with `with`. It greets, and gives each line that it hears the next of its answers.

    `{tag}` in an answer is the first word of the last line that had several. `heard` are the lines, without
    their ends. After the last answer it closes the connection.
    """

    def __init__(self, greeting: str, *answers: str) -> None:
        self._says = (greeting, *answers)
        self.heard: list[str] = []
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as lines:
            tag = ""
            for number, answer in enumerate(self._says, start=1):
                connection.sendall(f"{answer.replace('{tag}', tag)}\r\n".encode())
                if number == len(self._says):
                    return
                if not (line := lines.readline().decode()):
                    return
                line = line.removesuffix("\r\n")
                self.heard.append(line)
                tag = line.split()[0] if " " in line else tag
