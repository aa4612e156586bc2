"""How long the hub waits for a child; for ``c.AnywhereSpawner`` of a ``jupyterhub_config.py``."""

from __future__ import annotations

from traitlets import Float, HasTraits


class Deadlines(HasTraits):
    """Seconds; mixed into AnywhereSpawner. The start has the child's own ``start_timeout``."""

    # The hub awaits poll on its home page and at its start; half a poll interval is much.
    poll_deadline = Float(15.0, help="Seconds for the child's poll.").tag(config=True)
    # Adding a route or a tunnel may take a while; the hub waits for it at its start.
    url_deadline = Float(30.0, help="Seconds for the child's get_url, and its form.").tag(
        config=True
    )
    # Pods and machines may take minutes to go. JupyterHub itself sets no bound at all.
    stop_deadline = Float(600.0, help="Seconds for the child's stop.").tag(config=True)
    # Somebody waits in front of a page.
    tidy_deadline = Float(
        60.0,
        help="Seconds for the child's rename and delete_forever, and for one more try to stop what"
        " a failed stop has left.",
    ).tag(config=True)
