"""Words to calls. Each module but `main` is a command: ``HELP``, ``add_arguments(parser)``, ``run(args)``."""
