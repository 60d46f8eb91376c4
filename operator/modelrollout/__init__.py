"""ModelRollout: puts a new version of an ML model in front of users safely."""
