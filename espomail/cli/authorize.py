"""What `mailbox authorize` says: what somebody has to do meanwhile, and what has come of it."""

from espomail.cli.invocation import Invocation, say
from espomail.cli.output import Output, json_line
from espomail.operations.authorize import Authorized, ToDo


def tell_to_do(invocation: Invocation, to_do: ToDo) -> None:
    """On stderr, also with `-q`: without it nothing goes on. For programs one object, in a line."""
    if invocation.wants_json:
        say(json_line({"open": {"url": to_do.url, "code": to_do.code, "seconds": int(to_do.valid_s)}}))
        return
    minutes = int(to_do.valid_s // 60)
    say("Open this address in a browser, on any machine, and sign in as the mailbox's owner:")
    say(f"\n  {to_do.url}\n")
    if to_do.code is not None:
        say(f"Type this code in there: {to_do.code}")
    else:
        say(
            "In the end the browser is sent to an address of this machine. One that runs elsewhere cannot\n"
            "open it: then copy the whole address from the browser, paste it here, and press Enter."
        )
    say(f"Waiting for {minutes} minutes; Ctrl-C gives it up.")


def complain(invocation: Invocation, said: str) -> None:
    """What somebody has done was not what was asked for."""
    say(json_line({"warning": said}) if invocation.wants_json else said)


def show_authorized(out: Output, authorized: Authorized) -> None:
    """What was allowed, where anybody asks for it."""
    if out.is_asked_for:
        out.show_one(authorized)
    if out.is_terminal:
        out.invocation.tell(f"Now try it: espomail mailbox test {authorized.mailbox}")
