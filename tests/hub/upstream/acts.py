"""What is done to a hub of either side, and what is seen: an act knows no side.

Each takes a stage and a user of its own, and returns plain facts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.hub.harness import wait_for
from tests.hub.upstream.machines import user_data

if TYPE_CHECKING:
    from tests.hub.upstream.stage import Stage

Seen = dict[str, Any]
# Several looks: LibcloudSpawner asks for one server, ours lists them all.
_SINGLES: Final = 20
_LISTS: Final = 2
_ONE: Final = r"/servers/[0-9a-f-]{36}$"
_ALL: Final = r"/servers/detail"


def _looked(stage: Stage) -> bool:
    asked = stage.cloud.asked
    return asked("GET", _ONE) > _SINGLES or asked("GET", _ALL) >= _LISTS


def _stopped(stage: Stage) -> bool:
    """Whether a stop has ended well; of one that raised JupyterHub 6.1 says nothing at all."""
    return "seconds to stop" in stage.log()


def stop(stage: Stage, user: str) -> Seen:
    """Stop a server."""
    stage.start(user)
    stage.stop(user)
    return {"ends": _stopped(stage), "left": stage.left()}


def stop_after_restart(stage: Stage, user: str) -> Seen:
    """Stop a server that has outlived a restart of the hub."""
    stage.start(user)
    stage.restart()
    wait_for(lambda: stage.model(user).get("ready"), what="the server is found again")
    stage.stop(user)
    return {"ends": _stopped(stage), "left": stage.left()}


def late(stage: Stage, user: str) -> Seen:
    """Start a server on a machine that never says anything."""
    stage.cloud.silent = True
    stage.ask(user)
    ready = stage.settled(user)
    answer = stage.hub.api("GET", f"users/{user}")
    return {"ready": ready, "user is told": answer.is_success, "left": stage.left()}


def deaf(stage: Stage, user: str) -> Seen:
    """Let a server answer no more, while its machine runs."""
    stage.start(user)
    stage.cloud.deafen()
    with stage.cloud.lock:
        stage.cloud.calls.clear()
    wait_for(lambda: not stage.model(user) or _looked(stage), what="the end, or several looks")
    return {"ready": bool(stage.model(user)), "machines": len(stage.cloud.servers)}


def outage_at_hub_start(stage: Stage, user: str) -> Seen:
    """Start the hub while the cloud's API is away; later it is back, and the server is stopped."""
    stage.start(user)
    stage.restart(away=True)
    # Either side has been told by now that nothing can be asked, or asks nothing.
    known = bool(stage.settled(user))
    stage.cloud.back()
    if known:
        stage.stop(user)
    return {"known": known, "left": stage.left()}


def error_state(stage: Stage, user: str) -> Seen:
    """Start a server whose machine ends in ERROR at once."""
    stage.cloud.broken = "No valid host was found."
    answer = stage.ask(user)
    ready = stage.settled(user)
    said = answer.text + stage.log()
    return {
        "ready": ready,
        "told": "No valid host" in said,
        "waited": "failed to start in" in said,
        "left": stage.left(),
    }


def failed_delete(stage: Stage, user: str) -> Seen:
    """Stop a server while the cloud refuses once to delete."""
    stage.start(user)
    stage.cloud.order("DELETE", "/servers/", "status", status=500)
    stage.stop(user)
    return {"left": stage.left()}


def named(stage: Stage, user: str) -> Seen:
    """Start a named server of a user that has no other."""
    stage.ask(user, "gpu")
    ready = stage.settled(user, "gpu")
    if ready:
        stage.stop(user, "gpu")
    return {"ready": ready, "left": stage.left()}


def two_servers(stage: Stage, user: str) -> Seen:
    """Start a default and a named server, and look at their machines."""
    stage.start(user)
    stage.ask(user, "gpu")
    wait_for(lambda: len(stage.cloud.wanted) > 1, what="two machines")
    stage.settled(user, "gpu")
    names = [each["name"] for each in stage.cloud.wanted]
    marks = [each.get("metadata") or {} for each in stage.cloud.wanted]
    return {
        "named": any("gpu" in name for name in names),
        "marked": all(user in each.values() for each in marks),
    }


def token(stage: Stage, user: str) -> Seen:
    """Start a server, and look for its API token in user-data."""
    stage.start(user)
    [told] = stage.cloud.tokens_told()
    return {"in user-data": told in user_data(stage.cloud.wanted[-1])}


def user_name(stage: Stage, user: str) -> Seen:
    """Start the server of somebody whose name is a command."""
    evil = f"{user};reboot"
    try:
        stage.start(evil)
        text = user_data(stage.cloud.wanted[-1])
        return {"in script": evil in text}
    finally:
        stage.end(evil)


def sent_by_api(stage: Stage, user: str) -> Seen:
    """Send variables and arguments that are commands."""
    stage.ask(user, env={"JUPYTER_X": "$(reboot)"}, argv=["`reboot`"])
    stage.settled(user)
    texts = [user_data(each) for each in stage.cloud.wanted]
    return {"in script": any("$(reboot)" in each and "`reboot`" in each for each in texts)}


