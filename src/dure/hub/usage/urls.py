"""Addresses of the ledger's pages."""

from django.urls import path

from dure.hub.usage import pages

urlpatterns = [
    path("ledger/", pages.ledger, name="ledger"),
    path("ledger/balances/", pages.balances, name="ledger-balances"),
]
