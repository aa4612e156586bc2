"""For authors of targets and spawners: the suite that shows that delegation is faithful."""
