# Generated from a schema diff on 2026-11-26 11:53.
from peewee import *

from espomail.store.fields import JsonField, UtcField


def up(migrator, db):
    class Account(Model):
        id = IntegerField(primary_key=True)
        name = TextField(index=True)
        phone = TextField(null=True)
        website = TextField(null=True)
        assigned_user = TextField(index=True, null=True)
        created_at = UtcField()
        created_by = TextField(null=True)
        modified_at = UtcField()
        is_deleted = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "account"

    db.create_tables([Account])

    class RawMessage(Model):
        id = IntegerField(primary_key=True)
        data = BlobField()

        class Meta:
            database = db
            table_name = "raw_message"

    db.create_tables([RawMessage])

    class Journal(Model):
        id = IntegerField(primary_key=True)
        mailbox = TextField()
        folder = TextField()
        uidvalidity = IntegerField()
        uid = IntegerField()
        received_at = UtcField()
        flags = JsonField()
        size = IntegerField()
        is_partial = BooleanField()
        raw_message = ForeignKeyField(RawMessage, null=True, on_delete="RESTRICT")
        outcome = TextField(default="new")
        because = TextField(null=True)
        email = IntegerField(index=True, null=True, column_name="email_id")
        tries = IntegerField(default=0)
        error = TextField(null=True)
        is_told = BooleanField(default=True)
        decided_at = UtcField(null=True)

        class Meta:
            database = db
            table_name = "journal"
            indexes = ((("mailbox", "folder", "uidvalidity", "uid"), True), (("outcome", "id"), False))

    db.create_tables([Journal])

    class AfterImport(Model):
        journal = ForeignKeyField(Journal, primary_key=True, on_delete="CASCADE")
        mailbox = TextField(index=True)
        message_id_key = TextField()
        target = TextField(null=True)
        target_uidvalidity = IntegerField(null=True)
        target_uid_next = IntegerField(null=True)

        class Meta:
            database = db
            table_name = "after_import"

    db.create_tables([AfterImport])

    class Email(Model):
        id = IntegerField(primary_key=True)
        message_id = TextField()
        message_id_key = TextField(index=True)
        subject = TextField()
        subject_key = TextField()
        text_key = TextField()
        from_address = TextField(null=True)
        from_name = TextField(default="")
        date = UtcField(null=True)
        received_at = UtcField()
        status = TextField()
        is_auto = BooleanField(default=False)
        is_outsider = BooleanField(default=False)
        failed_dmarc = BooleanField(default=False)
        is_partial = BooleanField(default=False)
        is_deleted = BooleanField(default=False)
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
            database = db
            table_name = "email"
            indexes = (
                (("parent_type", "parent_id", "received_at"), False),
                (("from_address", "received_at"), False),
                (("received_at", "id"), False),
            )

    db.create_tables([Email])

    class Attachment(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        part_index = IntegerField()
        filename = TextField()
        content_type = TextField()
        size = IntegerField()
        inline = BooleanField()
        content_id = TextField()
        sha256 = TextField()

        class Meta:
            database = db
            table_name = "attachment"
            primary_key = CompositeKey("email", "part_index")

    db.create_tables([Attachment])

    class AutoReplySent(Model):
        email = ForeignKeyField(Email, primary_key=True, on_delete="CASCADE")
        address = TextField()
        domain = TextField()
        queued_at = UtcField(index=True)

        class Meta:
            database = db
            table_name = "auto_reply_sent"
            indexes = ((("address", "queued_at"), False), (("domain", "queued_at"), False))

    db.create_tables([AutoReplySent])

    class Contact(Model):
        id = IntegerField(primary_key=True)
        first_name = TextField(default="")
        last_name = TextField(default="")
        account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
        title = TextField(null=True)
        phone = TextField(null=True)
        assigned_user = TextField(index=True, null=True)
        created_at = UtcField()
        created_by = TextField(null=True)
        modified_at = UtcField()
        is_deleted = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "contact"

    db.create_tables([Contact])

    class Lead(Model):
        id = IntegerField(primary_key=True)
        name = TextField(index=True)
        status = TextField(default="New")
        account_name = TextField(null=True)
        title = TextField(null=True)
        phone = TextField(null=True)
        assigned_user = TextField(index=True, null=True)
        converted_account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
        converted_contact = ForeignKeyField(Contact, null=True, on_delete="SET NULL")
        created_at = UtcField()
        created_by = TextField(null=True)
        modified_at = UtcField()
        is_deleted = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "lead"

    db.create_tables([Lead])

    class Case(Model):
        id = IntegerField(primary_key=True)
        name = TextField()
        description = TextField(default="")
        status = TextField()
        priority = TextField(default="Normal")
        assigned_user = TextField(null=True)
        account = ForeignKeyField(Account, null=True, on_delete="SET NULL")
        contact = ForeignKeyField(Contact, null=True, on_delete="SET NULL")
        lead = ForeignKeyField(Lead, null=True, on_delete="SET NULL")
        mailbox = TextField(index=True, null=True)
        first_email = IntegerField(null=True, column_name="first_email_id")
        survivor = IntegerField(null=True, column_name="survivor_id")
        created_at = UtcField()
        created_by = TextField(null=True)
        modified_at = UtcField()
        closed_at = UtcField(null=True)
        is_deleted = BooleanField(default=False)

        class Meta:
            database = db
            table_name = "case"
            indexes = ((("assigned_user", "status"), False), (("status", "id"), False))

    db.create_tables([Case])

    class Counter(Model):
        table = TextField(primary_key=True)
        last = IntegerField()

        class Meta:
            database = db
            table_name = "counter"

    db.create_tables([Counter])

    class DistributionTurn(Model):
        mailbox = TextField(primary_key=True)
        user = TextField()

        class Meta:
            database = db
            table_name = "distribution_turn"

    db.create_tables([DistributionTurn])

    class EmailAddress(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        role = TextField()
        position = IntegerField()
        address = TextField(index=True)
        name = TextField(default="")

        class Meta:
            database = db
            table_name = "email_address"
            primary_key = CompositeKey("email", "role", "position")

    db.create_tables([EmailAddress])

    class EmailMailbox(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        mailbox = TextField(index=True)

        class Meta:
            database = db
            table_name = "email_mailbox"
            primary_key = CompositeKey("email", "mailbox")

    db.create_tables([EmailMailbox])

    class EmailReference(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        message_id_key = TextField(index=True)

        class Meta:
            database = db
            table_name = "email_reference"
            primary_key = CompositeKey("email", "message_id_key")

    db.create_tables([EmailReference])

    class EmailTeam(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        team = TextField(index=True)

        class Meta:
            database = db
            table_name = "email_team"
            primary_key = CompositeKey("email", "team")

    db.create_tables([EmailTeam])

    class EmailText(Model):
        email = ForeignKeyField(Email, primary_key=True, on_delete="CASCADE")
        body_plain = TextField()
        references = JsonField()
        in_reply_to = JsonField()
        reply_to = JsonField()
        defects = JsonField()
        trace = JsonField()
        authentication = JsonField(null=True)

        class Meta:
            database = db
            table_name = "email_text"

    db.create_tables([EmailText])

    class EmailUser(Model):
        email = ForeignKeyField(Email, on_delete="CASCADE")
        user = TextField()
        is_assigned = BooleanField(default=False)
        is_read = BooleanField(default=False)
        is_important = BooleanField(default=False)
        in_trash = BooleanField(default=False)
        in_archive = BooleanField(default=False)
        folder = TextField(null=True)

        class Meta:
            database = db
            table_name = "email_user"
            primary_key = CompositeKey("email", "user")
            indexes = ((("user", "is_read"), False),)

    db.create_tables([EmailUser])

    class FolderPosition(Model):
        mailbox = TextField()
        folder = TextField()
        uidvalidity = IntegerField(null=True)
        last_uid = IntegerField(default=0)
        last_date = UtcField(null=True)
        special_use = TextField(null=True)
        first_entry = IntegerField(default=0)
        suspects = JsonField(null=True)
        untold = TextField(null=True)

        class Meta:
            database = db
            table_name = "folder_position"
            primary_key = CompositeKey("mailbox", "folder")

    db.create_tables([FolderPosition])

    class Follower(Model):
        record_type = TextField()
        record_id = IntegerField()
        user = TextField(index=True)

        class Meta:
            database = db
            table_name = "follower"
            primary_key = CompositeKey("record_type", "record_id", "user")

    db.create_tables([Follower])

    class Installation(Model):
        id = TextField(primary_key=True)
        created_at = UtcField()

        class Meta:
            database = db
            table_name = "installation"

    db.create_tables([Installation])

    class InvalidAddress(Model):
        address = TextField(primary_key=True)
        bounced_at = UtcField()

        class Meta:
            database = db
            table_name = "invalid_address"

    db.create_tables([InvalidAddress])

    class MailboxState(Model):
        mailbox = TextField(primary_key=True)
        tried_at = UtcField(null=True)
        failing_since = UtcField(null=True)
        error = TextField(null=True)
        tries = IntegerField(default=0)
        refusals = IntegerField(default=0)
        next_try_at = UtcField(null=True)
        last_success_at = UtcField(null=True)

        class Meta:
            database = db
            table_name = "mailbox_state"

    db.create_tables([MailboxState])

    class Note(Model):
        id = IntegerField(primary_key=True)
        parent_type = TextField()
        parent_id = IntegerField()
        type = TextField()
        created_at = UtcField()
        by = TextField(null=True)
        email = IntegerField(index=True, null=True, column_name="email_id")
        text = TextField(default="")
        data = JsonField(null=True)

        class Meta:
            database = db
            table_name = "note"
            indexes = ((("parent_type", "parent_id", "id"), False),)

    db.create_tables([Note])

    class Notification(Model):
        id = IntegerField(primary_key=True)
        user = TextField()
        type = TextField()
        created_at = UtcField()
        is_read = BooleanField(default=False)
        email = IntegerField(null=True, column_name="email_id")
        note = ForeignKeyField(Note, null=True, on_delete="CASCADE")
        parent_type = TextField(null=True)
        parent_id = IntegerField(null=True)
        by = TextField(null=True)
        text = TextField(default="")

        class Meta:
            database = db
            table_name = "notification"
            indexes = ((("user", "is_read", "id"), False), (("email", "user"), False))

    db.create_tables([Notification])

    class Outbox(Model):
        id = IntegerField(primary_key=True)
        state = TextField()
        kind = TextField()
        mailbox = TextField()
        envelope_sender = TextField()
        recipients = JsonField()
        email = ForeignKeyField(Email, on_delete="CASCADE")
        case = IntegerField(null=True, column_name="case_id")
        queued_at = UtcField()
        tries = IntegerField(default=0)
        next_try_at = UtcField(null=True)
        sent_at = UtcField(null=True)
        error = TextField(null=True)
        untold = TextField(index=True, null=True)

        class Meta:
            database = db
            table_name = "outbox"
            indexes = ((("state", "next_try_at"), False),)

    db.create_tables([Outbox])

    class RecordAddress(Model):
        record_type = TextField()
        record_id = IntegerField()
        address = TextField(index=True)
        position = IntegerField(default=0)

        class Meta:
            database = db
            table_name = "record_address"
            primary_key = CompositeKey("record_type", "record_id", "address")

    db.create_tables([RecordAddress])

    class RecordTeam(Model):
        record_type = TextField()
        record_id = IntegerField()
        team = TextField()

        class Meta:
            database = db
            table_name = "record_team"
            primary_key = CompositeKey("record_type", "record_id", "team")

    db.create_tables([RecordTeam])

    class SentCopy(Model):
        outbox = ForeignKeyField(Outbox, primary_key=True, on_delete="CASCADE")
        mailbox = TextField(index=True)
        tries = IntegerField(default=0)
        next_try_at = UtcField()

        class Meta:
            database = db
            table_name = "sent_copy"

    db.create_tables([SentCopy])

    class TokenKey(Model):
        id = IntegerField(primary_key=True)
        key = BlobField()
        created_at = UtcField()

        class Meta:
            database = db
            table_name = "token_key"

    db.create_tables([TokenKey])


def down(migrator, db):
    migrator.migrate(migrator.drop_table("token_key"))
    migrator.migrate(migrator.drop_table("sent_copy"))
    migrator.migrate(migrator.drop_table("record_team"))
    migrator.migrate(migrator.drop_table("record_address"))
    migrator.migrate(migrator.drop_table("outbox"))
    migrator.migrate(migrator.drop_table("notification"))
    migrator.migrate(migrator.drop_table("note"))
    migrator.migrate(migrator.drop_table("mailbox_state"))
    migrator.migrate(migrator.drop_table("invalid_address"))
    migrator.migrate(migrator.drop_table("installation"))
    migrator.migrate(migrator.drop_table("follower"))
    migrator.migrate(migrator.drop_table("folder_position"))
    migrator.migrate(migrator.drop_table("email_user"))
    migrator.migrate(migrator.drop_table("email_text"))
    migrator.migrate(migrator.drop_table("email_team"))
    migrator.migrate(migrator.drop_table("email_reference"))
    migrator.migrate(migrator.drop_table("email_mailbox"))
    migrator.migrate(migrator.drop_table("email_address"))
    migrator.migrate(migrator.drop_table("distribution_turn"))
    migrator.migrate(migrator.drop_table("counter"))
    migrator.migrate(migrator.drop_table("case"))
    migrator.migrate(migrator.drop_table("lead"))
    migrator.migrate(migrator.drop_table("contact"))
    migrator.migrate(migrator.drop_table("auto_reply_sent"))
    migrator.migrate(migrator.drop_table("attachment"))
    migrator.migrate(migrator.drop_table("email"))
    migrator.migrate(migrator.drop_table("after_import"))
    migrator.migrate(migrator.drop_table("journal"))
    migrator.migrate(migrator.drop_table("raw_message"))
    migrator.migrate(migrator.drop_table("account"))
