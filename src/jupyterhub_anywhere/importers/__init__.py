"""Files of older systems, turned into ``anywhere.yaml``."""
