"""Target kind ``docker``: servers as containers of a Docker Engine."""

from jupyterhub_anywhere.targets.docker.kind import DockerTarget

__all__ = ["DockerTarget"]
