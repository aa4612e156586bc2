"""A client of the cloud's own interfaces, of a few lines: for what tests make, break and look at.

What is tested brings its own client; that one is never used to judge itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from engines.openstack import layout as at
from engines.openstack.processes import PATIENCE, CloudError

if TYPE_CHECKING:
    from types import TracebackType

SERVICES: Final = {
    "identity": at.AUTH_URL,
    "image": f"http://127.0.0.1:{at.GLANCE}/v2",
    "placement": f"http://127.0.0.1:{at.PLACEMENT}",
    "compute": f"http://127.0.0.1:{at.NOVA}/v2.1",
    "network": f"http://127.0.0.1:{at.NEUTRON}/v2.0",
    "volumev3": f"http://127.0.0.1:{at.CINDER}/v3",
}
# What services are asked for: the newest that we know answers of. One header is read by several:
# Cinder refuses one that has no word for it.
_VERSIONS: Final = {
    "OpenStack-API-Version": "placement 1.39, volume 3.70",
    "X-OpenStack-Nova-API-Version": "2.90",
}
_REFUSED: Final = 400
_UNKNOWN: Final = 404
_UNAUTHORIZED: Final = 401


class Client:
    """One account in one project.

    Attributes:
        token: What it shows; empty before it has asked anything.
        project_id: The project's id, once it has asked anything.
        user_id: The account's.
    """

    def __init__(self, user: str = "admin", project: str = "admin") -> None:
        self._user, self._project = user, project
        self._http = httpx.Client(timeout=PATIENCE, trust_env=False)
        self.token = ""
        self.project_id = self.user_id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def log_in(self) -> None:
        """Get a token."""
        domain = {"id": "default"}
        user = {"name": self._user, "password": at.PASSWORD, "domain": domain}
        body = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": self._project, "domain": domain}},
        }
        answer = self._http.post(f"{at.AUTH_URL}/auth/tokens", json={"auth": body})
        told = self._judged(answer)["token"]
        self.token = answer.headers["X-Subject-Token"]
        self.project_id, self.user_id = told["project"]["id"], told["user"]["id"]

    def ask(  # noqa: PLR0913  (what a request has)
        self,
        method: str,
        service: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """What a service answers; nothing where it answers with nothing.

        Raises:
            CloudError: It refuses.
        """
        if not self.token:
            self.log_in()
        for last in (False, True):
            answer = self._http.request(
                method,
                SERVICES[service] + path,
                json=body,
                content=content,
                headers={"X-Auth-Token": self.token, **_VERSIONS, **(headers or {})},
            )
            if answer.status_code != _UNAUTHORIZED or last:
                break
            self.log_in()
        return self._judged(answer)

    def get(self, service: str, path: str) -> Any:
        """Ask for something."""
        return self.ask("GET", service, path)

    def post(self, service: str, path: str, body: Any) -> Any:
        """Make something."""
        return self.ask("POST", service, path, body)

    def delete(self, service: str, path: str) -> None:
        """Remove something; no matter if it is gone."""
        try:
            self.ask("DELETE", service, path)
        except CloudError as error:
            if not str(error).startswith(f"{_UNKNOWN} "):
                raise

    def _judged(self, answer: httpx.Response) -> Any:
        if answer.status_code >= _REFUSED:
            asked = f"{answer.request.method} {answer.request.url}"
            raise CloudError(f"{answer.status_code} {asked}: {answer.text[:500]}")
        kind = answer.headers.get("content-type", "")
        return answer.json() if answer.content and "json" in kind else None


def wait_for_answer(service: str) -> bool:
    """Whether a service answers at its root; for `Processes.wait`."""
    root = "/".join(SERVICES[service].split("/")[:3])
    try:
        answer = httpx.get(f"{root}/", timeout=PATIENCE, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code in {200, 300, 401}


def wait_until(done: Any, what: str) -> Any:
    """Wait for something that is true, and return it.

    Raises:
        CloudError: It does not come.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := done()):
        if time.monotonic() > deadline:
            raise CloudError(f"{what} did not come in {PATIENCE:.0f} s")
        time.sleep(0.3)
    return found
