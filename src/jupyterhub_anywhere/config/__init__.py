"""The declared models of anywhere.yaml: loading, explaining, secrets, schema."""
