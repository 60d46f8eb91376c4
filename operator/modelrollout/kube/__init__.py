"""Access to the API server: one client, caches of pruned objects, server-side apply, events, status."""
