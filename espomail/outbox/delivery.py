"""What becomes of a message that is handed to an SMTP server: taken, refused, or nobody knows."""

import msgspec


class Refused(msgspec.Struct, frozen=True):
    """The server has not taken the message, or not for these recipients; `is_temporary`: perhaps later."""

    said: str
    is_temporary: bool
    recipients: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """The server has taken the message, for all recipients but those of `refused`."""

    refused: tuple[Refused, ...] = ()


class InDoubt(msgspec.Struct, frozen=True):
    """The whole message was sent, and no answer to it came that could be understood."""

    said: str


Delivery = Accepted | Refused | InDoubt
