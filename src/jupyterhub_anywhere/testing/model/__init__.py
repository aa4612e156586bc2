"""A small world with virtual time, in which hubs die at any point: it tries to break the ledger.

Public, for authors of other targets and of other reconcilers. Nothing in it waits: a week passes as
fast as it can be computed. What is real in it is our own code: ledger, book, watch, reconciler.
"""
