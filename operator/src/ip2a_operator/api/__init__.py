"""The contract with users of the operator: the resource's models, its CRD, its conditions. Pydantic only."""
