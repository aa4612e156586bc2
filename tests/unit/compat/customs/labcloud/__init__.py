"""A package of templates in the style of the second generation: cloud-config, a form of its own."""
