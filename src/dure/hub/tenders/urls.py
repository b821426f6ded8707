"""Addresses of supply calls and bids."""

from django.urls import path

from dure.hub.tenders import operator_pages, pages

urlpatterns = [
    path("supply-calls/", pages.supply_calls, name="supply-calls"),
    path("supply-calls/<str:key>/", pages.supply_call, name="supply-call"),
    path("supply-calls/<str:key>/bid/", pages.start, name="bid-start"),
    path("supply-calls/<str:key>/choice/", operator_pages.choice, name="supply-choice"),
    path("supply-calls/<str:key>/step/<str:name>/", operator_pages.step, name="supply-step"),
    path("supply-calls/<str:key>/choose/", operator_pages.choose, name="supply-choose"),
    path(
        "supply-calls/<str:key>/approve/<int:number>/",
        operator_pages.approve,
        name="supply-approve",
    ),
    path("bids/", pages.mine, name="my-bids"),
    path("bids/<str:number>/", pages.bid, name="bid"),
    path("bids/<str:number>/edit/", pages.edit, name="bid-edit"),
    path("bids/<str:number>/withdraw/", pages.withdraw, name="bid-withdraw"),
    path("bids/<str:number>/sign/", pages.sign, name="bid-sign"),
    path("bids/<str:number>/inspection/", operator_pages.inspect, name="bid-inspection"),
    path("bids/<str:number>/price/", operator_pages.price, name="bid-price"),
    path("bid-reviews/", pages.reviews, name="my-bid-reviews"),
    path("bid-reviews/<int:pk>/", pages.review, name="bid-review"),
    path("bid-reviews/<int:pk>/conflict/", pages.step_back, name="bid-review-conflict"),
]
