"""Where numbers come from: Prometheus, query variables, the grid of ticks, counters read raw."""
