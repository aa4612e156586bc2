"""What clouds say of what went wrong, as causes that a person can act on. Pure."""

from __future__ import annotations

import re
from typing import Final

from jupyterhub_anywhere.targets.causes import FailureCause

# What the cloud says, in lower case; the first that matches counts.
_SAID: Final[tuple[tuple[re.Pattern[str], FailureCause, str], ...]] = (
    (
        re.compile(
            r"no valid host|insufficient ?(instance)? ?capacity|not enough hosts"
            r"|insufficient (compute|free|host|memory)|resource_pool_exhausted"
            r"|topology cannot fit|exceeded maximum number of retries|out of (capacity|memory)"
        ),
        FailureCause.NO_CAPACITY,
        "Choose a smaller size or another place, or try again later.",
    ),
    (
        re.compile(r"quota|limit ?exceeded|maximum number of|exceeds? .*limit|instancelimit"),
        FailureCause.QUOTA,
        "Stop what nobody needs there, or let the cloud raise the quota of the project.",
    ),
    (
        re.compile(
            r"can not find requested image|image .*(not be found|not found|is not active)"
            r"|invalidamiid|no image with id|image id .* does not exist"
        ),
        FailureCause.IMAGE_NOT_FOUND,
        "Choose another image, or upload it again under its name.",
    ),
    (
        re.compile(r"user_?-? ?data"),
        FailureCause.CONFIG,
        "What the machine runs at its first boot is too long or malformed: shorten the template.",
    ),
    (
        re.compile(
            r"no such host|name or service not known|nodename nor servname|failed to resolve"
            r"|temporary failure in name resolution|nameresolution"
        ),
        FailureCause.UNREACHABLE,
        "The cloud's host is not known here: correct its address, or this machine's name service.",
    ),
)


def cause_and_cure(said: str) -> tuple[FailureCause, str] | None:
    """The cause in a cloud's words, and the next step; None where they say nothing that is known.

    Args:
        said: One or more sentences: an error's text, or the fault of a machine.
    """
    lowered = said.lower()
    return next(((cause, cure) for words, cause, cure in _SAID if words.search(lowered)), None)
