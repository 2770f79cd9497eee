"""What the rules know besides the database: the configuration, the time, our keys. Made once for each run."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property

from espomail.config.schema import Config, Mailbox, User
from espomail.mail import tokens
from espomail.mail.templating import Templates
from espomail.store.models import Installation, TokenKey


class Context:
    """The run's one view of configuration, clock and keys. `now` is aware, UTC, and stands still."""

    def __init__(
        self,
        config: Config,
        *,
        now: datetime,
        zone: tzinfo,
        installation_id: str,
        token_keys: Mapping[str, bytes],
        templates: Templates,
        answer_old: bool = False,
    ) -> None:
        self.config = config
        self.now = now.astimezone(UTC).replace(microsecond=0)
        self.zone = zone
        self.installation_id = installation_id
        self.token_keys = token_keys
        self.templates = templates
        self.answer_old = answer_old

    @classmethod
    def of_installation(
        cls, config: Config, *, now: datetime, zone: tzinfo, templates: Templates, answer_old: bool = False
    ) -> "Context":
        """With the keys that stand in the open database."""
        return cls(
            config,
            now=now,
            zone=zone,
            installation_id=Installation.get().id,
            token_keys={str(key.id): bytes(key.key) for key in TokenKey.select().order_by(TokenKey.id)},
            templates=templates,
            answer_old=answer_old,
        )

    @property
    def today(self) -> date:
        """The day in the configured time zone."""
        return self.now.astimezone(self.zone).date()

    @cached_property
    def users_by_address(self) -> Mapping[str, User]:
        """Whose an address is, in lower case."""
        return {address.lower(): user for user in self.config.users.values() for address in user.emails}

    @cached_property
    def group_addresses(self) -> frozenset[str]:
        """The addresses of our group mailboxes, and those that stand in what they answer."""
        groups = (box for box in self.config.mailboxes.values() if box.kind == "group")
        return frozenset(address for box in groups for address in _addresses_of(box))

    @cached_property
    def mailbox_addresses(self) -> frozenset[str]:
        """The addresses of all our mailboxes, group and personal, and those that stand in their answers."""
        boxes = self.config.mailboxes.values()
        return frozenset(address for box in boxes for address in _addresses_of(box))

    def team_users(self, team: str, position: str | None = None) -> Iterator[User]:
        """A team's active users in the order of the configuration; with a position, those who hold it."""
        for user in self.config.users.values():
            if user.active and team in user.positions and position in (None, user.positions[team]):
                yield user

    def read_token(self, message_id: str) -> tokens.Token | tokens.Forged | tokens.Foreign | None:
        """What a Message-ID says, if it is a record token."""
        return tokens.read(message_id, keys=self.token_keys, installation_id=self.installation_id)

    def make_message_id(self, token: tokens.Token, domain: str) -> str:
        """A Message-ID of ours that carries the token, signed."""
        return tokens.make(token, keys=self.token_keys, installation_id=self.installation_id, domain=domain)

    def user(self, key: str) -> User | None:
        """The user, if there still is one of that key."""
        return self.config.users.get(key)


def _addresses_of(mailbox: Mailbox) -> Iterator[str]:
    yield mailbox.own_address
    answer = mailbox.auto_reply
    if answer is not None:
        named = (answer.from_address, answer.reply_to, answer.envelope_sender)
        yield from (address.lower() for address in named if address)
