"""The hub: portal, API and the loop that decides. The only place with the database."""
