"""What the pages of the hub are made with: our templates, static files and texts."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.app import JupyterHub
from tornado import web

from jupyterhub_anywhere.hub import notices
from jupyterhub_anywhere.hub.config_values import add_to_dict, add_to_list
from jupyterhub_anywhere.spawner import site
from jupyterhub_anywhere.spawner.refusals import public_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from traitlets.config import Config

    from jupyterhub_anywhere.config.models import Config as SiteConfig
    from jupyterhub_anywhere.core.errors import AnywhereError

_WEB: Final = Path(str(files("jupyterhub_anywhere.web")))
TEMPLATES: Final = _WEB / "templates"
STATIC: Final = _WEB / "static"
_STOCK_LOGO: Final = ("static", "images", "jupyterhub-80.png")
CANCELLED: Final = "The start was cancelled."


def configure(c: Config) -> None:
    """Give a hub our pages; may be called again.

    Templates that an administrator's own ``template_paths`` holds win over ours, if they were
    assigned before.
    """
    add_to_list(c.JupyterHub, "template_paths", str(TEMPLATES))
    functions: dict[str, Callable[..., Any]] = {
        "anywhere_runs_on": runs_on,
        "anywhere_failure": failure,
        "anywhere_notice": notice,
        "anywhere_notices": notices.for_pages,
    }
    values = {key: _given(function) for key, function in functions.items()}
    called = {"anywhere_links": account_links, "anywhere_stock_logo": stock_logo}
    add_to_dict(c.JupyterHub, "template_vars", {**values, **called})


def _given(function: Callable[..., Any]) -> Callable[[Any], Callable[..., Any]]:
    """A template variable that is a function: the hub calls a callable one with the user."""
    return lambda _user: function


def account_links(user: Any) -> list[tuple[str, str]]:
    """Paths and titles that the login adds to the menu of the page.

    nativeauthenticator adds them by a ``page.html`` of its own, which ours replaces.
    """
    classes = type(getattr(user, "authenticator", None)).__mro__
    if not any(cls.__name__ == "NativeAuthenticator" for cls in classes):
        return []
    own = [("change-password", "Change password")]
    return [*own, ("authorize", "Accounts")] if user.admin else own


def stock_logo(_user: Any) -> bool:
    """Whether the page shows JupyterHub's own logo, whose dark letters need a bright page."""
    if not JupyterHub.initialized():
        return False
    hub = JupyterHub.instance()
    return str(hub.logo_file) == str(Path(hub.data_files_path, *_STOCK_LOGO))


def failure(error: BaseException | None) -> dict[str, str]:
    """Why a server did not start, for its user.

    JupyterHub's own pages show ``str(exception)``, and with it text meant for the log.

    Returns:
        ``text``, and ``html`` where the error brings HTML along; else ``html`` is empty.
    """
    if not isinstance(error, Exception):
        return {"text": CANCELLED, "html": ""}
    declared = getattr(error, "jupyterhub_message", "")
    html = getattr(error, "jupyterhub_html_message", "") or getattr(error, "message_html", "")
    if isinstance(error, TimeoutError) and not declared:
        declared = "The server did not start in time. Please try again, or tell the administrator."
    return {"text": str(declared or public_text(error)), "html": str(html or "")}


def unusable(log: Logger, error: AnywhereError) -> web.HTTPError:
    """What is answered while ``anywhere.yaml`` cannot be used; the cause is for the log only."""
    log.error("anywhere.yaml cannot be used: %s", error)
    return web.HTTPError(503, "This hub's configuration cannot be used at the moment.")


def notice(spawner: Any) -> str:
    """What the user should know of a running server; a record of the database has nothing."""
    text = getattr(spawner, "version_notice", "")
    return text if isinstance(text, str) and getattr(spawner, "ready", False) else ""


def runs_on(spawner: Any) -> str:
    """What a server is and where it runs, by the titles of now; empty where that is not known.

    Args:
        spawner: A spawner, or the database's record of one that is stopped.
    """
    options = spawner.user_options
    if not site.published() or not isinstance(options, dict):
        return ""
    profile, target = options.get("profile"), options.get("target")
    if not isinstance(profile, str) or not isinstance(target, str):
        return ""
    return describe(site.current().config, profile, target)


def describe(config: SiteConfig, profile: str, target: str) -> str:
    """A profile and a target by their titles, in the fewest words that tell them apart."""
    declared, place = config.profiles.get(profile), config.targets.get(target)
    where = (place.title if place else None) or target
    if declared is None and profile == target:
        return where
    what = (declared.title if declared else None) or profile
    return what if len(config.targets) == 1 or what == where else f"{what} · {where}"
