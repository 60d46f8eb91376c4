"""Very many rollouts at once, on a kube-apiserver and a Prometheus of their own."""
