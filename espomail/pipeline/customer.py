"""Whose address it is: a contact's, an account's or a lead's, in this order (docs/behaviour.md)."""

from typing import NamedTuple

from espomail.crm.desk import Desk
from espomail.crm.refs import Ref


class Customer(NamedTuple):
    """The record that an address stands for, and the account, contact or lead that a case of it names."""

    ref: Ref
    account: int | None = None
    contact: int | None = None
    lead: int | None = None


def customer_at(address: str, desk: Desk) -> Customer | None:
    """The customer with that address. A contact stands for its account, unless there is none, or in `b2c`.

    A converted lead stands for what was made of it. Deleted records are nobody's.
    """
    is_b2c = desk.context.config.b2c
    for row in desk.records_at(address, "contact"):
        contact, account = row["id"], living(row["account"], "account", desk)
        is_person = is_b2c or account is None
        return Customer(
            Ref("contact", contact) if is_person else Ref("account", account or 0), account, contact
        )
    for row in desk.records_at(address, "account"):
        return Customer(Ref("account", row["id"]), row["id"])
    for row in desk.records_at(address, "lead"):
        account = living(row["converted_account"], "account", desk)
        contact = living(row["converted_contact"], "contact", desk)
        if account is not None:
            return Customer(Ref("account", account), account, contact)
        if contact is not None:
            return Customer(Ref("contact", contact) if is_b2c else Ref("lead", row["id"]), None, contact)
        return Customer(Ref("lead", row["id"]), lead=row["id"])
    return None


def living(number: int | None, kind: str, desk: Desk) -> int | None:
    """The id of the record, unless it was deleted."""
    return number if number is not None and desk.record(Ref(kind, number)) is not None else None
