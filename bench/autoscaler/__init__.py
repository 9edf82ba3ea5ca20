"""The autoscaler against the scalers people use today, and against the best plan found with hindsight."""
