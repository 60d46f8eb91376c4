"""What must succeed before a rollout goes on: Jobs and webhooks, run for the engine's gates."""
