"""Where work runs: in this process, or in a warm worker process beside the supervisor."""
