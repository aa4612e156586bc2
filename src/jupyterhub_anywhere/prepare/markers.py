"""How a machine tells something without an open port: marked lines on its console. Pure."""

from __future__ import annotations

import re
from typing import Final

# What a value may hold; all else becomes a dash, in the machine already.
_VALUE: Final = r"[A-Za-z0-9._:+~-]*"
_BEGIN: Final = "-----BEGIN SSH HOST KEY KEYS-----"
_END: Final = "-----END SSH HOST KEY KEYS-----"
_BLOCK: Final = re.compile(f"{_BEGIN}(.*?){_END}", re.DOTALL)
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
# As cloud-init shows them, but sooner: it does so only after all user-data has run.
SHOW_KEYS: Final = f"""\
show_keys() {{
    for console in /dev/console /dev/ttyS0; do
        ({{
            printf '\\n%s\\n' '{_BEGIN}'
            cat /etc/ssh/ssh_host_*_key.pub
            printf '%s\\n' '{_END}'
        }} >"$console") 2>/dev/null || :
    done
}}
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
    """The SSH host keys that a machine has shown first, as `TYPE KEY`; none where it shows none.

    cloud-init shows them at a first boot, and the machine of the hub does so itself.
    """
    shown = [_keys_in(block) for block in _BLOCK.findall(console)]
    return next((keys for keys in shown if keys), [])


def _keys_in(block: str) -> list[str]:
    # Some consoles put a time in front of each line, as `[   12.3] cloud-init[512]: `.
    lines = block.replace("\r", "").splitlines()
    cut = [re.sub(r"^.*?(?=(?:ssh-|ecdsa-))", "", line.strip()) for line in lines]
    return [" ".join(line.split()[:2]) for line in cut if _KEYS.match(line)]
