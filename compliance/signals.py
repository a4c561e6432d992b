"""News that travels upward, sent inside the transaction of the change. Receivers may hear the same news twice."""

from django.dispatch import Signal

suppressed = Signal()  # organization_id, number, opt_out (the log line)
lifted = Signal()  # organization_id, number, opt_out (the log line)
campaign_changed = Signal()  # campaign
