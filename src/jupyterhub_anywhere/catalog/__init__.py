"""What a user may choose: profiles, options, access, and the form made from them. Pure."""
