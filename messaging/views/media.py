"""Pictures of a thread, for those who may see the thread."""

from django.http import FileResponse, Http404
from django.views.decorators.http import require_safe

from messaging.media import file_response
from messaging.models import Attachment, Conversation
from portal.access import Can, MemberRequest, needs, visible_threads


@require_safe
@needs(Can.READ_THREADS)
def attachment(request: MemberRequest, attachment_id: int) -> FileResponse:
    seen = Conversation.objects.filter(visible_threads(request.membership))
    stored = Attachment.objects.filter(state=Attachment.State.STORED, message__conversation__in=seen)
    try:
        return file_response(stored.get(pk=attachment_id))
    except (Attachment.DoesNotExist, FileNotFoundError):
        raise Http404("No such picture.") from None
