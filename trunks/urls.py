"""Addresses of DIDs, trunks and carriers."""

from django.urls import path

from trunks.views import bulk, carriers, dids, imports, trunks

urlpatterns = [
    path("<slug:slug>/dids/", dids.dids, name="dids"),
    path("<slug:slug>/dids/<int:did_id>/", dids.did, name="did"),
    path("<slug:slug>/dids/<int:did_id>/label/", dids.relabel, name="did-label"),
    path("<slug:slug>/dids/act/", bulk.act, name="dids-act"),
    path("<slug:slug>/dids/undo/<int:event_id>/", bulk.undo, name="dids-undo"),
    path("<slug:slug>/dids/import/", imports.choose, name="dids-import"),
    path("<slug:slug>/dids/import/<uuid:upload_id>/", imports.plan, name="dids-import-plan"),
    path("<slug:slug>/dids/import/<uuid:upload_id>/refused.csv", imports.refused, name="dids-import-refused"),
    path("<slug:slug>/dids/trunks/", trunks.trunks, name="trunks"),
    path("<slug:slug>/dids/trunks/new/", trunks.add, name="trunk-add"),
    path("<slug:slug>/dids/trunks/<int:trunk_id>/", trunks.change, name="trunk"),
    path("<slug:slug>/carriers/", carriers.carriers, name="carriers"),
    path("<slug:slug>/carriers/connect/", carriers.choose, name="carrier-choose"),
    path("<slug:slug>/carriers/connect/<slug:kind>/", carriers.connect, name="carrier-connect"),
    path("<slug:slug>/carriers/<uuid:account_id>/", carriers.change, name="carrier"),
    path("<slug:slug>/carriers/<uuid:account_id>/check/", carriers.check, name="carrier-check"),
    path("<slug:slug>/carriers/<uuid:account_id>/numbers/", carriers.numbers, name="carrier-numbers"),
]
