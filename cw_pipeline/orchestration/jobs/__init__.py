"""The jobs and their typed config for the Launchpad, a module each."""
