"""Where desk and bench meet: workers train runs and answer probes. This room imports torch."""
