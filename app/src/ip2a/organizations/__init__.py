"""Organizations the local deals with: employers, unions, training partners."""
