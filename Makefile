# The targets a person uses; what each does stands in tools/. `make help` lists them.
.POSIX:
.PHONY: help up test test-engines test-openstack-full test-as-user bench docs lock clean

help:
	@echo 'make up            run the hub on this machine; ARGS="--port 9000" are passed on'
	@echo 'make test          linters, types, layers, documentation, unit, hub and browser tests'
	@echo 'make test-engines  tests that need root and a network of their own'
	@echo 'make test-openstack-full  as root: all faults at a real OpenStack, also those that take long'
	@echo 'make test-as-user  as root: the same as an ordinary user, in a clone'
	@echo 'make bench         benchmarks, side by side with the bare spawner'
	@echo 'make docs          the documentation, into docs/_build/html'
	@echo 'make lock          renew the lock files'
	@echo 'make clean         remove all that make has made, except the state folder'

# exec: Ctrl-C and SIGTERM reach the hub itself, and its exit code comes back.
up:
	@exec tools/in-env run tools/up $(ARGS)

test:
	@exec tools/in-env dev tools/test $(ARGS)

test-engines:
	@exec tools/in-env dev tools/test-engines $(ARGS)

test-openstack-full:
	@exec tools/in-env dev tools/test-openstack-full $(ARGS)

test-as-user:
	@exec tools/test-as-user $(ARGS)

bench:
	@exec tools/in-env dev tools/bench $(ARGS)

docs:
	@exec tools/in-env dev tools/docs --write

lock:
	@exec tools/in-env dev tools/lock

clean:
	@python=$$(sh tools/find-python) && exec "$$python" -I tools/environment.py clean
