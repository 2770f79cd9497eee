"""The tables. What belongs to the configuration (users, teams, mailboxes) stands here by its key.

Ids are given out before the write, from `Counter`, so that rows of one batch can point at each other.
Wide texts have tables of their own: a list of a million e-mails must not read their bodies.
"""

from peewee import (
    BlobField,
    BooleanField,
    CompositeKey,
    DatabaseProxy,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from espomail.store.fields import JsonField, UtcField

database = DatabaseProxy()


class Table(Model):
    class Meta:
        database = database
        legacy_table_names = False


class Numbered(Table):
    """A table whose ids are given out by `Counter`."""

    id = IntegerField(primary_key=True)


class Counter(Table):
    """The last id given out in each numbered table. An id is never given out twice, even after a deletion."""

    table = TextField(primary_key=True)
    last = IntegerField()


class Installation(Table):
    """This installation's name in the Message-IDs that it makes; one row, made with the database."""

    id = TextField(primary_key=True)
    created_at = UtcField()


class TokenKey(Table):
    """A key that signs record tokens; the newest signs, all of them are believed."""

    id = IntegerField(primary_key=True)
    key = BlobField()
    created_at = UtcField()


# --- intake


class MailboxState(Table):
    """How a mailbox fares between runs: only changes are told, and what fails is tried less often."""

    mailbox = TextField(primary_key=True)
    tried_at = UtcField(null=True)
    failing_since = UtcField(null=True)
    error = TextField(null=True)
    tries = IntegerField(default=0)  # in a row that it could not be read
    refusals = IntegerField(default=0)  # those of them that were refused logins
    next_try_at = UtcField(null=True)
    last_success_at = UtcField(null=True)


class FolderPosition(Table):
    """How far a folder of a mailbox has been read. Moves in the same commit that keeps the raw mail."""

    mailbox = TextField()
    folder = TextField()
    uidvalidity = IntegerField(null=True)
    last_uid = IntegerField(default=0)
    last_date = UtcField(null=True)
    special_use = TextField(null=True)  # what the server says the folder is for; null: not asked yet
    first_entry = IntegerField(
        default=0
    )  # the journal's first since it was read from the beginning, or again
    suspects = JsonField(null=True)  # UIDs over which the connection broke
    untold = TextField(null=True)  # that its server was set back, as long as no run has said so

    class Meta:
        primary_key = CompositeKey("mailbox", "folder")


class RawMessage(Numbered):
    """A message byte for byte as its server sent it, compressed (zstd)."""

    data = BlobField()


class Journal(Numbered):
    """What became of each message met on a server: the one place that says so."""

    mailbox = TextField()
    folder = TextField()
    uidvalidity = IntegerField()
    uid = IntegerField()  # below 0: its server has given the UID to another message since
    received_at = UtcField()  # INTERNALDATE
    flags = JsonField()
    size = IntegerField()
    is_partial = BooleanField()
    raw_message = ForeignKeyField(RawMessage, null=True, on_delete="RESTRICT")
    outcome = TextField(default="new")  # new | imported | duplicate | skipped | own | quarantined
    because = TextField(null=True)
    email = IntegerField(null=True, index=True, column_name="email_id")
    tries = IntegerField(default=0)
    error = TextField(null=True)
    is_told = BooleanField(default=True)  # False: it was parked, and no run has said so yet
    decided_at = UtcField(null=True)

    class Meta:
        indexes = ((("mailbox", "folder", "uidvalidity", "uid"), True), (("outcome", "id"), False))


class AfterImport(Table):
    """A message that is safe here and whose server is still to be told so: marked, moved or deleted there.

    Where there is a target, the server may have copied it there already, to a UID from `target_uid_next` on.
    """

    journal = ForeignKeyField(Journal, primary_key=True, on_delete="CASCADE")
    mailbox = TextField(index=True)
    message_id_key = TextField()  # as in `Email`; empty where the message has no Message-ID
    target = TextField(null=True)  # a folder
    target_uidvalidity = IntegerField(null=True)
    target_uid_next = IntegerField(null=True)


# --- people and organisations


class Account(Numbered):
    name = TextField(index=True)
    phone = TextField(null=True)
    website = TextField(null=True)
    assigned_user = TextField(null=True, index=True)
    created_at = UtcField()
    created_by = TextField(null=True)
    modified_at = UtcField()
    is_deleted = BooleanField(default=False)


class Contact(Numbered):
    first_name = TextField(default="")
    last_name = TextField(default="")
    account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
    title = TextField(null=True)
    phone = TextField(null=True)
    assigned_user = TextField(null=True, index=True)
    created_at = UtcField()
    created_by = TextField(null=True)
    modified_at = UtcField()
    is_deleted = BooleanField(default=False)


class Lead(Numbered):
    name = TextField(index=True)
    status = TextField(default="New")  # New | Assigned | In Process | Converted | Recycled | Dead
    account_name = TextField(null=True)
    title = TextField(null=True)
    phone = TextField(null=True)
    assigned_user = TextField(null=True, index=True)
    converted_account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
    converted_contact = ForeignKeyField(Contact, null=True, on_delete="SET NULL")
    created_at = UtcField()
    created_by = TextField(null=True)
    modified_at = UtcField()
    is_deleted = BooleanField(default=False)


class RecordAddress(Table):
    """An e-mail address (lower case) of an account, contact or lead."""

    record_type = TextField()
    record_id = IntegerField()
    address = TextField(index=True)
    position = IntegerField(default=0)  # 0 is the primary one

    class Meta:
        primary_key = CompositeKey("record_type", "record_id", "address")


class InvalidAddress(Table):
    """An address (lower case) that a hard bounce came back from, whether or not a record has it."""

    address = TextField(primary_key=True)
    bounced_at = UtcField()  # the last time


class RecordTeam(Table):
    record_type = TextField()
    record_id = IntegerField()
    team = TextField()

    class Meta:
        primary_key = CompositeKey("record_type", "record_id", "team")


class Follower(Table):
    """A user who is told of what happens to a record."""

    record_type = TextField()
    record_id = IntegerField()
    user = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("record_type", "record_id", "user")


# --- e-mail


class Email(Numbered):
    """One record for each e-mail, whoever received it."""

    message_id = TextField()
    message_id_key = TextField(index=True)  # the id, or its hash where it is too long to be indexed
    subject = TextField()
    subject_key = TextField()  # without Re: and [tags], to tell a reused Message-ID from a duplicate
    text_key = TextField()  # a hash of the text's beginning, for the same
    from_address = TextField(null=True)
    from_name = TextField(default="")
    date = UtcField(null=True)
    received_at = UtcField()
    status = TextField()  # archived | draft | queued | sending | sent | failed | in-doubt
    is_auto = BooleanField(default=False)
    is_outsider = BooleanField(default=False)
    failed_dmarc = BooleanField(default=False)  # its From is forged, by what our own mail server says
    is_partial = BooleanField(default=False)
    is_deleted = BooleanField(default=False)  # a tombstone: the mail is not taken in again
    size = IntegerField()
    attachment_count = IntegerField(default=0)
    raw_message = ForeignKeyField(RawMessage, null=True, on_delete="RESTRICT")
    parent_type = TextField(null=True)
    parent_id = IntegerField(null=True)
    account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
    replied_to = IntegerField(null=True, column_name="replied_to_id")
    group_folder = TextField(null=True)
    created_by = TextField(null=True)

    class Meta:
        indexes = (
            (("parent_type", "parent_id", "received_at"), False),
            (("from_address", "received_at"), False),
            (("received_at", "id"), False),
        )


class EmailText(Table):
    """What of an e-mail is read only when it is shown."""

    email = ForeignKeyField(Email, primary_key=True, on_delete="CASCADE")
    body_plain = TextField()
    references = JsonField()
    in_reply_to = JsonField()
    reply_to = JsonField()
    defects = JsonField()
    trace = JsonField()  # [[rule, because], …]
    authentication = JsonField(null=True)  # [spf, dkim, dmarc, verdict]


class EmailReference(Table):
    """A Message-ID that an e-mail answers, for replies that arrive before what they reply to."""

    email = ForeignKeyField(Email, on_delete="CASCADE")
    message_id_key = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("email", "message_id_key")


class EmailAddress(Table):
    """An address in From, To, Cc or Reply-To of an e-mail."""

    email = ForeignKeyField(Email, on_delete="CASCADE")
    role = TextField()  # from | to | cc | reply_to
    position = IntegerField()
    address = TextField(index=True)
    name = TextField(default="")

    class Meta:
        primary_key = CompositeKey("email", "role", "position")


class EmailMailbox(Table):
    email = ForeignKeyField(Email, on_delete="CASCADE")
    mailbox = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("email", "mailbox")


class EmailTeam(Table):
    email = ForeignKeyField(Email, on_delete="CASCADE")
    team = TextField(index=True)

    class Meta:
        primary_key = CompositeKey("email", "team")


class EmailUser(Table):
    """An e-mail in one user's inbox, with that user's own marks."""

    email = ForeignKeyField(Email, on_delete="CASCADE")
    user = TextField()
    is_assigned = BooleanField(default=False)
    is_read = BooleanField(default=False)
    is_important = BooleanField(default=False)
    in_trash = BooleanField(default=False)
    in_archive = BooleanField(default=False)
    folder = TextField(null=True)

    class Meta:
        primary_key = CompositeKey("email", "user")
        indexes = ((("user", "is_read"), False),)


class Attachment(Table):
    """What an e-mail has attached. The bytes are in the raw message."""

    email = ForeignKeyField(Email, on_delete="CASCADE")
    part_index = IntegerField()
    filename = TextField()
    content_type = TextField()
    size = IntegerField()
    inline = BooleanField()
    content_id = TextField()
    sha256 = TextField()

    class Meta:
        primary_key = CompositeKey("email", "part_index")


# --- cases and their Stream


class Case(Numbered):
    """A case. Its id is its number."""

    name = TextField()
    description = TextField(default="")
    status = TextField()
    priority = TextField(default="Normal")
    assigned_user = TextField(null=True)
    account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
    contact = ForeignKeyField(Contact, null=True, on_delete="SET NULL")
    lead = ForeignKeyField(Lead, null=True, on_delete="SET NULL")
    mailbox = TextField(null=True, index=True)
    first_email = IntegerField(null=True, column_name="first_email_id")
    survivor = IntegerField(
        null=True, column_name="survivor_id"
    )  # of a Duplicate: the case it was merged into
    created_at = UtcField()
    created_by = TextField(null=True)
    modified_at = UtcField()
    closed_at = UtcField(null=True)
    is_deleted = BooleanField(default=False)

    class Meta:
        indexes = ((("assigned_user", "status"), False), (("status", "id"), False))


class DistributionTurn(Table):
    """Who was given a mailbox's last case by round-robin."""

    mailbox = TextField(primary_key=True)
    user = TextField()


class Note(Numbered):
    """One entry of a record's Stream."""

    parent_type = TextField()
    parent_id = IntegerField()
    type = TextField()  # create | email-received | email-sent | status | assign | post | relate
    created_at = UtcField()
    by = TextField(null=True)
    email = IntegerField(null=True, column_name="email_id", index=True)
    text = TextField(default="")
    data = JsonField(null=True)

    class Meta:
        indexes = ((("parent_type", "parent_id", "id"), False),)


class Notification(Numbered):
    """What one user is told: of an e-mail, of a note, or of a note that tells of an e-mail."""

    user = TextField()
    type = TextField()  # the note's type, or "email"
    created_at = UtcField()
    is_read = BooleanField(default=False)
    email = IntegerField(null=True, column_name="email_id")
    note = ForeignKeyField(Note, null=True, on_delete="CASCADE")
    parent_type = TextField(null=True)
    parent_id = IntegerField(null=True)
    by = TextField(null=True)
    text = TextField(default="")

    class Meta:
        indexes = ((("user", "is_read", "id"), False), (("email", "user"), False))


# --- mail going out


class Outbox(Numbered):
    """A message on its way out. Its state is committed before and after each attempt."""

    state = TextField()  # waiting | sending | sent | failed | cancelled | in-doubt
    kind = TextField()  # auto-reply | reply | send | notification
    mailbox = TextField()  # whose SMTP server takes it
    envelope_sender = TextField()  # empty: the null reverse-path
    recipients = JsonField()
    email = ForeignKeyField(Email, on_delete="CASCADE")
    case = IntegerField(null=True, column_name="case_id")
    queued_at = UtcField()
    tries = IntegerField(default=0)
    next_try_at = UtcField(null=True)
    sent_at = UtcField(null=True)  # when a server first took it, for some of its recipients at least
    error = TextField(null=True)  # why it waits, or was refused
    untold = TextField(null=True, index=True)  # what no run has told yet: in-doubt | refused | given-up

    class Meta:
        indexes = ((("state", "next_try_at"), False),)


class SentCopy(Table):
    """A message that a server has taken, and whose copy is still to be put into the Sent folder."""

    outbox = ForeignKeyField(Outbox, primary_key=True, on_delete="CASCADE")
    mailbox = TextField(index=True)  # whose server has taken it, and whose folder gets the copy
    tries = IntegerField(default=0)
    next_try_at = UtcField()


class AutoReplySent(Table):
    """When an auto-reply was queued, and to whom: what the limits count."""

    email = ForeignKeyField(Email, primary_key=True, on_delete="CASCADE")
    address = TextField()
    domain = TextField()
    queued_at = UtcField(index=True)

    class Meta:
        indexes = ((("address", "queued_at"), False), (("domain", "queued_at"), False))


NUMBERED: tuple[type[Numbered], ...] = (
    RawMessage,
    Journal,
    Account,
    Contact,
    Lead,
    Email,
    Case,
    Note,
    Notification,
    Outbox,
)
TABLES: tuple[type[Table], ...] = (
    Counter,
    Installation,
    TokenKey,
    MailboxState,
    FolderPosition,
    RawMessage,
    Journal,
    AfterImport,
    Account,
    Contact,
    Lead,
    RecordAddress,
    InvalidAddress,
    RecordTeam,
    Follower,
    Email,
    EmailText,
    EmailReference,
    EmailAddress,
    EmailMailbox,
    EmailTeam,
    EmailUser,
    Attachment,
    Case,
    DistributionTurn,
    Note,
    Notification,
    Outbox,
    SentCopy,
    AutoReplySent,
)
