"""The process: handlers, work queue, reconciler, health, telemetry, settings. The only place with a clock."""
