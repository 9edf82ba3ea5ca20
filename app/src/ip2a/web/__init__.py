"""What every request has in common: errors, headers, cookies, who is calling, measurement."""
