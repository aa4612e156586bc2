"""JupyterHub embedded: bootstrap, app, proxy, login, handlers."""
