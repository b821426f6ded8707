from django.apps import AppConfig


class AllocationsConfig(AppConfig):
    name = "dure.hub.allocations"
    label = "allocations"
    default_auto_field = "django.db.models.BigAutoField"
