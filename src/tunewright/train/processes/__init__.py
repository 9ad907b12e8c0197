"""Training in several processes: the group, a process of it, and how rows are divided."""
