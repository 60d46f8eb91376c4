"""The resource: spec and status models, conditions, names, and the CRD that is generated from them."""
