"""The faults of LibcloudSpawner 2.3.3: an act, what comes of it there, and what comes of it here.

`python -m tests.hub.upstream.faults` prints the table of docs/from-libcloudspawner.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.hub.upstream import acts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hub.upstream.stage import Stage

# What differs between hubs; those that share one need no hub of their own.
STAGES: Final[dict[str, dict[str, Any]]] = {
    "usual": {},
    "watchful": {"poll_interval": 1},
    "impatient": {"start_timeout": 6, "port": False},
    "keyless": {"key": False},
    # A template and a form of the administrator's own: tests/unit/compat/customs.
    "custom": {"module": "labcloud", "template": "labcloud.yaml.j2", "start_timeout": 6},
}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        act: What is done; its name is the fault's.
        was: What LibcloudSpawner does, for people.
        now: What ours does, for people.
        theirs: The facts there.
        ours: The facts here.
        stage: The hub that it needs.
    """

    act: Callable[[Stage, str], acts.Seen]
    was: str
    now: str
    theirs: acts.Seen
    ours: acts.Seen
    stage: str = "usual"

    @property
    def name(self) -> str:
        """For test ids and users."""
        return self.act.__name__


FAULTS: Final = (
    Fault(
        acts.stop,
        "every stop ends by an error, after the machine was deleted",
        "a stop ends when the machine is gone",
        {"ends": False, "left": 0},
        {"ends": True, "left": 0},
    ),
    Fault(
        acts.stop_after_restart,
        "a stop after a restart of the hub raises before it deletes: the machine stays",
        "the machine is deleted",
        {"ends": False, "left": 1},
        {"ends": True, "left": 0},
    ),
    Fault(
        acts.failed_delete,
        "when the cloud refuses once to delete, the machine is forgotten and stays",
        "it is asked again until the machine is proven gone",
        {"left": 1},
        {"left": 0},
    ),
    Fault(
        acts.late,
        "a start that takes too long leaves its machine, and the API has no more than an error"
        " 500 for its user",
        "its machine is deleted",
        {"ready": False, "user is told": False, "left": 1},
        {"ready": False, "user is told": True, "left": 0},
        "impatient",
    ),
    Fault(
        acts.error_state,
        "a machine in Nova's ERROR is waited for until time is over; why is not told; it stays",
        "the start fails at once with Nova's words, and the machine is deleted",
        {"ready": False, "told": False, "waited": True, "left": 1},
        {"ready": False, "told": True, "waited": False, "left": 0},
        "impatient",
    ),
    Fault(
        acts.deaf,
        "one connection that takes more than 3 seconds ends the session; the machine stays",
        "the cloud's word and the agent's count: the server runs on",
        {"ready": False, "machines": 1},
        {"ready": True, "machines": 1},
        "watchful",
    ),
    Fault(
        acts.outage_at_hub_start,
        "a hub that starts while the cloud's API is away forgets its machines",
        "what cannot be asked is kept, and can be stopped later",
        {"known": False, "left": 1},
        {"known": True, "left": 0},
    ),
    Fault(
        acts.named,
        "a named server alone fails once its machine runs, and the machine stays",
        "named servers have machines of their own",
        {"ready": False, "left": 1},
        {"ready": True, "left": 0},
    ),
    Fault(
        acts.two_servers,
        "nothing on a machine says which server's it is, and no mark whose",
        "name and marks say hub, user, server and lease",
        {"named": False, "marked": False},
        {"named": True, "marked": True},
    ),
    Fault(
        acts.loop,
        "the hub stands still for every call to the cloud and every look at a server's port",
        "calls run in threads, and ports are not looked at",
        {"calls": True, "calls in the loop": True, "knocks in the loop": True},
        {"calls": True, "calls in the loop": False, "knocks in the loop": False},
    ),
    Fault(
        acts.looks,
        "each look at each server asks the cloud twice",
        "one listing answers for all servers",
        {"one by one": True, "twice": True},
        {"one by one": False, "twice": False},
        "watchful",
    ),
    Fault(
        acts.lists,
        "each server logs in anew, at a restart of the hub too; each start lists all images",
        "one session for all; names are kept for a minute",
        {"lists for each": True, "logins for each": True, "at a restart": True},
        {"lists for each": False, "logins for each": False, "at a restart": False},
    ),
    Fault(
        acts.token,
        "user-data holds the server's API token",
        "it holds a ticket, good once and for minutes",
        {"in user-data": True},
        {"in user-data": False},
    ),
    Fault(
        acts.log_of_variables,
        "the token is printed into the hub's log where a user sends variables",
        "no token is logged",
        {"in log": True},
        {"in log": False},
    ),
    Fault(
        acts.user_name,
        "a user's name is a part of a script that root runs",
        "it is data for the agent",
        {"in script": True},
        {"in script": False},
    ),
    Fault(
        acts.sent_by_api,
        "variables and arguments that users send are parts of that script",
        "what the administrator has not allowed is refused",
        {"in script": True},
        {"in script": False},
    ),
    Fault(
        acts.form_values,
        "what is typed into a form of one's own is a part of the script of one's own template",
        "what could mean more than itself is refused",
        {"ordinary": 1, "made": 1, "in script": True},
        {"ordinary": 1, "made": 0, "in script": False},
        "custom",
    ),
    Fault(
        acts.image_not_offered,
        "any image and size that the credential can see is started",
        "only those that are offered",
        {"made": 1},
        {"made": 0},
    ),
    Fault(
        acts.image_twice,
        "of two images with one name, whichever is listed first is started",
        "the start is refused, and both are named",
        {"ready": True, "left": 1},
        {"ready": False, "left": 0},
    ),
    Fault(
        acts.environment,
        "`Spawner.environment` does not arrive, but for names with JUPYTER or JPY",
        "all of it arrives",
        {"arrives": False},
        {"arrives": True},
    ),
    Fault(
        acts.keyless,
        "no server starts where no key pair is set",
        "none is needed",
        {"ready": False, "made": 0},
        {"ready": True, "made": 1},
        "keyless",
    ),
    Fault(
        acts.portless,
        "no server is found where no port is set",
        "the first free port of 8000-8999 on the machine",
        {"ready": False},
        {"ready": True},
        "impatient",
    ),
    Fault(
        acts.form,
        "a form without one of its fields ends by an IndexError",
        "the first that is offered",
        {"raised": True, "made": 0},
        {"raised": False, "made": 1},
    ),
    Fault(
        acts.verified,
        "`verify_ssl_cert: False` holds for the whole process",
        "for its own cloud only",
        {"others are verified": False},
        {"others are verified": True},
    ),
    Fault(
        acts.old_settings,
        "the script writes settings of the NotebookApp, which servers read no more",
        "the server gets today's settings",
        {"in script": True},
        {"in script": False},
    ),
)


def table() -> str:
    """The table of the documentation."""
    rows = [f"| {each.was} | {each.now} |" for each in FAULTS]
    return "\n".join(["| LibcloudSpawner 2.3.3 | now |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    print(table(), end="")
