"""Doing what a plan says, one step after the other; each is written down before and after."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.prepare.image import builder_script, trial_script, verdict
from jupyterhub_anywhere.prepare.machines import Machines
from jupyterhub_anywhere.prepare.plan import by_hand
from jupyterhub_anywhere.prepare.steps import Do
from jupyterhub_anywhere.prepare.things import ForbiddenError, Kind, PrepareError
from jupyterhub_anywhere.prepare.wants import Known
from jupyterhub_anywhere.prepare.wish import builder_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.steps import Plan, Step
    from jupyterhub_anywhere.prepare.things import Cloud, Thing
    from jupyterhub_anywhere.prepare.wish import Wish


class Apply:
    """Applies one plan.

    Args:
        cloud: The project.
        wish: What is wanted.
        record: What was made; this run's is added.
        plan: What is done.
        say: Tells a person what happens, one line at a time.
    """

    def __init__(
        self,
        cloud: Cloud,
        wish: Wish,
        record: Record,
        plan: Plan,
        say: Callable[[str], None],
    ) -> None:
        self._cloud, self._wish, self._record, self._plan = cloud, wish, record, plan
        self._say = say
        self._machines = Machines(cloud, record, say)
        self.known = Known(record.mark)
        if plan.external is not None:
            self.known.things["external"] = plan.external

    def run(self) -> Known:
        """Do all of it.

        Returns:
            What it came to.

        Raises:
            PrepareError: A step failed; those before it are done, and written down.
        """
        self._plan.check()
        self._record.project = self._cloud.login().project_id
        self._record.save()
        for step in self._plan.steps:
            self._one(step)
        return self.known

    def _one(self, step: Step) -> None:
        if step.key == "image":
            self._image(step)
        elif step.key == "trial":
            self._trial(step)
        elif step.key == "hub-ready":
            self._hub_ready(step)
        elif step.do is Do.KEEP:
            self._keep(step)
        elif step.do in {Do.MAKE, Do.REPLACE}:
            if step.do is Do.REPLACE and step.thing is not None:
                self._replace(step, step.thing)
            self._make(step)

    # --- ordinary things -------------------------------------------------------------------------

    def _keep(self, step: Step) -> None:
        if step.thing is None:
            return
        entry = self._record.entry(step.key)
        if step.ours and entry is not None and not entry.id:
            self._record.made(entry, step.thing.id, **_kept(step.thing))
        self.known.things[step.key] = step.thing
        if step.key == "hub" and step.ours:
            self._machines.until(step.thing, "ACTIVE", self._wish.hub.minutes)

    def _replace(self, step: Step, old: Thing) -> None:
        self._say(f"removing the {step.kind} {step.name}: {step.why}")
        self._machines.gone(old)
        entry = self._record.entry(step.key)
        if entry is not None:
            self._record.forget(entry)

    def _make(self, step: Step) -> None:
        if step.want is None:
            return
        spec = step.want.spec(self.known)
        entry = self._record.intend(step.key, step.kind, step.name, **_parents(spec))
        self._say(f"making the {step.kind} {step.name} {_short(step)}".rstrip())
        try:
            thing = self._cloud.make(step.kind, spec)
        except ForbiddenError as error:
            # Nothing was made, and nothing is to be looked for.
            self._record.forget(entry)
            raise self._forbidden(step, error) from error
        if step.kind is Kind.CREDENTIAL:
            self._record.secret = str(thing.facts["secret"])
        self._record.made(entry, thing.id, **_kept(thing))
        self.known.things[step.key] = thing
        if step.key == "hub":
            self._machines.until(thing, "ACTIVE", self._wish.hub.minutes)

    def _forbidden(self, step: Step, error: ForbiddenError) -> PrepareError:
        if step.kind is not Kind.CREDENTIAL:
            return error
        return PrepareError(error.message, hint=f"Make it by hand: {by_hand(self._wish)}.")

    # --- images ----------------------------------------------------------------------------------

    def _image(self, step: Step) -> None:
        image = self._wish.image
        if step.do is Do.REPLACE and step.thing is not None:
            self._replace(step, step.thing)
        thing = step.thing
        if step.do is not Do.KEEP or thing is None:
            thing = self._upload(step) if image.upload is not None else self._build(step)
        elif step.ours:
            entry = self._record.entry("image")
            if entry is not None and not entry.id:
                self._record.made(entry, thing.id)
            thing = self._machines.until(thing, "active", image.minutes)
        self.known.things["image"] = thing
        # A run that was cut after the snapshot has left it.
        self._machines.end("builder")

    def _upload(self, step: Step) -> Thing:
        file = self._wish.image.upload
        if file is None:
            raise PrepareError(
                f"There is no image {step.name}.", hint="Name a file with --upload FILE."
            )
        entry = self._record.intend("image", Kind.IMAGE, step.name)
        self._say(f"uploading {file}")
        spec = {
            "name": step.name,
            "format": self._wish.image.disk_format,
            "file": file,
            "mark": self._record.mark,
        }
        thing = self._cloud.make(Kind.IMAGE, spec)
        self._record.made(entry, thing.id)
        self._cloud.send(thing.id, file)
        return self._machines.until(thing, "active", self._wish.image.minutes)

    def _build(self, step: Step) -> Thing:
        image = self._wish.image
        [base] = self._cloud.find(Kind.IMAGE, image.base)
        nonce = self._machines.nonce("builder")
        script = builder_script(nonce, self._wish.install, image.packages)
        name = builder_name(image.name, "makes")
        machine = self._machines.get("builder", name, self._spec(base.id, script))
        self._say(f"{name} installs Jupyter; this takes minutes")
        answers = self._built(machine)
        self._machines.until(machine, "SHUTOFF", image.minutes)
        entry = self._record.intend("image", Kind.IMAGE, step.name)
        self._say(f"making the image {step.name} of it")
        spec = {"name": step.name, "server": machine.id, "mark": self._record.mark}
        thing = self._cloud.make(Kind.IMAGE, spec)
        self._record.made(entry, thing.id)
        thing = self._machines.until(thing, "active", image.minutes)
        self._judge(thing, answers)
        return thing

    def _built(self, machine: Thing) -> dict[str, str]:
        """Wait until the machine is what the image is made of, and switch it off."""
        entry = self._record.entry("builder")
        # Once it is off it says nothing any more to a run that goes on after a cut.
        if entry is not None and entry.facts.get("answers"):
            answers: dict[str, str] | None = entry.facts["answers"]
        else:
            answers = self._machines.answers("builder", machine, self._wish.image.minutes)
        if answers is None:
            raise PrepareError(
                f"This cloud shows no consoles, so that nobody sees when {machine.name} is done.",
                hint="Make the image by hand, and name it with --image.",
            )
        if entry is not None:
            self._record.made(entry, machine.id, answers=answers)
        self._cloud.stop(machine.id)
        return answers

    def _spec(self, image: str, userdata: str) -> dict[str, Any]:
        flavor = self._plan.trial_flavor
        return {
            "image": image,
            "flavor": "" if flavor is None else flavor.id,
            "network": self.known.id("network"),
            "group": self.known.id(f"group:{self._wish.groups.of_users}"),
            "userdata": userdata,
        }

    def _trial(self, step: Step) -> None:
        image = self.known.things["image"]
        if step.do is Do.TRY and image.id not in self._record.tested:
            script = trial_script(self._machines.nonce("trial"))
            name = builder_name(image.name, "tests")
            machine = self._machines.get("trial", name, self._spec(image.id, script))
            answers = self._machines.answers("trial", machine, self._wish.image.minutes)
            if answers is None:
                self._say("This cloud shows no consoles, so that the image stays untested.")
            else:
                self._judge(image, answers)
        self._machines.end("trial")

    def _judge(self, image: Thing, answers: dict[str, str]) -> None:
        """Tell what an image has; it counts as tested unless it is of no use."""
        findings = verdict(image.name, answers, self._wish.install.hub_version)
        wrong = [each for each in findings if each.level is Level.ERROR]
        for each in findings:
            self._say(f"{each.level.value}: {each.subject}: {each.message} {each.cure}".rstrip())
        if wrong:
            for key in ("trial", "builder"):
                self._machines.end(key)
            raise PrepareError(f"{wrong[0].subject}: {wrong[0].message}", hint=wrong[0].cure)
        self._record.tested[image.id] = answers
        self._record.save()

    # --- the hub ---------------------------------------------------------------------------------

    def _hub_ready(self, step: Step) -> None:
        entry = self._record.entry("hub")
        hub = self.known.things["hub"]
        if step.do is Do.KEEP or entry is None:
            return
        self._say(f"{hub.name} installs this program; this takes minutes")
        answers = self._machines.answers("hub", hub, self._wish.hub.minutes)
        if answers is None:
            self._say("This cloud shows no consoles: see by SSH whether the hub is installed.")
        keys = self._machines.keys(hub)
        self._record.made(entry, hub.id, ready=answers is not None, host_keys=keys)
        self.known.things["hub"] = replace(hub, facts={**hub.facts, "host_keys": keys})


def _short(step: Step) -> str:
    return f"({step.detail})" if step.kind is Kind.RULE else ""


def _parents(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Where an intention is looked for after a cut."""
    names = ("group", "network", "port", "router", "subnet")
    return {name: spec[name] for name in names if isinstance(spec.get(name), str)}


def _kept(thing: Thing) -> dict[str, Any]:
    """What of a thing is needed to remove it, or to write the files again."""
    names = ("router", "subnet", "address")
    return {name: thing.facts[name] for name in names if thing.facts.get(name)}
