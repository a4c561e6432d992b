"""Addresses of the inbox, of carriers' webhooks, and of the pictures that carriers fetch."""

from django.urls import path

from messaging import hooks
from messaging.media import link_view
from messaging.views import compose, deliveries, inbox, media, reviews, thread, unknown

urlpatterns = [
    *hooks.urlpatterns,
    path("m/<str:token>/", link_view, name="media-link"),
    path("<slug:slug>/dids/unknown/", unknown.unknown_dids, name="unknown-dids"),
    path("<slug:slug>/carriers/<uuid:account_id>/webhooks/", deliveries.deliveries, name="deliveries"),
    path("<slug:slug>/carriers/<uuid:account_id>/webhooks/again/", deliveries.replay_all, name="deliveries-replay"),
    path("<slug:slug>/carriers/<uuid:account_id>/webhooks/<int:delivery_id>/", deliveries.delivery, name="delivery"),
    path(
        "<slug:slug>/carriers/<uuid:account_id>/webhooks/<int:delivery_id>/again/",
        deliveries.replay,
        name="delivery-replay",
    ),
    path("<slug:slug>/opt-outs/review/", reviews.queue, name="opt-out-reviews"),
    path("<slug:slug>/opt-outs/review/<int:doubt_id>/", reviews.answer, name="opt-out-answer"),
    path("<slug:slug>/inbox/", inbox.inbox, name="inbox"),
    path("<slug:slug>/inbox/new/", compose.new_conversation, name="new-conversation"),
    path("<slug:slug>/inbox/attachments/<int:attachment_id>/", media.attachment, name="attachment"),
    path("<slug:slug>/inbox/<int:conversation_id>/", thread.thread, name="thread"),
    path("<slug:slug>/inbox/<int:conversation_id>/reply/", thread.reply, name="thread-reply"),
    path("<slug:slug>/inbox/<int:conversation_id>/read/", thread.read, name="thread-read"),
    path("<slug:slug>/inbox/<int:conversation_id>/assign/", thread.assign, name="thread-assign"),
    path("<slug:slug>/inbox/<int:conversation_id>/close/", thread.close, name="thread-close"),
    path("<slug:slug>/inbox/<int:conversation_id>/reopen/", thread.reopen, name="thread-reopen"),
    path("<slug:slug>/inbox/<int:conversation_id>/name/", thread.name, name="thread-name"),
    path("<slug:slug>/inbox/<int:conversation_id>/opt-out/", thread.opt_out, name="thread-opt-out"),
    path(
        "<slug:slug>/inbox/<int:conversation_id>/messages/<int:message_id>/cancel/",
        thread.cancel,
        name="message-cancel",
    ),
    path(
        "<slug:slug>/inbox/<int:conversation_id>/messages/<int:message_id>/retry/",
        thread.retry,
        name="message-retry",
    ),
]
