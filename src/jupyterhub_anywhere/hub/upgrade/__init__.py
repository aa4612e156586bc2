"""A database that an older JupyterHub wrote, brought to the JupyterHub of this program.

::

    source.py      what was named: a file of SQLite, or a database of PostgreSQL
    revisions.py   which JupyterHub wrote it
    look.py        what is in it
    effects.py     what will be done, what changes by it, and what stands in the way; pure
    migrate.py     JupyterHub's own migrations, in a process of their own
    snapshot.py    whether all is still there afterwards
    inuse.py       who has a file open
    sqlite.py      backup, copy, swap of a file
    postgresql.py  the same with databases of a server
    into.py        a database for the state folder of `anywhere up`

The old database is only ever read. A copy of it is upgraded and checked, and takes its place in
one step at the end: whoever is killed before leaves the old one whole.
"""
