"""The Spawner classes that the conformance suite is held with, one a module."""
