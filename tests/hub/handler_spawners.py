"""Spawners that bring handlers of their own, as batchspawner, yarnspawner and others do."""

from __future__ import annotations

from typing import Any

from batchspawner import BatchSpawnerRegexStates
from jupyterhub.apihandlers import APIHandler, default_handlers
from recording import (  # type: ignore[import-not-found]  # by the PYTHONPATH of the hub
    RecordingSpawner,
)
from tornado import web
from traitlets import Unicode


class ShellSpawner(BatchSpawnerRegexStates):
    """batchspawner on a scheduler of three shell commands; its folder is the trait `req_host`."""

    exec_prefix = Unicode("")
    req_homedir = Unicode("/")
    batch_script = Unicode("""
echo $JUPYTERHUB_API_TOKEN > {host}/token
while ! test -e {host}/go; do sleep 0.1; done
exec {cmd}
""")
    batch_submit_cmd = Unicode("cat > {host}/job; setsid sh {host}/job > {host}/log 2>&1 & echo $!")
    batch_query_cmd = Unicode(
        "grep -qs 'State:.[SRD]' /proc/{job_id}/status && echo running on 127.0.0.1"
    )
    batch_cancel_cmd = Unicode("kill -TERM -{job_id}")
    state_pending_re = Unicode("pending")
    state_running_re = Unicode("running")
    state_exechost_re = Unicode(r"on (\S+)")


class EventsSpawner(RecordingSpawner):
    """Has an attribute that its own handler sets, as yarnspawner's ``current_port``."""

    current_port = 0
    events: list[str]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.events = []

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "told": self.current_port, "events": self.events}


class EventsAPI(APIHandler):
    """Sets and calls what only the child has."""

    @web.authenticated
    def post(self, name: str) -> None:
        """Take a port and an event."""
        spawner = self.find_user(name).spawner
        spawner.current_port = 4711
        spawner.events.append("came")
        self.set_status(204)


default_handlers.append((r"/api/events/([^/]+)", EventsAPI))
