"""The command anywhere, one module a verb."""
