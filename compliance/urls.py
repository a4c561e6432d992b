"""Addresses of opt-outs and legal holds."""

from django.urls import path

from compliance.views import holds, imports, opt_outs

urlpatterns = [
    path("<slug:slug>/opt-outs/", opt_outs.index, name="opt-outs"),
    path("<slug:slug>/opt-outs/new/", opt_outs.new, name="opt-out-new"),
    path("<slug:slug>/opt-outs/import/", imports.choose, name="opt-outs-import"),
    path("<slug:slug>/opt-outs/import/<uuid:upload_id>/", imports.plan, name="opt-outs-import-plan"),
    path("<slug:slug>/opt-outs/<int:pk>/", opt_outs.opt_out, name="opt-out"),
    path("<slug:slug>/holds/", holds.index, name="holds"),
    path("<slug:slug>/holds/new/", holds.new, name="hold-new"),
    path("<slug:slug>/holds/<int:pk>/", holds.hold, name="hold"),
]