def log_of_variables(stage: Stage, user: str) -> Seen:
    """Send a variable by the API, then start without one; look for tokens in the hub's log."""
    stage.ask(user, env={"JUPYTER_X": "1"})
    if not stage.settled(user):
        stage.start(user)
    tokens = stage.cloud.tokens_told()
    assert tokens
    return {"in log": any(each in stage.log() for each in tokens)}


def image_not_offered(stage: Stage, user: str) -> Seen:
    """Ask by the API for an image and a size that are not offered."""
    stage.ask(user, userserver_image="secret", userserver_size="large")
    stage.settled(user)
    return {"made": len(stage.cloud.wanted)}


def image_twice(stage: Stage, user: str) -> Seen:
    """Ask for an image whose name two images have."""
    stage.ask(user, userserver_image="twice")
    return {"ready": stage.settled(user), "left": stage.left() if not stage.model(user) else 1}


def environment(stage: Stage, user: str) -> Seen:
    """Start a server, and look for what the administrator set as ``Spawner.environment``."""
    stage.start(user)
    found = [each["env"].get("SITE_SETTING") for each in stage.cloud.jobs.values()]
    texts = [user_data(each) for each in stage.cloud.wanted]
    return {"arrives": bool(found and found[0]) or any("SITE_SETTING" in each for each in texts)}


def keyless(stage: Stage, user: str) -> Seen:
    """Start a server where no key pair is set."""
    stage.ask(user)
    return {"ready": stage.settled(user), "made": len(stage.cloud.wanted)}


def portless(stage: Stage, user: str) -> Seen:
    """Start a server where no port is set."""
    stage.ask(user)
    return {"ready": stage.settled(user)}


def loop(stage: Stage, user: str) -> Seen:
    """Start and stop a server, and note which thread waits for the network."""
    stage.start(user)
    stage.stop(user)
    notes = stage.notes()
    calls = [each for each in notes if each["what"] == "call"]
    return {
        "calls": bool(calls),
        "calls in the loop": any(each["where"] == "loop" for each in calls),
        "knocks in the loop": any(
            each["where"] == "loop" for each in notes if each["what"] == "knock"
        ),
    }


def verified(stage: Stage, user: str) -> Seen:
    """Start a server at a cloud whose certificate shall not be verified; look at the process."""
    stage.start(user)
    return {"others are verified": all(each["verify"] for each in stage.notes())}


def looks(stage: Stage, user: str) -> Seen:
    """Let two servers run for several looks, and count what the cloud is asked."""
    names = [f"{user}a", f"{user}b"]
    try:
        for name in names:
            stage.start(name)
        with stage.cloud.lock:
            stage.cloud.calls.clear()
        stage.cloud.knocks = 0
        wait_for(lambda: _looked(stage), what="several looks")
        single, knocks = stage.cloud.asked("GET", _ONE), stage.cloud.knocks
        return {"one by one": single > 0, "twice": single >= 2 * (knocks - 2) > 0}
    finally:
        stage.end(*names)


def lists(stage: Stage, user: str) -> Seen:
    """Start three servers one after the other, and restart the hub; count lists and logins."""
    names = [f"{user}{letter}" for letter in "abc"]
    try:
        for name in names:
            stage.start(name)
        asked = stage.cloud.asked
        found = {
            "lists for each": asked("GET", "/images") >= len(names),
            "logins for each": asked("POST", "auth/tokens") >= len(names),
        }
        with stage.cloud.lock:
            stage.cloud.calls.clear()
        stage.restart()
        wait_for(lambda: all(stage.model(each).get("ready") for each in names), what="all three")
        return {**found, "at a restart": asked("POST", "auth/tokens") >= len(names)}
    finally:
        stage.end(*names)


def _post_form(stage: Stage, user: str, **fields: str) -> None:
    client = stage.hub.login(user)
    page = client.get("hub/spawn")
    found = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
    xsrf = found[1] if found else client.cookies["_xsrf"]
    client.post("hub/spawn", data={"_xsrf": xsrf, **fields}, follow_redirects=False)
    stage.settled(user)


def form_values(stage: Stage, user: str) -> Seen:
    """Type a command into a field of the administrator's own form, which a template uses."""
    chosen = {"userserver_image": "debian", "userserver_size": "small"}
    _post_form(stage, user, **chosen, course="maths")
    ordinary = len(stage.cloud.wanted)
    stage.end(user)
    _post_form(stage, user, **chosen, course="$(reboot)")
    texts = [user_data(each) for each in stage.cloud.wanted]
    evil = any("$(reboot)" in each for each in texts)
    return {"ordinary": ordinary, "made": len(texts), "in script": evil}


def form(stage: Stage, user: str) -> Seen:
    """Send the form without its fields, as a form of the administrator's own may be."""
    _post_form(stage, user)
    return {"raised": "IndexError" in stage.log(), "made": len(stage.cloud.wanted)}


def old_settings(stage: Stage, user: str) -> Seen:
    """Start a server, and look for settings of the NotebookApp, which servers read no more."""
    stage.start(user)
    return {"in script": "c.NotebookApp." in user_data(stage.cloud.wanted[-1])}
