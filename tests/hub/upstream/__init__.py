"""The faults of the real LibcloudSpawner 2.3.3, each beside ours: the same act, the same cloud.

engines/ancestors   brings LibcloudSpawner into the cache; nothing of it is changed
machines.py         the small OpenStack, with something that runs on its machines
hub_config.py       the hub: JupyterHub 6.1, no proxy, what LibcloudSpawner's guide tells to write
stage.py            one such hub of either side, and what a test does to it
faults.py           the table: an act, what comes of it there, what comes of it here
acts.py             the acts
"""
