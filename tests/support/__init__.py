"""What tests share: a real pymosn process, origins, configurations, a client."""
