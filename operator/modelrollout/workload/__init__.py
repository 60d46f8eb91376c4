"""What serves: one file per kind of workload behind `WorkloadProvider`."""
