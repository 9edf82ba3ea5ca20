"""What the platform tells of itself: metrics, logs, trace ids."""
