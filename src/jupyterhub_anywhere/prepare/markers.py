"""How a machine tells something without an open port: marked lines on its console. Pure."""

from __future__ import annotations

import re
from typing import Final

# What a value may hold; all else becomes a dash, in the machine already.
_VALUE: Final = r"[A-Za-z0-9._:+~-]*"
_KEYS: Final = re.compile(
    r"^(?:ssh-ed25519|ecdsa-sha2-nistp\d+|ssh-rsa) [A-Za-z0-9+/=]+(?: \S+)?$", re.MULTILINE
)

# Written to both: which of them the cloud records depends on the image's boot loader.
TELL: Final = """\
tell() {
    value=$(printf %s "$2" | tr -c 'A-Za-z0-9._:+~-' '-' | cut -c1-80)
    for console in /dev/console /dev/ttyS0; do
        (printf '\\nANYWHERE-%s %s=%s\\n' "$nonce" "$1" "$value" >"$console") 2>/dev/null || :
    done
}
"""


def told(console: str, nonce: str) -> dict[str, str]:
    """What a machine has told so far.

    Args:
        console: Its console's text; other lines, and what was overwritten, do not matter.
        nonce: The word that its lines carry.
    """
    pattern = rf"ANYWHERE-{re.escape(nonce)} ([a-z_]+)=({_VALUE})(?=\s)"
    return dict(re.findall(pattern, console))


def host_keys(console: str) -> list[str]:
    """The SSH host keys that cloud-init prints, as `TYPE KEY`; none where it prints none."""
    _, found, rest = console.partition("-----BEGIN SSH HOST KEY KEYS-----")
    block = rest.partition("-----END SSH HOST KEY KEYS-----")
    if not found or not block[1]:
        return []
    text = block[0].replace("\r", "")
    # Some consoles put a time in front of each line, as `[   12.3] cloud-init[512]: `.
    lines = [re.sub(r"^.*?(?=(?:ssh-|ecdsa-))", "", line.strip()) for line in text.splitlines()]
    return [" ".join(line.split()[:2]) for line in lines if _KEYS.match(line)]
