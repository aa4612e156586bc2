"""AnywhereSpawner: hands a server over to the spawner of the chosen target."""
