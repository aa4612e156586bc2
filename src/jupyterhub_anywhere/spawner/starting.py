"""The half of AnywhereSpawner that waits for its turn, tells its stages, and heeds limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import ChoiceError
from jupyterhub_anywhere.core.quantities import format_duration
from jupyterhub_anywhere.spawner import guard, limits, starts
from jupyterhub_anywhere.spawner.stages import TEXTS, Stage, Story
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.spawner.limits import Standing
    from jupyterhub_anywhere.spawner.line import Place
    from jupyterhub_anywhere.spawner.queueing import Ticket
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.spawner.starts import Starts
    from jupyterhub_anywhere.spawner.state import Envelope

_CONFLICT: Final = 409


class Starting:
    """Mixed into AnywhereSpawner.

    Attributes:
        story: The stages of the present start; None before the first.
        unfinished: The child's `start`, where it goes on although it was cancelled; else None.
    """

    child: Any
    log: Any
    name: str
    user: Any
    who: Callable[[], Who]
    start_timeout: float
    http_timeout: float
    _envelope: Envelope
    _log_name: str
    _spawn_future: asyncio.Future[Any] | None

    def __init__(self, **kwargs: Any) -> None:
        self.story: Story | None = None
        self.unfinished: asyncio.Task[Any] | None = None
        self._ticket: tuple[Starts, Ticket] | None = None
        super().__init__(**kwargs)

    @property
    def anywhere_target(self) -> str:
        """The target that this server is at."""
        raise NotImplementedError

    @property
    def site(self) -> Site:
        """The site that a new choice is made from."""
        raise NotImplementedError

    @property
    def _hub_settings(self) -> Mapping[str, Any]:
        return getattr(self.user, "settings", None) or {}

    # --- limits ----------------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        """Every server that counts for limits, in the whole hub."""
        users = self._hub_settings.get("users") or {}
        return limits.merged(limits.of_hub(users), starts.present().known())

    def check_room(self, choice: Choice, server: str | None = None) -> None:
        """Refuse a choice for which there is no room now.

        Args:
            choice: What would be started.
            server: For which server of the user; default: this one.

        Raises:
            ChoiceError: Status 409, with what to do.
        """
        config = self.site.config
        most = self._hub_settings.get("active_server_limit") or 0
        if not most and not limits.limited(config):
            return
        found = self.standing()
        name = self.name if server is None else server
        limits.check(config, self.who(), name, choice, found)
        others = [each for each in found if (each.user, each.server) != (self.user.name, name)]
        if most and len(others) >= most:
            text = f"This hub is full: {len(others)} of {most} servers run."
            raise ChoiceError({"": f"{text} Try again when one has stopped."}, status=_CONFLICT)

    def full_profiles(self) -> dict[str, str]:
        """What the menu says of profiles that cannot be started now: profile to text.

        Raises:
            AnywhereError: The configuration cannot be used.
        """
        site = self.site
        if not limits.limited(site.config):
            return {}
        who = self.who()
        offers = [(each.name, tuple(each.targets)) for each in site.catalog.visible(who)]
        return limits.notes(site.config, who, self.name, offers, self.standing())

    # --- stages ----------------------------------------------------------------------------------

    def begin_story(self) -> Story:
        """Begin to tell of a start, whose choice is made."""
        shared = starts.present()
        shared.began(self.user.name, self.name)
        profile = str(self._envelope.last.get("profile", ""))
        usual = guard.guarded(lambda: shared.medians(profile, self.anywhere_target), "medians")
        self.story = Story(shared.clock, usual if isinstance(usual, int | float) else None)
        return self.story

    def enter_stage(self, stage: Stage) -> None:
        """Tell how far the start is."""
        if self.story is not None:
            self.story.enter(stage)

    def end_story(self) -> None:
        """Nothing more happens in this start."""
        self.end_turn()
        if self.story is not None:
            self.story.end()

    def forget_start(self) -> None:
        """The server has ended, or is about to be started anew: it does not count any more."""
        self.end_story()
        if self.user is not None:
            starts.present().ended(self.user.name, self.name)

    # --- the turn --------------------------------------------------------------------------------

    async def queue_turn(self) -> None:
        """Wait until there is room for one more start; cancelled, the place is given up.

        The slot is given back by `end_turn`, which the end of the start calls in any case.
        """
        self.end_turn()
        shared, story = starts.present(), self.story or self.begin_story()
        stock = self._hub_settings.get("concurrent_spawn_limit")
        if isinstance(stock, int):
            shared.stock_limit = stock
        future = self._spawn_future
        if future is not None and not future.done():
            # Whatever becomes of the start: this is its end.
            future.add_done_callback(self._start_ended)

        def moved(place: Place) -> None:
            story.queued(place)
            self.waits_in_line()

        ticket = await shared.line.turn(self.user.name, self.name, self.anywhere_target, moved)
        self._ticket = (shared, ticket)
        story.enter(Stage.PREPARING)
        if self.child is not None:
            # Of a child that says when it pulls; to others it means nothing.
            self.child.anywhere_pulling = self.pulls

    def pulls(self) -> None:
        """The child is about to pull an image, before its `start`."""
        if self.story is not None and self.story.stage is Stage.PREPARING:
            self.story.enter(Stage.PULLING)

    def waits_in_line(self) -> None:
        """There is no room yet."""

    def end_turn(self) -> None:
        """Give the slot back, so that the next one starts; may be called again."""
        held, self._ticket = self._ticket, None
        if held is not None:
            held[0].line.leave(held[1])

    def _start_ended(self, future: asyncio.Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, TimeoutError) and not hasattr(error, "jupyterhub_message"):
            self._explain(error)
        self.end_story()

    def _explain(self, error: Any) -> None:
        """The hub's own time-outs say nothing: where it waits for Jupyter, that is what failed."""
        if self.story is None or self.story.stage is not Stage.WAITING:
            return
        error.cause, error.stage = FailureCause.TIMEOUT, str(Stage.WAITING)
        error.jupyterhub_message = (
            f"The server was started, and Jupyter in it did not answer within"
            f" {format_duration(float(self.http_timeout))}. Try again; if that does not help, tell"
            " the administrator of this hub."
        )

    # --- failures --------------------------------------------------------------------------------

    def late(self, seconds: float, detail: str) -> StartError:
        """The error of a start that took too long, with the stage at which it was."""
        found = self.story.stage if self.story is not None else None
        stage = found or Stage.STARTING
        words = TEXTS[stage][:1].lower() + TEXTS[stage][1:]
        return StartError(
            f"The server did not start within {format_duration(seconds)}; it was at: {words}."
            " Try again; if that does not help, tell the administrator of this hub.",
            reason="timeout",
            log_message=detail,
            stage=str(stage),
        )

    def goes_on(self, task: asyncio.Task[Any]) -> None:
        """The child's `start` was cancelled, and still cleans up: the hub has its answer by now."""
        self.unfinished = task
        self.log.warning("The start of %s was cancelled, and still cleans up", self._log_name)
        task.add_done_callback(self._cleaned_up)

    def _cleaned_up(self, task: asyncio.Task[Any]) -> None:
        if self.unfinished is task:
            self.unfinished = None
        self.log.info("The start of %s has cleaned up", self._log_name)
