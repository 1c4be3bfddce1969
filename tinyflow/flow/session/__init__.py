"""One session: actions as doit's tasks, run, watched, interrupted, told to people while they run."""
