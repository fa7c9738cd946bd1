"""Accounts (tenants), their members and roles, and the only doors to what belongs to an account."""
