"""A server that says line by line what a test has written down: exchanges that no real one has on demand."""

import socket

from tests.servers.listener import Listener


class Conversation(Listener):
    """Start it with `with`. It greets, and gives each line that it hears the next of its answers.

    `{tag}` in an answer is the first word of the last line that had several. `heard` are the lines, without
    their ends. After the last answer it closes the connection.
    """

    def __init__(self, greeting: str, *answers: str) -> None:
        super().__init__()
        self._says = (greeting, *answers)
        self.heard: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
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
