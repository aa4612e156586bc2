"""A package of templates in the style of 1.2: a script, and a form with the names of 1.x."""
