"""The jobs and their config, one module each."""
