"""Words of the project: errors, quantities, names, observations. Standard library only."""
