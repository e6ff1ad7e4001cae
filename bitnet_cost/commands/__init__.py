"""The commands, one duty a module; each imports what it needs when it runs, so that ``--help`` is quick."""
