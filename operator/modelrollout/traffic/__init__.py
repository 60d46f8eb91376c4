"""Who carries traffic: one file per provider behind `TrafficProvider`."""
