"""Serves EC2 as moto simulates it; run by the environment that has moto (see server.py).

python serve.py PORT
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from moto.server import DomainDispatcherApplication, create_backend_app  # type: ignore[import-not-found]
from werkzeug.serving import make_server  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# EC2 answers with the version that it was asked in, and a slash; moto with one of its own, without.
_NAMESPACE = re.compile(rb'xmlns="http://ec2\.amazonaws\.com/doc/[0-9-]+/?"')
_AS_EC2 = b'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'


def as_ec2(application: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """An application whose answers say what they are as EC2's do."""

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def begin(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            told.append((status, headers))

        body = _NAMESPACE.sub(_AS_EC2, b"".join(application(environ, begin)))
        status, headers = told[-1]
        kept = [each for each in headers if each[0].lower() != "content-length"]
        start(status, [*kept, ("Content-Length", str(len(body)))])
        return [body]

    return answer


def main() -> None:
    """Serve until somebody ends it."""
    application = as_ec2(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", int(sys.argv[1]), application, threaded=True)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
