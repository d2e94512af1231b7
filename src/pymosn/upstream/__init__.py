"""Clusters, hosts, balancers and their limits."""
