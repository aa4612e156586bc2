"""Provider ``memory``: machines in this process, for tests and simulation.

All providers with one ``cloud`` among their options share that cloud (`memory_cloud.MemoryCloud`);
without one they share ``default``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.targets.machines import marks as marking
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Access, Machine, Rest, Wanted

# Trait to the attribute of the cloud that has what it may name.
_KNOWN: Final = {"image": "images", "size": "sizes", "networks": "networks", "key": "keys"}


class MemoryProvider:
    """Implements `provider.Provider`.

    Args:
        access: Its option ``cloud`` names the cloud.
    """

    # Its machines are this one, so that they reach a hub at its loopback.
    local = True

    def __init__(self, access: Access) -> None:
        self._title = access.title
        self._name = str(access.options.get("cloud") or "default")
        # As Nova's, so that tests meet a limit that is real somewhere.
        self.userdata_limit = 49_150

    @property
    def cloud(self) -> MemoryCloud:
        """The cloud."""
        return MemoryCloud.named(self._name)

    async def _ask(self, verb: str, do: Any) -> Any:
        return await self.cloud.ask(verb, do)

    async def source(self) -> str:
        """The cloud's id.

        Raises:
            ProviderError: It cannot be asked.
        """
        return str(await self._ask("who", lambda: self.cloud.id))

    async def machines(self, marks: Mapping[str, str]) -> Sequence[Machine]:
        """See `Provider.machines`.

        Raises:
            ProviderError: It cannot be asked.
        """

        def listed() -> list[Machine]:
            wanted = marks.items()
            return [each for each in self.cloud.machines.values() if wanted <= each.marks.items()]

        found: list[Machine] = await self._ask("list", listed)
        return found

    async def named(self, pattern: str) -> Sequence[Machine]:
        """See `Provider.named`.

        Raises:
            ProviderError: It cannot be asked.
        """

        def listed() -> list[Machine]:
            return [x for x in self.cloud.machines.values() if re.fullmatch(pattern, x.name)]

        found: list[Machine] = await self._ask("list", listed)
        return found

    async def machine(self, machine_id: str) -> Machine | None:
        """See `Provider.machine`.

        Raises:
            ProviderError: It cannot be asked.
        """
        found: Machine | None = await self._ask("look", lambda: self.cloud.machines.get(machine_id))
        return found

    async def mark(self, machine_id: str, marks: Mapping[str, str]) -> None:
        """See `Provider.mark`.

        Raises:
            ProviderError: It cannot be asked, or there is no such machine.
        """
        await self._ask("mark", lambda: self.cloud.mark(machine_id, marks))

    async def create(self, wanted: Wanted) -> Machine:
        """See `Provider.create`.

        Raises:
            ProviderError: It cannot be asked, or refuses.
        """
        made: Machine = await self._ask("create", lambda: self.cloud.create(wanted))
        return made

    async def destroy(self, machine_id: str) -> bool:
        """See `Provider.destroy`.

        Raises:
            ProviderError: It cannot be asked.
        """
        return bool(await self._ask("destroy", lambda: self.cloud.destroy(machine_id)))

    async def leftovers(
        self, marks: Mapping[str, str], present: Collection[str]
    ) -> Sequence[Machine]:
        """See `Provider.leftovers`.

        Raises:
            ProviderError: It cannot be asked.
        """
        left = await self.cloud.ask_what_is_left()
        wanted = marks.items()
        return [x for x in left if wanted <= x.marks.items() and x.id not in present]

    async def rest(self, machine_id: str, how: Rest) -> bool:
        """See `Provider.rest`.

        Raises:
            ProviderError: It cannot be asked, or there is no such machine.
        """
        return bool(await self._ask("rest", lambda: self.cloud.rest(machine_id, how)))

    async def wake(self, machine_id: str) -> None:
        """See `Provider.wake`.

        Raises:
            ProviderError: It cannot be asked, or there is no such machine.
        """
        await self._ask("wake", lambda: self.cloud.wake(machine_id))

    async def volume_marks(self, name: str, marks: Mapping[str, str]) -> Mapping[str, str] | None:
        """See `Provider.volume_marks`.

        Raises:
            ProviderError: It cannot be asked.
        """

        def look() -> Mapping[str, str] | None:
            return self.cloud.volumes[name].marks if self._is_ours(name, marks) else None

        found: Mapping[str, str] | None = await self._ask("volume", look)
        return found

    async def delete_volume(self, name: str, marks: Mapping[str, str]) -> bool:
        """See `Provider.delete_volume`; another hub's is left alone.

        Raises:
            ProviderError: It cannot be asked.
        """

        def delete() -> bool:
            if self._is_ours(name, marks):
                del self.cloud.volumes[name]
            return True

        return bool(await self._ask("delete_volume", delete))

    def _is_ours(self, name: str, marks: Mapping[str, str]) -> bool:
        found = self.cloud.volumes.get(name)
        return found is not None and found.marks.get(marking.HUB) == marks.get(marking.HUB)

    async def console(self, machine_id: str, lines: int) -> str:
        """See `Provider.console`.

        Raises:
            ProviderError: It cannot be asked.
        """
        del machine_id
        text = str(await self._ask("console", lambda: self.cloud.console))
        return "\n".join(text.splitlines()[-lines:])

    async def misfits(self, pairs: Collection[tuple[str, str]]) -> Sequence[Finding]:
        """Every size is large enough."""
        del pairs
        return ()

    async def findings(self, choices: Mapping[str, Sequence[Any]]) -> Sequence[Finding]:
        """Whether it answers, and has what profiles name."""
        subject = f"{self._title}: cloud"
        try:
            await self.source()
        except ProviderError as error:
            return [Finding(Level.ERROR, subject, error.message, error.hint)]
        found = [Finding(Level.OK, subject, f"{self._name} answers; it is a simulation")]
        for trait, attribute in _KNOWN.items():
            known = getattr(self.cloud, attribute)
            for value in choices.get(trait, ()):
                names = [value] if isinstance(value, str) else list(value)
                found += [
                    Finding(
                        Level.ERROR,
                        f"{self._title}: {trait} {each}",
                        f"there is no {trait} {each!r} at this cloud",
                        f"Name one of: {', '.join(sorted(known)) or 'none is there'}.",
                    )
                    for each in names
                    if each and each not in known
                ]
        return found

    async def close(self) -> None:
        """The cloud stays."""
