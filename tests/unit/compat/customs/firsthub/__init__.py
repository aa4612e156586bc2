"""A package of templates in the style of the first guide: single variables, and no form."""
