"""Following a record: being told, inside the system, of what happens to it."""

from espomail.crm.refs import Ref
from espomail.store.changes import Changes, put, remove
from espomail.store.models import Follower
from espomail.store.read import tuples_of


def followers_of(ref: Ref) -> tuple[str, ...]:
    """The users who follow the record, by name."""
    query = Follower.select(Follower.user).where(
        Follower.record_type == ref.kind, Follower.record_id == ref.id
    )
    return tuple(user for (user,) in tuples_of(query.order_by(Follower.user)))


def follow(ref: Ref, user: str) -> Changes:
    """Let the user follow the record. Following twice is no error."""
    return (put(Follower, record_type=ref.kind, record_id=ref.id, user=user),)


def unfollow(ref: Ref, user: str) -> Changes:
    """Let the user follow the record no longer."""
    return (remove(Follower, ref.kind, ref.id, user),)
