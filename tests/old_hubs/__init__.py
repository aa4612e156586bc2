"""Databases that older JupyterHubs wrote, and the recipe that makes them again."""
