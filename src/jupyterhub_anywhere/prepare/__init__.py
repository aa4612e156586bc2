"""Make a cloud project ready for a hub whose users' servers are machines of that project.

`wish` says what is wanted, `cloud` what is there, `plan` what to do about it; `apply` does it and
`undo` takes it back. `record` knows what was made. All but `login`, `openstack` and the files is
pure. `anywhere prepare openstack` and `anywhere render cloud` are the verbs.
"""
