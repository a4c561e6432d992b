"""Addresses of the pages that join the apps: people, audit, one's own account, invitations."""

from django.urls import path

from portal.views import audit, carriers_health, home, invitations, me, people, retention

urlpatterns = [
    path("invitation/<str:token>/", invitations.accept, name="invitation"),
    path("me/", me.me, name="me"),
    path("<slug:slug>/", home.start, name="start"),
    path("<slug:slug>/people/", people.index, name="people"),
    path("<slug:slug>/people/invite/", people.invite, name="people-invite"),
    path("<slug:slug>/people/invitations/<int:pk>/withdraw/", people.withdraw, name="invitation-withdraw"),
    path("<slug:slug>/people/teams/new/", people.new_team, name="team-new"),
    path("<slug:slug>/people/teams/<int:pk>/", people.team, name="team"),
    path("<slug:slug>/people/teams/<int:pk>/remove/", people.remove_team, name="team-remove"),
    path("<slug:slug>/people/<int:pk>/", people.person, name="person"),
    path("<slug:slug>/people/<int:pk>/deactivate/", people.deactivate, name="person-deactivate"),
    path("<slug:slug>/people/<int:pk>/reactivate/", people.reactivate, name="person-reactivate"),
    path("<slug:slug>/carriers/health/", carriers_health.carriers_health, name="health"),
    path("<slug:slug>/retention/", retention.index, name="retention"),
    path("<slug:slug>/retention/change/", retention.change, name="retention-change"),
    path("<slug:slug>/audit/", audit.index, name="audit"),
    path("<slug:slug>/audit/export/", audit.export, name="audit-export"),
]
