"""A year of a shared programme in seconds: simulated sites, recorded or made demand.

- Between control steps the sites' engines run (`engine.scheduling`); at each control step the
  decisions that run live (`engine.lending`, `engine.reclaim`, `engine.waitlist`) run on the twin's
  state, in the order of the hub's own loop.
- The same scenario, policy and seed give the same result on any machine.
- Needs the extra `twin`.
"""
