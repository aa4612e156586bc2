"""What runs on the far side: one file, sent to machines; standard library only, Python 3.8."""
