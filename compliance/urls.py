"""Addresses of opt-outs."""

from django.urls import path

from compliance.views import opt_outs

urlpatterns = [
    path("<slug:slug>/opt-outs/", opt_outs.index, name="opt-outs"),
    path("<slug:slug>/opt-outs/new/", opt_outs.new, name="opt-out-new"),
    path("<slug:slug>/opt-outs/<int:pk>/", opt_outs.opt_out, name="opt-out"),
]
