"""The way of one mail through the rules, in order. A step is added by adding a line here."""

from collections.abc import Callable

from espomail.crm.desk import Desk
from espomail.pipeline.archive import archive
from espomail.pipeline.auto_detection import detect_auto_replies
from espomail.pipeline.auto_reply import queue_auto_reply
from espomail.pipeline.bounces import act_on_bounce
from espomail.pipeline.distribution import assign
from espomail.pipeline.drafts import pass_over_drafts
from espomail.pipeline.duplicates import recognise_duplicate
from espomail.pipeline.email_to_case import make_or_join_case
from espomail.pipeline.filters import apply_body_filters, apply_header_filters
from espomail.pipeline.inbox import put_in_inboxes
from espomail.pipeline.own import drop_own_notifications
from espomail.pipeline.parent import link_to_parent
from espomail.pipeline.stream import tell_followers
from espomail.pipeline.way import Step, Way

STEPS: tuple[Callable[[Way, Desk], Step], ...] = (
    pass_over_drafts,
    apply_header_filters,
    drop_own_notifications,
    recognise_duplicate,
    detect_auto_replies,
    apply_body_filters,
    act_on_bounce,
    link_to_parent,
    make_or_join_case,
    assign,
    archive,
    tell_followers,
    put_in_inboxes,
    queue_auto_reply,
)
