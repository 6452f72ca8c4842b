"""Routes below `/api/integrations`."""

from django.urls import path

from integrations.views import IntegrationViews, TemplateViews, UsageViews

_one = IntegrationViews.as_view({"get": "retrieve", "put": "update", "patch": "update", "delete": "destroy"})

urlpatterns = [
    path("", IntegrationViews.as_view({"get": "list", "post": "create"})),
    path("/me", IntegrationViews.as_view({"get": "me"})),
    path("/templates", TemplateViews.as_view({"get": "list"})),
    path("/<str:pk>", _one),
    path("/<str:pk>/regenerate-credentials", IntegrationViews.as_view({"post": "regenerate"})),
    path("/<str:pk>/test", IntegrationViews.as_view({"post": "test"})),
    path("/<str:pk>/usage", UsageViews.as_view({"get": "list"})),
    path("/<str:pk>/usage/summary", UsageViews.as_view({"get": "summary"})),
]
