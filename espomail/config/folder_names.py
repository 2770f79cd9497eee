"""The names of a mail server's folders."""


def folder_name(name: str) -> str:
    """The name by which a folder is known here: INBOX in whatever letters is one folder (RFC 9051 §5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name
