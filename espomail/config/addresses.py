"""Whether text of the configuration is an address, a domain or a server."""

import re

LOCAL_PART = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"

PLAIN_ADDRESS = re.compile(rf"{LOCAL_PART}@{DOMAIN}", re.ASCII | re.IGNORECASE)
PLAIN_DOMAIN = re.compile(DOMAIN, re.ASCII | re.IGNORECASE)


def is_address(text: str) -> bool:
    """A bare address (RFC 5321 §4.1.2, RFC 6531). A domain of one label, such as localhost, will do."""
    if text.isascii():
        return bool(PLAIN_ADDRESS.fullmatch(text)) and len(text) <= 254
    # Some 20 ms, which only those pay who have such an address.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def is_domain(text: str) -> bool:
    """The domain of a mail address, in ASCII or in its own script."""
    return bool(PLAIN_DOMAIN.fullmatch(text)) if text.isascii() else is_address(f"postmaster@{text}")


def is_host(text: str) -> bool:
    """A server's name or IP address, with no port and no scheme."""
    if PLAIN_DOMAIN.fullmatch(text):
        return True
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        return not text.isascii() and is_domain(text)
    return True


def is_host_and_port(text: str) -> bool:
    """`imap.example.com:993`; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return is_host(bare) and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def is_secure_url(text: str) -> bool:
    """`https://…`, and `http://…` on this machine alone. No login stands in it, and no fragment."""
    from urllib.parse import urlsplit

    if not text.isascii() or not text.isprintable() or set(text) & set(" @#\"'<>\\"):
        return False
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        port_is_fine = url.port != 0
    except ValueError:
        return False
    return (
        port_is_fine
        and is_host(host)
        and (url.scheme == "https" or (url.scheme == "http" and is_loopback(host)))
    )


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or its address."""
    if host.lower() == "localhost":
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_tenant(text: str) -> bool:
    """A tenant of Microsoft's: a domain, an id, or `common`, `organizations`, `consumers`."""
    return bool(PLAIN_DOMAIN.fullmatch(text))
