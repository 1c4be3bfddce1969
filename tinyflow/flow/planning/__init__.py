"""From the command line to a plan: names and recipes become actions. Runs nothing."""
