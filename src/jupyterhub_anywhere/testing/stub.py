"""What the servers of a recording world are: they answer every address, and no more."""

from __future__ import annotations

import jupyterhub
from tornado import web


class Anything(web.RequestHandler):
    """Answers as a single-user server does, as far as the hub asks."""

    def get(self, path: str) -> None:
        """Name the version, which the hub compares with its own."""
        del path
        self.set_header("X-JupyterHub-Version", jupyterhub.__version__)
        self.finish("stub")


def application() -> web.Application:
    """An application for `tornado.httpserver.HTTPServer`, which logs nothing."""
    return web.Application([(r"(/.*)", Anything)], log_function=lambda _: None)
