"""Leases: what is held for which server, from the wish to make it until it is proven gone."""
