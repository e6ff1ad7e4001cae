"""What the user hands in: architectures, precisions, hardware profiles, workloads. Strict, frozen, cited."""
