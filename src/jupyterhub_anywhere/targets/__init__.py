"""Places where servers can run, one module or folder a kind."""
