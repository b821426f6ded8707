"""Real Slurm clusters: allocations as QOS, projects as accounts, members as associations."""
