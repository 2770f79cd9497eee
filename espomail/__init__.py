"""espomail: e-mail to case, from cron."""
