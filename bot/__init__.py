"""The application: slash commands, turns, model backends, the command line."""
