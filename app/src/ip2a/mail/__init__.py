"""Mail: jobs of kind `mail`, sent by the worker through SMTP."""
