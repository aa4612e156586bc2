"""The 27 ways in which a spawner behind another one may come to behave differently.

They were counted on wrapspawner 1.0.1 under JupyterHub 6.1.1.
"""

from __future__ import annotations

from typing import Final

ROWS: Final = {
    "R1": "The child's own user options are its own, whatever we call ours",
    "R2": "Configured traits: `c.Spawner`, the class's section, and defaults",
    "R3": "Named servers have resources and volumes of their own",
    "R4": "A hub that starts again finds its servers, and starts in any case",
    "R5": "`get_state` answers the API with plain JSON, without configuration",
    "R6": "What a child keeps in `clear_state` survives the stop",
    "R7": "Tokens, and servers that resume with their old one",
    "R8": "Progress, from its first second on",
    "R9": "The child's own form: shown, read from a form and from a query",
    "R10": "`apply_user_options`, also of traits that only the child has",
    "R11": "`group_overrides`: scalars and mappings",
    "R12": "Hooks: each once, with the child",
    "R13": "Timeouts and polling are the child's",
    "R14": "internal_ssl: `create_certs`, `move_certs`, alternative names",
    "R15": "`get_url` of a child that finds its address again",
    "R16": "Address, port and URL of the server",
    "R17": "`rename` and `delete_forever`",
    "R18": "`stop` is called as the hub calls it",
    "R19": "Handler, OAuth client, admin access, cookies, public URL",
    "R20": "Starts by an admin or by API without options; a bad choice starts nothing",
    "R21": "Templates, `get_env` and `get_args` of the child",
    "R22": "Attributes that handlers and hooks set from outside",
    "R23": "Looking at a stopped server asks nobody",
    "R24": "Two targets of one class do not share a client",
    "R25": "A start that fails, does not answer, or is cancelled, at each step",
    "R26": "Text of the menu is escaped",
    "R27": "The name in logs; `/hub/api/info` names `AnywhereSpawner`",
}
