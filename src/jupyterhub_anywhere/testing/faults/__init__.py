"""Faults for hubs: a misbehaving engine, and a hub that dies at a chosen place."""
